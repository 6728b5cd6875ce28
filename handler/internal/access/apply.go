package access

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/awserr"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/eventual"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/parallel"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/policy"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/role"
)

// write makes a call that writes the role. What was just seen or made may still not be
// there for IAM; one that is gone is never made again.
// Where somebody has edited the boundary meanwhile, it is what denies the call.
func (u *run) write(ctx context.Context, call func(context.Context) error) error {
	return eventual.Repeat(ctx, func(ctx context.Context) (time.Time, error) {
		err := call(ctx)
		if !awserr.Denied(err) && !role.IsNotFound(err) {
			return time.Time{}, err
		}
		seen, lookErr := u.getRole(ctx, u.want.Name)
		switch {
		case lookErr == nil && seen == nil:
			return u.current.CreatedAt.Add(eventual.JustMade), err
		case lookErr == nil && awserr.Denied(err) && u.restoreBoundary(ctx, seen):
			err = call(ctx)
		}
		if role.IsNotFound(err) {
			return u.current.ReadAt.Add(eventual.JustMade), err
		}
		return awserr.OwnDenialUntil(eventual.Later(u.began, u.current.CreatedAt), err), err
	})
}

// writeRole makes the role, or puts right the boundary and the trust of the one
// that is there: what decides about security comes before any permission. With
// open, the trust policy lets the function in, for the check that follows; opened
// reports whether it does.
func (u *run) writeRole(ctx context.Context, open bool) (opened bool, err error) {
	u.wrote = true
	if u.current == nil {
		u.made = true
		exists, err := u.create(ctx, open)
		if err != nil || !exists {
			return open && err == nil, err
		}
	}
	changes := u.changes()
	if names := changes.Names(); len(names) > 0 {
		u.r.Log.InfoContext(ctx, "role differs from what is wanted", "role", u.current.Name, "differences", names)
	}
	if changes.Boundary {
		if err := u.tolerate(u.write(ctx, u.putBoundary)); err != nil {
			return false, err
		}
	}
	if open {
		if err := u.openTrust(ctx); err == nil || !u.rollback {
			return err == nil, err
		}
		u.skipChecks()
	}
	if open || changes.Trust {
		err = u.tolerate(u.closeTrust(ctx, nil))
	}
	return false, err
}

// changes returns what it takes to bring the role to its desired state. Seconds
// after the update that is rolled back, reads may still show the role as it was
// before it; so a rollback writes all that the update may have changed.
func (u *run) changes() role.Changes {
	if u.rollback {
		former, _, _ := decode(u.r.OldResourceProperties) // what cannot be read asked for nothing
		c := compareWithFormer(u.want, former, u.current, policy.FullAccess(u.r.Partition))
		c.Lost = c.Lost || former.KmsKeyARN != u.props.KmsKeyARN
		return c
	}
	return u.want.Compare(u.current, oldTagKeys(u.r.Event))
}

// differs reports whether the role is not what is wanted, apart from what a run
// that was killed has left in its trust policy.
func (u *run) differs() bool {
	found := *u.current
	_, found.Trust = policy.CutVerifier(found.Trust, u.provider.Verifier)
	return len(u.want.Compare(&found, oldTagKeys(u.r.Event)).Names()) > 0
}

// create makes the role with tags and boundary in the one call. It reports
// whether there is one of that name already: an attempt whose answer was lost
// has made it, or another run has.
func (u *run) create(ctx context.Context, open bool) (exists bool, err error) {
	u.report()
	trust := u.want.Trust
	if open {
		trust, u.opened = u.openedTrust(), true
	}
	description := "Lets Bitmovin write exports to the bucket " + u.props.BucketName
	err = eventual.Repeat(ctx, func(ctx context.Context) (time.Time, error) {
		err := u.roles.Create(ctx, u.want, trust, description)
		// The function's own role, which the trust policy names, may be too new for
		// IAM to know: then the document is malformed to it. So may the boundary be.
		if role.IsMalformed(err) || role.IsNotFound(err) {
			return u.began.Add(eventual.JustMade), err
		}
		return awserr.OwnDenialUntil(u.began, err), err
	})
	if role.IsTaken(err) {
		return true, u.loadExisting(ctx)
	}
	if err != nil {
		return false, err
	}
	now := time.Now()
	u.current = &role.Role{
		Name: u.want.Name, ARN: u.want.ARN, CreatedAt: now, ReadAt: now, Trust: trust.String(), Boundary: u.want.Boundary, Tags: u.want.Tags,
	}
	return false, nil
}

// loadExisting reads the role that was there when it was to be made, and refuses one
// that the event may not change.
func (u *run) loadExisting(ctx context.Context) error {
	taken := time.Now()
	err := eventual.Repeat(ctx, func(ctx context.Context) (until time.Time, err error) {
		if u.current, err = u.getRoleAndPolicies(ctx, u.r.Event, u.want.Name); err == nil && u.current == nil {
			until = taken.Add(eventual.JustMade)
		}
		return until, err
	})
	if err == nil && u.current == nil {
		err = fmt.Errorf("create role %s: IAM says both that it exists and that it does not", u.want.Name)
	}
	if err != nil {
		return err
	}
	if !u.mayWrite(u.current, u.r.Event) {
		u.wrote, u.opened = false, false
		u.r.Report(u.r.PhysicalResourceID)
		return u.validate(nil)
	}
	u.rename(u.current.Name)
	u.report()
	return u.validate(nil)
}

// writePermissions writes the permissions and tags.
func (u *run) writePermissions(ctx context.Context) error {
	grants, removals := u.roles.Writes(u.want, u.changes())
	if err := u.writeAll(ctx, grants); err != nil {
		return err
	}
	err := u.writeAll(ctx, removals)
	u.permissionsWrittenAt = time.Now()
	return err
}

// writeAll makes calls that write the role side by side.
func (u *run) writeAll(ctx context.Context, calls []func(context.Context) error) error {
	for i, call := range calls {
		calls[i] = func(ctx context.Context) error { return u.tolerate(u.write(ctx, call)) }
	}
	return parallel.Try(ctx, calls...)
}

func (u *run) putBoundary(ctx context.Context) error {
	return u.roles.PutBoundary(ctx, u.want.Name, u.want.Boundary)
}

// restoreBoundary puts back the boundary, without which the function may give the
// role no permission, where the role has another. It reports whether it did.
func (u *run) restoreBoundary(ctx context.Context, seen *role.Role) bool {
	if !ownedBy(seen, u.r.Event) || !u.want.Compare(seen, nil).Boundary {
		return false
	}
	u.r.Log.WarnContext(ctx, "the permissions boundary was changed meanwhile and is put back", "role", u.want.Name, "boundary", seen.Boundary)
	if u.putBoundary(ctx) != nil {
		return false
	}
	u.boundaryRestored.set(time.Now())
	return true
}

// A moment is a time that calls side by side may set; zero until one does.
type moment struct {
	mu sync.Mutex
	at time.Time
}

func (m *moment) set(at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at = at
}

func (m *moment) get() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at
}
