package main

import (
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/bitmovin/bitmovin-export-access/local/harness"
	"github.com/bitmovin/bitmovin-export-access/local/history"
)

var (
	histories = flag.Int("histories", 200, "how many random histories TestHistories runs")
	firstSeed = flag.Uint64("history", 1, "the seed of the first of them")
)

// TestHistories runs random lives of stacks, in which everything may go wrong.
func TestHistories(t *testing.T) {
	t.Parallel()
	var next, operations atomic.Int64
	t.Run("all", func(t *testing.T) {
		for range runtime.GOMAXPROCS(0) {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				for i := next.Add(1); i <= int64(*histories) && !t.Failed(); i = next.Add(1) {
					h := history.Draw(*firstSeed + uint64(i) - 1)
					operations.Add(int64(tryHistory(t, h)))
				}
			})
		}
	})
	t.Logf("%d histories, %d operations of stacks", min(next.Load(), int64(*histories)), operations.Load())
}

// tryHistory runs a history, and tells what is wrong with it in its shortest form.
func tryHistory(t *testing.T, h history.History) (operations int) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			panic(fmt.Sprintf("%v\nin %s", p, h))
		}
	}()
	r := history.Run(t, h, program)
	if len(r.Violations) == 0 {
		return r.Operations
	}
	kind := r.Violations[0].Kind
	shortest := history.Shrink(h, func(c history.History) bool {
		return slices.ContainsFunc(history.Run(t, c, program).Violations, func(v harness.Fault) bool { return v.Kind == kind })
	})
	s := history.Run(t, shortest, program)
	t.Errorf("%s\n%s\nin short, %s\n%s\ncalls:\n%s", h, texts(r), shortest, texts(s), strings.Join(s.Calls, "\n"))
	return r.Operations
}

func texts(r history.Result) string {
	var list []string
	for _, v := range r.Violations {
		list = append(list, v.Text)
	}
	return strings.Join(list, "\n")
}
