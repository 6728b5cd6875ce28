package access

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/eventual"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/verify"
)

// A rollback that fails leaves a stack that nobody can update. So it writes all that
// the update may have changed, goes on where a write fails, and fails itself only if
// the role is not restored then.

// An unwritten is what a rollback could not write.
type unwritten struct {
	mu   sync.Mutex
	errs []error
}

// tolerate keeps what a rollback could not write until [run.restored] tells whether it
// matters. For any other run it is an error at once.
func (u *run) tolerate(err error) error {
	if err == nil || !u.rollback {
		return err
	}
	u.unwritten.mu.Lock()
	defer u.unwritten.mu.Unlock()
	u.unwritten.errs = append(u.unwritten.errs, err)
	return nil
}

// skipChecks is for a rollback that cannot open the trust policy.
func (u *run) skipChecks() {
	u.probe.Report.Set(verify.CheckAssumeRole, verify.NotTested, "the trust policy could not be changed so as to let the function in", "")
}

// restored decides on what a rollback could not write: it matters where the role is
// not as it is wanted. Before IAM's reads show all that was written, by the update and
// by this run, they tell nothing.
func (u *run) restored(ctx context.Context) error {
	if len(u.unwritten.errs) == 0 {
		return nil
	}
	err := errors.Join(u.unwritten.errs...)
	if eventual.Wait(ctx, time.Now().Add(eventual.Unseen)); ctx.Err() != nil {
		return err
	}
	seen, lookErr := u.getRoleAndPolicies(ctx, u.r.Event, u.want.Name)
	if lookErr != nil || seen == nil || !ownedBy(seen, u.r.Event) || seen.Unread != nil {
		return errors.Join(err, lookErr)
	}
	if names := u.want.Compare(seen, oldTagKeys(u.r.Event)).Names(); len(names) > 0 {
		u.r.Log.ErrorContext(ctx, "the role could not be restored", "role", u.want.Name, "differences", names)
		return err
	}
	u.opened = false
	u.r.Log.WarnContext(ctx, "a write failed that would have changed nothing", "role", u.want.Name, "error", err)
	return nil
}
