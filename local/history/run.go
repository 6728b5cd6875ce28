package history

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/cfn"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/bitmovin"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
	"github.com/bitmovin/bitmovin-export-access/local/lambda"
)

const (
	otherBucket  = "my-analytics-other"
	keyARN       = "arn:aws:kms:" + harness.Region + ":" + harness.Account + ":key/1234abcd-12ab-34cd-56ef-1234567890ab"
	tagStackID   = "bitmovin-export-access:stack-id"
	bitmovinUser = "arn:aws:iam::630681592166:user/bitmovinCustomerS3Access"
	// outputID is the logical id of the output.
	outputID = "Output"
	// timeout is the function's, attempt what it waits for an answer.
	timeout = 300 * time.Second
	attempt = 5 * time.Second
)

// boundaries are the organisation's, one of which the provider has.
var boundaries = []string{"arn:aws:iam::" + harness.Account + ":policy/house-1", "arn:aws:iam::" + harness.Account + ":policy/house-2"}

// A Result is what came of a history.
type Result struct {
	// Violations of the promises; none if all held.
	Violations []harness.Fault
	// Calls of the cloud, a line each, where a promise was broken.
	Calls []string
	// Operations is how many operations of stacks there were.
	Operations int
}

// Run runs a history in a bubble.
func Run(t *testing.T, h History, program lambda.Program) (r Result) {
	t.Helper()
	var tb *harness.Recorder
	harness.InBubble(t, func(t *testing.T) {
		tb = &harness.Recorder{TB: t}
		l := begin(tb, h, program)
		defer func() {
			if r.Operations = l.operations; tb.Failed() {
				r.Calls = l.calls()
			}
		}()
		defer func() {
			if p := recover(); p != nil {
				tb.Errorf("panic: %v", p)
			}
		}()
		for i, s := range h.Steps {
			l.number = i + 1
			if i == 0 || !h.Steps[i-1].Beside {
				l.noKills = l.undoes(h.Steps[i:])
			}
			l.step(s)
			if !s.Beside {
				l.settle()
			}
			if tb.Failed() {
				break // what follows from the first violation says nothing new
			}
		}
		l.settle()
		l.leave()
	})
	r.Violations = tb.Faults()
	return r
}

// A life is a history that is run.
type life struct {
	tb  *harness.Recorder
	env *harness.Env

	number     int
	operations int
	boundary   int
	prefixed   bool
	narrow     bool
	stacks     []*stack
	pending    sync.WaitGroup
	// noKills: no function is killed, as that strikes all of them, and of the steps that
	// go on beside each other one is to be rolled back.
	noKills bool
	// over: the mishaps of the steps that are not settled strike no more.
	over *atomic.Bool
	// lingers: since it was settled, a check was killed, and may have left the verifier
	// statement until it expires. struck: since then there was any mishap. marks: a call
	// was slow, and may have written a marker when nobody waits for it.
	lingers, marks, struck bool

	mu sync.Mutex // guards what edit writes
}

// A stack is what is known of one: what it is to be, and what has happened to it.
type stack struct {
	name string
	id   string
	// own: it is template.yaml with a bucket. retains: it may leave roles that it was to
	// retain.
	own, retains bool
	// wanted is what the latest operation that succeeded wanted, next what the one
	// under way wants.
	wanted, next Wanted
	// edited is when a hand was last at its role or buckets, and edits what it did
	// since the role was last put right.
	edited time.Time
	edits  []string
	// begun is when its operation began, requests how many requests there were then.
	begun     time.Time
	requests  int
	operation *cloudformation.Operation
	cancelled bool
	// boundary is that which the role got with its latest request.
	boundary int
}

