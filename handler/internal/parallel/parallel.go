// Package parallel runs calls that do not need each other side by side.
package parallel

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
)

// Do runs the functions side by side, waits for all of them and returns their
// errors joined, in the order of the functions. It does not cancel the others
// when one fails: a half-made change is told best when each part has its answer.
//
// A panic in one of them is raised again in the caller's goroutine once all
// have ended, so that the caller's deferred clean-up runs and one recover at
// the top sees it.
func Do(ctx context.Context, fns ...func(context.Context) error) error {
	errs := make([]error, len(fns))
	panics := make([]any, len(fns))
	var wg sync.WaitGroup
	for i, fn := range fns {
		wg.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					panics[i] = fmt.Sprintf("%v\n%s", p, debug.Stack())
				}
			}()
			errs[i] = fn(ctx)
		})
	}
	wg.Wait()
	for _, p := range panics {
		if p != nil {
			panic(p)
		}
	}
	return errors.Join(errs...)
}
