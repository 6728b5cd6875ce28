package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
)

// TestRoundTrips pins what each request of a resource calls, and in how many
// steps: how often it waits for AWS in a row, with the verdict as the last. What
// stands in one step waits for nothing but the steps before it.
func TestRoundTrips(t *testing.T) {
	d := newApp(t, options{})
	first := properties{"BucketName": bucketName}
	second := first.with(properties{"ObjectPrefix": "exports/"})
	for _, c := range []struct {
		name   string
		budget int
		change func() error
		steps  []string
	}{
		{"Create", 7, func() error { _, err := d.app(first, nil); return err }, []string{
			"s3:HeadBucket s3:GetBucketEncryption s3:GetBucketOwnershipControls s3:GetBucketVersioning s3:GetObjectLockConfiguration " +
				"iam:GetRole cloudformation:DescribeStacks cloudformation:DescribeStackResource",
			"iam:CreateRole",
			"iam:PutRolePolicy sts:AssumeRole s3:DeleteObject",
			"role/s3:GetBucketLocation role/s3:ListObjectsV2 role/s3:PutObject iam:GetRole",
			"role/s3:PutObject role/s3:GetObject role/s3:DeleteObject iam:UpdateAssumeRolePolicy",
			"s3:DeleteObject iam:GetRole cloudformation:DescribeStacks cloudformation:DescribeStackResource",
		}},
		{"Update with one changed policy", 7, func() error { _, err := d.app(second, nil); return err }, []string{
			"s3:HeadBucket s3:GetBucketEncryption s3:GetBucketOwnershipControls s3:GetBucketVersioning s3:GetObjectLockConfiguration " +
				"iam:GetRole iam:ListRolePolicies iam:GetRolePolicy iam:ListAttachedRolePolicies " +
				"cloudformation:DescribeStacks cloudformation:DescribeStackResource",
			"iam:UpdateAssumeRolePolicy",
			"iam:PutRolePolicy sts:AssumeRole s3:DeleteObject",
			"role/s3:GetBucketLocation role/s3:ListObjectsV2 role/s3:PutObject iam:GetRole",
			"role/s3:PutObject role/s3:GetObject role/s3:DeleteObject iam:UpdateAssumeRolePolicy",
			"s3:DeleteObject iam:GetRole cloudformation:DescribeStacks cloudformation:DescribeStackResource",
		}},
		{"Delete", 5, func() error { _, err := d.engine.Delete(t.Context(), appStack); return err }, []string{
			"iam:GetRole iam:ListRolePolicies iam:ListAttachedRolePolicies",
			"iam:DeleteRolePolicy",
			"iam:DeleteRole s3:ListObjectVersions s3:ListMultipartUploads",
			"iam:GetRole",
		}},
	} {
		if trips := len(c.steps) + 1; trips > c.budget {
			t.Errorf("%s takes %d round trips, want at most %d", c.name, trips, c.budget)
		}
		l := newLockstep(c.steps)
		d.cloud.Inject(&aws.Fault{Match: l.hold})
		if err := c.change(); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		for _, problem := range l.end() {
			t.Errorf("%s: %s", c.name, problem)
		}
		d.wantVerdictLast()
	}
}

// wantVerdictLast sees that the latest request was answered once, after all its calls.
func (d *desk) wantVerdictLast() {
	d.Helper()
	requests, calls := d.engine.Requests(), d.cloud.Calls()
	puts := d.engine.Inbox().Puts(requests[len(requests)-1].RequestID)
	if len(puts) != 1 {
		d.Errorf("the verdict was put %d times", len(puts))
	}
	for _, c := range calls {
		if len(puts) > 0 && !c.End.Before(puts[0].At) {
			d.Errorf("%s ended after the verdict was put", c.Op)
		}
	}
}

// A lockstep holds every call until all calls of its step are there, and then
// lets them go together: so it sees, without a clock, what waits for what. A call
// that comes before or after its step is told, and not held.
type lockstep struct {
	mu sync.Mutex
	// awaited are the calls of the step that are yet to come, later the steps
	// after it, and gate opens when all have come.
	awaited []string
	later   []string
	gate    chan struct{}

	step     int
	problems []string
	over     bool
}

// patienceOfStep is less than the function's with one call, so that it is told
// what a step lacks before the function makes the call again.
const patienceOfStep = 4 * time.Second

func newLockstep(steps []string) *lockstep {
	l := &lockstep{later: steps}
	l.next()
	return l
}

// next begins the next step. The caller holds l.mu.
func (l *lockstep) next() {
	l.step++
	l.gate = make(chan struct{})
	if l.awaited = nil; len(l.later) > 0 {
		l.awaited, l.later = strings.Fields(l.later[0]), l.later[1:]
	}
}

// hold is the Match of an [aws.Fault] that never strikes.
func (l *lockstep) hold(c aws.Call) bool {
	name := c.Op
	if strings.HasSuffix(c.Caller, "/bitmovin-access-check") {
		name = "role/" + name
	}
	if gate := l.arrive(name); gate != nil {
		select {
		case <-gate:
		case <-time.After(patienceOfStep):
			l.giveUp()
		}
	}
	return false
}

// arrive returns what the call has to wait for, nil if nothing.
func (l *lockstep) arrive(name string) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.awaited, name)
	switch {
	case l.over:
		return nil
	case i < 0:
		l.problems = append(l.problems, fmt.Sprintf("step %d: %s is not of it; yet to come: %v", l.step, name, l.awaited))
		return nil
	}
	gate := l.gate
	if l.awaited = slices.Delete(l.awaited, i, i+1); len(l.awaited) == 0 {
		close(gate)
		l.next()
	}
	return gate
}

// giveUp lets everything pass from now on.
func (l *lockstep) giveUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over {
		l.over = true
		l.problems = append(l.problems, fmt.Sprintf("step %d: some wait for others that have not come: %v", l.step, l.awaited))
		close(l.gate)
	}
}

// end ends the holding and returns what was not as it should be.
func (l *lockstep) end() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if left := slices.Concat(l.awaited, l.later); !l.over && len(left) > 0 {
		l.problems = append(l.problems, fmt.Sprintf("step %d: these calls were not made: %v", l.step, left))
	}
	l.over = true
	return l.problems
}
