// Package sandbox starts the AWS of make sandbox for tests that run real tools:
// MiniStack, an AWS that others wrote, as scripts/sandbox.py starts it. Its own
// test deploys to it with the SAM CLI and the AWS CLI.
package sandbox

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A Sandbox is one running AWS, with nothing in it but a bucket.
type Sandbox struct {
	process   *exec.Cmd
	stdin     io.Closer
	variables map[string]string
}

// Start starts a sandbox with a bucket. The project is the directory with the
// Makefile, where make tools has been run. The variables, such as
// BITMOVIN_API_URL=http://127.0.0.1:1234, are those of its functions as well.
func Start(project, bucket string, variables ...string) (*Sandbox, error) {
	python := filepath.Join(project, ".aws-sam", "tools", "ministack", "bin", "python")
	s := &Sandbox{process: exec.Command(python, filepath.Join(project, "scripts", "sandbox.py"), "--json", "--bucket", bucket)}
	s.process.Env = append(os.Environ(), variables...)
	var said strings.Builder
	s.process.Stderr = &said
	stdin, err := s.process.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("open the sandbox's standard input: %w", err)
	}
	s.stdin = stdin
	stdout, err := s.process.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("open the sandbox's standard output: %w", err)
	}
	if err := s.process.Start(); err != nil {
		return nil, fmt.Errorf("start the sandbox, for which make tools installs MiniStack: %w", err)
	}
	// It prints one line once it can be used, or ends.
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &s.variables)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read what the sandbox prints: %w", err), s.Close(), errors.New(said.String()))
	}
	return s, nil
}

// Close ends the sandbox with the functions that it runs, and removes its files.
func (s *Sandbox) Close() error {
	return errors.Join(s.stdin.Close(), s.process.Wait())
}

// URL is where it answers, for AWS_ENDPOINT_URL.
func (s *Sandbox) URL() string { return s.variables["AWS_ENDPOINT_URL"] }

// Log returns what MiniStack has logged.
func (s *Sandbox) Log() string {
	content, err := os.ReadFile(s.variables["SANDBOX_LOG"])
	if err != nil {
		return err.Error()
	}
	return string(content)
}

// Environ returns the environment of a tool that is to work with the sandbox:
// the process's own, without a word about another AWS, and the tools first on
// PATH.
func (s *Sandbox) Environ() []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "AWS_") || strings.HasPrefix(v, "SAM_") || strings.HasPrefix(v, "MAKE") || strings.HasPrefix(v, "MFLAGS=")
	})
	for _, name := range slices.Sorted(maps.Keys(s.variables)) {
		value := s.variables[name]
		if name == "PATH" {
			value += string(os.PathListSeparator) + os.Getenv("PATH")
		}
		env = append(env, name+"="+value)
	}
	return env
}
