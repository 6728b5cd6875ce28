package main

import (
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bitmovin/bitmovin-export-access/local/bitmovin"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// TestDeliveredTwice: one request makes one output, however often it comes.
func TestDeliveredTwice(t *testing.T) {
	t.Parallel()
	t.Run("at once", deliveredAtOnce)
	pause := func() { time.Sleep(time.Millisecond) }
	for name, order := range map[string][2]func(){
		"the first registers": {func() {}, pause}, "the second registers": {pause, func() {}},
	} {
		harness.Run(t, "at once, names being unique, "+name, func(t *testing.T) {
			e := newOutputProviderEnv(t, options{})
			e.API.Edit(func(s *bitmovin.State) { s.UniqueNames = true })
			delivery := e.createTwice(order[0], order[1])
			s := e.mustDeployOutput(anOutput.With(properties{"Name": "unique"}))
			delivery.Wait()
			e.WaitForAll()
			e.wantOutputOf(s)
		})
	}
	harness.Run(t, "later", func(t *testing.T) {
		e := newOutputProviderEnv(t, options{})
		s := e.mustDeployOutput(anOutput)
		e.resend("Create")
		e.wantOutputOf(s)
		e.wantCreates(1)
	})
	harness.Run(t, "after it was replaced", func(t *testing.T) {
		e := newOutputProviderEnv(t, options{})
		e.mustDeployOutput(anOutput)
		s := e.mustDeployOutput(anOutput.With(properties{"Description": "new"}))
		if v := e.resendLate("Create"); v.Status != "FAILED" {
			t.Errorf("the late Create is %+v, want FAILED", v)
		}
		e.wantOutputOf(s)
		e.wantCreates(2)
	})
	for name, a := range answers() {
		harness.Run(t, "while what it replaced is deleted, "+name, func(t *testing.T) {
			e := newOutputProviderEnv(t, options{Answers: a})
			e.mustDeployOutput(anOutput)
			e.Listen(func(event cloudformation.Event) {
				if event.StackName == outputStack && event.LogicalID == outputID && event.Status == "DELETE_IN_PROGRESS" {
					e.again(e.LatestOf(outputID, "Update"))
					time.Sleep(10 * time.Second)
				}
			})
			s := e.mustDeployOutput(anOutput.With(properties{"Description": "new"}))
			e.Listen(func(cloudformation.Event) {})
			e.WaitForAll()
			e.wantOutputOf(s)
		})
	}
	harness.Run(t, "after its output was deleted by hand", func(t *testing.T) {
		e := newOutputProviderEnv(t, options{})
		e.mustDeployOutput(anOutput)
		e.deleteOutputsByHand()
		if v := e.resendLate("Create"); v.Status != "FAILED" {
			t.Errorf("the late Create is %+v, want FAILED", v)
		}
		e.wantNoOutputs()
		e.wantCreates(1)
	})
	harness.Run(t, "after its delete", func(t *testing.T) {
		e := newOutputProviderEnv(t, options{})
		e.mustDeployOutput(anOutput)
		e.Delete(outputStack)
		e.resend("Delete")
		if v := e.resendLate("Create"); v.Status != "FAILED" {
			t.Errorf("the late Create is %+v, want FAILED", v)
		}
		e.wantNoOutputs()
		e.wantCreates(1)
	})
	harness.Run(t, "among many of that name", func(t *testing.T) {
		e := newOutputProviderEnv(t, options{})
		e.API.Edit(func(s *bitmovin.State) {
			for i := range 250 {
				s.Outputs = append(s.Outputs, &bitmovin.Output{
					ID: fmt.Sprintf("%smany-%d", harness.ForeignID, i), Name: "exports", Organization: harness.Organization,
					CustomData: json.RawMessage(`{"their":"own"}`),
				})
			}
		})
		e.API.Inject(&bitmovin.Fault{Op: "create", Times: 1, After: true, Reset: true})
		s := e.mustDeployOutput(anOutput)
		e.wantOutputOf(s)
		e.wantCreates(1)
		e.Delete(outputStack)
		e.wantNoOutputs()
		e.API.Edit(func(s *bitmovin.State) {
			if len(s.Outputs) != 252 {
				t.Errorf("%d outputs of somebody else are left, want 252", len(s.Outputs))
			}
			s.Outputs = s.Outputs[:2]
		})
	})
}

// deliveredAtOnce: both deliveries look before either registers, and both register in
// one second, so that only the ids tell which output is to stay. The ids follow from
// the seed, and among the seeds each of the two is to stay at least once.
func deliveredAtOnce(t *testing.T) {
	t.Parallel()
	const seeds = 8
	var first, second atomic.Int64
	t.Cleanup(func() {
		all := first.Load()+second.Load() == seeds // but for -run
		if all && (first.Load() == 0 || second.Load() == 0) {
			t.Errorf("the first output stayed %d times, the second %d times: want both", first.Load(), second.Load())
		}
	})
	for seed := range uint64(seeds) {
		harness.Run(t, fmt.Sprintf("seed %d", seed+1), func(t *testing.T) {
			e := newOutputProviderEnv(t, options{Seed: seed + 1})
			var registered []string
			note := func() {
				e.API.View(func(s *bitmovin.State) { registered = append(registered, s.Outputs[len(s.Outputs)-1].ID) })
			}
			e.API.Inject(&bitmovin.Fault{Op: "create", After: true, Do: note})
			delivery := e.createTwice(sleepToNextSecond, func() {
				sleepToNextSecond()
				time.Sleep(300 * time.Millisecond)
			})
			s := e.mustDeployOutput(anOutput)
			delivery.Wait()
			e.WaitForAll()
			if got := e.output(); got.ID != s.Resources[outputID].PhysicalID || got.ExternalID != s.Outputs["ExternalId"] {
				t.Errorf("the stack has %s, the API %+v", s.Resources[outputID].PhysicalID, got)
			}
			switch {
			case len(registered) != 2:
				t.Errorf("outputs %v were registered, want two", registered)
			case registered[0] == e.output().ID:
				first.Add(1)
			default:
				second.Add(1)
			}
		})
	}
}

// sleepToNextSecond sleeps until the time of creation, which Bitmovin tells in full
// seconds, is another one.
func sleepToNextSecond() {
	time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
}

// createTwice has the next Create delivered a second time when it is about to
// register its output. Neither goes on before both are there; then first and second
// run. The group waits for the second delivery.
func (e *outputEnv) createTwice(first, second func()) *sync.WaitGroup {
	var delivery sync.WaitGroup
	both := make(chan struct{})
	e.API.Inject(&bitmovin.Fault{Op: "create", Times: 1, Do: func() {
		delivery.Go(func() { e.resend("Create") })
		<-both
		first()
	}})
	e.API.Inject(&bitmovin.Fault{Op: "create", Times: 1, Do: func() {
		close(both)
		second()
	}})
	return &delivery
}
