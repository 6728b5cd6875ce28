package access

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/cfn"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/eventual"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/lifecycle"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/parallel"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/policy"
)

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
