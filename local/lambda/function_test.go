package lambda_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	runtime "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/lambda"
)

// TestMain is also the function under test, which is started without arguments;
// go test gives some. Were it told by an environment variable, a sandbox that
// forgot the variable would run the tests again, and so on without an end.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		os.Exit(m.Run())
	}
	if os.Getenv("BREAK_INIT") != "" {
		os.Exit(7)
	}
	runtime.Start(handle)
}

// handle does what the event says.
func handle(ctx context.Context, do string) error {
	lc, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	fmt.Printf("%s pid=%d id=%s arn=%s left=%d\n",
		do, os.Getpid(), lc.AwsRequestID, lc.InvokedFunctionArn, time.Until(deadline).Round(time.Second)/time.Second)
	switch do {
	case "fail":
		return fmt.Errorf("no luck")
	case "panic":
		panic("oh")
	case "exit":
		os.Exit(3)
	case "sleep":
		time.Sleep(200 * time.Millisecond)
	case "hang":
		select {}
	case "environment":
		text, err := json.Marshal(os.Environ())
		fmt.Println(string(text))
		return err
	}
	return nil
}

const arn = "arn:aws:lambda:eu-west-1:111122223333:function:one"

func start(t *testing.T, change func(*lambda.Config)) *lambda.Function {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := lambda.Config{Binary: binary, FunctionARN: arn, Timeout: 10 * time.Second, RetryDelays: []time.Duration{0, 0}}
	if change != nil {
		change(&c)
	}
	f := lambda.New(c)
	t.Cleanup(f.Close)
	return f
}

func invoke(f *lambda.Function, do string) *lambda.Invocation {
	return f.Invoke([]byte(`"` + do + `"`))
}

func TestAttempts(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*lambda.Config)
		do     string
		want   []lambda.Attempt // Err is compared as a part
	}{
		"success":  {do: "ok", want: []lambda.Attempt{{}}},
		"an error": {do: "fail", want: []lambda.Attempt{{Err: "no luck"}, {Err: "no luck"}, {Err: "no luck"}}},
		"a panic":  {do: "panic", want: []lambda.Attempt{{Err: "oh"}, {Err: "oh"}, {Err: "oh"}}},
		"an exit": {
			do: "exit", change: func(c *lambda.Config) { c.RetryDelays = []time.Duration{time.Millisecond} },
			want: []lambda.Attempt{{Err: "exit status 3"}, {Err: "exit status 3"}},
		},
		"a timeout": {
			do: "hang",
			change: func(c *lambda.Config) {
				c.Timeout = 300 * time.Millisecond
				c.RetryDelays = []time.Duration{}
			},
			want: []lambda.Attempt{{Err: "timed out after 0.30 seconds", TimedOut: true}},
		},
		"too old for a retry": {
			do: "fail",
			change: func(c *lambda.Config) {
				c.RetryDelays = []time.Duration{50 * time.Millisecond}
				c.MaxEventAge = 40 * time.Millisecond
			},
			want: []lambda.Attempt{{Err: "no luck"}},
		},
		"broken init": {
			do: "ok",
			change: func(c *lambda.Config) {
				c.Env = map[string]string{"BREAK_INIT": "1"}
				c.RetryDelays = []time.Duration{}
			},
			want: []lambda.Attempt{{Err: "exit status 7"}},
		},
		"no binary": {
			do: "ok",
			change: func(c *lambda.Config) {
				c.Binary = "/nowhere/bootstrap"
				c.RetryDelays = []time.Duration{}
			},
			want: []lambda.Attempt{{Err: "Runtime.InvalidEntrypoint"}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := start(t, test.change)
			i := invoke(f, test.do)
			got := i.Wait()
			for n := range got {
				if n < len(test.want) && strings.Contains(got[n].Err, test.want[n].Err) {
					got[n].Err = test.want[n].Err
				}
				got[n].Duration, got[n].Init, got[n].PeakMemory = 0, 0, 0
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("attempts (-want +got):\n%s\n%s", diff, f.Logs())
			}
			if strings.Contains(f.Logs(), "pid=") && strings.Count(f.Logs(), "id="+i.RequestID) != len(test.want) {
				t.Errorf("not every attempt had the request id %s:\n%s", i.RequestID, f.Logs())
			}
		})
	}
}

