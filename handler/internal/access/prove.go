package access

import (
	"context"
	"log/slog"
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

// verifies reports whether the role is to be checked.
func (u *run) verifies() bool { return u.props.Verification != off }

// enforces reports whether a failed check fails the resource.
func (u *run) enforces() bool {
	return u.props.Verification == enforce && !u.rollback && u.late == nil
}

// apply brings the role to its desired state and proves that it can be used.
func (u *run) apply(ctx context.Context) error {
	setPermissions(&u.want, u.props, u.r.Partition, u.bucket.Key)
	if u.late != nil && (u.current == nil || u.differs()) {
		return u.late
	}
	opened, err := u.writeRole(ctx, u.verifies())
	if err != nil {
		return err
	}
	reach := u.writePermissions
	if opened {
		reach = u.check
	}
	parallel.Do(ctx, func(ctx context.Context) { err = reach(ctx) }, u.removeOlder)
	if err != nil {
		return err
	}
	if err := u.restored(ctx); err != nil {
		return err
	}
	if err := u.confirm(ctx); err != nil {
		return err
	}
	u.log(ctx)
	if u.enforces() {
		return u.probe.Report.Err()
	}
	return nil
}

// check writes the permissions and makes, as the role, the calls of an export.
// What does not need each other runs side by side.
func (u *run) check(ctx context.Context) error {
	u.probe.Expect(verify.Lag{Changed: time.Now(), Once: u.rollback})
	assumed, err := u.writePermissionsAndAssume(ctx)
	if err != nil {
		return err
	}
	if assumed {
		eventual.Wait(ctx, u.narrowed().Add(eventual.Narrowed))
	}
	var seen *role.Role
	parallel.Do(ctx,
		func(ctx context.Context) {
			if assumed {
				u.probe.Expect(u.lag())
				u.marked = true
				u.probe.TryBucket(ctx)
			}
		},
		func(ctx context.Context) { seen, err = u.reread(ctx) },
	)
	if err != nil {
		return err
	}
	parallel.Do(ctx,
		func(ctx context.Context) {
			if assumed {
				u.probe.TryObject(ctx)
			}
		},
		func(ctx context.Context) { err = u.tolerate(u.closeTrust(ctx, seen)) },
	)
	return err
}

// reread reads the role before its trust policy is written the last time, to
// see whether a later event has changed it. Nothing is later than a rollback.
func (u *run) reread(ctx context.Context) (*role.Role, error) {
	if u.rollback {
		return nil, nil
	}
	return u.getRole(ctx, u.want.Name)
}

// lag tells what may explain what the role's calls are answered.
func (u *run) lag() verify.Lag {
	c := u.want.Compare(u.current, nil)
	beside := u.changedBeside()
	l := verify.Lag{Changed: eventual.Later(u.current.CreatedAt, beside), Taken: beside, Once: u.rollback}
	if c.Permissions() {
		l.Changed = u.permissionsWrittenAt
	}
	if c.Takes() {
		l.Taken = u.permissionsWrittenAt
	}
	return l
}

// narrowed is when something was taken from the role that may be all that allows what
// is checked: that is not believed before it is out of force.
func (u *run) narrowed() time.Time {
	if u.changes().Narrows(policy.FullAccess(u.r.Partition)) {
		return u.permissionsWrittenAt
	}
	return u.changedBeside()
}

// changedBeside is when what the role may do last changed otherwise than by what this
// run set out to do: by the content of its boundary, by another run, or because
// somebody's boundary was taken from it again.
func (u *run) changedBeside() time.Time {
	return eventual.Later(eventual.Later(u.boundaryChangedAt, u.otherRunAt), u.boundaryRestored.get())
}

// writePermissionsAndAssume writes the permissions beside the first attempts to assume
// the role, which only its trust policy decides, and beside the preparation of
// what is to be written then.
func (u *run) writePermissionsAndAssume(ctx context.Context) (assumed bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var permitErr, assumeErr error
	parallel.Do(ctx, func(ctx context.Context) {
		if permitErr = u.writePermissions(ctx); permitErr != nil {
			cancel()
		}
	}, func(ctx context.Context) { assumed, assumeErr = u.probe.Assume(ctx, u.reopenTrust) },
		u.probe.Prepare)
	if permitErr != nil {
		return false, permitErr
	}
	return assumed, assumeErr
}

// confirm takes the marker away, makes sure that the trust policy is the
// intended one and that the stack still wants the role.
func (u *run) confirm(ctx context.Context) error {
	var state lifecycle.State
	var trustErr error
	parallel.Do(ctx, u.removeMarker,
		func(ctx context.Context) {
			if u.verifies() {
				trustErr = u.checkTrust(ctx)
			}
		},
		func(ctx context.Context) { state = u.ask(ctx); u.asked = true },
	)
	if err := u.stopIfSuperseded(ctx, u.refresh(ctx, state)); err != nil {
		return err
	}
	if !u.rollback {
		return trustErr
	}
	if trustErr != nil {
		u.r.Log.WarnContext(ctx, "the trust policy could not be read", "role", u.want.Name, "error", trustErr)
	}
	return nil
}

// removeOlder takes away what the checks of earlier requests left, where the role
// has its objects now and where it had them before.
func (u *run) removeOlder(ctx context.Context) {
	if u.r.RequestType != cfn.RequestUpdate || u.late != nil {
		return
	}
	former := u.reversed()
	parallel.Do(ctx,
		func(ctx context.Context) { u.removeLeftovers(ctx, u.r, u.want.Name, u.r.RequestID) },
		func(ctx context.Context) {
			p, _, err := decode(former.ResourceProperties)
			if err == nil && p.bucket(u.r.Partition) != u.props.bucket(u.r.Partition) {
				u.removeLeftovers(ctx, former, u.want.Name, "")
			}
		},
	)
}

// removeMarker takes away what the probe wrote. What cannot be removed is told,
// and is no reason to fail: exports work.
func (u *run) removeMarker(ctx context.Context) {
	if !u.marked {
		return
	}
	if err := u.probe.Remove(ctx); err != nil {
		u.r.Log.ErrorContext(ctx, "the check's marker could not be removed", "error", err)
		return
	}
	u.marked = false
}

// cleanUp undoes what must not outlive the run, on whatever path it ends.
func (u *run) cleanUp(ctx context.Context) {
	unasked := u.wrote && !u.asked
	if !u.opened && !u.marked && !u.mustDelete && !unasked {
		return
	}
	ctx, cancel := customresource.CleanUp(ctx)
	defer cancel()
	parallel.Do(ctx, u.removeMarker, func(ctx context.Context) {
		var err error
		switch {
		case u.mustDelete:
			err = u.removeRole(ctx)
		case unasked:
			err = u.stopIfSuperseded(ctx, u.ask(ctx))
		}
		if err != nil {
			u.r.Log.WarnContext(ctx, "the stack went on", "role", u.want.Name, "error", err)
		}
		u.closeLeftOpen(ctx)
	})
}

// closeLeftOpen takes the verifier statement out of the trust policy where it was
// left in.
func (u *run) closeLeftOpen(ctx context.Context) {
	if !u.opened {
		return
	}
	seen, err := u.getRole(ctx, u.want.Name)
	if u.current == nil {
		u.current = seen // the answer to CreateRole was lost
	}
	if err == nil && u.owns() {
		err = u.closeTrust(ctx, seen)
	}
	if err != nil {
		u.r.Log.ErrorContext(ctx, "the verifier statement could not be taken out of the trust policy; it expires by itself",
			"role", u.want.Name, "expires", u.r.Deadline, "error", err)
	}
}

// log tells everything that the checks found.
func (u *run) log(ctx context.Context) {
	if !u.verifies() {
		return
	}
	for _, c := range u.probe.Report.Checks() {
		level := slog.LevelInfo
		if c.Verdict == verify.Fail || c.Verdict == verify.Warn {
			level = slog.LevelWarn
		}
		u.r.Log.Log(ctx, level, "check", "name", c.Name, "verdict", string(c.Verdict), "detail", c.Detail, "fix", c.Fix, "answer", c.Answer)
	}
}
