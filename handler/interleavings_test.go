package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
	"github.com/bitmovin/bitmovin-export-access/local/lambda"
)

// TestInterleavings has two requests of one resource at work at once, and lets
// the second come at every call of the first.
func TestInterleavings(t *testing.T) {
	t.Parallel()
	var table strings.Builder
	table.WriteString("| the second request | comes while this is at work | calls | cases |\n|---|---|---|---|\n")
	all := 0
	calls := map[string][]callID{}
	for _, i := range interleavings() {
		for _, f := range flows() {
			if !slices.Contains(i.flows, f.name) {
				continue
			}
			if calls[f.name] == nil {
				calls[f.name] = f.record(t)
			}
			cases := 0
			for _, c := range calls[f.name] {
				for _, how := range i.ways {
					if i.skip != nil && i.skip(c, how) {
						continue
					}
					cases++
					harness.Run(t, i.name+"/"+f.name+"/"+c.String()+"/"+how, func(t *testing.T) { t.Helper(); i.run(t, f, c, how) })
				}
			}
			fmt.Fprintf(&table, "| %s | %s | %d | %d |\n", i.name, f.name, len(calls[f.name]), cases)
			all += cases
		}
	}
	fmt.Fprintf(&table, "| all | | | %d |\n", all)
	generated(t, "interleavings", table.String())
}

// An interleaving is a way in which two requests meet.
type interleaving struct {
	name  string
	flows []string
	run   func(t *testing.T, f flow, c callID, how string)
	ways  []string
	// skip, if set, says in which cases the first request cannot tell that the
	// second has come.
	skip func(c callID, how string) bool
}

// The ways in which a call is held up until the second request has come.
const (
	beside        = "beside"
	untilBegun    = "held until the other begins"
	untilDone     = "held until the other is done"
	answerHeld    = "answered when the other is done"
	throttledTill = "throttled until the other is done"
	killed        = "killed"
)

func interleavings() []interleaving {
	holds := []string{untilBegun, untilDone, answerHeld, throttledTill}
	return []interleaving{
		{"the same request twice", []string{"create", "update in place", "update replacing", "delete"}, twice, []string{beside, untilDone}, nil},
		{"delete while creating", []string{"create"}, deleteMeanwhile, holds, nil},
		{"rollback while updating", []string{"update in place", "update replacing"}, rollBackMeanwhile, holds, takenForRollback},
		{"retry after the delete", []string{"create", "update in place", "update replacing"}, deleteMeanwhile, []string{killed}, nil},
		{"retry after the rollback", []string{"update in place", "update replacing"}, rollBackMeanwhile, []string{killed}, nil},
	}
}

// An overlap is one case: the first request is held up at a call.
type overlap struct {
	*env
	flow flow
	// from is the number of calls before the first request.
	from int
	// reached: the first request is at the call. begun: the second is sent.
	// done: it is answered.
	reached, begun, done *signal
}

// A signal is sent once.
type signal struct {
	once sync.Once
	c    chan struct{}
}

func newSignal() *signal { return &signal{c: make(chan struct{})} }

func (m *signal) send() { m.once.Do(func() { close(m.c) }) }

func (m *signal) sent() bool {
	select {
	case <-m.c:
		return true
	default:
		return false
	}
}

// wait waits for it, and reports whether it was sent.
func (m *signal) wait() bool {
	select {
	case <-m.c:
		return true
	case <-time.After(longestWait):
		return false
	}
}

// longestWait is more than the second request takes.
const longestWait = time.Minute

// newOverlap returns an account in which the flow's request will be held up.
func newOverlap(t *testing.T, f flow, c callID, how string) *overlap {
	t.Helper()
	m := &overlap{flow: f, reached: newSignal(), begun: newSignal(), done: newSignal()}
	s := f.phase()
	m.env = newProviderEnv(t, options{})
	m.AddBystanders()
	m.Listen(func(event cloudformation.Event) {
		s.onEvent(event)
		m.onEvent(event)
	})
	s.begin = func() {
		m.WaitForAll()
		m.from = len(m.Cloud.Calls())
		m.Cloud.Inject(m.fault(c, how))
	}
	return m
}

// fault holds up the call.
func (m *overlap) fault(c callID, how string) *aws.Fault {
	// The function does not wait for one answer as long as the call is held up, and
	// so each attempt of the call is.
	f := &aws.Fault{Op: c.op, Match: m.attempts(c), After: how == answerHeld}
	hold := func(until *signal) {
		m.reached.send()
		if !until.wait() {
			m.Errorf("%s was held up, and the other request did not come to where it should", c)
		}
	}
	switch how {
	case untilBegun:
		f.Do = func() { hold(m.begun) }
	case untilDone, answerHeld:
		f.Do = func() { hold(m.done) }
	case throttledTill:
		f.Do, f.Code, f.Message = m.reached.send, "Throttling", "Rate exceeded"
	case killed:
		f.Match, f.Skip, f.Times = c.match, c.n, 1
		f.Do = func() { m.Kill(); m.reached.send() }
		f.Reset = true
	}
	return f
}

