package main

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// TestLoad: 200 stacks that are created at once, and then deleted at once, in an
// account whose IAM is throttled to 10 calls a second, are all served, and nothing of
// them is left.
func TestLoad(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		got := newProviderEnv(t, throttled()).load(stacksAtOnce)
		got.createTook, got.deleteTook = 0, 0 // make bench tells them
		want := load{created: stacksAtOnce, deleted: stacksAtOnce, answered: 2 * stacksAtOnce}
		if got != want {
			t.Errorf("of %d stacks: got %+v, want %+v", stacksAtOnce, got, want)
		}
	})
}

const stacksAtOnce = 200

// throttled are the options of an account in which many want something at once.
func throttled() options {
	return options{Options: aws.Options{IAMRate: 10, Propagation: 5 * time.Second}}
}

// A load is what came of many stacks at once.
type load struct {
	created, deleted, answered, left int
	createTook, deleteTook           time.Duration
}

// load creates so many stacks at once, and then deletes them.
func (e *env) load(stacks int) (l load) {
	e.Helper()
	l.created, l.createTook = atOnce(stacks, func(stack string) (*cloudformation.Stack, error) {
		return e.Engine.Deploy(e.Context(), stack, harness.Plain().Template(nil), nil)
	})
	l.left = e.leftovers()
	l.deleted, l.deleteTook = atOnce(stacks, func(stack string) (*cloudformation.Stack, error) {
		return e.Engine.Delete(e.Context(), stack)
	})
	l.left += e.leftovers() + len(e.ExportRoles())
	l.answered = len(e.Verdicts())
	return l
}

// atOnce does something with so many stacks at once, and returns with how many of
// them it succeeded and how long all took.
func atOnce(stacks int, do func(name string) (*cloudformation.Stack, error)) (succeeded int, took time.Duration) {
	begin := time.Now()
	var n atomic.Int64
	var all sync.WaitGroup
	for i := range stacks {
		all.Go(func() {
			if _, err := do(fmt.Sprint("load-", i)); err == nil {
				n.Add(1)
			}
		})
	}
	all.Wait()
	return int(n.Load()), time.Since(begin)
}

// leftovers counts what checks have left in the bucket and in trust policies.
func (e *env) leftovers() int {
	n := 0
	e.Cloud.View(func(s *aws.State) {
		b := s.Buckets[bucketName]
		n = len(b.Versions) + len(b.Uploads)
	})
	for _, r := range e.ExportRoles() {
		if strings.Count(r.Trust, `"Effect"`) != 1 {
			n++
		}
	}
	return n
}
