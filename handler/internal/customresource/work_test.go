package customresource

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/parallel"
	"pgregory.net/rapid"
)

func TestDeadline(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		left, work time.Duration // the function's time, and the work's share
		verdict    time.Duration // the latest that a verdict may be decided
	}{
		{"a production function", 5 * time.Minute, 290 * time.Second, 295 * time.Second},
		{"a short function", 9 * time.Second, 6 * time.Second, 7500 * time.Millisecond},
		{"the shortest", 4500 * time.Millisecond, 3 * time.Second, 3750 * time.Millisecond},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			t.Run("work that returns", func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { testWorkThatReturns(t, test.left, test.work) })
			})
			t.Run("work that never returns", func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { testWorkThatHangs(t, test.left, test.verdict) })
			})
		})
	}
}

func testWorkThatReturns(t *testing.T, left, want time.Duration) {
	t.Helper()
	start := time.Now()
	b := newBench(t, func(ctx context.Context, r *Request) (map[string]any, error) {
		r.Report("thing-2")
		<-ctx.Done()
		return nil, fmt.Errorf("create role %q: %w", "thing-2", ctx.Err())
	})
	if err := b.invoke(testEvent("Create"), left); err != nil {
		t.Fatalf("Invoke: %v", err)
	}
	if took := time.Since(start); took != want {
		t.Errorf("the verdict came after %v, want %v", took, want)
	}
	got := b.verdict(t)
	wantReason := `timed out during: create role "thing-2": context deadline exceeded`
	if got.Status != "FAILED" || got.PhysicalResourceID != "thing-2" || got.Reason != wantReason {
		t.Errorf("got %s %q %q, want FAILED %q %q", got.Status, got.PhysicalResourceID, got.Reason, "thing-2", wantReason)
	}
}

func testWorkThatHangs(t *testing.T, left, want time.Duration) {
	t.Helper()
	start := time.Now()
	release := make(chan struct{})
	b := newBench(t, func(_ context.Context, r *Request) (map[string]any, error) {
		r.Report("thing-2")
		<-release
		r.Report("thing-3")
		return map[string]any{"late": true}, nil
	})
	if err := b.invoke(testEvent("Create"), left); err != nil {
		t.Fatalf("Invoke: %v", err)
	}
	if took := time.Since(start); took != want {
		t.Errorf("the verdict came after %v, want %v", took, want)
	}
	close(release)
	synctest.Wait()
	got := b.verdict(t)
	if got.Status != "FAILED" || got.PhysicalResourceID != "thing-2" || !strings.Contains(got.Reason, "did not stop") {
		t.Errorf("got %s %q %q, want FAILED thing-2 that says the work did not stop", got.Status, got.PhysicalResourceID, got.Reason)
	}
}

func TestSuccessAfterTheCancellation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(ctx context.Context, _ *Request) (map[string]any, error) {
			<-ctx.Done()
			return nil, nil
		})
		if err := b.invoke(testEvent("Delete"), time.Minute); err != nil {
			t.Fatalf("Invoke: %v", err)
		}
		if got := b.verdict(t); got.Status != "SUCCESS" {
			t.Errorf("got %s %q, want SUCCESS: the work said so", got.Status, got.Reason)
		}
	})
}

func TestTooLittleTime(t *testing.T) {
	t.Parallel()
	for _, left := range []time.Duration{300 * time.Millisecond, 2 * time.Second, 4499 * time.Millisecond} {
		t.Run(left.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				b := newBench(t, func(context.Context, *Request) (map[string]any, error) {
					t.Error("the handler was called")
					return nil, nil
				})
				if err := b.invoke(testEvent("Delete"), left); err != nil {
					t.Fatalf("Invoke: %v", err)
				}
				if took := time.Since(start); took != 0 {
					t.Errorf("it took %v, want an answer at once", took)
				}
				if got := b.verdict(t); got.Status != "FAILED" || !strings.Contains(got.Reason, "nothing was changed") {
					t.Errorf("got %s %q, want FAILED that says nothing was changed", got.Status, got.Reason)
				}
			})
		})
	}
}

func TestPanic(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		handler Handler
		reason  string
	}{
		{"in the handler", func(context.Context, *Request) (map[string]any, error) { panic("boom") }, "internal error: panic: boom"},
		{"an error", func(context.Context, *Request) (map[string]any, error) { panic(errors.New("boom")) }, "internal error: panic: boom"},
		{"nil", func(context.Context, *Request) (map[string]any, error) { panic(nil) }, "internal error: panic: panic called with nil argument"}, //nolint:govet // the panic is what is tested
		{"in a goroutine", func(ctx context.Context, _ *Request) (map[string]any, error) {
			return nil, parallel.Try(ctx, func(context.Context) error { panic("boom") })
		}, "internal error: panic: boom"},
		{"of the runtime", func(context.Context, *Request) (map[string]any, error) {
			var m map[string]int
			m["x"] = 1 //nolint:govet,staticcheck // the panic is what is tested
			return nil, nil
		}, "internal error: panic: assignment to entry in nil map"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, func(ctx context.Context, r *Request) (map[string]any, error) {
					r.Report("thing-2")
					return test.handler(ctx, r)
				})
				if err := b.invoke(testEvent("Create"), time.Minute); err != nil {
					t.Errorf("Invoke: %v, want nil: Lambda would run the work again", err)
				}
				got := b.verdict(t)
				if got.Status != "FAILED" || got.PhysicalResourceID != "thing-2" || !strings.HasPrefix(got.Reason, test.reason) {
					t.Errorf("got %s %q %q, want FAILED thing-2 %q", got.Status, got.PhysicalResourceID, got.Reason, test.reason)
				}
				if strings.Contains(got.Reason, "goroutine") || strings.Contains(got.Reason, "\n") {
					t.Errorf("the reason has a stack: %q", got.Reason)
				}
				if !strings.Contains(b.logged.String(), `"call_stack":"goroutine`) {
					t.Errorf("the log has no stack:\n%s", b.logged)
				}
			})
		})
	}
}

