package harness

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/bitmovin"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
	"github.com/bitmovin/bitmovin-export-access/local/lambda"
	"github.com/bitmovin/bitmovin-export-access/local/network"
)

// Where the tests' account is, and what is in it.
const (
	Account = "123456789012"
	Region  = "eu-west-1"
	// BucketName is the bucket that every account has.
	BucketName = "my-analytics-exports"
	// LogicalID is that of the resource, in template.yaml and in [Properties.Template].
	LogicalID = "ExportAccess"
)

// Options of an [Env]. Program or Binary is required.
type Options struct {
	// Options of the cloud; its network is the harness'.
	aws.Options
	// Program is the function, in this process; all is in memory then, in a bubble.
	Program lambda.Program
	// Binary is the path of the built function; all is reached over sockets then.
	Binary string
	// Seed of the ids and of the latencies in memory; 1 if it is 0.
	Seed uint64
	// Timeout of the function; by default the template's.
	Timeout time.Duration
	// Answers of DescribeStackResource.
	Answers cloudformation.Answers
	// RetryDelays are the pauses before Lambda's retries; by default Lambda's own.
	RetryDelays []time.Duration
}

// An Env is an account with one bucket, in which template.yaml can be deployed, with
// Bitmovin's API beside it. When the test ends it deletes all stacks and checks that
// the promises hold that hold for every sequence of events.
type Env struct {
	testing.TB
	Cloud  *aws.Cloud
	Engine *cloudformation.Engine
	API    *bitmovin.API
	// Kept are the roles that may be left, by [aws.RoleKey]: those which the test
	// made itself.
	Kept map[string]bool
	// FailedDeliveries: an attempt may end in an error, which Lambda's retry hides.
	FailedDeliveries bool

	// engine are the options of Engine.
	engine cloudformation.Options
	// lag is how long it takes until all that was written is in force and seen.
	lag time.Duration
	// delivered counts the calls of Deliver.
	delivered int
	// mu guards invocations, which are those of Invoke.
	mu          sync.Mutex
	invocations []*lambda.Invocation
	// before is the bystander as it was before, where there is one.
	before aws.Role
	// foreign are somebody else's outputs, where there are any.
	foreign []*bitmovin.Output
	// stacks are the names of those that were deployed, in order.
	stacks []string
	// onEvent is called for every event, if it is set by Listen.
	onEvent atomic.Pointer[func(cloudformation.Event)]
}

// New returns an Env that ends with the test.
func New(tb testing.TB, o Options) *Env {
	tb.Helper()
	e := &Env{TB: tb, Kept: map[string]bool{}, lag: max(o.Propagation, o.PolicyPropagation, o.ReadLag)}
	o.Seed = cmp.Or(o.Seed, 1)
	stacks := cloudformation.Options{
		Account: Account, Region: Region, Binary: o.Binary, Program: o.Program, Seed: o.Seed,
		Timeout: o.Timeout, RetryDelays: o.RetryDelays, OnEvent: e.tell, Answers: o.Answers,
	}
	api := bitmovin.Options{Seed: o.Seed, RefuseRolePaths: true}
	if o.Program != nil {
		stacks.Memory = network.NewMemory(o.Seed)
		o.Network, api.Network = stacks.Memory, stacks.Memory
	}
	if f := recordTo(); f != nil && o.OnDecision == nil {
		o.OnDecision = f.record
	}
	e.Cloud, e.API = aws.Start(o.Options), bitmovin.Start(api)
	stacks.Cloud = e.Cloud
	stacks.FunctionEnv = map[string]string{"BITMOVIN_API_URL": e.API.URL()}
	e.engine, e.Engine = stacks, cloudformation.New(stacks)
	e.Cloud.Edit(func(s *aws.State) {
		s.Buckets[BucketName] = &aws.Bucket{Name: BucketName, Account: Account, Region: Region, Ownership: "BucketOwnerEnforced"}
	})
	tb.Cleanup(e.end)
	return e
}

// In returns the account as it is in another region, with the same roles and buckets. Its
// stacks are deleted before the others when the test ends.
func (e *Env) In(region string) *Env {
	o := e.engine
	o.Region, o.Seed = region, o.Seed+1
	there := &Env{TB: e.TB, Cloud: e.Cloud, API: e.API, Kept: e.Kept, engine: o, lag: e.lag, Engine: cloudformation.New(o)}
	e.Cleanup(func() {
		there.deleteStacks()
		there.Engine.Close()
	})
	return there
}

// Lag returns how long it takes until all that was written is in force and seen.
func (e *Env) Lag() time.Duration { return e.lag }

