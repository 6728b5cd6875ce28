package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// TestFaults strikes every call that the function makes, in every flow, with
// every fault. The calls are those of a clean run, so that new ones are covered
// by themselves. What a fault does to one call must not lose anything: whatever
// its request comes to, CloudFormation goes on as it does, and in the end each
// request has one verdict, the stack is what its status says, and nothing is
// left of it but what was there before.
func TestFaults(t *testing.T) {
	t.Parallel()
	var table strings.Builder
	table.WriteString("| request | calls | cases |\n|---|---|---|\n")
	all := 0
	for _, f := range flows() {
		calls, cases := f.record(t), 0
		for _, c := range calls {
			for _, ft := range faults() {
				if ft.strikes(c) {
					cases++
					harness.Run(t, f.name+"/"+c.String()+"/"+ft.name, func(t *testing.T) { t.Helper(); f.strike(t, c, ft) })
				}
			}
		}
		fmt.Fprintf(&table, "| %s | %d | %d |\n", f.name, len(calls), cases)
		all += cases
	}
	fmt.Fprintf(&table, "| all | | %d |\n", all)
	generated(t, "faults", table.String())
}

// A flow is a life of the stack app, of which one request is struck.
type flow struct {
	name string
	// before are the properties that the stack has already; nil if it is to be made.
	before properties
	// after are those that it is to get; nil if it is to be deleted.
	after properties
	// rollback: after is reached, then a sibling fails, and it is the rollback
	// that is struck.
	rollback bool
}

func flows() []flow {
	other := properties{"ObjectPrefix": "exports/", "ExternalId": "external-id-2", "Tags": harness.Tags("team", "data")}
	// What is only the way to a request makes no more calls than it has to.
	unverified := base.With(properties{"Verification": "Off"})
	return []flow{
		{name: "create", after: base},
		{name: "update in place", before: unverified, after: base.With(other)},
		{name: "update replacing", before: unverified, after: base.With(replacing)},
		{name: "update of nothing", before: unverified, after: base},
		{name: "rollback in place", before: base, after: base.With(other), rollback: true},
		{name: "rollback replacing", before: base, after: base.With(replacing), rollback: true},
		{name: "delete", before: unverified},
	}
}

// A callID names a call of a flow: the nth of an operation, counted from 0. Calls
// run side by side, so that their place among all is not always the same.
type callID struct {
	op     string
	asRole bool
	n      int
}

func (c callID) String() string {
	if c.asRole {
		return fmt.Sprintf("%s as the role %d", c.op, c.n+1)
	}
	return fmt.Sprintf("%s %d", c.op, c.n+1)
}

// needs reports whether the flow cannot do without the call, so that the stack
// may be stuck without it: there is no telling whose the role is, no bringing it
// to its state, no deleting it. A rollback need not know what else the role has.
func (f flow) needs(c callID) bool {
	reads := strings.HasPrefix(c.op, "iam:List") || c.op == "iam:GetRolePolicy"
	return strings.HasPrefix(c.op, "iam:") && (!f.rollback || !reads)
}

func asRole(c aws.Call) bool { return strings.HasSuffix(c.Caller, "/bitmovin-access-check") }

// match is a [aws.Fault]'s.
func (c callID) match(call aws.Call) bool { return call.Op == c.op && asRole(call) == c.asRole }

// A phase of a stack's life is that of one request of the resource: from just
// before it is sent until its verdict has come.
type phase struct {
	verb string
	// nth such request, counted from 0.
	nth        int
	begin, end func()
	begun      bool
	over       atomic.Bool
}

// phase returns the one that the flow strikes.
func (f flow) phase() *phase {
	s := &phase{begin: func() {}, end: func() {}}
	switch {
	case f.before == nil:
		s.verb = "CREATE_"
	case f.after == nil:
		s.verb = "DELETE_"
	default:
		s.verb = "UPDATE_"
	}
	if f.rollback {
		s.nth = 1
	}
	return s
}

func (s *phase) onEvent(event cloudformation.Event) {
	if event.StackName != appStack || event.LogicalID != logicalID || s.over.Load() {
		return
	}
	switch inProgress := event.Status == s.verb+"IN_PROGRESS"; {
	case inProgress && s.nth > 0:
		s.nth--
	case inProgress:
		s.begun = true
		s.begin()
	case s.begun:
		s.over.Store(true)
		s.end()
	}
}

// run is the whole flow.
func (f flow) run(e *env) (*cloudformation.Stack, error) {
	e.Helper()
	if f.before != nil {
		e.MustApp(f.before)
	}
	switch {
	case f.after == nil:
		id := e.Stack(appStack).ID
		_, err := e.Engine.Delete(e.Context(), appStack)
		return e.Stack(id), err
	case f.rollback:
		s, _ := e.App(f.after, harness.Failing())
		if s.Status != "UPDATE_ROLLBACK_COMPLETE" {
			return s, fmt.Errorf("the stack is %s", s.Status)
		}
		return s, nil
	}
	return e.App(f.after, nil)
}

// record runs the flow without a fault and returns the calls of its request.
func (f flow) record(t *testing.T) []callID {
	t.Helper()
	var calls []callID
	t.Run("record "+f.name, func(t *testing.T) {
		harness.InBubble(t, func(t *testing.T) { calls = f.calls(t) })
	})
	if len(calls) == 0 {
		t.Fatal("the flow made no calls")
	}
	return calls
}

