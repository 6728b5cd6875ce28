package output

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/customresource"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/jitter"
)

// ResourceType is the resource type that a [Registry] provides.
const ResourceType = "Custom::BitmovinAnalyticsOutput"

// bitmovin is the API's address.
const bitmovin = "https://api.bitmovin.com/v1"

// A Registry registers and removes outputs with Bitmovin.
type Registry struct {
	secrets secretReader
	stacks  *cloudformation.Client
	http    *http.Client
	base    string
	pauses  *jitter.Source
}

// New returns a Registry that reads API keys with cfg, and calls Bitmovin's API
// through transport, again after pauses. The API's address is Bitmovin's own if it is
// empty.
func New(cfg aws.Config, apiURL string, transport http.RoundTripper, pauses *jitter.Source) *Registry {
	return &Registry{
		secrets: secretsmanager.NewFromConfig(cfg),
		stacks:  cloudformation.NewFromConfig(cfg),
		http:    newHTTPClient(transport),
		base:    strings.TrimSuffix(cmp.Or(apiURL, bitmovin), "/"),
		pauses:  pauses,
	}
}

// Handle is the [customresource.Handler] of [ResourceType]. The physical id is
// the output's id. The attributes, both of them strings, are OutputId and
// ExternalId.
func (g *Registry) Handle(ctx context.Context, r *customresource.Request) (map[string]any, error) {
	if r.RequestType == cfn.RequestDelete {
		return nil, g.delete(ctx, r)
	}
	return g.register(ctx, r)
}

// client returns a client of the API for one event.
func (g *Registry) client(ctx context.Context, secretARN, field, organization string) (*client, error) {
	u, err := url.Parse(g.base)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u)) {
		return nil, errors.New("BITMOVIN_API_URL must be https, or http on a loopback address")
	}
	key, err := g.readKey(ctx, secretARN, field)
	if err != nil {
		return nil, err
	}
	return &client{http: g.http, base: g.base, key: key, organization: organization, pauses: g.pauses}, nil
}

func loopback(u *url.URL) bool {
	addr, err := netip.ParseAddr(u.Hostname())
	return err == nil && addr.IsLoopback()
}
