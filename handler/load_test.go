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
)

// BenchmarkLoad measures 200 stacks that are created at once, and then deleted at
// once, in an account whose IAM is throttled to 10 calls a second.
func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		l := startApp(b, crowded()).load(200)
		report(b, float64(l.created), "created")
		report(b, l.createTook.Seconds(), "create-s")
		report(b, float64(l.deleted), "deleted")
		report(b, l.deleteTook.Seconds(), "delete-s")
		report(b, float64(l.left), "left")
		report(b, float64(l.answered), "answered")
	}
}

// TestLoad is the same with fewer stacks.
func TestLoad(t *testing.T) {
	t.Parallel()
	const stacks = 20
	l := startApp(t, crowded()).load(stacks)
	if l.created != stacks || l.deleted != stacks || l.answered != 2*stacks || l.left != 0 {
		t.Errorf("of %d stacks: %+v", stacks, l)
	}
}

// crowded are the options of an account in which many want something at once.
func crowded() options {
	return options{Options: aws.Options{IAMRate: 10, Propagation: 5 * time.Second}}
}

// A load is what came of many stacks at once.
type load struct {
	created, deleted, answered, left int
	createTook, deleteTook           time.Duration
}

// load creates so many stacks at once, and then deletes them.
func (d *desk) load(stacks int) (l load) {
	d.Helper()
	l.created, l.createTook = atOnce(stacks, func(stack string) (*cloudformation.Stack, error) {
		return d.engine.Deploy(d.Context(), stack, plain().template(nil), nil)
	})
	l.left = d.leftovers()
	l.deleted, l.deleteTook = atOnce(stacks, func(stack string) (*cloudformation.Stack, error) {
		return d.engine.Delete(d.Context(), stack)
	})
	l.left += d.leftovers() + len(d.exportRoles())
	l.answered = d.answered()
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
func (d *desk) leftovers() int {
	n := 0
	d.cloud.View(func(s *aws.State) {
		b := s.Buckets[bucketName]
		n = len(b.Versions) + len(b.Uploads)
	})
	for _, r := range d.exportRoles() {
		if strings.Count(r.Trust, `"Effect"`) != 1 {
			n++
		}
	}
	return n
}

// answered counts the requests that got an answer.
func (d *desk) answered() int { return len(d.verdicts()) }
