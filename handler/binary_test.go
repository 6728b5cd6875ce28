package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// What only the built function can show, over sockets and in real time. All else is
// tested in this process and in virtual time, with [newEnv].

func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", strconv.Itoa(runtime.GOMAXPROCS(0)+2)) // unless -parallel is given: the built function waits in real time
	debug.SetGCPercent(800)                                              // the accounts make much garbage, and there is memory
	code := m.Run()
	if binaryDir != "" {
		_ = os.RemoveAll(binaryDir) // what is left is the system's to clear
	}
	os.Exit(code)
}

// binaryDir is where the function was built, if a test needed that.
var binaryDir string

// buildOnce builds the function when the first test needs it.
var buildOnce = sync.OnceValues(func() (string, error) {
	var err error
	if binaryDir, err = os.MkdirTemp("", "handler-test"); err != nil {
		return "", err
	}
	return build(".", binaryDir)
})

// function returns the path of the function as `make build` builds it, but for this
// machine. It looks over the sources, so that go test runs the tests again when they
// have changed: the test's own binary, by which it tells, does not have all of them.
// https://pkg.go.dev/cmd/go#hdr-Test_packages
func function(tb testing.TB) string {
	tb.Helper()
	if err := filepath.WalkDir(".", func(_ string, _ fs.DirEntry, err error) error { return err }); err != nil {
		tb.Fatal(err)
	}
	path, err := buildOnce()
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

// build builds a command of this package's folder with the Makefile's flags into
// dir, for this machine or what env says, and returns its path.
func build(command, dir string, env ...string) (string, error) {
	path := filepath.Join(dir, "bootstrap")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-tags=lambda.norpc", "-o", path, command)
	build.Env = slices.Concat(os.Environ(), []string{"CGO_ENABLED=0"}, env)
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", command, err, out)
	}
	return path, nil
}

// newBinaryEnv returns an account with the built function, over sockets. Lambda's
// retries come at once.
func newBinaryEnv(tb testing.TB, o options) *env {
	tb.Helper()
	o.Binary, o.RetryDelays = function(tb), []time.Duration{0, 0}
	return &env{harness.New(tb, o)}
}

// newBinaryProviderEnv is newBinaryEnv with the provider deployed.
func newBinaryProviderEnv(tb testing.TB, o options) *env {
	tb.Helper()
	e := newBinaryEnv(tb, o)
	e.Provide()
	return e
}

// TestBinaryLifecycle: the stack of template.yaml is created, updated, updated in
// vain and rolled back, and deleted.
func TestBinaryLifecycle(t *testing.T) {
	t.Parallel()
	e := newBinaryEnv(t, options{})
	e.MustDeploy("ExternalId", "external-id-1")
	wantVerified := func() {
		t.Helper()
		if got := e.Stack(stackName).Outputs["AccessVerified"]; got != "true" {
			t.Errorf("AccessVerified = %q, want true", got)
		}
	}
	wantVerified()
	e.MustDeploy("ExternalId", "external-id-2", "ObjectPrefix", "exports/")
	wantVerified()
	before := e.ExportRole()
	if before.Path+before.Name != "/"+harness.RoleNamePrefixOf(e.Stack(stackName).ID)+"access" {
		t.Errorf("the role is %s", before.ARN())
	}
	want := harness.Decode(t, harness.PublishedBelow("exports/"))
	if diff := cmp.Diff(want, harness.Decode(t, before.Inline["BitmovinExportAccess"])); diff != "" {
		t.Errorf("the policy (-want +got):\n%s", diff)
	}

	e.EditBucket(func(b *aws.Bucket) {
		b.Policy = policyOf(`{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::` + bucketName + `/*"}`)
	})
	s, err := e.Deploy("ExternalId", "external-id-2", "ObjectPrefix", "analytics/")
	if err == nil || !strings.Contains(err.Error(), "s3:PutObject: denied") {
		t.Errorf("the update got %v, want a denial of s3:PutObject", err)
	}
	e.WantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
	pointer := ` \(more in log group ` + regexp.QuoteMeta(s.Resources["LogGroup"].PhysicalID) + `, stream \d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}\)`
	if !regexp.MustCompile(pointer).MatchString(fmt.Sprint(err)) {
		t.Errorf("the reason does not end with where the log is: %v", err)
	}
	if diff := cmp.Diff(before, e.ExportRole()); diff != "" {
		t.Errorf("the role after the rollback (-before +after):\n%s", diff)
	}

	e.Delete(stackName)
	e.WantNoRoles()
	e.WantInTime()
	e.wantMemory()
	e.wantVerdictLines()
}

// wantMemory checks that no request took more memory than it may.
func (e *env) wantMemory() {
	e.Helper()
	const most = 32 << 20
	for _, r := range e.Engine.Requests() {
		for _, a := range r.Invocation.Wait() {
			if a.PeakMemory > most || a.PeakMemory == 0 && runtime.GOOS == "linux" {
				e.Errorf("%s took %d bytes at its peak, want at most %d", r.RequestType, a.PeakMemory, most)
			}
		}
	}
}

