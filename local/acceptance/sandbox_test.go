package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/sandbox"
)

// sandboxBucket is the one bucket that the account has beforehand.
const sandboxBucket = "not-of-the-acceptance-test"

// TestAcceptance runs the command, as it would run on an account, on the AWS of
// make sandbox: as a whole, interrupted, and killed and then cleaned up.
func TestAcceptance(t *testing.T) {
	if os.Getenv("AWS_TEST") == "" {
		t.Skip("make test-aws SANDBOX=1 runs this: it needs the SAM CLI, the AWS CLI and MiniStack, which make tools installs")
	}
	s := newSuite(t)
	t.Run("whole", func(t *testing.T) { s.in(t).testWhole() })
	t.Run("interrupted", func(t *testing.T) { s.in(t).testInterrupted() })
	t.Run("killed, then cleaned up", func(t *testing.T) { s.in(t).testKilled() })
}

// A suite is the built command and an account to run it on, by this process's
// environment.
type suite struct {
	*testing.T
	command string
	account *account
}

func newSuite(t *testing.T) *suite {
	t.Helper()
	t.Chdir("../..")
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	box, err := sandbox.Start(root, sandboxBucket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("what MiniStack logged:\n%s", box.Log())
		}
		if err := box.Close(); err != nil {
			t.Errorf("end the sandbox: %v", err)
		}
	})
	setEnviron(t, box.Environ())
	s := &suite{T: t, command: filepath.Join(t.TempDir(), "acceptance")}
	build := exec.Command("go", "build", "-o", s.command, "./local/acceptance")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the command: %v\n%s", err, out)
	}
	if s.account, err = findAccount(t.Context(), &toolbox{log: io.Discard}); err != nil {
		t.Fatal(err)
	}
	if !s.account.local || !s.account.loopback {
		t.Fatalf("this is no local AWS: %+v", s.account)
	}
	return s
}

// setEnviron makes env this process's environment until the test ends.
func setEnviron(t *testing.T, env []string) {
	t.Helper()
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); !slices.ContainsFunc(env, func(w string) bool { return strings.HasPrefix(w, name+"=") }) {
			t.Setenv(name, "") // so that it is restored
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
}

func (s *suite) in(t *testing.T) *suite {
	t.Helper()
	return &suite{t, s.command, s.account}
}

func (s *suite) testWhole() {
	before, err := os.ReadFile(page)
	if err != nil {
		s.Fatal(err)
	}
	c := s.start("whole")
	if err := c.Wait(); err != nil {
		s.Fatalf("the run failed: %v", err)
	}
	s.wantEmpty()
	record, err := os.ReadFile(filepath.Join(buildDir, "record.md"))
	if err != nil {
		s.Fatal(err)
	}
	for _, want := range []string{" passed in ", "| nothing left |", "with an explicit deny in a resource-based policy", "- sam delete --express, "} {
		if !strings.Contains(string(record), want) {
			s.Errorf("the record does not say %q:\n%s", want, record)
		}
	}
	after, err := os.ReadFile(page)
	if err != nil {
		s.Fatal(err)
	}
	if diff := cmp.Diff(string(before), string(after)); diff != "" {
		s.Errorf("a run on a local AWS has changed %s:\n%s", page, diff)
	}
}

// testInterrupted interrupts a run while its stack is made.
func (s *suite) testInterrupted() {
	c := s.start("interrupted")
	s.waitForStack("interrupted")
	if err := c.Process.Signal(os.Interrupt); err != nil {
		s.Fatal(err)
	}
	if err := c.Wait(); err == nil || c.ProcessState.ExitCode() != 1 {
		s.Errorf("an interrupted run ended with %v, want exit status 1", err)
	}
	if !strings.Contains(c.said.String(), "nothing is left") {
		s.Error("the run does not say that it has cleaned up")
	}
	s.wantEmpty()
}

// testKilled kills a run, which can do nothing then, and has another one remove
// what it has left.
func (s *suite) testKilled() {
	c := s.start("killed")
	s.waitForStack("killed")
	if err := c.Process.Kill(); err != nil {
		s.Fatal(err)
	}
	_ = c.Wait() // it was killed
	if left := s.inventory(); len(left) == 0 {
		s.Fatal("the killed run has left nothing to clean up")
	}
	if err := s.start("cleaning", "-clean", "killed").Wait(); err != nil {
		s.Errorf("clean up: %v", err)
	}
	s.wantEmpty()
}

// A running is a started command with what it has printed.
type running struct {
	*exec.Cmd
	said *bytes.Buffer
}

// start starts the command, whose output is seen while the test runs.
func (s *suite) start(id string, args ...string) running {
	s.Helper()
	c := running{exec.Command(s.command, args...), &bytes.Buffer{}}
	c.Env = append(os.Environ(), "ACCEPTANCE_ID="+id)
	c.Stdout = io.MultiWriter(c.said, os.Stdout)
	c.Stderr = c.Stdout
	c.WaitDelay = time.Second // a tool of a killed command still holds the pipe
	if err := c.Start(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = c.Process.Kill() }) // unless it has ended
	return c
}

// waitForStack waits until CloudFormation makes a run's stack. The runner of the
// tests has the time limit.
func (s *suite) waitForStack(id string) {
	s.Helper()
	for {
		stack, err := s.account.describe(s.Context(), namesOf(id).stack)
		if err != nil {
			s.Fatal(err)
		}
		if stack != nil && stack.StackStatus != "REVIEW_IN_PROGRESS" {
			return
		}
		if !pause(s.Context(), 100*time.Millisecond) {
			s.Fatal(s.Context().Err())
		}
	}
}

// inventory returns what the account has beside its bucket.
func (s *suite) inventory() []string {
	s.Helper()
	var all []string
	for _, args := range [][]string{
		{"cloudformation", "describe-stacks", "--query", "Stacks[?StackStatus!='DELETE_COMPLETE'].StackName"},
		{"s3api", "list-buckets", "--query", "Buckets[?Name!='" + sandboxBucket + "'].Name"},
		{"lambda", "list-functions", "--query", "Functions[].FunctionName"},
		{"iam", "list-roles", "--query", "Roles[].RoleName"},
		{"iam", "list-policies", "--scope", "Local", "--query", "Policies[].PolicyName"},
		{"logs", "describe-log-groups", "--query", "logGroups[].logGroupName"},
	} {
		var names []string
		if err := s.account.aws(context.WithoutCancel(s.Context()), &names, args...); err != nil {
			s.Fatal(err)
		}
		all = append(all, names...)
	}
	return all
}

func (s *suite) wantEmpty() {
	s.Helper()
	if left := s.inventory(); len(left) > 0 {
		s.Errorf("the account has %v, want nothing", left)
	}
}
