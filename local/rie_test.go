package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/bitmovin"
	"github.com/bitmovin/bitmovin-export-access/local/lambda"
)

// TestRIE sends each file of events/ to the function in AWS's own Runtime Interface
// Emulator, and compares the verdict with that under local/lambda, and what there is in
// the account then. What it decides is the Runtime API: how an event is handed over,
// with which headers, and how an answer is taken.
// https://github.com/aws/aws-lambda-runtime-interface-emulator
//
// The emulator runs one event after another: it panics at several at once.
func TestRIE(t *testing.T) {
	if os.Getenv("RIE_TEST") == "" {
		t.Skip("make test-rie runs this: it needs aws-lambda-rie, which make tools installs")
	}
	files, err := filepath.Glob("../events/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no events (%v)", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			want := sendWith(t, file, func(d *desk, f *lambda.Function, e event) (json.RawMessage, error) {
				return d.send(t.Context(), f, e)
			})
			var rie *emulator
			got := sendWith(t, file, func(d *desk, f *lambda.Function, e event) (json.RawMessage, error) {
				rie = startEmulator(t, d.binary, f.Environment())
				return d.deliver(t.Context(), e, func(body []byte) error { return rie.invoke(t.Context(), body) })
			})
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the event comes to something else (-local/lambda +emulator):\n%s", diff)
			}
			if !strings.Contains(rie.output(t), `"message":"verdict"`) {
				t.Errorf("the emulator did not run the function:\n%s", rie.output(t))
			}
			t.Logf("%s under both, with %d export roles and %d outputs then", got.Verdict["Status"], len(got.Roles), len(got.Outputs))
		})
	}
	t.Logf("%d events ran in the Runtime Interface Emulator", len(files))
}

// An outcome is what an event came to: the verdict, and the export roles and outputs that
// there are then.
type outcome struct {
	Verdict map[string]any
	Roles   map[string]aws.Role
	Outputs []bitmovin.Output
}

// logPointer is what a reason says of the log, where each sandbox has a stream of its own.
var logPointer = regexp.MustCompile(` \(more in log [^)]*\)`)

// sendWith prepares a desk for an event, sends it by send, and returns what it came to.
// All desks have the same seed here, and so the same ids.
func sendWith(t *testing.T, file string, send func(*desk, *lambda.Function, event) (json.RawMessage, error)) outcome {
	t.Helper()
	e, err := readEvent(file)
	if err != nil {
		t.Fatal(err)
	}
	stack, err := arn.Parse(e.text("StackId"))
	if err != nil {
		t.Fatal(err)
	}
	d := newDesk(project(t), aws.Options{}, stack.AccountID, stack.Region, 1, nil)
	defer d.close()
	f, err := d.provide(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.prepare(t.Context(), f, e); err != nil {
		t.Fatal(err)
	}
	body, err := send(d, f, e)
	if err != nil {
		t.Fatal(err)
	}
	o := outcome{Roles: map[string]aws.Role{}}
	if err := json.Unmarshal(body, &o.Verdict); err != nil {
		t.Fatal(err)
	}
	if reason, ok := o.Verdict["Reason"].(string); ok {
		o.Verdict["Reason"] = logPointer.ReplaceAllString(reason, "")
	}
	d.cloud.View(func(s *aws.State) {
		for key, role := range s.Roles {
			if role.Path == "/" {
				r := *role
				r.ID, r.Created = "", time.Time{}
				// The provider is another one on each desk.
				r.Boundary = r.Boundary[:strings.LastIndex(r.Boundary, "-")]
				o.Roles[key] = r
			}
		}
	})
	d.api.View(func(s *bitmovin.State) {
		for _, output := range s.Outputs {
			made := *output
			// Each attempt signs what it makes with a number of its own.
			made.CreatedAt, made.ModifiedAt, made.CustomData = "", "", nil
			o.Outputs = append(o.Outputs, made)
		}
	})
	return o
}

// An emulator is AWS's Runtime Interface Emulator with the function in it.
type emulator struct{ url, log string }

// emulatorStartup is how long the emulator may take until it listens: on a busy machine, long.
const emulatorStartup = 5 * time.Minute

// startEmulator starts the function in the emulator. It ends with the test.
func startEmulator(t *testing.T, binary string, env map[string]string) *emulator {
	t.Helper()
	address := freeAddress(t)
	rie := &emulator{
		url: "http://" + address + "/2015-03-31/functions/function/invocations",
		log: filepath.Join(t.TempDir(), "log"),
	}
	log, err := os.Create(rie.log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	command, err := exec.LookPath("aws-lambda-rie")
	if err != nil {
		t.Fatal(err)
	}
	// The shell ends all of them when the emulator ends, or this process, which Ctrl-C
	// ends without a clean-up.
	cmd := exec.Command("/bin/sh", "-c", `{ "$@"; kill -KILL 0; } & read -r _; kill -KILL 0`, "sh",
		command, "--runtime-interface-emulator-address", address, "--runtime-api-address", freeAddress(t), binary)
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stdout, cmd.Stderr = log, log
	// The function is in its process group, and ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is killed
		close(ended)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
	})
	for deadline := time.Now().Add(emulatorStartup); ; time.Sleep(20 * time.Millisecond) {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			_ = connection.Close()
			return rie
		}
		select {
		case <-ended:
			t.Fatalf("aws-lambda-rie ended (%v):\n%s", cmd.ProcessState, rie.output(t))
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("aws-lambda-rie does not listen: %v\n%s", err, rie.output(t))
		}
	}
}

// freeAddress returns an address of the loopback interface with a free port.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // it only finds a free port
	return l.Addr().String()
}

// invoke has the function handle an event, and returns the error that it ends with.
func (rie *emulator) invoke(ctx context.Context, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, rie.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close() //nolint:errcheck // it was read
	result, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK || strings.Contains(string(result), "errorType") {
		return fmt.Errorf("the emulator answers %s: %s", answer.Status, result)
	}
	return nil
}

// output returns what the emulator and the function have printed.
func (rie *emulator) output(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(rie.log)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