// calls is record in a bubble.
func (f flow) calls(t *testing.T) (calls []callID) {
	t.Helper()
	s := f.phase()
	e := newProviderEnv(t, options{})
	e.Listen(s.onEvent)
	e.AddBystanders()
	from := 0
	s.begin = func() { from = len(e.Cloud.Calls()) }
	s.end = func() {
		n := map[callID]int{}
		for _, c := range e.Cloud.Calls()[from:] {
			id := callID{op: c.Op, asRole: asRole(c)}
			calls = append(calls, callID{c.Op, id.asRole, n[id]})
			n[id]++
		}
	}
	stack, err := f.run(e)
	f.check(e, stack, err, true, false)
	return calls
}

// A fault is something that happens to one call.
type fault struct {
	name string
	// strikes says which calls it can happen to.
	strikes func(callID) bool
	// passes: the function gets over it, so that the operation succeeds.
	passes bool
	// removes: the role may be gone.
	removes bool
	// timeout of the function, where it is to reach its deadline.
	timeout time.Duration
	make    func(e *env) *aws.Fault
}

func faults() []fault {
	always := func(callID) bool { return true }
	iam := func(c callID) bool { return strings.HasPrefix(c.op, "iam:") }
	// What was just made may not be there for IAM yet; and it may vanish.
	absent := func(c callID) bool { return iam(c) && c.op != "iam:CreateRole" }
	return []fault{
		{"error 500", always, true, false, 0, func(*env) *aws.Fault {
			return &aws.Fault{Times: 1, Status: http.StatusInternalServerError, Code: "InternalError"}
		}},
		{"throttled", always, true, false, 0, func(*env) *aws.Fault {
			return &aws.Fault{Times: 3, Code: "Throttling", Message: "Rate exceeded"}
		}},
		{"concurrent modification", iam, true, false, 0, func(*env) *aws.Fault {
			return &aws.Fault{Times: 1, Status: http.StatusConflict, Code: "ConcurrentModification"}
		}},
		{"hang", always, true, false, 0, func(*env) *aws.Fault { return &aws.Fault{Times: 1, Hang: true} }},
		{"reset before", always, true, false, 0, func(*env) *aws.Fault { return &aws.Fault{Times: 1, Reset: true} }},
		{"reset after", always, true, false, 0, func(*env) *aws.Fault { return &aws.Fault{Times: 1, Reset: true, After: true} }},
		{"kill before", always, true, false, 0, func(e *env) *aws.Fault { return &aws.Fault{Times: 1, Do: e.Kill, Reset: true} }},
		{"kill after", always, true, false, 0, func(e *env) *aws.Fault { return &aws.Fault{Times: 1, Do: e.Kill, Reset: true, After: true} }},
		{"not found once", absent, true, false, 0, func(*env) *aws.Fault {
			return &aws.Fault{Times: 1, Status: http.StatusNotFound, Code: "NoSuchEntity"}
		}},
		{"vanished", absent, false, true, 0, func(e *env) *aws.Fault { return &aws.Fault{Times: 1, Do: e.DeleteRolesByHand} }},
		{"denied", always, false, false, 0, func(*env) *aws.Fault {
			return &aws.Fault{Status: http.StatusForbidden, Code: "AccessDenied", Message: "not authorized with an explicit deny in a service control policy"}
		}},
		{"deadline", always, false, false, time.Minute, func(*env) *aws.Fault { return &aws.Fault{Hang: true} }},
	}
}

// strike runs the flow with one fault at one call.
func (f flow) strike(t *testing.T, c callID, ft fault) {
	t.Helper()
	s := f.phase()
	e := newProviderEnv(t, options{Timeout: ft.timeout})
	e.AddBystanders()
	e.Listen(s.onEvent)
	s.begin = func() {
		e.WaitForAll() // so that nothing else is struck
		strike := ft.make(e)
		strike.Op, strike.Skip = c.op, c.n
		strike.Match = func(call aws.Call) bool { return !s.over.Load() && c.match(call) }
		e.Cloud.Inject(strike)
	}
	stack, err := f.run(e)
	if ft.passes && err != nil {
		t.Errorf("the operation failed: %v", err)
	}
	if ft.removes && len(e.ExportRoles()) == 0 {
		e.WantInTime()
		// The function makes no role again that vanished under it: a rollback has to be continued.
		if strings.HasSuffix(stack.Status, "_FAILED") && !f.rollback {
			t.Errorf("the stack is stuck: %v", err)
		}
		return
	}
	f.check(e, stack, err, ft.passes, !ft.passes && !ft.removes && f.needs(c))
}

// check makes sure that things are as the stack's status says. Clean: no check has
// left anything for the stack's deletion to clear away. Stuck: the stack may be.
func (f flow) check(e *env, s *cloudformation.Stack, err error, clean, stuck bool) {
	e.Helper()
	e.WantInTime()
	switch s.Status {
	case "CREATE_COMPLETE", "UPDATE_COMPLETE":
		e.WantRole(s, f.after)
	case "UPDATE_ROLLBACK_COMPLETE":
		e.WantRole(s, f.before)
	case "ROLLBACK_COMPLETE", "DELETE_COMPLETE":
		e.WantNoRoles()
	case "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED":
		if !stuck {
			e.Errorf("the stack is stuck: %v", err)
		}
	default:
		e.Errorf("the stack is %s: %v", s.Status, err)
	}
	if clean {
		e.WantBystanders()
		e.WantNoMarkers()
	}
}