// Listen has f called for every event, in place of what was called before. It may
// wait, and cancel an operation, but start none.
func (e *Env) Listen(f func(cloudformation.Event)) { e.onEvent.Store(&f) }

func (e *Env) tell(event cloudformation.Event) {
	if f := e.onEvent.Load(); f != nil {
		(*f)(event)
	}
}

func (e *Env) end() {
	e.checkPromises()
	e.Engine.Close()
	e.Cloud.Close()
	e.API.Close()
	if e.Failed() {
		e.Logf("what the function printed:\n%s", e.Engine.Logs())
	}
}

// checkPromises deletes what is left of the stacks and checks that nothing is left of
// them, that each request was answered exactly once, that no secret got out, and
// that nothing was asked for which local/ does not know.
func (e *Env) checkPromises() {
	e.Helper()
	e.deleteStacks()
	e.checkAnswers()
	e.checkAttempts()
	e.checkOutputs()
	e.WantNoMarkers()
	WantNoSecret(e.TB, e.Engine.Logs())
	for _, what := range append(e.Cloud.Unknown(), e.API.Unknown()...) {
		e.Errorf("local does not know something that was asked for: %s", what)
	}
	e.Cloud.View(func(s *aws.State) {
		for key, r := range s.Roles {
			if !e.Kept[key] {
				e.Errorf("role %s is left: %+v", r.ARN(), r)
			}
		}
		if len(s.LogGroups) > 0 {
			e.Errorf("log groups are left: %v", s.LogGroups)
		}
	})
}

// deleteStacks deletes what is left of the stacks, and waits for all that goes on.
func (e *Env) deleteStacks() {
	e.Helper()
	for i := len(e.stacks) - 1; i >= 0; i-- {
		if _, err := e.Engine.Stack(e.stacks[i]); err == nil {
			e.Delete(e.stacks[i])
		}
	}
	e.WaitForAll()
}

// WantNoMarkers checks that no check has left anything in any bucket.
func (e *Env) WantNoMarkers() {
	e.Helper()
	e.Cloud.View(func(s *aws.State) {
		for _, b := range s.Buckets {
			for _, v := range b.Versions {
				if strings.Contains(v.Key, "_bitmovin-access-check/") {
					e.Errorf("marker %s (version %s) is left in %s", v.Key, v.VersionID, b.Name)
				}
			}
			for _, u := range b.Uploads {
				e.Errorf("an upload of %s is left in %s", u.Key, b.Name)
			}
		}
	})
}

// checkAnswers checks that every request has one answer, the same on each try.
func (e *Env) checkAnswers() {
	e.Helper()
	for _, r := range e.Engine.Requests() {
		puts := e.Engine.Inbox().Puts(r.RequestID)
		stored := 0
		for _, put := range puts {
			if put.Stored {
				stored++
			}
			if got, want := DecodeVerdict(e.TB, put.Body), DecodeVerdict(e.TB, puts[0].Body); got.Status != want.Status {
				e.Errorf("%s: two verdicts: %s and %s", r.RequestID, want.Status, got.Status)
			}
		}
		if stored != 1 {
			e.Errorf("%s: %d answers, want one: %s", r.RequestID, stored, r.Payload)
		}
	}
}

// checkAttempts checks that no attempt ended in an error, unless it was cut short: the
// function answers for what it could not do, and Lambda's retry would hide it.
func (e *Env) checkAttempts() {
	e.Helper()
	for _, invocation := range e.allInvocations() {
		for i, a := range invocation.Wait() {
			if a.Err != "" && !a.Killed && !a.TimedOut && !e.FailedDeliveries {
				e.Errorf("attempt %d of the invocation %s: %s", i+1, invocation.RequestID, a.Err)
			}
		}
	}
}

// secrets are what must not be in logs and responses: signatures and the tokens that
// local/aws and the inbox hand out.
var secrets = []string{"X-Amz-Signature", "X-Amz-Security-Token", "response-token-", "secret-of-", "token-of-"}

// WantNoSecret checks that there is none in a text.
func WantNoSecret(tb testing.TB, text string) {
	tb.Helper()
	for _, secret := range secrets {
		if at := strings.Index(text, secret); at >= 0 {
			tb.Errorf("a secret got out: …%s…", strings.TrimSpace(text[max(0, at-100):min(len(text), at+len(secret)+50)]))
		}
	}
}

// ReadFile returns a file of the project, by its path from the root.
func ReadFile(tb testing.TB, path string) []byte {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(Root(tb), path))
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

// Root returns the root of the project: a test runs in its package's folder.
func Root(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			tb.Fatal("there is no go.mod above the test's folder")
		}
	}
}
