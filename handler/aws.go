package main

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/jitter"
)

const (
	// attemptTimeout bounds one attempt of an AWS call, so that one that hangs
	// costs no more than a retry.
	attemptTimeout = 5 * time.Second

	// maxAttempts of a call that fails for another reason than throttling.
	maxAttempts = 20
	maxBackoff  = 10 * time.Second
)

// newAWSClient returns the client for calls of AWS. It follows no redirect: the
// request is signed for one host, and carries a session token.
func newAWSClient(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     transport,
		Timeout:       attemptTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// A retryer is the SDK's standard one, but for the end: a throttled call is
// repeated for as long as the function has time. Where many stacks are created at
// once each call has its turn in the end, and no count tells when.
type retryer struct {
	*retry.Standard
	log *slog.Logger
}

// newRetryer returns a retryer that also repeats what IAM answers while another
// change of the same role is under way. It has no retry quota: that protects a
// service from a fleet, and here it would fail one stack.
func newRetryer(log *slog.Logger, pauses *jitter.Source) aws.Retryer {
	return retryer{log: log, Standard: retry.NewStandard(func(o *retry.StandardOptions) {
		o.Backoff = retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) { return backoff(pauses, attempt), nil })
		o.RateLimiter = ratelimit.None
		o.Retryables = append(o.Retryables, retry.RetryableErrorCode{Codes: map[string]struct{}{
			"ConcurrentModification": {}, "ConcurrentModificationException": {},
			"EntityTemporarilyUnmodifiable": {}, "EntityTemporarilyUnmodifiableException": {},
		}})
	})}
}

// backoff is the SDK's own: less than 2^attempt seconds, at random, and maxBackoff
// once that would be more.
func backoff(pauses *jitter.Source, attempt int) time.Duration {
	if limit := time.Second << min(attempt, 10); limit <= maxBackoff {
		return pauses.Below(limit)
	}
	return maxBackoff
}

// MaxAttempts returns 0, which is no limit: RetryDelay knows what failed.
func (retryer) MaxAttempts() int { return 0 }

// RetryDelay returns the error instead of a delay once it has come often enough.
func (r retryer) RetryDelay(attempt int, err error) (time.Duration, error) {
	throttled := retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err).Bool()
	if attempt >= maxAttempts && !throttled {
		return 0, err
	}
	return r.Standard.RetryDelay(attempt, err)
}

// GetRetryToken also tells why a call is repeated. If the time is over before it
// succeeds, its error only says so.
func (r retryer) GetRetryToken(ctx context.Context, err error) (func(error) error, error) {
	r.log.WarnContext(ctx, "call is repeated", "error", err)
	return r.Standard.GetRetryToken(ctx, err)
}
