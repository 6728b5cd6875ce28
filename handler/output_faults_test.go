package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/bitmovin/bitmovin-export-access/local/bitmovin"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// TestOutputFaults strikes every call to Bitmovin's API, in every flow, with every
// fault that a request gets over. The calls are those of a clean run.
func TestOutputFaults(t *testing.T) {
	t.Parallel()
	var table strings.Builder
	table.WriteString("| request | calls of Bitmovin's API | cases |\n|---|---|---|\n")
	all := 0
	for _, f := range outputFlows() {
		calls, cases, nth := f.record(t), 0, map[string]int{}
		for _, op := range calls {
			skip := nth[op]
			nth[op]++
			for _, ft := range outputFaults() {
				cases++
				harness.Run(t, fmt.Sprintf("%s/%s %d/%s", f.name, op, skip+1, ft.name), func(t *testing.T) {
					e := newOutputProviderEnv(t, options{})
					f.run(e, func() {
						strike := ft.make(e)
						strike.Op, strike.Skip, strike.Times = op, skip, 1
						e.API.Inject(strike)
					})
				})
			}
		}
		fmt.Fprintf(&table, "| %s | %d | %d |\n", f.name, len(calls), cases)
		all += cases
	}
	fmt.Fprintf(&table, "| all | | %d |\n", all)
	generated(t, "output faults", table.String())
}

// An outputFlow is a life of the stack with the resource, of which one request is
// struck.
type outputFlow struct {
	name string
	// before is what the stack has already; nil if it is to be made.
	before properties
	// after is what it is to get; nil if it is to be deleted.
	after properties
	// rollback: after is reached, then a sibling fails.
	rollback bool
}

func outputFlows() []outputFlow {
	other := anOutput.With(properties{"BucketName": otherBucket, "Name": "renamed"})
	return []outputFlow{
		{name: "create", after: anOutput},
		{name: "create rolled back", after: anOutput, rollback: true},
		{name: "replace", before: anOutput, after: other},
		{name: "keep", before: anOutput, after: anOutput.With(withOldKey)},
		{name: "replace rolled back", before: anOutput, after: other, rollback: true},
		{name: "delete", before: anOutput},
	}
}

// record runs the flow without a fault and returns the operations of its calls.
func (f outputFlow) record(t *testing.T) (ops []string) {
	t.Helper()
	t.Run("record "+f.name, func(t *testing.T) {
		harness.InBubble(t, func(t *testing.T) {
			e := newOutputProviderEnv(t, options{})
			from := 0
			f.run(e, func() { from = len(e.API.Calls()) })
			for _, c := range e.API.Calls()[from:] {
				ops = append(ops, c.Op)
			}
		})
	})
	if len(ops) == 0 {
		t.Fatal("the flow made no calls")
	}
	return ops
}

// run is the whole flow. It calls strike before the request that is to be struck,
// and sees what is left.
func (f outputFlow) run(e *outputEnv, strike func()) {
	e.Helper()
	var before bitmovin.Output
	if f.before != nil {
		e.mustDeployOutput(f.before)
		before = e.output()
	}
	strike()
	if f.after == nil {
		e.Delete(outputStack)
		f.check(e, "DELETE_COMPLETE", "", before)
		return
	}
	var more resources
	if f.rollback {
		more = failsAfterOutput
	}
	s, err := e.DeployText(outputStack, outputTemplate(f.after, more), nil)
	f.check(e, s.Status, s.Resources[outputID].PhysicalID, before)
	if f.rollback == (err == nil) {
		e.Errorf("error %v, want one: %t", err, f.rollback)
	}
}

// check makes sure that Bitmovin has what the stack's status says.
func (f outputFlow) check(e *outputEnv, status, id string, before bitmovin.Output) {
	e.Helper()
	now := e.outputs()
	switch status {
	case "DELETE_COMPLETE", "ROLLBACK_COMPLETE":
		if len(now) > 0 {
			e.Errorf("the stack is %s, and outputs are left: %+v", status, now)
		}
		return
	case "UPDATE_ROLLBACK_COMPLETE":
		if id != before.ID {
			e.Errorf("after the rollback the stack has %s, want %s as before", id, before.ID)
		}
	case "CREATE_COMPLETE", "UPDATE_COMPLETE":
	default:
		e.Errorf("the stack is %s", status)
	}
	if len(now) != 1 || now[0].ID != id {
		e.Errorf("the stack is %s with %s, the outputs are %+v", status, id, now)
	}
}

// An outputFault is something that happens to one call of Bitmovin's API.
type outputFault struct {
	name string
	make func(*outputEnv) *bitmovin.Fault
}

func outputFaults() []outputFault {
	return []outputFault{
		{"error 503", func(*outputEnv) *bitmovin.Fault {
			return &bitmovin.Fault{Status: http.StatusServiceUnavailable, Body: "<html>"}
		}},
		{"answer 502", func(*outputEnv) *bitmovin.Fault { return &bitmovin.Fault{Status: http.StatusBadGateway, After: true} }},
		{"hang", func(*outputEnv) *bitmovin.Fault { return &bitmovin.Fault{Hang: true} }},
		{"answer hangs", func(*outputEnv) *bitmovin.Fault { return &bitmovin.Fault{Hang: true, After: true} }},
		{"reset before", func(*outputEnv) *bitmovin.Fault { return &bitmovin.Fault{Reset: true} }},
		{"reset after", func(*outputEnv) *bitmovin.Fault { return &bitmovin.Fault{Reset: true, After: true} }},
		{"kill before", func(e *outputEnv) *bitmovin.Fault { return &bitmovin.Fault{Do: e.Kill, Reset: true} }},
		{"kill after", func(e *outputEnv) *bitmovin.Fault { return &bitmovin.Fault{Do: e.Kill, Reset: true, After: true} }},
		{"limited", func(*outputEnv) *bitmovin.Fault {
			return &bitmovin.Fault{Status: http.StatusTooManyRequests, Header: http.Header{"X-Ratelimit-Reset": {"1"}}}
		}},
	}
}