func begin(tb *harness.Recorder, h History, program lambda.Program) *life {
	l := &life{tb: tb, env: harness.New(tb, harness.Options{
		Program: program, Seed: h.Seed, Answers: cloudformation.Answers{Unnamed: h.World.Unnamed, Replaced: h.World.Replaced},
		Options: aws.Options{
			Propagation: h.World.Propagation, PolicyPropagation: h.World.PolicyPropagation, ReadLag: h.World.ReadLag, IAMRate: h.World.IAMRate,
		},
	}), over: new(atomic.Bool)}
	l.env.AddBystanders()
	l.env.AddAPIKeys()
	l.env.Cloud.Edit(func(s *aws.State) {
		for _, arn := range boundaries {
			s.Policies[arn] = &aws.ManagedPolicy{ARN: arn, Document: anything}
		}
		b := &aws.Bucket{Name: otherBucket, Account: harness.Account, Region: harness.Region, Ownership: "BucketOwnerEnforced"}
		switch h.World.Bucket {
		case "versioned":
			b.Versioning = "Enabled"
		case "with ACLs":
			b.Ownership = "ObjectWriter"
		case "with a key":
			b.Algorithm, b.KMSKey = "aws:kms", keyARN
			s.Keys[keyARN] = &aws.Key{ARN: keyARN, State: "Enabled", Policy: fmt.Sprintf(
				`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%s:root"},"Action":"kms:*","Resource":"*"}]}`, harness.Account)}
		}
		s.Buckets[otherBucket] = b
	})
	for i := range 3 {
		l.stacks = append(l.stacks, &stack{name: fmt.Sprint("app-", i), own: h.World.Own && i == 0})
	}
	l.provide()
	time.Sleep(l.env.Lag())
	return l
}

// provide creates or updates the provider.
func (l *life) provide() {
	l.operations++
	p := map[string]string{
		"BucketName": "", "RoleNamePrefix": harness.RoleNamePrefix, "AllowFullAccess": "true", "BitmovinApiKeySecretArn": harness.SecretARN, "PermissionsBoundaryArn": boundaries[l.boundary],
	}
	p["AllowedBucketPrefix"] = map[bool]string{false: "my-", true: "my-analytics-"}[l.prefixed]
	_, err := l.env.DeployText(harness.ProviderStack, l.env.Template(), p)
	if err != nil && !strings.Contains(err.Error(), "No updates are to be performed") {
		l.env.Errorf("update the provider: %v", err)
	}
}

// undoes reports whether, of the steps that go on beside the first, one may be an Update
// that is rolled back.
func (l *life) undoes(steps []Step) bool {
	for i, s := range steps {
		if (s.Kind == Cancel || s.Wanted.Fails) && (i > 0 || l.stacks[s.Stack].id != "") {
			return true
		}
		if !s.Beside {
			break
		}
	}
	return false
}

// step begins a step, and waits for its end unless another may go on beside it.
func (l *life) step(s Step) {
	st := l.stacks[s.Stack]
	for _, m := range s.Mishaps {
		if m.kills() && l.noKills {
			continue // what is delivered again while its stack rolls back is taken for the rollback's own
		}
		l.strike(m, s.Stack)
	}
	switch s.Kind {
	case Deploy, Cancel:
		l.deploy(st, s)
	case Delete:
		l.remove(st)
	case Provide:
		l.settle()
		switch s.Edit {
		case "its boundary":
			l.boundary = 1 - l.boundary
		case "its prefix of buckets":
			l.prefixed = !l.prefixed
		case narrows:
			l.narrow = !l.narrow
			l.env.Cloud.Edit(func(s *aws.State) {
				for _, arn := range boundaries {
					s.Policies[arn].Document = map[bool]string{false: anything, true: allButPut}[l.narrow]
				}
			})
		}
		l.provide()
	case ByHand:
		l.edit(s.Edit, s.Stack)
	case Redeliver:
		l.redeliver(s.Index)
	case Wait:
		time.Sleep(s.Pause)
	}
}

// deploy begins to create or update a stack.
func (l *life) deploy(st *stack, s Step) {
	if st.operation != nil {
		return // as CloudFormation, which refuses a second one
	}
	if now, err := l.env.Engine.Stack(st.name); err == nil && now.Status == "ROLLBACK_COMPLETE" {
		l.remove(st)
		return
	}
	l.env.Track(st.name)
	template, parameters := s.Wanted.template(st.name), map[string]string(nil)
	if st.own {
		s.Wanted.Fails, s.Wanted.Renamed, s.Wanted.Retained, s.Wanted.Tag = false, false, false, ""
		template, parameters = l.env.Template(), s.Wanted.parameters()
	}
	o, err := l.env.Engine.Start(st.name, template, parameters)
	if err != nil {
		if !strings.Contains(err.Error(), "No updates are to be performed") {
			l.env.Errorf("step %d: %v", l.number, err)
		}
		return
	}
	st.next, st.cancelled, st.retains = s.Wanted, s.Kind == Cancel, st.retains || s.Wanted.Retained
	l.watch(st, o)
	if s.Kind == Cancel {
		l.pending.Go(func() {
			time.Sleep(s.Pause)
			for l.asks(st) {
				time.Sleep(time.Second)
			}
			o.Cancel()
		})
	}
}

