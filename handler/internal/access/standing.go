package access

import (
	"context"
	"errors"

	"github.com/aws/aws-lambda-go/cfn"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/customresource"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/eventual"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/lifecycle"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/role"
)

// A stack does not wait for a request that it has cancelled: its Delete, or the
// Update that rolls back, may come while the request is still worked on, and
// may be done before the request's last write. So each run asks how it stands
// after its writes, and takes them back itself if they are wanted no more.
// Whichever of the two comes last then leaves things as the stack wants them.

// stopIfSuperseded ends a run that its stack does not wait for any more. One that is late,
// because its event is delivered again after the stack has gone on, may give the
// same answer where there is nothing to be changed.
func (u *run) stopIfSuperseded(ctx context.Context, state lifecycle.State) error {
	s := state.Standing(u.r.RequestType, u.rollback)
	if s == lifecycle.Awaited {
		return nil
	}
	superseded := u.superseded(state)
	switch {
	case s == lifecycle.Gone && !u.made:
		return superseded
	case s == lifecycle.GivenUp || s == lifecycle.Gone:
		u.mustDelete = true
		return errors.Join(superseded, u.removeRole(ctx))
	case u.late != nil || !u.wrote:
		u.late = superseded
		return nil //nolint:nilerr // to be late is an error only where there is something to change
	case u.r.RequestType == cfn.RequestUpdate && !state.Replaced && !state.After:
		return errors.Join(superseded, u.undoUpdate(ctx))
	}
	return superseded
}

// superseded is the error of a run that its stack does not wait for any more.
func (u *run) superseded(state lifecycle.State) error {
	return state.Superseded("role " + u.want.Name)
}

// askIfFailed asks how a run stands that failed after its writes, where there is
// time: what is removed needs more of it than the clean-up has.
func (u *run) askIfFailed(ctx context.Context) error {
	if u.wrote && !u.asked && ctx.Err() == nil {
		u.asked = true
		return u.stopIfSuperseded(ctx, u.ask(ctx))
	}
	return nil
}

// undoUpdate undoes an Update that a rollback has overtaken. CloudFormation does
// not know of a role that replaces another before it is told.
func (u *run) undoUpdate(ctx context.Context) error {
	if role.SameName(u.want.Name, u.r.PhysicalResourceID) {
		return u.restoreFormer(ctx)
	}
	u.mustDelete = true
	u.r.Report(u.r.PhysicalResourceID)
	return u.removeRole(ctx)
}

// removeRole removes a role that must be deleted. One that this run has just made may
// not be seen at once.
func (u *run) removeRole(ctx context.Context) error {
	doubt := eventual.InventedID
	if !u.wrote {
		doubt = 0
	}
	err := u.remove(ctx, u.r, u.want.Name, doubt, nil)
	if err == nil {
		u.mustDelete = false
	}
	return err
}

// restoreFormer brings the role to what the event's old properties want, as the
// rollback's own Update does.
func (u *run) restoreFormer(ctx context.Context) error {
	former := u.reversed()
	props, _, err := decode(former.ResourceProperties)
	if err != nil {
		return err
	}
	b := u.newRun(former, props)
	b.rollback = true
	if b.current, err = u.getRoleAndPolicies(ctx, former.Event, b.want.Name); err != nil || !b.owns() {
		return err
	}
	setPermissions(&b.want, b.props, former.Partition, b.probe.Inspect(ctx).Key)
	if _, err := b.writeRole(ctx, false); err != nil {
		return err
	}
	u.opened = false
	if err := b.writePermissions(ctx); err != nil {
		return err
	}
	return b.restored(ctx)
}

// removeReplacement removes what the Update that is rolled back may have left without
// CloudFormation's knowledge: a role that replaced this one, where it never
// answered, and what its check wrote. It is no reason to fail, and no failure is one
// to leave it.
func (u *run) removeReplacement(ctx context.Context) {
	ctx, cancel := eventual.WithFraction(ctx, 1)
	defer cancel()
	undone := u.reversed()
	name := u.nameOf(undone)
	if role.SameName(name, u.want.Name) || role.SameName(name, u.r.PhysicalResourceID) {
		u.removeLeftovers(ctx, undone, name, "")
		return
	}
	if err := u.remove(ctx, undone, name, 0, nil); err != nil {
		u.r.Log.ErrorContext(ctx, "a role that the update made may be left", "role", name, "error", err)
	}
}

// reversed is the Update that undoes this one.
func (u *run) reversed() *customresource.Request {
	e := u.r.Event
	e.ResourceProperties, e.OldResourceProperties = e.OldResourceProperties, e.ResourceProperties
	return &customresource.Request{
		Event: e, Deadline: u.r.Deadline, AccountID: u.r.AccountID, Region: u.r.Region, Partition: u.r.Partition, Log: u.r.Log,
	}
}
