package customresource

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"
)

const (
	// maxMargin is kept back from the work at the end of the function's time,
	// for the clean-up and for the delivery of the verdict. When the time is
	// short the margin is a third of it.
	maxMargin = 10 * time.Second

	// cleanUpTenths of the margin are for the clean-up, graceTenths more for the
	// work to return after it; the rest is for the delivery.
	cleanUpTenths = 4
	graceTenths   = 1

	// minWork is what a handler needs at the very least to change something and
	// to see it through. With less than that, nothing is begun.
	minWork = 3 * time.Second
)

// schedule says when the phases of one request end.
type schedule struct {
	work, cleanUp, wait time.Time
	share               time.Duration
}

func plan(now, deadline time.Time) schedule {
	margin := min(maxMargin, deadline.Sub(now)/3)
	s := schedule{work: deadline.Add(-margin), share: margin * cleanUpTenths / 10}
	s.cleanUp = s.work.Add(s.share)
	s.wait = s.cleanUp.Add(margin * graceTenths / 10)
	return s
}

// outcome is what a handler came to.
type outcome struct {
	data map[string]any
	err  error
}

// work runs h until it returns or its time is over, whichever comes first. When
// it returns, every context that h was given is dead.
func work(ctx context.Context, h Handler, r *Request) (map[string]any, error) {
	start := time.Now()
	s := plan(start, r.Deadline)
	if s.work.Sub(start) < minWork {
		return nil, fmt.Errorf("only %s of the function's time were left, too little to begin: nothing was changed",
			r.Deadline.Sub(start).Round(time.Millisecond))
	}

	terms := &cleanUpTerms{share: s.share}
	latest, over := context.WithDeadline(context.WithValue(ctx, cleanUpKey{}, terms), s.cleanUp)
	defer over()
	terms.latest = latest
	ctx, cancel := context.WithDeadline(latest, s.work)
	defer cancel()

	done := make(chan outcome, 1)
	go func() { done <- run(ctx, h, r) }()
	patience := time.NewTimer(time.Until(s.wait))
	defer patience.Stop()
	select {
	case o := <-done:
		return o.data, o.err
	case <-patience.C:
		return nil, errors.New("out of time: the work did not stop when it was told to, what it changed is not known")
	}
}

// run calls h in the goroutine that it is called in. Success is what h says it
// is, also when the time ran out meanwhile: it returned no error, so nothing
// was left undone.
func run(ctx context.Context, h Handler, r *Request) (o outcome) {
	defer func() {
		if p := recover(); p != nil {
			o = outcome{err: r.panicked(ctx, p)}
		}
	}()
	data, err := h(ctx, r)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("timed out during: %w", err)
	}
	return outcome{data, err}
}

// panicked logs the panic with its stack and returns the short form for the
// author of the stack. The value of a panic that was raised again carries the
// first stack in its further lines.
func (r *Request) panicked(ctx context.Context, p any) error {
	text := fmt.Sprint(p)
	r.Log.ErrorContext(ctx, "panic", "panic", r.secrets.Replace(text), "call_stack", string(debug.Stack()))
	first, _, _ := strings.Cut(text, "\n")
	return fmt.Errorf("internal error: panic: %s", first)
}