// asks reports whether an Update of the operation may have yet to learn how its stack
// stands. One that learns it only when that rolls back is taken for the rollback's own.
func (l *life) asks(st *stack) bool {
	sent, answered := 0, 0
	for _, r := range l.env.Engine.Requests()[st.requests:] {
		if r.StackID == st.id && r.RequestType == "Update" && len(l.env.Engine.Inbox().Puts(r.RequestID)) == 0 {
			sent++
		}
	}
	for _, c := range l.env.Cloud.Calls() {
		if c.Op == "cloudformation:DescribeStacks" && c.Resource == st.id && c.Status == http.StatusOK && c.Start.After(st.begun) {
			answered++
		}
	}
	return sent > answered
}

// remove begins to delete a stack, as CloudFormation lets it even while it is created.
func (l *life) remove(st *stack) {
	requests := st.requests
	if o, err := l.env.Engine.StartDelete(st.name); err == nil {
		created := st.operation != nil
		st.next = Wanted{}
		if l.watch(st, o); created {
			st.requests, st.cancelled = requests, true
		}
	}
}

// watch keeps an operation that has begun.
func (l *life) watch(st *stack, o *cloudformation.Operation) {
	l.operations++
	st.operation, st.begun, st.requests = o, time.Now(), len(l.env.Engine.Requests())
	if s, err := l.env.Engine.Stack(st.name); err == nil {
		l.mu.Lock()
		st.id = s.ID
		l.mu.Unlock()
	}
}

// redeliver has Lambda deliver a request again, whose answer nobody waits for. An
// Update is one only if it is its resource's latest: CloudFormation tells nobody which
// properties it sent last, and so an older one cannot be told from a newer one.
func (l *life) redeliver(index int) {
	var all []*cloudformation.Request
	latest := map[string]bool{}
	for _, r := range slices.Backward(l.env.Engine.Requests()) {
		resource := r.StackID + r.LogicalResourceID
		if r.RequestType != "Update" || !latest[resource] {
			all = append(all, r)
		}
		latest[resource] = true
	}
	if len(all) == 0 {
		return
	}
	event := all[index%len(all)].Event
	for _, st := range l.stacks {
		if st.id != event.StackID {
			continue
		}
		if l.mayBeNew(st, event) {
			return
		}
		l.note(st, "delivered again") // it may bring the provider's boundary along
	}
	event.ResponseURL = l.env.Engine.Inbox().URL(fmt.Sprint("again-", l.number))
	payload, err := json.Marshal(event)
	if err != nil {
		l.env.Fatal(err)
	}
	token, _ := event.ResourceProperties["ServiceToken"].(string)
	f := l.env.Engine.Function(token)
	l.pending.Go(func() { f.Invoke(payload).Wait() })
}

// mayBeNew reports whether a Create of a resource that its stack has removed can be taken
// for that of one which the stack is just making.
func (l *life) mayBeNew(st *stack, event cfn.Event) bool {
	s, err := l.env.Engine.Stack(st.id)
	if err != nil || st.operation == nil || event.RequestType != cfn.RequestCreate {
		return false
	}
	resource, listed := s.Resources[event.LogicalResourceID]
	return !listed || resource.Status == "DELETE_COMPLETE"
}

