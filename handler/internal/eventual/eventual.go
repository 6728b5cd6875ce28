// Package eventual repeats a call whose answer is not final yet. IAM, S3 and KMS
// are eventually consistent in both directions: what was just allowed may still be
// denied, and what was just forbidden may still be allowed.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_general.html#troubleshoot_general_eventual-consistency
//
// Every wait of the function is one of its windows, by cause, but for the retries of
// the verdict's delivery and what Bitmovin's API takes.
package eventual

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

// Repeat repeats call until its answer is final or ctx ends, and returns the last
// error of call. With each answer call returns until when it may change, which is
// the end of the window of its cause; one that cannot change has a time that is
// over, such as the zero time. The last call begins when the window has ended: what
// was asked before, and answered after, does not tell. It calls at least once. A call
// that came to nothing because the time was over unsays nothing: then the error before
// it counts.
func Repeat(ctx context.Context, call func(context.Context) (until time.Time, err error)) error {
	var before error
	for pause := first; ; pause = min(pause*3/2, longest) {
		asked := time.Now()
		until, err := call(ctx)
		if before != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return before
		}
		if !until.After(asked) {
			return err
		}
		before = err
		select {
		case <-ctx.Done():
			return err
		case <-time.After(min(pause, time.Until(until))):
		}
	}
}

// Wait waits until a time, or for the end of ctx.
func Wait(ctx context.Context, until time.Time) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Until(until)):
	}
}

// Later returns the later of two times.
func Later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// WithFraction returns a context that ends when n quarters of what is left of ctx
// are over: a call that hangs must not take all the time that there is.
func WithFraction(ctx context.Context, n int) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(deadline)*time.Duration(n)/4)
}
