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
	const stacks = 200
	for b.Loop() {
		d := startApp(b, options{Options: aws.Options{IAMRate: 10, Propagation: 5 * time.Second}})
		created, took := atOnce(stacks, func(stack string) (*cloudformation.Stack, error) {
			return d.engine.Deploy(b.Context(), stack, plain().template(nil), nil)
		})
		report(b, float64(created), "created")
		report(b, took.Seconds(), "create-s")
		left := d.leftovers()
		deleted, took := atOnce(stacks, func(stack string) (*cloudformation.Stack, error) {
			return d.engine.Delete(b.Context(), stack)
		})
		report(b, float64(deleted), "deleted")
		report(b, took.Seconds(), "delete-s")
		report(b, float64(left+d.leftovers()+len(d.exportRoles())), "left")
		report(b, float64(d.answered()), "answered")
	}
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