// strike injects a mishap, which is over when the steps beside each other are settled.
func (l *life) strike(m Mishap, stack int) {
	l.struck = true
	if m.What == "late event" {
		l.delay(m.For)
		return
	}
	late := m.What == "slow" && m.For > attempt
	l.marks = l.marks || late
	l.lingers = l.lingers || m.kills()
	begun, over := time.Now(), l.over
	f := &aws.Fault{Skip: m.Skip, Times: 1, After: strings.HasSuffix(m.What, " after"), Match: func(c aws.Call) bool {
		if late && writesIAM(c.Op) {
			return false // what takes effect that late cannot be taken back
		}
		return !over.Load() && strings.HasPrefix(c.Op, m.Op) && (m.What != "outage" || time.Since(begun) < m.For)
	}}
	switch m.What {
	case "kill", "kill after":
		f.Do, f.Reset = l.kill, true
	case "throttle":
		f.Times, f.Status, f.Code, f.Message = 3, http.StatusBadRequest, "Throttling", "Rate exceeded"
		if strings.HasPrefix(m.Op, "bitmovin:") {
			f.Status = http.StatusTooManyRequests
		}
	case "error":
		f.Status, f.Code = http.StatusInternalServerError, "InternalError"
	case "reset", "reset after":
		f.Reset = true
	case "hang":
		f.Hang = true
	case "slow":
		f.Do = func() { time.Sleep(m.For) }
	case "outage":
		f.Times, f.Status, f.Code = 0, http.StatusServiceUnavailable, "ServiceUnavailable"
	case "edit":
		f.Do = func() { l.edit(m.Edit, stack) }
	}
	if op, is := strings.CutPrefix(m.Op, "bitmovin:"); is {
		l.env.API.Inject(&bitmovin.Fault{
			Op: op, Skip: f.Skip, Times: f.Times, After: f.After, Do: f.Do, Status: f.Status, Hang: f.Hang, Reset: f.Reset,
		})
		if m.What == "outage" {
			l.pending.Go(func() { time.Sleep(m.For); l.env.API.Heal() })
		}
		return
	}
	l.env.Cloud.Inject(f)
}

func writesIAM(op string) bool {
	return strings.HasPrefix(op, "iam:") && !strings.HasPrefix(op, "iam:Get") && !strings.HasPrefix(op, "iam:List")
}

// kill kills every function where it is.
func (l *life) kill() {
	for _, f := range l.env.Engine.Functions() {
		f.Kill()
	}
}

// delay has the events of every function wait.
func (l *life) delay(d time.Duration) {
	for _, f := range l.env.Engine.Functions() {
		f.Delay(d)
	}
}

// settle waits until nothing goes on, and checks that the promises hold.
func (l *life) settle() {
	for _, st := range l.stacks {
		if st.operation != nil {
			_, _ = st.operation.Wait(context.WithoutCancel(l.env.Context()))
		}
	}
	l.pending.Wait()
	l.env.WaitForAll()
	l.over.Store(true)
	l.over = new(atomic.Bool)
	l.env.API.Heal()
	l.delay(0)
	time.Sleep(l.env.Lag() + time.Millisecond) // no step begins in the instant in which another ends
	if l.lingers {
		time.Sleep(timeout)
		l.lingers = false
	}
	for _, st := range l.stacks {
		l.check(st)
	}
	l.struck = false
	l.env.WantBystanders()
	if !l.marks {
		l.env.WantNoMarkers()
	}
}

// leave deletes every stack, once nothing denies that any more. The harness' end sees
// that nothing is left.
func (l *life) leave() {
	l.edit("nothing that denies", 0)
	l.dropUntagged()
	for _, st := range l.stacks {
		l.remove(st)
	}
	if l.settle(); l.marks {
		l.dropMarkers()
	}
}

// dropUntagged deletes the roles that are nobody's any more.
func (l *life) dropUntagged() {
	l.env.Cloud.Edit(func(s *aws.State) {
		for key, r := range s.Roles {
			if strings.HasPrefix(r.Name, harness.RoleNamePrefix) && r.Name != harness.Bystander && r.Tags[tagStackID] == "" {
				delete(s.Roles, key)
			}
		}
	})
}

// calls are those of the cloud, in words.
func (l *life) calls() []string {
	var lines []string
	for _, c := range l.env.Cloud.Calls() {
		who := "function"
		switch {
		case strings.HasSuffix(c.Caller, "/bitmovin-access-check"):
			who = "role"
		case c.Caller == bitmovinUser || strings.HasSuffix(c.Caller, "/bitmovin"):
			who = "Bitmovin"
		}
		lines = append(lines, fmt.Sprintf("%s %s of the %s for %s: %d %s", c.Start.Format("15:04:05.000"), c.Op, who, c.Resource, c.Status, c.Code))
	}
	return lines
}