// wantVerdictLines checks that all that the function printed are lines of JSON, and
// that one of them tells each request's verdict, and what it was about.
func (e *env) wantVerdictLines() {
	e.Helper()
	told := map[string]int{}
	for line := range strings.Lines(e.Engine.Logs()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			e.Errorf("a line of the log is no JSON: %s", line)
			continue
		}
		if fields["message"] != "verdict" {
			continue
		}
		if d, err := time.ParseDuration(fmt.Sprint(fields["duration"])); err != nil || d <= 0 {
			e.Errorf("the line tells no duration: %s", line)
		}
		told[fmt.Sprint(fields["request_type"], fields["logical_id"], fields["physical_id"], fields["stack"])]++
	}
	want := map[string]int{}
	for i, r := range e.Engine.Requests() {
		want[fmt.Sprint(r.RequestType, r.LogicalResourceID, e.Verdicts()[i].PhysicalResourceId, r.StackID)]++
	}
	if diff := cmp.Diff(want, told); diff != "" {
		e.Errorf("the verdicts in the log (-want +got):\n%s\n%s", diff, e.Engine.Logs())
	}
}

// TestBinaryKilled: a function that is killed in the middle of its work does all of
// it when Lambda delivers the event again.
func TestBinaryKilled(t *testing.T) {
	t.Parallel()
	e := newBinaryProviderEnv(t, options{})
	e.Cloud.Inject(&aws.Fault{Op: "iam:PutRolePolicy", Times: 1, After: true, Do: e.Kill, Reset: true})
	s := e.MustApp(base)
	attempts := e.Latest("Create").Invocation.Wait()
	if len(attempts) != 2 || !attempts[0].Killed || attempts[1].Err != "" || attempts[1].Init == 0 {
		t.Errorf("the attempts are %+v, want one that was killed and one that succeeds in a new process", attempts)
	}
	e.WantRole(s, base)
}

// TestBinaryErrors: what the function cannot answer is an error to Lambda, which
// delivers the event again; and a secret is in none.
func TestBinaryErrors(t *testing.T) {
	t.Parallel()
	e := newBinaryProviderEnv(t, options{})
	e.FailedDeliveries = true
	e.Engine.Inbox().Fail(cloudformation.InboxFault{Times: 1, Drip: true})
	e.Engine.Inbox().Fail(cloudformation.InboxFault{Times: 1, Status: 403, Stored: true})
	s := e.MustApp(base)
	attempts := e.Latest("Create").Invocation.Wait()
	if len(attempts) != 2 || !strings.Contains(attempts[0].Err, "the answer is 403 Forbidden") || attempts[1].Err != "" {
		t.Errorf("the attempts are %+v, want one whose answer was refused and one that succeeded", attempts)
	}
	e.WantRole(s, base)
	malformed := `{"ResponseURL":"https://127.0.0.1/?X-Amz-Signature=1","RequestType":7`
	for i, a := range append(attempts, e.Invoke([]byte(malformed)).Wait()...) {
		if i >= 2 && a.Err == "" {
			t.Error("an event that is no JSON was taken")
		}
		harness.WantNoSecret(t, a.Err)
	}
}

// TestBinaryDeadline: the function knows the deadline that Lambda gives it, and
// answers before it.
func TestBinaryDeadline(t *testing.T) {
	t.Parallel()
	e := newBinaryProviderEnv(t, options{Timeout: 6 * time.Second})
	e.Cloud.Inject(&aws.Fault{Op: "iam:PutRolePolicy", Hang: true})
	s, err := e.App(base.With(properties{"ServiceTimeout": "60"}), nil)
	if err == nil || !strings.Contains(err.Error(), "put policy on role bitmovin-export-app") {
		t.Errorf("the stack got %v, want what it was at", err)
	}
	e.WantStatus(s, "ROLLBACK_COMPLETE")
	e.WantInTime()
	e.WantNoRoles()
}

// TestBinaryTimeout: Lambda kills a function that does not end by its deadline, and
// delivers the event again. Here it is stopped, so that it cannot end by itself.
func TestBinaryTimeout(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("the function's process is found in /proc")
	}
	e := newBinaryProviderEnv(t, options{Timeout: 10 * time.Second})
	e.Cloud.Inject(&aws.Fault{Op: "iam:PutRolePolicy", Times: 1, Do: e.stopProcess})
	s := e.MustApp(base)
	attempts := e.Latest("Create").Invocation.Wait()
	if len(attempts) != 2 || !attempts[0].TimedOut || attempts[1].Err != "" || attempts[1].Init == 0 {
		t.Errorf("the attempts are %+v, want one that timed out and one that succeeds in a new process", attempts)
	}
	e.WantRole(s, base)
}

// stopProcess stops the function's process where it is. It is told from those of
// other tests by the cloud that it calls.
func (e *env) stopProcess() {
	e.Helper()
	environments, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		e.Error(err)
	}
	stopped := 0
	for _, file := range environments {
		text, err := os.ReadFile(file) // of another user's process it fails
		if err != nil || !strings.Contains("\x00"+string(text), "\x00AWS_ENDPOINT_URL="+e.Cloud.URL()+"\x00") {
			continue
		}
		var pid int
		_, _ = fmt.Sscanf(file, "/proc/%d/", &pid)
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			e.Error(err)
		}
		stopped++
	}
	if stopped != 1 {
		e.Errorf("%d processes of the function were stopped, want one", stopped)
	}
}
