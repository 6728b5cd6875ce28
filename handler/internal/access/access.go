package access

import (
	"context"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/customresource"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/role"
)

// ResourceType is the resource type that [Access] provides.
const ResourceType = "Custom::BitmovinExportAccess"

// Access makes, converges and removes the export roles of one provider.
type Access struct {
	cfg      aws.Config
	roles    *role.Client
	stacks   *cloudformation.Client
	provider Provider
}

// New returns the Access of a provider whose calls are made with cfg.
func New(cfg aws.Config, p Provider) *Access {
	return &Access{cfg: cfg, roles: role.NewClient(cfg), stacks: cloudformation.NewFromConfig(cfg), provider: p}
}

// Handle is the [customresource.Handler] of [ResourceType]. The physical id is
// the role's name. The attributes, all of them strings, are RoleArn, ExternalId,
// BucketRegion, AccessVerified, Checks and OutputRequest.
func (a *Access) Handle(ctx context.Context, r *customresource.Request) (map[string]any, error) {
	if r.RequestType == cfn.RequestDelete {
		return nil, a.delete(ctx, r)
	}
	return a.converge(ctx, r)
}
