package awserr

import (
	"context"
	"slices"
	"time"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/eventual"
)

// ownWindow is how long such a denial of a call of the function's own may last
// that comes of a policy which is not in force yet.
func (d Denial) ownWindow() time.Duration {
	switch {
	case d.Explicit, slices.Contains([]Layer{Boundary, SessionPolicy, SCP, RCP, EndpointPolicy}, d.Layer):
		return eventual.Refused
	case d.Layer == IdentityPolicy:
		return eventual.OwnPolicy
	default:
		return eventual.OwnUnexplained
	}
}

// OwnDenialUntil returns until when a denial of a call of the function's own may
// end by itself, where its policy is as new as changed; the zero time if err is none.
func OwnDenialUntil(changed time.Time, err error) time.Time {
	d, denied := AsDenial(err)
	if !denied {
		return time.Time{}
	}
	return changed.Add(d.ownWindow())
}

// WhileOptional repeats a call of the function's own that the request can do without,
// while it is denied.
func WhileOptional(ctx context.Context, changed time.Time, call func(context.Context) error) error {
	return eventual.Repeat(ctx, func(ctx context.Context) (time.Time, error) {
		err := call(ctx)
		if Denied(err) {
			return changed.Add(eventual.Optional), err
		}
		return time.Time{}, err
	})
}

// WhileDenied repeats a call of the function's own that the request cannot do
// without while it is denied.
func WhileDenied(ctx context.Context, changed time.Time, call func(context.Context) error) error {
	return eventual.Repeat(ctx, func(ctx context.Context) (time.Time, error) {
		err := call(ctx)
		return OwnDenialUntil(changed, err), err
	})
}
