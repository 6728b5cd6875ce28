package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
)

const (
	account = "123456789012"
	region  = "eu-west-1"
	// bucketName is the bucket that every desk has.
	bucketName = "my-analytics-exports"
	// stackName is the stack that is deployed from template.yaml.
	stackName = "exports"
	// logicalID is that of the resource in template.yaml.
	logicalID = "ExportAccess"
	patience  = 2 * time.Minute
)

// binary is what [function] returns.
var binary string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	debug.SetGCPercent(400) // the desks make much garbage, and there is memory
	dir, err := os.MkdirTemp("", "handler-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir) //nolint:errcheck // what is left is the system's to clear
	if binary, err = build(".", dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// function returns the function as `make build` builds it, but for this machine.
// It looks over the sources, so that go test runs the tests again when they have
// changed: the test's own binary, by which it tells, has little of the function.
// https://pkg.go.dev/cmd/go#hdr-Test_packages
func function(tb testing.TB) string {
	tb.Helper()
	if err := filepath.WalkDir(".", func(_ string, _ fs.DirEntry, err error) error { return err }); err != nil {
		tb.Fatal(err)
	}
	return binary
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

// A desk is an AWS with one bucket, on which template.yaml can be deployed.
// When the test ends it deletes all stacks and sees that the promises hold that
// hold for every sequence of events.
type desk struct {
	testing.TB
	cloud  *aws.Cloud
	engine *cloudformation.Engine
	// leaves are the roles that may be left, by [aws.RoleKey]: those which the
	// test made itself.
	leaves map[string]bool
	// before is the bystander as it was before, where there is one.
	before aws.Role
	// stacks are the names of those that were deployed, in order.
	stacks []string
	// onEvent is called for every event, if it is set by listen.
	onEvent atomic.Pointer[func(cloudformation.Event)]
}

// options of a desk.
type options struct {
	aws.Options
	// timeout of the function; by default the template's.
	timeout time.Duration
	// env is added to the function's environment.
	env map[string]string
	// retryDelays are the pauses before Lambda's retries; by default there is none.
	retryDelays []time.Duration
}

func newDesk(t *testing.T, o options) *desk {
	t.Helper()
	t.Parallel()
	return startDesk(t, o)
}

// startDesk is newDesk in a test that does not run beside others.
func startDesk(tb testing.TB, o options) *desk {
	tb.Helper()
	d := openDesk(tb, o)
	tb.Cleanup(func() {
		d.checkPromises()
		d.close()
		if tb.Failed() {
			tb.Logf("what the function printed:\n%s", d.engine.Logs())
		}
	})
	return d
}

// openDesk returns a desk that is to be closed.
func openDesk(tb testing.TB, o options) *desk {
	tb.Helper()
	cloud := aws.Start(o.Options)
	d := &desk{TB: tb, cloud: cloud, leaves: map[string]bool{}}
	d.engine = cloudformation.New(cloudformation.Options{
		Cloud: cloud, Account: account, Region: region, Binary: function(tb),
		Timeout: o.timeout, FunctionEnv: o.env, RetryDelays: o.retryDelays, OnEvent: func(e cloudformation.Event) {
			if f := d.onEvent.Load(); f != nil {
				(*f)(e)
			}
		},
	})
	cloud.Edit(func(s *aws.State) {
		s.Buckets[bucketName] = &aws.Bucket{Name: bucketName, Account: account, Region: region, Ownership: "BucketOwnerEnforced"}
	})
	return d
}

// listen has f called for every event, in place of what was called before.
func (d *desk) listen(f func(cloudformation.Event)) { d.onEvent.Store(&f) }

func (d *desk) close() {
	d.engine.Close()
	d.cloud.Close()
}

// editBucket changes the desk's bucket by hand.
func (d *desk) editBucket(edit func(*aws.Bucket)) {
	d.cloud.Edit(func(s *aws.State) { edit(s.Buckets[bucketName]) })
}

// parameters returns the template's parameters: the bucket, and the pairs of
// name and value.
func parameters(pairs ...string) map[string]string {
	p := map[string]string{"BucketName": bucketName}
	for i := 0; i < len(pairs); i += 2 {
		p[pairs[i]] = pairs[i+1]
	}
	return p
}

// template returns template.yaml, as text.
func (d *desk) template() []byte {
	d.Helper()
	text, err := os.ReadFile("../template.yaml")
	if err != nil {
		d.Fatal(err)
	}
	return text
}

// deploy creates or updates the stack of template.yaml.
func (d *desk) deploy(pairs ...string) (*cloudformation.Stack, error) {
	d.Helper()
	return d.deployText(stackName, d.template(), parameters(pairs...))
}

func (d *desk) deployText(stack string, template []byte, p map[string]string) (*cloudformation.Stack, error) {
	d.Helper()
	if !slices.Contains(d.stacks, stack) {
		d.stacks = append(d.stacks, stack)
	}
	ctx, cancel := context.WithTimeout(d.Context(), patience)
	defer cancel()
	return d.engine.Deploy(ctx, stack, template, p)
}

// mustDeploy is deploy where nothing may go wrong.
func (d *desk) mustDeploy(pairs ...string) *cloudformation.Stack {
	d.Helper()
	s, err := d.deploy(pairs...)
	if err != nil {
		d.Fatal(err)
	}
	return s
}

// delete deletes a stack.
func (d *desk) delete(stack string) {
	d.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(d.Context()), patience)
	defer cancel()
	if _, err := d.engine.Delete(ctx, stack); err != nil {
		d.Errorf("delete stack %s: %v", stack, err)
	}
}

// exportRoles returns copies of the roles below the provider's path.
func (d *desk) exportRoles() []aws.Role {
	var roles []aws.Role
	for _, r := range d.roles() {
		if strings.HasPrefix(r.Path, "/bitmovin/") {
			roles = append(roles, r)
		}
	}
	return roles
}

// exportRole returns the one role below the provider's path.
func (d *desk) exportRole() aws.Role {
	d.Helper()
	roles := d.exportRoles()
	if len(roles) != 1 {
		d.Fatalf("there are %d export roles, want one: %v", len(roles), roles)
	}
	return roles[0]
}

// A verdict is a response to CloudFormation.
type verdict struct {
	Status, Reason, PhysicalResourceId string //nolint:revive // as CloudFormation spells it
	Data                               map[string]string
}

// verdicts returns the responses of the custom resources so far, in the order
// of their requests.
func (d *desk) verdicts() []verdict {
	d.Helper()
	var list []verdict
	for _, r := range d.engine.Requests() {
		for _, put := range d.engine.Inbox().Puts(r.RequestID) {
			if put.Stored {
				list = append(list, decodeVerdict(d.TB, put.Body))
			}
		}
	}
	return list
}

// decodeVerdict decodes a response, which is to be neither too long nor to have a
// secret in it.
func decodeVerdict(tb testing.TB, body []byte) verdict {
	tb.Helper()
	if len(body) > 4096 {
		tb.Errorf("the response has %d bytes: %s", len(body), body)
	}
	wantNoSecret(tb, string(body))
	var v verdict
	if err := json.Unmarshal(body, &v); err != nil {
		tb.Fatalf("response %s: %v", body, err)
	}
	return v
}

// decode decodes JSON, for a comparison of what it says.
func decode(tb testing.TB, text string) any {
	tb.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		tb.Fatalf("decode %s: %v", text, err)
	}
	return v
}

// last returns the latest verdict.
func (d *desk) last() verdict {
	d.Helper()
	all := d.verdicts()
	if len(all) == 0 {
		d.Fatal("there is no verdict")
	}
	return all[len(all)-1]
}

// checks decodes the attribute Checks of a verdict.
func (d *desk) checks(v verdict) map[string]string {
	d.Helper()
	checks := map[string]string{}
	if err := json.Unmarshal([]byte(v.Data["Checks"]), &checks); err != nil {
		d.Fatalf("Checks %q: %v", v.Data["Checks"], err)
	}
	return checks
}

// writes returns the operations that changed IAM so far.
func (d *desk) writes() []string {
	var ops []string
	for _, c := range d.cloud.Calls() {
		op, ok := strings.CutPrefix(c.Op, "iam:")
		if ok && !strings.HasPrefix(op, "Get") && !strings.HasPrefix(op, "List") && c.Status == 200 {
			ops = append(ops, op)
		}
	}
	return ops
}

// checkPromises deletes what is left of the stacks and sees that nothing is
// left of them, that each request was answered exactly once, and that no secret
// got out.
func (d *desk) checkPromises() {
	d.Helper()
	for _, name := range slices.Backward(d.stacks) {
		if _, err := d.engine.Stack(name); err == nil {
			d.delete(name)
		}
	}
	d.checkAnswers()
	wantNoSecret(d.TB, d.engine.Logs())
	d.cloud.View(func(s *aws.State) {
		for key, r := range s.Roles {
			if !d.leaves[key] {
				d.Errorf("role %s is left: %+v", r.ARN(), r)
			}
		}
		for _, b := range s.Buckets {
			for _, v := range b.Versions {
				if strings.Contains(v.Key, "_bitmovin-access-check/") {
					d.Errorf("marker %s (version %s) is left in %s", v.Key, v.VersionID, b.Name)
				}
			}
			if len(b.Uploads) > 0 {
				d.Errorf("uploads are left in %s: %v", b.Name, b.Uploads)
			}
		}
		if len(s.LogGroups) > 0 {
			d.Errorf("log groups are left: %v", s.LogGroups)
		}
	})
}

// checkAnswers sees that every request has one answer, the same on each try.
func (d *desk) checkAnswers() {
	d.Helper()
	for _, r := range d.engine.Requests() {
		puts := d.engine.Inbox().Puts(r.RequestID)
		stored := 0
		for _, put := range puts {
			if put.Stored {
				stored++
			}
			if got, want := decodeVerdict(d.TB, put.Body), decodeVerdict(d.TB, puts[0].Body); got.Status != want.Status {
				d.Errorf("%s: two verdicts: %s and %s", r.RequestID, want.Status, got.Status)
			}
		}
		if stored != 1 {
			d.Errorf("%s: %d answers, want one: %s", r.RequestID, stored, r.Payload)
		}
	}
}

// secret matches what must not be in logs and responses: signatures and the
// tokens that local/aws and the inbox hand out.
var secret = regexp.MustCompile(`X-Amz-Signature|X-Amz-Security-Token|response-token-|secret-of-|token-of-`)

// wantNoSecret sees that there is none in a text.
func wantNoSecret(tb testing.TB, text string) {
	tb.Helper()
	if at := secret.FindStringIndex(text); at != nil {
		tb.Errorf("a secret got out: …%s…", strings.TrimSpace(text[max(0, at[0]-100):min(len(text), at[1]+50)]))
	}
}
