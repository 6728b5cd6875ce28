package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// firstReads are the reads before anything is changed, but for the role's policies.
const firstReads = "s3:HeadBucket s3:GetBucketEncryption s3:GetBucketOwnershipControls s3:GetBucketVersioning s3:GetObjectLockConfiguration " +
	"iam:GetRole iam:GetPolicy cloudformation:DescribeStacks cloudformation:DescribeStackResource"

// createSteps are the calls of a Create: what stands in one step waits for
// nothing but the steps before it.
func createSteps() []string {
	return []string{
		firstReads,
		"iam:CreateRole",
		"iam:PutRolePolicy sts:AssumeRole s3:DeleteObject",
		"role/s3:GetBucketLocation role/s3:ListObjectsV2 role/s3:PutObject iam:GetRole",
		"role/s3:PutObject role/s3:GetObject role/s3:DeleteObject iam:UpdateAssumeRolePolicy",
		"s3:DeleteObject iam:GetRole cloudformation:DescribeStacks cloudformation:DescribeStackResource",
	}
}

// updateSteps are those of an Update that changes one policy.
func updateSteps() []string {
	steps := createSteps()
	steps[0] += " iam:ListRolePolicies iam:GetRolePolicy iam:ListAttachedRolePolicies"
	steps[1] = "iam:UpdateAssumeRolePolicy"
	// What checks of earlier requests have left, below the prefix and the former one.
	steps[2] += strings.Repeat(" s3:ListObjectVersions s3:ListMultipartUploads", 2)
	return steps
}

func deleteSteps() []string {
	return []string{
		"iam:GetRole iam:ListRolePolicies iam:ListAttachedRolePolicies cloudformation:DescribeStackResource",
		"iam:DeleteRolePolicy",
		"iam:DeleteRole s3:ListObjectVersions s3:ListMultipartUploads",
		"iam:GetRole",
	}
}

// TestRoundTrips pins what each request of a resource calls, and in how many
// steps: how often it waits for AWS in a row, with the verdict as the last.
func TestRoundTrips(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := newProviderEnv(t, options{})
		for _, c := range []struct {
			name   string
			budget int
			change func() error
			steps  []string
		}{
			{"Create", 7, func() error { _, err := e.App(harness.Plain(), nil); return err }, createSteps()},
			{"Update", 7, func() error { _, err := e.App(harness.Below("exports/"), nil); return err }, updateSteps()},
			{"Delete", 5, func() error { _, err := e.Engine.Delete(t.Context(), appStack); return err }, deleteSteps()},
		} {
			if trips := len(c.steps) + 1; trips > c.budget {
				t.Errorf("%s takes %d round trips, want at most %d", c.name, trips, c.budget)
			}
			l := newLockstep(c.steps)
			e.Cloud.Inject(&aws.Fault{Match: l.hold})
			if err := c.change(); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			for _, problem := range l.end() {
				t.Errorf("%s: %s", c.name, problem)
			}
			e.wantVerdictLast()
		}
	})
}

// TestWaterfall: the picture in the documentation shows the calls of a Create.
func TestWaterfall(t *testing.T) {
	t.Parallel()
	picture, err := os.ReadFile("../docs/waterfall.svg")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range regexp.MustCompile(`<title>(\w+:\w+)( as the role)?, \d+ to \d+ ms</title>`).FindAllStringSubmatch(string(picture), -1) {
		if m[2] != "" {
			m[1] = "role/" + m[1]
		}
		got = append(got, m[1])
	}
	want := strings.Fields(strings.Join(createSteps(), " "))
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the calls in docs/waterfall.svg (-want +got):\n%s", diff)
	}
}

// wantVerdictLast checks that the latest request was answered once, after all its calls.
func (e *env) wantVerdictLast() {
	e.Helper()
	requests, calls := e.Engine.Requests(), e.Cloud.Calls()
	puts := e.Engine.Inbox().Puts(requests[len(requests)-1].RequestID)
	if len(puts) != 1 {
		e.Errorf("the verdict was put %d times", len(puts))
	}
	for _, c := range calls {
		if len(puts) > 0 && !c.End.Before(puts[0].At) {
			e.Errorf("%s ended after the verdict was put", c.Op)
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

// longestStep is less than the function's with one call, so that it is told
// what a step lacks before the function makes the call again.
const longestStep = 4 * time.Second

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
	if asRole(c) {
		name = "role/" + name
	}
	if gate := l.arrive(name); gate != nil {
		select {
		case <-gate:
		case <-time.After(longestStep):
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