func TestWhatTheFunctionSees(t *testing.T) {
	t.Parallel()
	f := start(t, func(c *lambda.Config) { c.Env = map[string]string{"COLOUR": "blue", "AWS_ACCESS_KEY_ID": "AKIA"} })
	a := invoke(f, "environment").Wait()
	if len(a) != 1 || a[0].Err != "" || a[0].Init <= 0 || a[0].PeakMemory <= 0 {
		t.Fatalf("attempts: got %+v, want one success with its init time and memory", a)
	}
	for _, want := range []string{
		"arn=" + arn + " left=10", `"COLOUR=blue"`, `"AWS_ACCESS_KEY_ID=AKIA"`, `"AWS_REGION=eu-west-1"`,
		`"AWS_LAMBDA_FUNCTION_NAME=one"`, `"AWS_LAMBDA_LOG_FORMAT=JSON"`, `"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/one"`,
		`"type":"platform.report"`,
	} {
		if !strings.Contains(f.Logs(), want) {
			t.Errorf("logs lack %s:\n%s", want, f.Logs())
		}
	}
	if home := `"HOME=`; strings.Contains(f.Logs(), home) {
		t.Errorf("this process' environment reached the function:\n%s", f.Logs())
	}
}

func TestSandboxesAreReusedAndMultiplied(t *testing.T) {
	t.Parallel()
	f := start(t, nil)
	for range 3 {
		invoke(f, "ok").Wait()
	}
	if n := pids(f); n != 1 {
		t.Errorf("three requests in a row took %d sandboxes, want 1", n)
	}
	var all []*lambda.Invocation
	for range 4 {
		all = append(all, invoke(f, "sleep"))
	}
	for _, i := range all {
		i.Wait()
	}
	if n := pids(f); n != 4 {
		t.Errorf("four requests at once took %d sandboxes, want 4", n)
	}
}

// pids counts the processes that wrote the log.
func pids(f *lambda.Function) int {
	seen := map[string]bool{}
	for _, line := range strings.Split(f.Logs(), "\n") {
		if _, rest, ok := strings.Cut(line, "pid="); ok {
			seen[strings.Fields(rest)[0]] = true
		}
	}
	return len(seen)
}

func TestKillSparesIdleSandboxes(t *testing.T) {
	t.Parallel()
	f := start(t, func(c *lambda.Config) { c.RetryDelays = []time.Duration{} })
	f.Kill() // nothing runs
	i := invoke(f, "hang")
	await(t, f, "hang pid=")
	f.Kill()
	if a := i.Wait(); len(a) != 1 || !a[0].Killed || a[0].TimedOut {
		t.Errorf("attempts: got %+v, want one that was killed", a)
	}
	invoke(f, "ok").Wait()
	f.Kill()
	if a := invoke(f, "ok").Wait(); len(a) != 1 || a[0].Err != "" || a[0].Init != 0 {
		t.Errorf("attempts: got %+v, want a success in the warm sandbox", a)
	}
}

func TestConfigure(t *testing.T) {
	t.Parallel()
	f := start(t, nil)
	running := invoke(f, "sleep")
	await(t, f, "sleep pid=")
	binary, _ := os.Executable()
	f.Configure(lambda.Config{Binary: binary, FunctionARN: arn, Env: map[string]string{"COLOUR": "red"}})
	if a := running.Wait(); len(a) != 1 || a[0].Err != "" {
		t.Errorf("the request under way: got %+v, want a success", a)
	}
	invoke(f, "environment").Wait()
	if !strings.Contains(f.Logs(), `"COLOUR=red"`) || pids(f) != 2 {
		t.Errorf("the next request does not have the new configuration:\n%s", f.Logs())
	}
}

func TestCloseEndsEverything(t *testing.T) {
	t.Parallel()
	var out buffer
	f := start(t, func(c *lambda.Config) { c.Log = &out; c.RetryDelays = []time.Duration{time.Hour} })
	invoke(f, "ok").Wait()
	running, retrying := invoke(f, "hang"), invoke(f, "fail")
	await(t, f, "hang pid=")
	await(t, f, `"status":"error"`)
	f.Close()
	if a := running.Wait(); len(a) != 1 || !a[0].Killed {
		t.Errorf("the running request: got %+v, want killed", a)
	}
	if a := retrying.Wait(); len(a) != 1 {
		t.Errorf("the waiting event: got %d attempts, want 1", len(a))
	}
	if a := invoke(f, "ok").Wait(); len(a) != 0 {
		t.Errorf("after Close: got %d attempts, want none", len(a))
	}
	if out.String() != f.Logs() || !strings.Contains(f.Logs(), "ok pid=") {
		t.Errorf("Log got\n%s\nwant everything:\n%s", out.String(), f.Logs())
	}
}

// await waits until the log contains text.
func await(t *testing.T, f *lambda.Function, text string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if strings.Contains(f.Logs(), text) {
			return
		}
	}
	t.Fatalf("logs never contained %q:\n%s", text, f.Logs())
}

// buffer is a buffer that may be read while it is written.
type buffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
