package customresource

import (
	"context"
	"time"
)

// cleanUpKey is the key of the [cleanUpTerms] in the work's context.
type cleanUpKey struct{}

// cleanUpTerms bound every clean-up of one request.
type cleanUpTerms struct {
	// share is the longest that one clean-up may take.
	share time.Duration
	// latest ends when no clean-up may go on: at its deadline, or when the
	// verdict is decided.
	latest context.Context
}

// CleanUp returns a context for undoing things, which outlives ctx by the
// clean-up share of the function's time. It ends after that share, counted from
// the call, and in any case before the verdict: no call follows the verdict.
func CleanUp(ctx context.Context) (context.Context, context.CancelFunc) {
	detached := context.WithoutCancel(ctx)
	terms, ok := ctx.Value(cleanUpKey{}).(cleanUpTerms)
	if !ok {
		return context.WithTimeout(detached, maxMargin*cleanUpTenths/10)
	}
	end := time.Now().Add(terms.share)
	if latest, _ := terms.latest.Deadline(); latest.Before(end) {
		end = latest
	}
	ctx, cancel := context.WithDeadline(detached, end)
	stop := context.AfterFunc(terms.latest, cancel)
	return ctx, func() { stop(); cancel() }
}
