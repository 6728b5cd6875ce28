package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// TestSameSeed: with the same seed the same calls come in the same order, at the same
// virtual times, and with another seed in another.
func TestSameSeed(t *testing.T) {
	t.Parallel()
	first, again, other := seededCalls(t, 1), seededCalls(t, 1), seededCalls(t, 2)
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("calls with the same seed (-first +again):\n%s", diff)
	}
	if slices.Equal(first, other) {
		t.Error("another seed gives the same calls")
	}
}

// seededCalls are those of two stacks that are made, changed and deleted side by side,
// where IAM lags and throttles, answers are not taken, a function is killed, and an
// update is rolled back.
func seededCalls(t *testing.T, seed uint64) (calls []string) {
	t.Helper()
	harness.InBubble(t, func(t *testing.T) {
		begin := time.Now()
		e := newProviderEnv(t, options{Seed: seed, Options: aws.Options{Propagation: 7 * time.Second}})
		e.Cloud.Inject(&aws.Fault{Op: "iam:PutRolePolicy", Times: 1, Do: e.Kill, Reset: true, After: true})
		e.Cloud.Inject(&aws.Fault{Op: "iam:CreateRole", Times: 2, Code: "Throttling", Message: "Rate exceeded"})
		e.Cloud.Inject(&aws.Fault{Op: "s3:PutObject", Times: 2, Status: 503, Code: "SlowDown"})
		e.Engine.Inbox().Fail(cloudformation.InboxFault{Times: 3, Status: 503})
		e.Track("other")
		o, err := e.Engine.Start("other", harness.Plain().Template(nil), nil)
		if err != nil {
			t.Fatal(err)
		}
		e.MustApp(base)
		if s, _ := e.App(base.With(replacing), harness.Failing()); s.Status != "UPDATE_ROLLBACK_COMPLETE" {
			t.Errorf("the stack is %s", s.Status)
		}
		if _, err := o.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		e.Delete(appStack)
		for _, c := range e.Cloud.Calls() {
			calls = append(calls, fmt.Sprintf("%v to %v %s by %s for %s: %d %s", c.Start.Sub(begin), c.End.Sub(begin), c.Op, c.Caller, c.Resource, c.Status, c.Code))
		}
	})
	return calls
}
