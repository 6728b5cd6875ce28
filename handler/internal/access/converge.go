package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/cfn"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/customresource"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/lifecycle"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/role"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/verify"
)

// A run brings one role to its desired state, for one Create or Update.
type run struct {
	*Access
	r     *customresource.Request
	props props
	// began is when the run began: the function's own policy may be as new.
	began time.Time
	// rollback: the stack rolls back. The role is restored, and whatever else is
	// found is reported only.
	rollback bool
	// late is set where the stack went on before the run began: it may change nothing.
	late error

	watch  *lifecycle.Watch
	probe  *verify.Probe
	bucket verify.Bucket
	// current is the role as it was found or made; nil if there is none.
	current *role.Role
	want    role.Desired

	// boundaryChangedAt is when the content of the provider's boundary was changed, and
	// permissionsWrittenAt when the role's permissions were written. Both are zero if they were not.
	boundaryChangedAt, permissionsWrittenAt time.Time
	// otherRunAt is when another run was at work on the role, as its trust policy told: what
	// that one has changed is not in force for longer. It is zero if none was.
	otherRunAt time.Time
	// boundaryRestored is when the boundary was put back that somebody had changed meanwhile.
	boundaryRestored moment

	// answeredAt is when the stack last answered.
	answeredAt time.Time

	// made: there was no role before this run. wrote: it may have changed the role.
	// opened: its trust policy may hold the verifier statement. marked: the marker may
	// exist. asked: the stack was asked how the run stands, after its writes.
	// mustDelete: the role is not to be, and may be there.
	made, wrote, opened, marked, asked, mustDelete bool

	unwritten unwritten
}

// converge handles Create and Update alike.
func (a *Access) converge(ctx context.Context, r *customresource.Request) (_ map[string]any, err error) {
	if err := a.provider.check(r.Partition); err != nil {
		return nil, err
	}
	props, refused, err := decode(r.ResourceProperties)
	if props.RoleName != "" {
		refused = lifecycle.Invalid(refused, a.provider.checkName(props.RoleName))
	}
	if err != nil || refused != nil && r.RequestType == cfn.RequestCreate {
		return nil, lifecycle.Invalid(refused, err)
	}
	u := a.newRun(r, props)
	defer func() { u.cleanUp(ctx) }()
	if err := u.readState(ctx); err != nil {
		return nil, err
	}
	former, err := u.formerRole(ctx)
	switch {
	case err != nil:
		return nil, err
	case former != nil && u.isBack(former):
		return u.leaveFormer(ctx, former), nil
	case former != nil:
		return nil, a.provider.otherPrefix(former)
	}
	if err = u.validate(refused); err == nil {
		err = u.apply(ctx)
	}
	if u.rollback {
		u.removeReplacement(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, u.askIfFailed(ctx))
	}
	r.Report(u.current.Name)
	return u.attributes(), nil
}

// newRun returns the run of an event, with what the properties leave out.
func (a *Access) newRun(r *customresource.Request, props props) *run {
	if props.BucketOwner == "" {
		props.BucketOwner = r.AccountID
	}
	if props.ExternalID == "" {
		props.ExternalID = derivedExternalID(r)
	}
	derived := props.RoleName == ""
	if derived {
		props.RoleName = a.derivedNameOf(r)
	}
	if role.SameName(props.RoleName, r.PhysicalResourceID) {
		props.RoleName = r.PhysicalResourceID
	}
	u := &run{Access: a, r: r, props: props, began: time.Now(), watch: lifecycle.NewWatch(a.stacks, r, props.RoleName)}
	u.want = newDesired(r, a.provider, props)
	u.probe = verify.New(a.cfg, verify.Target{
		Bucket:      props.bucket(r.Partition),
		Owner:       props.BucketOwner,
		Account:     r.AccountID,
		RoleName:    props.RoleName,
		RoleARN:     u.want.ARN,
		RolePattern: pattern(u.want.ARN, a.provider.RoleNamePrefix, r, derived),
		ExternalID:  props.ExternalID,
		Verifier:    a.provider.Verifier,
		Boundary:    a.provider.Boundary,
		Key:         props.KmsKeyARN,
		Writes:      props.ProbeWrites,
		Restricted:  props.AccessMode == restricted,
		Request:     r.RequestID,
	})
	return u
}

// attributes returns the resource's attributes.
func (u *run) attributes() map[string]any {
	verified, checks := "skipped", "{}"
	if u.props.Verification != off {
		verified, checks = u.probe.Report.AccessVerified(), u.probe.Report.String()
	}
	return map[string]any{
		"RoleArn":        u.want.ARN,
		"ExternalId":     u.props.ExternalID,
		"BucketRegion":   u.bucket.Region,
		"AccessVerified": verified,
		"Checks":         checks,
		"OutputRequest":  u.outputRequest(),
	}
}

// outputRequest returns the body to POST to Bitmovin's /analytics/outputs/s3-role-based.
// https://github.com/bitmovin/bitmovin-api-sdk-go/blob/main/model/analytics_s3_role_based_output.go
func (u *run) outputRequest() string {
	b, err := json.Marshal(struct {
		Name           string `json:"name"`
		BucketName     string `json:"bucketName"`
		RoleARN        string `json:"roleArn"`
		ExternalID     string `json:"externalId"`
		ExternalIDMode string `json:"externalIdMode"`
	}{u.props.RoleName, u.props.BucketName, u.want.ARN, u.props.ExternalID, "CUSTOM"})
	if err != nil {
		panic(fmt.Sprintf("encode the output request: %v", err))
	}
	return string(b)
}
