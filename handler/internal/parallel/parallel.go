// Package parallel runs calls that do not need each other side by side.
package parallel

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
)

// Do runs the functions side by side and waits for all of them.
//
// A panic in one of them is raised again in the caller's goroutine once all
// have ended, so that the caller's deferred clean-up runs and one recover at
// the top sees it.
func Do(ctx context.Context, fns ...func(context.Context)) {
	panics := make([]any, len(fns))
	var wg sync.WaitGroup
	for i, fn := range fns {
		wg.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					panics[i] = fmt.Sprintf("%v\n%s", p, debug.Stack())
				}
			}()
			fn(ctx)
		})
	}
	wg.Wait()
	for _, p := range panics {
		if p != nil {
			panic(p)
		}
	}
}

// Try runs the functions side by side as [Do] does and returns their errors, in
// the functions' order. It does not cancel the others when one fails: a change
// that is half made is told best when each part has its answer.
func Try(ctx context.Context, fns ...func(context.Context) error) error {
	errs := make([]error, len(fns))
	do := make([]func(context.Context), len(fns))
	for i, fn := range fns {
		do[i] = func(ctx context.Context) { errs[i] = fn(ctx) }
	}
	Do(ctx, do...)
	return errors.Join(errs...)
}
