package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/cfn"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/customresource"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/eventual"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/lifecycle"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/parallel"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/policy"
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

// readState reads the role, and beside it what the run can do without. A Create expects no
// role, and so reads the policies only of one that it finds.
func (u *run) readState(ctx context.Context) error {
	var err error
	read := u.getRoleAndPolicies
	if u.r.RequestType == cfn.RequestCreate {
		read = u.getRoleThenPolicies
	}
	var state lifecycle.State
	around, cancel := context.WithCancel(ctx)
	defer cancel()
	parallel.Do(around,
		func(ctx context.Context) { state = u.readRest(ctx) },
		func(ctx context.Context) {
			if u.current, err = read(ctx, u.r.Event, u.props.RoleName); err != nil {
				cancel() // without the role nothing else matters
			}
		},
	)
	if err != nil {
		return err
	}
	if u.owns() {
		u.rename(u.current.Name)
	}
	if u.watch.GaveUp(state) {
		state = u.readRest(ctx)
	}
	first := state
	if state = u.refresh(ctx, state); first.Stack == "" {
		first = state
	}
	// An Update whose stack begins to roll back while it looks is what is rolled back.
	u.rollback = u.r.RequestType == cfn.RequestUpdate && first.RollingBack()
	if u.rollback && u.props.AccessMode == full && !u.provider.AllowFull {
		u.r.Log.WarnContext(ctx, "the provider does not allow Full any more: the role is restored as Restricted")
		u.props.AccessMode = restricted
	}
	if u.mayWrite(u.current, u.r.Event) {
		u.report()
		u.noticeOtherRuns()
	}
	return u.stopIfSuperseded(ctx, state)
}

// rename takes the event's own role for the wanted one under the name that it has: names
// are one to IAM whatever their case, and ARNs are not.
func (u *run) rename(name string) {
	if name == u.want.Name {
		return
	}
	u.want.ARN = strings.TrimSuffix(u.want.ARN, u.want.Name) + name
	u.want.Name, u.props.RoleName = name, name
	u.probe.Rename(name, u.want.ARN)
}

// noticeOtherRuns looks for another run in the trust policy, such as of the same event. A Create
// finds a role only that an attempt of its own has made, and takes nothing from it.
func (u *run) noticeOtherRuns() {
	opening, _ := policy.CutVerifier(u.current.Trust, u.provider.Verifier)
	if time.Now().Before(opening.Until) && u.r.RequestType == cfn.RequestUpdate {
		u.otherRunAt = u.current.ReadAt
	}
}

// readRest reads what the run can do without: the bucket, the boundary's date and
// the stack's state.
func (u *run) readRest(ctx context.Context) (state lifecycle.State) {
	parallel.Do(ctx,
		func(ctx context.Context) { u.bucket = u.probe.Inspect(ctx) },
		func(ctx context.Context) { u.boundaryChangedAt = u.boundaryChanged(ctx) },
		func(ctx context.Context) { state = u.ask(ctx) },
	)
	return state
}

// ask asks how the run stands. A stack that does not answer must not take the
// time that the role needs.
func (u *run) ask(ctx context.Context) lifecycle.State {
	ctx, cancel := eventual.WithFraction(ctx, 1)
	defer cancel()
	defer func() { u.answeredAt = time.Now() }()
	return u.watch.Ask(ctx)
}

// refresh asks again where what else was done meanwhile took so long that the stack
// may have gone on since it answered.
func (u *run) refresh(ctx context.Context, state lifecycle.State) lifecycle.State {
	if time.Since(u.answeredAt) < time.Second {
		return state
	}
	return u.ask(ctx)
}

// owns reports whether there is a role, and it is the event's.
func (u *run) owns() bool { return u.current != nil && ownedBy(u.current, u.r.Event) }

// report names the role in the verdict, whatever it will be. A rollback that
// fails must not: CloudFormation would forget the role that replaced this one.
func (u *run) report() {
	if !u.rollback {
		u.r.Report(u.want.Name)
	}
}

// formerRole returns the role of the resource if the function may not write it, for the
// provider's RoleNamePrefix was another one when it was made; else nil. It may be the one
// that an Update replaces: its Delete would fail, and CloudFormation forget it.
func (u *run) formerRole(ctx context.Context) (*role.Role, error) {
	found, id := u.current, u.r.PhysicalResourceID
	toBringBack := u.rollback && u.owns()
	if !toBringBack && u.r.RequestType == cfn.RequestUpdate && u.provider.checkName(id) != nil && !role.SameName(id, u.want.Name) {
		var err error
		if found, err = u.getRole(ctx, id); err != nil {
			return nil, err
		}
	}
	if found == nil || !ownedBy(found, u.r.Event) || u.provider.administers(found) {
		return nil, nil
	}
	return found, nil
}

// isBack reports whether a former role is the one that a rollback is to bring back, with
// the external id and the tags that it is to have: more of it the function may not read.
// What else its trust policy says, and its boundary, may be the provider's change.
func (u *run) isBack(former *role.Role) bool {
	if !u.rollback || former != u.current && !sameButPrefix(u.r.Event, former.Name, u.want.Name) {
		return false
	}
	c := u.want.Compare(former, oldTagKeys(u.r.Event))
	return policy.Demands(former.Trust, u.props.ExternalID) && len(c.Tag)+len(c.Untag) == 0
}

// leaveFormer returns the attributes of a rollback that leaves a former role as it is: the
// update that it undoes has failed because of the role, and changed nothing.
func (u *run) leaveFormer(ctx context.Context, former *role.Role) map[string]any {
	u.r.Log.WarnContext(ctx, "the rollback leaves the role as it is", "error", u.provider.otherPrefix(former))
	u.want.Name, u.want.ARN, u.props.RoleName = former.Name, former.ARN, former.Name
	u.r.Report(former.Name)
	return u.attributes()
}

// validate decides whether there is anything to be done, before the first write. A
// rollback does not heed what is refused of the properties.
func (u *run) validate(refused error) error {
	switch {
	case u.current != nil && !u.owns():
		return fmt.Errorf("the role name %s is taken by %s, owned by %s: %s", u.current.Name, u.current.ARN, ownerOf(u.current), u.regain())
	case u.current != nil && !u.provider.administers(u.current):
		return u.provider.otherPrefix(u.current)
	case u.current == nil && u.provider.checkName(u.want.Name) != nil:
		return u.provider.checkName(u.want.Name)
	case u.rollback:
		return nil
	case u.current != nil && u.current.Unread != nil:
		return u.current.Unread
	case refused != nil:
		return refused
	case u.props.AccessMode == full && !u.provider.AllowFull:
		return errors.New("property AccessMode: the provider does not allow Full; its owner does with the parameter AllowFullAccess")
	case u.enforces() && u.probe.Report.Failed():
		return u.probe.Report.Err()
	}
	return nil
}

// regain says what to do about a role of the wanted name that is not the event's. The
// one that an Update or a rollback is about was, and has lost its tags or was made again.
func (u *run) regain() string {
	if !role.SameName(u.want.Name, u.r.PhysicalResourceID) {
		return "choose another RoleName"
	}
	return fmt.Sprintf("if it is this resource's, give it back the tags %s %s and %s %s; else delete it, or choose another RoleName",
		tagStackID, u.r.StackID, tagLogicalID, u.r.LogicalResourceID)
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
