package parallel

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func sleep(d time.Duration) func(context.Context) {
	return func(context.Context) { time.Sleep(d) }
}

func TestDoRunsSideBySide(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		Do(t.Context(), sleep(3*time.Second), sleep(time.Second), sleep(2*time.Second))
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("took %v, want as long as the longest, 3 s", took)
		}
	})
}

func TestDoNothing(t *testing.T) {
	t.Parallel()
	Do(t.Context())
	if err := Try(t.Context()); err != nil {
		t.Errorf("got %v", err)
	}
}

type key struct{}

func TestDoGivesItsContext(t *testing.T) {
	t.Parallel()
	Do(context.WithValue(t.Context(), key{}, 1), func(ctx context.Context) {
		if ctx.Value(key{}) != 1 {
			t.Error("the function got another context")
		}
	})
}

// A panic reaches the caller, once, after every function has ended; where it
// came from is told with it.
func TestDoPanics(t *testing.T) {
	t.Parallel()
	var nothing any
	tests := []struct {
		name  string
		first func(context.Context)
		want  string
	}{
		{"a text", func(context.Context) { panic("the first") }, "the first"},
		{"an error", func(context.Context) { panic(errors.New("the first")) }, "the first"},
		{"of the runtime", func(context.Context) { _ = nothing.(string) }, "interface conversion"},
		{"nil", func(context.Context) { panic(nil) }, "panic called with nil"}, //nolint:govet // what a library may do
		{"one that ends last", func(context.Context) { time.Sleep(time.Minute); panic("the first") }, "the first"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var ended atomic.Int32
				slow := func(context.Context) { time.Sleep(time.Second); ended.Add(1) }
				defer func() {
					got := fmt.Sprint(recover())
					if !strings.Contains(got, test.want) || !strings.Contains(got, "parallel_test.go") {
						t.Errorf("got the panic %.200s, want %q and where it came from", got, test.want)
					}
					if ended.Load() != 2 {
						t.Errorf("%d of 2 functions had ended at the panic", ended.Load())
					}
				}()
				Do(t.Context(), slow, test.first, slow, func(context.Context) { panic("the second") })
				t.Error("returned after a panic")
			})
		})
	}
}

func TestTry(t *testing.T) {
	t.Parallel()
	failing := func(text string, after time.Duration) func(context.Context) error {
		return func(ctx context.Context) error {
			time.Sleep(after)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if text == "" {
				return nil
			}
			return errors.New(text)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		// The last fails first; it cancels none, and comes last all the same.
		err := Try(t.Context(), failing("a", 3*time.Second), failing("", 0), failing("b", 2*time.Second), failing("c", 0))
		if diff := cmp.Diff("a\nb\nc", err.Error()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if err := Try(t.Context(), failing("", time.Second), failing("", 0)); err != nil {
			t.Errorf("got %v, want none", err)
		}
	})
	sentinel := errors.New("sentinel")
	if err := Try(t.Context(), func(context.Context) error { return fmt.Errorf("call: %w", sentinel) }); !errors.Is(err, sentinel) {
		t.Errorf("got %v, which is not the function's error any more", err)
	}
}

func TestTryPanics(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("the panic did not reach the caller")
		}
	}()
	_ = Try(t.Context(), func(context.Context) error { panic("x") }, func(context.Context) error { return nil })
}