// attempts matches every attempt of the call until the second request is done.
func (m *overlap) attempts(c callID) func(aws.Call) bool {
	var mu sync.Mutex
	var seen []string
	return func(call aws.Call) bool {
		if !c.match(call) || m.done.sent() {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		if !slices.Contains(seen, call.Invocation) {
			seen = append(seen, call.Invocation)
		}
		return slices.Index(seen, call.Invocation) == c.n
	}
}

// onEvent follows the second request by what becomes of the resource.
func (m *overlap) onEvent(event cloudformation.Event) {
	if event.StackName != appStack || event.LogicalID != logicalID || !m.reached.sent() {
		return
	}
	switch {
	case strings.HasSuffix(event.Status, "_IN_PROGRESS"):
		m.begun.send()
	case strings.HasSuffix(event.Status, "_COMPLETE") && m.begun.sent():
		m.done.send()
	}
}

// start begins the flow's operation, after what comes before it.
func (m *overlap) start() *cloudformation.Operation {
	m.Helper()
	m.Track(appStack)
	if m.flow.before != nil {
		m.MustApp(m.flow.before)
	}
	o, err := m.Engine.Start(appStack, m.flow.after.Template(nil), nil)
	if err != nil {
		m.Fatal(err)
	}
	return o
}

// waitUntilAsked waits until the first request has been told how its stack is.
func (m *overlap) waitUntilAsked() {
	told := func(c aws.Call) bool { return c.Op == "cloudformation:DescribeStacks" && c.Status == http.StatusOK }
	for !slices.ContainsFunc(m.Cloud.Calls()[m.from:], told) {
		time.Sleep(time.Millisecond)
	}
}

// finish waits for every request, so that nothing goes on, and returns the stack.
func (m *overlap) finish(id string) *cloudformation.Stack {
	m.Helper()
	m.WaitForAll()
	return m.Stack(id)
}

// wait waits for an operation, however it ends.
func (m *overlap) wait(o *cloudformation.Operation) *cloudformation.Stack {
	m.Helper()
	s, err := o.Wait(m.Context())
	if s == nil {
		m.Fatal(err)
	}
	return s
}

// twice delivers a request a second time.
func twice(t *testing.T, f flow, c callID, how string) {
	t.Helper()
	m := newOverlap(t, f, c, untilBegun)
	again := make(chan *lambda.Invocation, 1)
	go func() {
		<-m.reached.c
		requests := m.Engine.Requests()
		i := m.Invoke(requests[len(requests)-1].Payload)
		if how == beside {
			m.begun.send()
		}
		i.Wait()
		again <- i
		if how != beside {
			m.begun.send()
		}
	}()
	stack, err := f.run(m.env)
	if err != nil {
		t.Errorf("the operation failed: %v", err)
	}
	for _, a := range (<-again).Wait() {
		if a.Err != "" {
			t.Errorf("the second delivery: %s", a.Err)
		}
	}
	f.check(m.env, stack, err, true, false)
}

// asksFirst reports whether the call is the first question for the stack.
func asksFirst(c callID) bool { return c.op == "cloudformation:DescribeStacks" && c.n == 0 }

// takenForRollback: an Update that first asks when the stack rolls back already is
// taken for the rollback's own.
func takenForRollback(c callID, how string) bool { return asksFirst(c) && how != answerHeld }

// rollBackMeanwhile cancels the update of the stack while the call is held up, or
// before Lambda delivers the event again.
func rollBackMeanwhile(t *testing.T, f flow, c callID, how string) {
	t.Helper()
	m := newOverlap(t, f, c, how)
	o := m.start()
	<-m.reached.c
	if how != killed && !asksFirst(c) {
		m.waitUntilAsked()
	}
	o.Cancel()
	s := m.finish(m.wait(o).ID)
	f.check(m.env, s, nil, true, false)
}

// deleteMeanwhile deletes the stack while the call is held up, or before Lambda
// delivers the event again.
func deleteMeanwhile(t *testing.T, f flow, c callID, how string) {
	t.Helper()
	m := newOverlap(t, f, c, how)
	o := m.start()
	<-m.reached.c
	if f.before != nil {
		o.Cancel()
		m.wait(o)
	}
	deletion, err := m.Engine.StartDelete(appStack)
	if err != nil {
		t.Fatal(err)
	}
	m.wait(o)
	s := m.finish(m.wait(deletion).ID)
	f.check(m.env, s, nil, true, false)
}
