package output

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/jitter"
)

// The pause between two tries grows from first to longest, with jitter.
const (
	firstPause   = 500 * time.Millisecond
	longestPause = 8 * time.Second
)

// retry makes a call until it succeeds, fails for good, or ctx ends; then the
// last error is the call's own, which says more than that the time is over. A
// pause that outlasts ctx is not begun.
func retry(ctx context.Context, pauses *jitter.Source, passes func(error) bool, call func() error) error {
	var last error
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := call()
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		if !passes(err) || !sleep(ctx, max(pause/2+pauses.Below(pause/2), waitOf(err))) {
			return last
		}
	}
}

// sleep reports whether it slept for d before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < d {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// waitOf returns how long the answer that err is wants the API to be left alone.
func waitOf(err error) time.Duration {
	if answered, ok := errors.AsType[*statusError](err); ok {
		return answered.wait
	}
	return 0
}

// waitFor reads from an answer how long the API is to be left alone. Bitmovin's
// documentation does not say whether the reset is a time or a duration, so that
// the number's size decides.
// https://developer.bitmovin.com/encoding/reference/introduction-of-api-rate-limits
// https://www.rfc-editor.org/rfc/rfc9110#name-retry-after
func waitFor(h http.Header, now time.Time) time.Duration {
	var wait time.Duration
	for _, name := range []string{"X-Ratelimit-Reset", "Retry-After"} {
		wait = max(wait, until(h.Get(name), now))
	}
	return wait
}

// until reads a number of seconds, a time in seconds or milliseconds since 1970,
// or a date. What it cannot read is no wait.
func until(text string, now time.Time) time.Duration {
	if date, err := http.ParseTime(text); err == nil {
		return date.Sub(now)
	}
	n, err := strconv.ParseFloat(text, 64)
	const year = 365 * 24 * 3600
	switch {
	case err != nil || n < 0:
		return 0
	case n > 1e12:
		return time.UnixMilli(int64(n)).Sub(now)
	case n > 10*year:
		return time.Unix(int64(n), 0).Sub(now)
	}
	return time.Duration(n * float64(time.Second))
}
