package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// A toolbox runs the AWS CLI and the SAM CLI that are on PATH, with the
// caller's own credentials, in the root of the project.
type toolbox struct {
	region string
	// log gets every command with what it prints.
	log io.Writer
}

// interruptGrace is how long a tool has to end when it is interrupted.
const interruptGrace = 30 * time.Second

// run runs a tool and returns what it prints on its standard output.
func (b *toolbox) run(ctx context.Context, tool string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, tool, args...)
	cmd.Env = b.environ()
	// In a process group of its own, a tool is interrupted once and by this
	// program, and not by the Ctrl-C that ends what it was used for.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = interruptGrace
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&out, b.log), io.MultiWriter(&said, b.log)
	_, _ = fmt.Fprintf(b.log, "\n$ %s %s\n", tool, strings.Join(args, " "))
	if err := cmd.Run(); err != nil {
		return out.String(), &toolError{commandOf(tool, args), err, said.String(), ctx.Err()}
	}
	return out.String(), nil
}

// commandOf is a command line as far as its first option.
func commandOf(tool string, args []string) string {
	command := tool
	for _, arg := range args {
		if strings.HasPrefix(arg, "-") {
			break
		}
		command += " " + arg
	}
	return command
}

// environ is the environment of a tool: nothing of the make that runs this, for
// sam build runs another one, and no pager.
func (b *toolbox) environ() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "MAKE") && !strings.HasPrefix(v, "MFLAGS=") {
			env = append(env, v)
		}
	}
	env = append(env, "AWS_PAGER=", "SAM_CLI_TELEMETRY=0", "PYTHONWARNINGS=ignore")
	if b.region != "" { // version 1 of the AWS CLI knows the second alone
		env = append(env, "AWS_REGION="+b.region, "AWS_DEFAULT_REGION="+b.region)
	}
	return env
}

// A toolError is a tool that ended with an error.
type toolError struct {
	command     string
	err         error
	said        string
	interrupted error
}

func (e *toolError) Error() string {
	if e.interrupted != nil {
		return fmt.Sprintf("%s: interrupted", e.command)
	}
	return fmt.Sprintf("%s: %v: %s", e.command, e.err, strings.TrimSpace(e.said))
}

func (e *toolError) Unwrap() error { return cmp.Or(e.interrupted, e.err) }

// An answer of AWS's as its CLI words it: An error occurred (Code) when calling
// the Operation operation: message
var answered = regexp.MustCompile(`(?s)An error occurred \((\w+)\) when calling the \w+ operation(?: \(reached max retries: \d+\))?: (.*)`)

// answer returns AWS's code and message that err is about; empty if there are none.
func answer(err error) (code, message string) {
	if err == nil {
		return "", ""
	}
	m := answered.FindStringSubmatch(err.Error())
	if m == nil {
		return "", ""
	}
	return m[1], strings.TrimSpace(m[2])
}

// aws calls an operation and decodes what AWS answers into out, if that is given.
func (b *toolbox) aws(ctx context.Context, out any, args ...string) error {
	text, err := b.run(ctx, "aws", append(args, "--output", "json")...)
	if err != nil || out == nil || strings.TrimSpace(text) == "" {
		return err
	}
	if err := json.Unmarshal([]byte(text), out); err != nil {
		return fmt.Errorf("read the answer to %s: %w", strings.Join(args[:2], " "), err)
	}
	return nil
}

// firstLine returns the first line that a tool prints of itself, with either stream.
func (b *toolbox) firstLine(ctx context.Context, tool string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, tool, args...)
	cmd.Env = b.environ()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", tool, strings.Join(args, " "), err)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(strings.ToLower(line), "cli") {
			return strings.TrimSpace(line), nil
		}
	}
	return "", fmt.Errorf("%s %s does not tell its version", tool, strings.Join(args, " "))
}

// pause waits; it reports whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
