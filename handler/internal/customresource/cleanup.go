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
	// latest is the parent of the work's context and of every clean-up's. It
	// ends when no clean-up may go on, or else with the verdict.
	latest context.Context
}

// CleanUp returns a context for undoing things, which outlives ctx by the
// clean-up share of the function's time. It ends after that share, counted from
// the call, and in any case before the verdict: no call follows the verdict. Its
// values are the invocation's.
func CleanUp(ctx context.Context) (context.Context, context.CancelFunc) {
	if terms, ok := ctx.Value(cleanUpKey{}).(*cleanUpTerms); ok {
		return context.WithTimeout(terms.latest, terms.share)
	}
	return context.WithTimeout(context.WithoutCancel(ctx), maxMargin*cleanUpTenths/10)
}
