package access

import (
	"context"
	"fmt"
	"time"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/eventual"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/lifecycle"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/policy"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/role"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/verify"
)

// To assume the role, a run puts one statement into its trust policy that lets the
// function in, and takes it out again. Another run of the same resource may do so at the
// same time. The statement has one name, and so the two share it: whoever ends first takes
// it out, and the other, if it is denied then, puts it in again.

// openTrust lets the function in.
func (u *run) openTrust(ctx context.Context) error {
	u.opened = true
	return u.putTrust(ctx, u.openedTrust().String())
}

// openedTrust is the desired trust policy with the verifier statement.
func (u *run) openedTrust() policy.Document {
	verifier := policy.Verifier(u.provider.Verifier, u.props.ExternalID, u.r.Deadline)
	return policy.Trust(u.provider.TrustedPrincipal, u.props.ExternalID, verifier)
}

// reopenTrust lets the function in again if another run has shut it out, unless the stack
// does not wait for this run any more. A policy that wants something else than this
// run, and than what it found, belongs to a later event, which this run must not undo.
func (u *run) reopenTrust(ctx context.Context) error {
	seen, err := u.getRole(ctx, u.want.Name)
	if err != nil || seen == nil {
		return nil //nolint:nilerr // IAM's reads lag: the role may not be there yet, and the next look tells.
	}
	opening, rest := policy.CutVerifier(seen.Trust, u.provider.Verifier)
	switch {
	case opening.ExternalID == u.props.ExternalID && time.Now().Before(opening.Until):
		return nil
	case policy.Equal(rest, u.want.Trust.String()):
		if state := u.ask(ctx); state.Standing(u.r.RequestType, u.rollback) != lifecycle.Awaited {
			return u.superseded(state)
		}
		return u.openTrust(ctx)
	case policy.Equal(seen.Trust, u.current.Trust):
		return nil // as it was before this run: the read lags
	}
	return fmt.Errorf("assume role %s: %w: its trust policy was changed meanwhile", u.want.Name, lifecycle.ErrSuperseded)
}

// closeTrust shuts the function out again. Seen is the role as it was read
// last, nil if it was not. Where a later event has changed the policy, only
// the verifier statement is taken out; nothing is later than a rollback.
func (u *run) closeTrust(ctx context.Context, seen *role.Role) error {
	trust := u.want.Trust.String()
	if !u.rollback && seen != nil {
		opening, rest := policy.CutVerifier(seen.Trust, u.provider.Verifier)
		if later := !policy.Equal(rest, trust); later && opening == (policy.Opening{}) {
			u.opened = false
			return nil
		}
		trust = rest
	}
	err := u.putTrust(ctx, trust)
	if err == nil || role.IsNotFound(err) && ctx.Err() == nil { // or it may only be what was answered before the time was over
		u.opened = false
	}
	return err
}

func (u *run) putTrust(ctx context.Context, trust string) error {
	return u.write(ctx, func(ctx context.Context) error { return u.roles.PutTrust(ctx, u.want.Name, trust) })
}

// checkTrust waits until the trust policy is the intended one and nothing more:
// IAM's reads lag, and another run may have yet to take its statement out.
func (u *run) checkTrust(ctx context.Context) error {
	ctx, cancel := eventual.WithFraction(ctx, 3)
	defer cancel()
	var trust string
	var until time.Time
	if !u.rollback {
		until = time.Now().Add(eventual.RoleChanged)
	}
	err := eventual.Repeat(ctx, func(ctx context.Context) (time.Time, error) {
		seen, err := u.getRole(ctx, u.want.Name)
		if err != nil {
			return time.Time{}, err
		}
		if seen == nil {
			return until, nil
		}
		trust = seen.Trust
		if policy.Equal(trust, u.want.Trust.String()) {
			return time.Time{}, nil
		}
		if opening, _ := policy.CutVerifier(trust, u.provider.Verifier); opening != (policy.Opening{}) {
			return until, u.closeTrust(ctx, seen)
		}
		return until, nil
	})
	if err != nil {
		return err
	}
	if policy.Equal(trust, u.want.Trust.String()) {
		u.probe.Report.Set(verify.CheckTrustPolicy, verify.Pass, "is exactly the intended one", "")
		return nil
	}
	u.probe.Report.Set(verify.CheckTrustPolicy, verify.Fail, "is not the intended one", "update the resource again, without anyone else writing the trust policy of "+u.want.ARN)
	u.r.Log.WarnContext(ctx, "the trust policy is not the intended one", "role", u.want.Name, "trust", trust)
	return nil
}
