package lambda_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/harness"
	"github.com/bitmovin/bitmovin-export-access/local/lambda"
	"github.com/bitmovin/bitmovin-export-access/local/network"
)

// A testFunction is a function in this process, and a server that it may call.
type testFunction struct {
	*lambda.Function
	*testing.T
	url string

	mu sync.Mutex
	// instances is how many were started, served how many calls the server got.
	instances, served int
	// late gets what came of a call of "ignores its end" that was made after its end.
	late chan error
}

// newTestFunction returns a testFunction, for a test in a bubble.
func newTestFunction(t *testing.T, c lambda.Config) *testFunction {
	t.Helper()
	l := &testFunction{T: t, late: make(chan error, 10)}
	memory := network.NewMemory(1)
	var stop func()
	l.url, stop = memory.Serve(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.served++
	}))
	l.Function = lambda.New(l.config(memory, c))
	t.Cleanup(func() { l.Close(); stop() })
	return l
}

func (l *testFunction) config(memory *network.Memory, c lambda.Config) lambda.Config {
	c.Program, c.Network, c.FunctionARN = l.program, memory, arn
	if c.Timeout == 0 {
		c.Timeout = 300 * time.Second
	}
	return c
}

// program does what the event says, and prints that with the number of its instance.
func (l *testFunction) program(env map[string]string, log io.Writer, via http.RoundTripper) func(context.Context, []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.instances++
	instance := l.instances
	call := func(ctx context.Context) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url, nil)
		if err != nil {
			return err
		}
		answer, err := via.RoundTrip(r)
		if err != nil {
			return err
		}
		return answer.Body.Close()
	}
	return func(ctx context.Context, event []byte) error {
		do := strings.Trim(string(event), `"`)
		_, _ = fmt.Fprintf(log, "%s in instance %d, colour %s\n", do, instance, env["COLOUR"])
		switch do {
		case "call":
			return call(ctx)
		case "fail":
			return errors.New("no luck")
		case "panic":
			panic("oh")
		case "sleep":
			time.Sleep(time.Second)
		case "hang":
			<-ctx.Done()
			return ctx.Err()
		case "ignores its end": // does not notice its end, and goes on
			time.Sleep(time.Hour)
			_, _ = fmt.Fprintln(log, "still there")
			l.late <- call(context.WithoutCancel(ctx))
		case "context":
			c, _ := lambdacontext.FromContext(ctx)
			deadline, _ := ctx.Deadline()
			_, _ = fmt.Fprintf(log, "id=%s arn=%s left=%v region=%s\n", c.AwsRequestID, c.InvokedFunctionArn, time.Until(deadline), env["AWS_REGION"])
		}
		return nil
	}
}

func (l *testFunction) invoke(do string) *lambda.Invocation { return invoke(l.Function, do) }

// count returns the numbers of instances and of calls.
func (l *testFunction) count() (instances, served int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.instances, l.served
}