func TestCleanUp(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		left      time.Duration
		after     time.Duration // when the work calls CleanUp; past its own time, the work hangs until then
		want      time.Duration // how long the clean-up may take
		cancelled bool          // the work's context, then
	}{
		{"after a failure halfway", time.Minute, 20 * time.Second, 4 * time.Second, false},
		{"at the cancellation", time.Minute, 50 * time.Second, 4 * time.Second, true},
		{"late", time.Minute, 53 * time.Second, time.Second, true},
		{"too late", time.Minute, 54500 * time.Millisecond, 0, true},
		{"shortly before the cancellation", time.Minute, 49 * time.Second, 4 * time.Second, false},
		{"a short function", 6 * time.Second, 4 * time.Second, 800 * time.Millisecond, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, func(ctx context.Context, _ *Request) (map[string]any, error) {
					time.Sleep(test.after)
					synctest.Wait()
					if got := ctx.Err() != nil; got != test.cancelled {
						t.Errorf("the work's context is cancelled: %v, want %v", got, test.cancelled)
					}
					ctx, cancel := CleanUp(ctx)
					defer cancel()
					start := time.Now()
					if end, _ := ctx.Deadline(); max(0, end.Sub(start)) != test.want {
						t.Errorf("the clean-up's deadline is in %v, want %v", end.Sub(start), test.want)
					}
					<-ctx.Done()
					if got := time.Since(start); got != test.want {
						t.Errorf("the clean-up may take %v, want %v", got, test.want)
					}
					return nil, errors.New("cleaned up")
				})
				if err := b.invoke(testEvent("Create"), test.left); err != nil {
					t.Fatalf("Invoke: %v", err)
				}
				if got := b.verdict(t); !strings.HasSuffix(got.Reason, "cleaned up") {
					t.Errorf("got the reason %q, want the work's", got.Reason)
				}
			})
		})
	}
}

func TestCleanUpKeepsValues(t *testing.T) {
	t.Parallel()
	type key struct{}
	ctx, stop := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
	stop()
	ctx, cancel := CleanUp(ctx)
	defer cancel()
	if _, bounded := ctx.Deadline(); ctx.Err() != nil || !bounded || ctx.Value(key{}) != "value" {
		t.Errorf("got %v, want a bounded context, alive, with its parent's values", ctx)
	}
}

// Cleaning up within a clean-up buys no time.
func TestCleanUpWithinACleanUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(ctx context.Context, _ *Request) (map[string]any, error) {
			<-ctx.Done()
			first, cancel := CleanUp(ctx)
			defer cancel()
			time.Sleep(3 * time.Second)
			second, cancel := CleanUp(first)
			defer cancel()
			want, _ := first.Deadline()
			if got, _ := second.Deadline(); !got.Equal(want) {
				t.Errorf("the second ends %v after the first", got.Sub(want))
			}
			if _, ok := lambdacontext.FromContext(second); !ok {
				t.Error("the clean-up does not know its invocation")
			}
			return nil, ctx.Err()
		})
		if err := b.invoke(testEvent("Delete"), time.Minute); err != nil {
			t.Errorf("Invoke: %v", err)
		}
	})
}

// A goroutine that the work leaves behind must not call AWS after the verdict.
func TestNoContextOutlivesTheVerdict(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		hang bool
	}{{"of work that returned", false}, {"of work that hangs", true}}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				left := make(chan context.Context, 3)
				release := make(chan struct{})
				defer close(release)
				b := newBench(t, func(ctx context.Context, _ *Request) (map[string]any, error) {
					cleanUp, _ := CleanUp(ctx)
					left <- ctx
					left <- cleanUp
					if test.hang {
						time.Sleep(53 * time.Second)
						late, _ := CleanUp(ctx)
						left <- late
						<-release
					}
					return nil, nil
				})
				b.answer = func(int, http.ResponseWriter, *http.Request) {
					for range len(left) {
						if ctx := <-left; ctx.Err() == nil {
							t.Errorf("%v is alive when the verdict arrives", ctx)
						}
					}
				}
				if err := b.invoke(testEvent("Create"), time.Minute); err != nil {
					t.Fatalf("Invoke: %v", err)
				}
			})
		})
	}
}

// Whatever time there is, each phase has some of it, in order.
func TestPlan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Now()
		left := time.Duration(rapid.Int64Range(int64(minWork*3/2), int64(15*time.Minute)).Draw(t, "left"))
		deadline := now.Add(left)
		s := plan(now, deadline)
		if s.work.Sub(now) < minWork || s.share <= 0 || s.share > 4*time.Second {
			t.Fatalf("%v: work takes %v, clean-up %v", left, s.work.Sub(now), s.share)
		}
		if !s.work.Before(s.cleanUp) || !s.cleanUp.Before(s.wait) || deadline.Sub(s.wait)*4/5 < minTry {
			t.Fatalf("%v: out of order or too tight: work %v, clean-up %v, wait %v, end %v",
				left, s.work.Sub(now), s.cleanUp.Sub(now), s.wait.Sub(now), left)
		}
	})
}
