package main

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/aws/smithy-go"
)

func TestRetryer(t *testing.T) {
	t.Parallel()
	r := newRetryer(slog.New(slog.DiscardHandler))
	if got := r.MaxAttempts(); got != 0 {
		t.Errorf("%d attempts are the most, want 0, no limit", got)
	}
	for code, c := range map[string]struct{ retried, always bool }{
		"Throttling":                    {true, true},
		"RequestLimitExceeded":          {true, true},
		"SlowDown":                      {true, true},
		"ConcurrentModification":        {true, false},
		"EntityTemporarilyUnmodifiable": {true, false},
		"RequestTimeout":                {true, false},
		"AccessDenied":                  {false, false},
		"NoSuchEntity":                  {false, false},
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			err := &smithy.GenericAPIError{Code: code}
			if got := r.IsErrorRetryable(err); got != c.retried {
				t.Errorf("it is retried: %v, want %v", got, c.retried)
			}
			if delay, got := r.RetryDelay(maxAttempts-1, err); got != nil || delay > maxBackoff {
				t.Errorf("the delay is %v (%v), want at most %v", delay, got, maxBackoff)
			}
			delay, got := r.RetryDelay(100*maxAttempts, err)
			if c.always && (got != nil || delay > maxBackoff) {
				t.Errorf("at last the delay is %v (%v), want at most %v", delay, got, maxBackoff)
			}
			if !c.always && !errors.Is(got, err) {
				t.Errorf("at last the error is %v, want its own", got)
			}
		})
	}
}