func TestProgramAttempts(t *testing.T) {
	t.Parallel()
	const minute = time.Minute
	timedOut := lambda.Attempt{Err: "timed out after 300.00 seconds", TimedOut: true, Duration: 5 * minute}
	for name, test := range map[string]struct {
		config    lambda.Config
		do        string
		want      []lambda.Attempt // Err is compared as a part
		took      time.Duration
		instances int
	}{
		"success":  {do: "ok", want: []lambda.Attempt{{}}, instances: 1},
		"an error": {do: "fail", want: []lambda.Attempt{{Err: "no luck"}, {Err: "no luck"}, {Err: "no luck"}}, took: 3 * minute, instances: 1},
		"a panic":  {do: "panic", want: []lambda.Attempt{{Err: "oh"}, {Err: "oh"}, {Err: "oh"}}, took: 3 * minute, instances: 3},
		"a timeout": {
			do: "hang", want: []lambda.Attempt{timedOut, timedOut, timedOut}, took: 18 * minute, instances: 3,
		},
		"a function that takes its time": {do: "sleep", want: []lambda.Attempt{{Duration: time.Second}}, took: time.Second, instances: 1},
		"other delays": {
			config: lambda.Config{RetryDelays: []time.Duration{time.Second}}, do: "fail",
			want: []lambda.Attempt{{Err: "no luck"}, {Err: "no luck"}}, took: time.Second, instances: 1,
		},
		"no retry": {config: lambda.Config{RetryDelays: []time.Duration{}}, do: "fail", want: []lambda.Attempt{{Err: "no luck"}}, instances: 1},
		"young enough for the third of three that time out": {
			config: lambda.Config{MaxEventAge: 15 * minute}, do: "hang", want: []lambda.Attempt{timedOut, timedOut, timedOut}, took: 18 * minute, instances: 3,
		},
		"too old for the third of three that time out": {
			config: lambda.Config{MaxEventAge: 10 * minute}, do: "hang", want: []lambda.Attempt{timedOut, timedOut}, took: 13 * minute, instances: 2,
		},
		"too old for a second retry": {
			config: lambda.Config{MaxEventAge: 2 * minute}, do: "fail",
			want: []lambda.Attempt{{Err: "no luck"}, {Err: "no luck"}}, took: 3 * minute, instances: 1,
		},
	} {
		harness.Run(t, name, func(t *testing.T) {
			l := newTestFunction(t, test.config)
			begin := time.Now()
			got := l.invoke(test.do).Wait()
			if took := time.Since(begin); !about(took, test.took) {
				t.Errorf("it took %v, want %v", took, test.took)
			}
			for n := range got {
				if n < len(test.want) && strings.Contains(got[n].Err, test.want[n].Err) {
					got[n].Err = test.want[n].Err
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("attempts (-want +got):\n%s", diff)
			}
			if n, _ := l.count(); n != test.instances {
				t.Errorf("%d instances were started, want %d", n, test.instances)
			}
		})
	}
}

func TestWhatAProgramSees(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		l := newTestFunction(t, lambda.Config{Env: map[string]string{"COLOUR": "blue"}})
		i := l.invoke("context")
		i.Wait()
		for _, want := range []string{
			"colour blue\n", "id=" + i.RequestID + " arn=" + arn + " left=5m0s region=eu-west-1\n",
			`"type":"platform.start"`, `"type":"platform.report"`,
		} {
			if !strings.Contains(l.Logs(), want) {
				t.Errorf("logs lack %s:\n%s", want, l.Logs())
			}
		}
	})
}

func TestInstancesAreReusedAndMultiplied(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		l := newTestFunction(t, lambda.Config{})
		for range 3 {
			l.invoke("ok").Wait()
		}
		if n, _ := l.count(); n != 1 {
			t.Errorf("three requests in a row took %d instances, want 1", n)
		}
		var all []*lambda.Invocation
		for range 4 {
			all = append(all, l.invoke("sleep"))
		}
		for _, i := range all {
			i.Wait()
		}
		if n, _ := l.count(); n != 4 {
			t.Errorf("four requests at once took %d instances, want 4", n)
		}
	})
}

// TestEndIsForGood: an instance that was killed, or that Lambda's timeout has ended,
// reaches nothing and prints nothing any more, and serves no other request.
func TestEndIsForGood(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		end  func(l *testFunction)
		want func(a lambda.Attempt) bool
	}{
		"killed":    {func(l *testFunction) { l.Kill() }, func(a lambda.Attempt) bool { return a.Killed && !a.TimedOut }},
		"timed out": {func(*testFunction) { time.Sleep(301 * time.Second) }, func(a lambda.Attempt) bool { return a.TimedOut && !a.Killed }},
	} {
		harness.Run(t, name, func(t *testing.T) {
			l := newTestFunction(t, lambda.Config{RetryDelays: []time.Duration{}})
			i := l.invoke("ignores its end")
			time.Sleep(arrival)
			test.end(l)
			if a := i.Wait(); len(a) != 1 || !test.want(a[0]) {
				t.Errorf("attempts: got %+v", a)
			}
			if a := l.invoke("call").Wait(); len(a) != 1 || a[0].Err != "" {
				t.Errorf("the next request: got %+v, want a success", a)
			}
			if err := <-l.late; err == nil {
				t.Error("the ended instance could make a call")
			}
			if strings.Contains(l.Logs(), "still there") {
				t.Errorf("the ended instance could print:\n%s", l.Logs())
			}
			if instances, served := l.count(); instances != 2 || served != 1 {
				t.Errorf("%d instances and %d calls, want 2 and 1", instances, served)
			}
		})
	}
}

