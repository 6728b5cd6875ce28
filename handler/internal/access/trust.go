package access

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/eventual"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/policy"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/stack"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/verify"
)

// To assume the role, a run puts one statement into its trust policy that lets
// the function in, and takes it out again. Another run of the same resource may
// do the same at the same time: IAM replaces the whole document, so the last
// writer wins. Each run therefore keeps the statements of others when it puts
// its own in, puts it in again when it is shut out, and ends by writing the
// policy without any. Whoever is shut out by that puts its own in again; the
// last one leaves none.

// runID returns text that tells this run's statement from any other's.
func runID() string { return rand.Text() }

// maxTrust is IAM's quota for a trust policy, in characters.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const maxTrust = 2048

// trustWith returns the desired trust policy with the verifier statements of
// the others and of this run. Where there is no room for the others, they put
// theirs in again.
func (u *run) trustWith(others []policy.Statement) policy.Document {
	others = slices.DeleteFunc(others, func(s policy.Statement) bool { return s.Sid == u.verifier.Sid })
	trust := policy.Trust(u.provider.TrustedPrincipal, u.props.ExternalID, append(others, u.verifier)...)
	if len(trust.String()) > maxTrust {
		trust = policy.Trust(u.provider.TrustedPrincipal, u.props.ExternalID, u.verifier)
	}
	return trust
}

// openTrust lets the function in, beside the runs that the policy names.
func (u *run) openTrust(ctx context.Context, trust string) error {
	others, _ := policy.Verifiers(trust, u.provider.Verifier, time.Now())
	u.opened = true
	return u.putTrust(ctx, u.trustWith(others).String())
}

// reassert lets the function in again if another run has shut it out, unless the stack
// does not wait for this run any more. A policy that wants something else than this
// run, and than what it found, belongs to a later event, which this run must not undo.
func (u *run) reassert(ctx context.Context) error {
	seen, err := u.getRole(ctx, u.want.name)
	if err != nil || seen == nil {
		return nil //nolint:nilerr // IAM's reads lag: the role may not be there yet, and the next look tells.
	}
	_, mine := policy.Without(seen.trust, u.verifier.Sid)
	switch {
	case mine:
		return nil
	case u.wants(seen.trust):
		if state := u.ask(ctx); state.Standing(u.r.RequestType, u.rollback) != stack.Awaited {
			return u.superseded(state)
		}
		return u.openTrust(ctx, seen.trust)
	case policy.Equal(seen.trust, u.have.trust):
		return nil // as it was before this run: the read lags
	}
	return fmt.Errorf("assume role %s: %w: its trust policy was changed meanwhile", u.want.name, errSuperseded)
}

// wants reports whether a trust policy says what this run wants, apart from
// verifier statements.
func (u *run) wants(trust string) bool {
	_, rest := policy.Verifiers(trust, u.provider.Verifier, time.Now())
	return policy.Equal(rest, u.want.trust.String())
}

// closeTrust shuts the function out again. Seen is the role as it was read
// last, nil if it was not. Where a later event has changed the policy, only
// this run's own statement is taken out; nothing is later than a rollback.
func (u *run) closeTrust(ctx context.Context, seen *role) error {
	trust := u.want.trust.String()
	if !u.rollback && seen != nil && !u.wants(seen.trust) {
		var mine bool
		if trust, mine = policy.Without(seen.trust, u.verifier.Sid); !mine {
			u.opened = false
			return nil
		}
	}
	err := u.putTrust(ctx, trust)
	if err == nil || isNotFound(err) && ctx.Err() == nil { // or it may only be what was answered before the time was over
		u.opened = false
	}
	return err
}

func (u *run) putTrust(ctx context.Context, trust string) error {
	return u.write(ctx, func(ctx context.Context) error {
		_, err := u.iam.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: &u.want.name, PolicyDocument: &trust})
		return wrap(err, "update the trust policy of role %s", u.want.name)
	})
}

// checkTrust waits until the trust policy is the intended one and nothing more:
// IAM's reads lag, and another run may have yet to take its statement out.
func (u *run) checkTrust(ctx context.Context) error {
	ctx, cancel := eventual.Quarters(ctx, 3)
	defer cancel()
	var trust string
	var until time.Time
	if !u.rollback {
		until = time.Now().Add(eventual.RoleChanged)
	}
	err := eventual.Repeat(ctx, func(ctx context.Context) (time.Time, error) {
		seen, err := u.getRole(ctx, u.want.name)
		if err != nil {
			return time.Time{}, err
		}
		if seen == nil {
			return until, nil
		}
		trust = seen.trust
		if policy.Equal(trust, u.want.trust.String()) {
			return time.Time{}, nil
		}
		if _, mine := policy.Without(trust, u.verifier.Sid); mine {
			// Another run may have brought it back from an older read.
			return until, u.closeTrust(ctx, seen)
		}
		return until, nil
	})
	if err != nil {
		return err
	}
	if policy.Equal(trust, u.want.trust.String()) {
		u.probe.Report.Set(verify.CheckTrustPolicy, verify.Pass, "is exactly the intended one", "")
		return nil
	}
	u.probe.Report.Set(verify.CheckTrustPolicy, verify.Fail, "is not the intended one", "update the resource again, without anyone else writing the trust policy of "+u.want.arn)
	u.r.Log.WarnContext(ctx, "the trust policy is not the intended one", "role", u.want.name, "trust", trust)
	return nil
}
