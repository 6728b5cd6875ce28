package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The tools of an account on which nothing may be made. FOUND is what of a run's names
// is there already.
const (
	fakeAWS = `#!/bin/sh
echo "aws $*" >> "$CALLS"
fail() { echo "An error occurred ($1) when calling the X operation: $2" >&2; exit 254; }
case "$*" in
--version) echo aws-cli/2 ;;
configure*) exit 1 ;;
*get-caller-identity*) echo '{"Account":"210987654321","Arn":"arn:aws:iam::210987654321:user/jane"}' ;;
*describe-stacks*) test "$FOUND" != stack || { echo '{"Stacks":[{"StackId":"id","StackStatus":"CREATE_COMPLETE"}]}'; exit; }
	fail ValidationError "Stack with id x does not exist" ;;
*head-bucket*) test "$FOUND" = bucket || fail 404 "Not Found" ;;
*create-bucket*) fail AccessDenied no ;;
esac
`
	fakeSAM = `#!/bin/sh
echo "SAM CLI"
`
)

// TestCommandOnAnAccount runs the command with tools that reach no AWS: what it asks,
// what it leaves alone, and where it writes what it saw.
func TestCommandOnAnAccount(t *testing.T) {
	tests := map[string]struct {
		args  []string
		env   map[string]string
		makes bool
		err   string
	}{
		"asked for":                      {args: []string{"-yes"}, makes: true, err: "create-bucket"},
		"nobody says yes":                {err: "nobody said yes"},
		"one service on this machine":    {env: map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": "http://localhost:8000"}, err: "nobody said yes"},
		"an endpoint that is not used":   {env: map[string]string{"AWS_ENDPOINT_URL": "http://localhost:1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, err: "nobody said yes"},
		"somebody's account, it is said": {env: map[string]string{"AWS_ENDPOINT_URL": "http://localhost:1"}, err: "nobody said yes"},
		"a stack of that name":           {args: []string{"-yes"}, env: map[string]string{"FOUND": "stack"}, err: "must not be there yet"},
		"a bucket of that name":          {args: []string{"-yes"}, env: map[string]string{"FOUND": "bucket"}, err: "must not be there yet"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			t.Chdir(dir)
			calls := filepath.Join(dir, "calls")
			for _, name := range []string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "FOUND"} {
				t.Setenv(name, test.env[name])
			}
			t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
			t.Setenv("CALLS", calls)
			t.Setenv("AWS_REGION", "eu-west-1")
			for file, content := range map[string]string{"aws": fakeAWS, "sam": fakeSAM, page: begin + "NOT RUN\n" + end} {
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(content), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var said bytes.Buffer
			err := run(ctx, stop, test.args, strings.NewReader(""), &said)
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("the run ended with %v, want %q:\n%s", err, test.err, &said)
			}
			called, err := os.ReadFile(calls)
			if err != nil {
				t.Fatal(err)
			}
			if made := strings.Contains(string(called), "create-bucket"); made != test.makes || strings.Contains(string(called), " delete-") {
				t.Errorf("it called:\n%s", called)
			}
			text, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			if written := strings.Contains(string(text), "in eu-west-1 **failed**"); written != test.makes {
				t.Errorf("the page has\n%s", text)
			}
		})
	}
}
