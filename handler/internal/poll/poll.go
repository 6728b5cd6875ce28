// Package poll repeats a call whose answer is not final yet: IAM and S3 are
// eventually consistent, and what was just written is seen a while later.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_general.html#troubleshoot_general_eventual-consistency
package poll

import (
	"context"
	"errors"
	"time"
)

// The pause between two calls grows from first to longest, so that a short delay
// is followed closely and a long one costs few calls.
const (
	first   = 500 * time.Millisecond
	longest = 2 * time.Second
)

// While repeats call for as long as it reports that its answer is not final
// (again), until the time end or the end of ctx, and returns the last error of
// call. It calls at least once, whatever the time. A call that came to nothing
// for want of time unsays nothing: then the error before it counts.
func While(ctx context.Context, end time.Time, call func(context.Context) (again bool, err error)) error {
	var before error
	for pause := first; ; pause = min(pause*3/2, longest) {
		again, err := call(ctx)
		if before != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return before
		}
		if !again || !time.Now().Add(pause).Before(end) {
			return err
		}
		before = err
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// WhileError repeats a call for as long as its error is one that may pass, as
// [While] does.
func WhileError(ctx context.Context, end time.Time, passes func(error) bool, call func(context.Context) error) error {
	return While(ctx, end, func(ctx context.Context) (bool, error) {
		err := call(ctx)
		return passes(err), err
	})
}

// Quarters returns a context that ends when n quarters of what is left of ctx
// are over: a call that hangs must not take all the time that there is.
func Quarters(ctx context.Context, n int) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(deadline)*time.Duration(n)/4)
}