func TestKillSparesIdleInstances(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		l := newTestFunction(t, lambda.Config{})
		l.Kill() // nothing runs
		l.invoke("ok").Wait()
		l.Kill()
		if l.invoke("ok").Wait(); strings.Count(l.Logs(), "ok in instance 1") != 2 {
			t.Errorf("the second request was not served by the warm instance:\n%s", l.Logs())
		}
	})
}

// TestKilledIsRetried: what an instance could not end another one does a minute later.
func TestKilledIsRetried(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		l := newTestFunction(t, lambda.Config{})
		begin := time.Now()
		i := l.invoke("sleep")
		time.Sleep(arrival)
		l.Kill()
		a := i.Wait()
		if len(a) != 2 || !a[0].Killed || !strings.Contains(a[0].Err, "signal: killed") || a[1].Err != "" {
			t.Errorf("attempts: got %+v, want one that was killed and one success", a)
		}
		if took, want := time.Since(begin), time.Minute+time.Second; !about(took, want) {
			t.Errorf("it took %v, want %v", took, want)
		}
		if n, _ := l.count(); n != 2 {
			t.Errorf("there were %d instances, want 2", n)
		}
	})
}

// arrival is longer than an event takes to an instance.
const arrival = 10 * time.Millisecond

// about reports whether a time is the wanted one, but for the arrivals of up to three
// deliveries.
func about(took, want time.Duration) bool { return took >= want && took < want+3*arrival }

func TestProgramConfigure(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		l := newTestFunction(t, lambda.Config{Env: map[string]string{"COLOUR": "blue"}})
		running := l.invoke("sleep")
		time.Sleep(arrival)
		l.Configure(l.config(network.NewMemory(2), lambda.Config{Env: map[string]string{"COLOUR": "red"}}))
		if a := running.Wait(); len(a) != 1 || a[0].Err != "" {
			t.Errorf("the request under way: got %+v, want a success", a)
		}
		l.invoke("ok").Wait()
		for _, want := range []string{"sleep in instance 1, colour blue\n", "ok in instance 2, colour red\n"} {
			if !strings.Contains(l.Logs(), want) {
				t.Errorf("logs lack %q:\n%s", want, l.Logs())
			}
		}
	})
}

func TestCloseEndsPrograms(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		var out buffer
		l := newTestFunction(t, lambda.Config{Log: &out})
		l.invoke("ok").Wait()
		running, ignoring, retrying := l.invoke("hang"), l.invoke("ignores its end"), l.invoke("fail")
		time.Sleep(arrival)
		l.Close()
		for _, i := range []*lambda.Invocation{running, ignoring} {
			if a := i.Wait(); len(a) != 1 || !a[0].Killed {
				t.Errorf("a running request: got %+v, want killed", a)
			}
		}
		if a := retrying.Wait(); len(a) != 1 {
			t.Errorf("the waiting event: got %d attempts, want 1", len(a))
		}
		if a := l.invoke("ok").Wait(); len(a) != 0 {
			t.Errorf("after Close: got %d attempts, want none", len(a))
		}
		if err := <-l.late; err == nil {
			t.Error("after Close an instance could make a call")
		}
		if out.String() != l.Logs() || !strings.Contains(l.Logs(), "hang in instance") || strings.Contains(l.Logs(), "still there") {
			t.Errorf("Log got\n%s\nwant everything:\n%s", out.String(), l.Logs())
		}
	})
}
