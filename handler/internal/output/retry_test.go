package output

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/jitter"
)

func TestWaitFor(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 5, 1, 12, 0, 0, 0, time.UTC)
	at := now.Add(90 * time.Second)
	tests := []struct {
		name, header, value string
		want                time.Duration
	}{
		{"seconds", "X-Ratelimit-Reset", "90", 90 * time.Second},
		{"part of a second", "X-Ratelimit-Reset", "0.5", 500 * time.Millisecond},
		{"a time", "X-Ratelimit-Reset", strconv.FormatInt(at.Unix(), 10), 90 * time.Second},
		{"a time in milliseconds", "X-Ratelimit-Reset", strconv.FormatInt(at.UnixMilli(), 10), 90 * time.Second},
		{"a time that is over", "X-Ratelimit-Reset", strconv.FormatInt(now.Unix()-5, 10), 0},
		{"retry after seconds", "Retry-After", "90", 90 * time.Second},
		{"retry after a date", "Retry-After", at.Format(http.TimeFormat), 90 * time.Second},
		{"negative", "Retry-After", "-1", 0},
		{"no number", "X-Ratelimit-Reset", "soon", 0},
		{"another header", "X-Ratelimit-Remaining", "7", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := waitFor(http.Header{tt.header: {tt.value}}, now); got != tt.want {
				t.Errorf("wait = %s, want %s", got, tt.want)
			}
		})
	}
	both := http.Header{"X-Ratelimit-Reset": {"3"}, "Retry-After": {"9"}}
	if got := waitFor(both, now); got != 9*time.Second {
		t.Errorf("wait with both headers = %s, want the longer", got)
	}
}

func FuzzWaitFor(f *testing.F) {
	for _, text := range []string{"90", "1893456000", "1893456000000", "Wed, 01 May 2030 12:00:00 GMT", "inf", "nan", "-0", "1e308"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if wait := waitFor(http.Header{"X-Ratelimit-Reset": {text}}, time.Unix(1893456000, 0)); wait < 0 {
			t.Errorf("wait for %q = %s", text, wait)
		}
	})
}

// TestRetry: the pauses grow, a longer wait is honoured, and what outlasts the
// context is not begun.
func TestRetry(t *testing.T) {
	t.Parallel()
	down := &statusError{status: http.StatusServiceUnavailable}
	tests := []struct {
		name     string
		deadline time.Duration
		answers  []error
		calls    int
		err      error
		min, max time.Duration
	}{
		{"success", time.Minute, []error{nil}, 1, nil, 0, 0},
		{"for good", time.Minute, []error{&statusError{status: 400}}, 1, &statusError{status: 400}, 0, 0},
		{"third time", time.Minute, []error{down, down, nil}, 3, nil, 750 * time.Millisecond, 1500 * time.Millisecond},
		{"told to wait", time.Minute, []error{&statusError{status: 429, wait: 20 * time.Second}, nil}, 2, nil, 20 * time.Second, 20 * time.Second},
		{"told to wait too long", time.Minute, []error{&statusError{status: 429, wait: time.Hour}}, 1, &statusError{status: 429, wait: time.Hour}, 0, 0},
		{"down until the deadline", 3 * time.Second, []error{down, down, down, down, down, down, down}, 0, down, time.Second, 3 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), tt.deadline)
				defer cancel()
				start, calls := time.Now(), 0
				err := retry(ctx, jitter.New(""), passes, func() error { calls++; return tt.answers[calls-1] })
				took := time.Since(start)
				if tt.calls > 0 && calls != tt.calls || took < tt.min || took > tt.max {
					t.Errorf("%d calls in %s, want %d in %s to %s", calls, took, tt.calls, tt.min, tt.max)
				}
				if (err == nil) != (tt.err == nil) || err != nil && err.Error() != tt.err.Error() {
					t.Errorf("error %v, want %v", err, tt.err)
				}
			})
		})
	}
}

// TestRetryTellsTheCall: when a call is cut off by the deadline, the error is the
// one before it, which says what was wrong.
func TestRetryTellsTheCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		calls := 0
		err := retry(ctx, jitter.New(""), passes, func() error {
			if calls++; calls == 1 {
				return &statusError{status: http.StatusServiceUnavailable}
			}
			<-ctx.Done()
			return ctx.Err()
		})
		if !hasStatus(err, http.StatusServiceUnavailable) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want the 503", err)
		}
	})
}
