package eventual

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

var errYet = errors.New("not yet")

func TestPauses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var got []time.Duration
		err := Repeat(t.Context(), func(context.Context) (time.Time, error) {
			got = append(got, time.Since(start))
			return start.Add(11 * time.Second), errYet
		})
		if !errors.Is(err, errYet) {
			t.Errorf("got %v, want the call's last error", err)
		}
		ms := time.Millisecond
		want := []time.Duration{0, 500 * ms, 1250 * ms, 2375 * ms, 4062500 * time.Microsecond, 6062500 * time.Microsecond,
			8062500 * time.Microsecond, 10062500 * time.Microsecond, 11 * time.Second}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the times of the calls (-want +got):\n%s", diff)
		}
		if took := time.Since(start); took != got[len(got)-1] {
			t.Errorf("returned after %v, want no pause after the last call", took)
		}
	})
}

// What takes a while is seen at most 2 s after it is there.
func TestOvershoot(t *testing.T) {
	t.Parallel()
	for _, delay := range []time.Duration{0, 100 * time.Millisecond, time.Second, 5 * time.Second, 15 * time.Second, time.Minute} {
		t.Run(delay.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start, calls := time.Now(), 0
				err := Repeat(t.Context(), func(context.Context) (until time.Time, err error) {
					if calls++; time.Since(start) < delay {
						until = start.Add(2 * time.Minute)
					}
					return until, nil
				})
				took := time.Since(start)
				if err != nil || took < delay || took > delay+longest {
					t.Errorf("got %v after %v, want nil at most 2 s after %v", err, took, delay)
				}
				if most := 5 + int(delay/longest); calls > most {
					t.Errorf("made %d calls, want at most %d", calls, most)
				}
			})
		})
	}
}

func TestEnds(t *testing.T) {
	t.Parallel()
	second := func(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }
	tests := []struct {
		name        string
		end, cancel time.Duration
		final       int // the call whose answer is final; 0: none is
		calls       int
		took        time.Duration
	}{
		{name: "final at once", end: second(60), final: 1, calls: 1},
		{name: "final at the third call", end: second(60), final: 3, calls: 3, took: second(1.25)},
		{name: "no time at all", end: 0, calls: 1},
		{name: "its time long over", end: -second(60), calls: 1},
		{name: "less time than a pause", end: second(0.4), calls: 2, took: second(0.4)},
		{name: "not one call after its time", end: second(1.25), calls: 3, took: second(1.25)},
		{name: "its time ends between two calls", end: second(2), calls: 4, took: second(2)},
		{name: "the context ends in a pause", end: second(60), cancel: second(1), calls: 2, took: second(1)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if test.cancel > 0 {
					time.AfterFunc(test.cancel, cancel)
				}
				start, calls := time.Now(), 0
				err := Repeat(ctx, func(context.Context) (time.Time, error) {
					calls++
					if calls == test.final {
						return time.Time{}, nil
					}
					return start.Add(test.end), errYet
				})
				if calls != test.calls || time.Since(start) != test.took {
					t.Errorf("made %d calls in %v, want %d in %v", calls, time.Since(start), test.calls, test.took)
				}
				if final := err == nil; final != (test.final > 0) {
					t.Errorf("got the error %v", err)
				}
			})
		})
	}
}

// A call may find out by itself that the context has ended; one is made all the
// same, so that the caller has an answer to tell.
func TestAfterContextEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		calls := 0
		err := Repeat(ctx, func(ctx context.Context) (time.Time, error) {
			calls++
			return time.Now().Add(time.Minute), ctx.Err()
		})
		if calls != 1 || !errors.Is(err, context.Canceled) {
			t.Errorf("made %d calls and got %v, want one call and its error", calls, err)
		}
	})
}

// The end of the time in a call leaves what was answered before it.
func TestEndsInACall(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answered int // so many calls get an answer, the next one waits for ever
		want     error
	}{"the first": {0, context.DeadlineExceeded}, "a later one": {2, errYet}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				calls := 0
				err := Repeat(ctx, func(ctx context.Context) (time.Time, error) {
					if calls++; calls <= tc.answered {
						return time.Now().Add(time.Minute), errYet
					}
					<-ctx.Done()
					return time.Time{}, fmt.Errorf("got no answer: %w", ctx.Err())
				})
				if !errors.Is(err, tc.want) {
					t.Errorf("got %v, want %v", err, tc.want)
				}
			})
		})
	}
}

// What was asked in the window and answered after it is asked once more.
func TestSlowAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start, calls := time.Now(), 0
		err := Repeat(t.Context(), func(context.Context) (time.Time, error) {
			calls++
			time.Sleep(8 * time.Second)
			return start.Add(5 * time.Second), errYet
		})
		if took := time.Since(start); !errors.Is(err, errYet) || calls != 2 || took != 16*time.Second {
			t.Errorf("got %v after %d calls and %v, want the last error after two calls and 16 s", err, calls, took)
		}
	})
}

// A window is that of the answer: another one may close it, or open another.
func TestWindowOfTheAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start, calls := time.Now(), 0
		errOther := errors.New("another")
		err := Repeat(t.Context(), func(context.Context) (time.Time, error) {
			if calls++; calls == 1 {
				return start.Add(time.Minute), errYet
			}
			return start.Add(3 * time.Second), errOther
		})
		if took := time.Since(start); !errors.Is(err, errOther) || took != 3*time.Second {
			t.Errorf("got %v after %v, want the last error after 3 s", err, took)
		}
	})
}

func TestWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		for _, step := range []struct{ until, want time.Duration }{{-time.Hour, 0}, {20 * time.Second, 20 * time.Second}, {time.Hour, time.Minute}} {
			if Wait(ctx, start.Add(step.until)); time.Since(start) != step.want {
				t.Errorf("waited until %v, want %v", time.Since(start), step.want)
			}
		}
	})
}
