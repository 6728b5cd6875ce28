package main

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

const (
	// maxAttempts outlasts IAM's throttling of an account in which many stacks
	// are created at once; the function's deadline ends a call in any case.
	maxAttempts = 20
	maxBackoff  = 10 * time.Second
)

// newRetryer returns the SDK's standard retryer, which also retries what IAM
// answers while another change of the same role is under way. It has no retry
// quota: that protects a service from a fleet, and here it would fail one stack.
func newRetryer() aws.Retryer {
	return retry.AddWithErrorCodes(retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = maxAttempts
		o.MaxBackoff = maxBackoff
		o.RateLimiter = ratelimit.None
	}), "ConcurrentModification", "ConcurrentModificationException", "EntityTemporarilyUnmodifiable", "EntityTemporarilyUnmodifiableException")
}