// TestOutputNoAnswer: the function is killed in each delivery once it has registered
// the output, and CloudFormation does not learn its id. It gives up when all
// deliveries were made, or when the function has been killed once: then it comes
// again to a stack that went on without it.
func TestOutputNoAnswer(t *testing.T) {
	t.Parallel()
	for _, f := range outputFlows() {
		if f.rollback || f.after == nil || f.name == "keep" {
			continue
		}
		for name, timeout := range map[string]string{"after all deliveries": "300", "before the second delivery": "30"} {
			harness.Run(t, f.name+"/given up "+name, func(t *testing.T) {
				e := newOutputProviderEnv(t, options{})
				e.healOnRollback()
				var before bitmovin.Output
				if f.before != nil {
					e.mustDeployOutput(f.before)
					before = e.output()
				}
				e.API.Inject(&bitmovin.Fault{Op: "create", Times: 1, After: true, Reset: true, Do: func() {
					e.API.Inject(&bitmovin.Fault{Do: e.Kill, Reset: true})
					e.Kill()
				}})
				s, err := e.deployOutput(f.after.With(properties{"ServiceTimeout": timeout}))
				if err == nil || !strings.Contains(err.Error(), "did not receive a response") || e.count("create") < 1 {
					t.Errorf("error %v after %d creates, want no response", err, e.count("create"))
				}
				e.WaitForAll()
				f.check(e, s.Status, s.Resources[outputID].PhysicalID, before)
				e.StoreMissingAnswers()
			})
		}
	}
}

// TestOutputFieldsLeftOut runs the flows with an API that leaves out of its answers
// what is not documented to be in them, and with one that wants names to be unique.
func TestOutputFieldsLeftOut(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*bitmovin.State){
		"a list": func(s *bitmovin.State) { s.ListOmits = []string{"customData", "externalId", "roleArn", "createdAt"} },
		"a list and a get": func(s *bitmovin.State) {
			s.ListOmits, s.GetOmits = []string{"customData"}, []string{"customData", "roleArn"}
		},
		"no name twice": func(s *bitmovin.State) {
			s.UniqueNames = true
			for _, o := range s.Outputs {
				o.Name = o.ID
			}
		},
	} {
		for _, f := range outputFlows() {
			harness.Run(t, name+"/"+f.name, func(t *testing.T) {
				e := newOutputProviderEnv(t, options{})
				e.API.Edit(edit)
				f.run(e, func() {})
			})
		}
	}
}

// TestExternalIDToldOnce: where Bitmovin tells a generated external id only once,
// what needs it again fails with what to do, and a rollback does not need it.
func TestExternalIDToldOnce(t *testing.T) {
	t.Parallel()
	run := func(name string, test func(t *testing.T, e *outputEnv)) {
		harness.Run(t, name, func(t *testing.T) {
			e := newOutputProviderEnv(t, options{})
			e.API.Edit(func(s *bitmovin.State) { s.ListOmits, s.GetOmits = []string{"externalId"}, []string{"externalId"} })
			test(t, e)
		})
	}
	for _, f := range outputFlows() {
		if f.name != "keep" {
			run(f.name, func(_ *testing.T, e *outputEnv) { f.run(e, func() {}) })
		}
	}
	run("lost answer", func(t *testing.T, e *outputEnv) {
		e.API.Inject(&bitmovin.Fault{Op: "create", Times: 1, After: true, Reset: true})
		s, err := e.deployOutput(anOutput)
		if err == nil || !strings.Contains(err.Error(), "does not tell its external id again") || s.Status != "ROLLBACK_COMPLETE" {
			t.Errorf("stack is %s (%v), want ROLLBACK_COMPLETE with the reason", s.Status, err)
		}
	})
	run("keep", func(t *testing.T, e *outputEnv) {
		id := e.mustDeployOutput(anOutput).Resources[outputID].PhysicalID
		s, err := e.deployOutput(anOutput.With(properties{"ServiceTimeout": "600"}))
		if err == nil || s.Status != "UPDATE_ROLLBACK_COMPLETE" || e.output().ID != id {
			t.Errorf("stack is %s (%v) with %s, want UPDATE_ROLLBACK_COMPLETE with %s", s.Status, err, e.output().ID, id)
		}
	})
	run("keep a custom one", func(t *testing.T, e *outputEnv) {
		mine := anOutput.With(properties{"ExternalIdMode": "CUSTOM", "ExternalId": "mine"})
		e.mustDeployOutput(mine)
		if got := e.mustDeployOutput(mine.With(properties{"ServiceTimeout": "600"})).Outputs["ExternalId"]; got != "mine" {
			t.Errorf("ExternalId = %q, want mine", got)
		}
	})
}
