package main

import (
	"strings"
	"testing"
	"time"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/bitmovin"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// TestCancelledCreate: CloudFormation sends Delete with an id of its own while
// Create runs. Whichever comes first, no output is left.
func TestCancelledCreate(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]*bitmovin.Fault{
		"before the look":                {Op: "list"},
		"before the output":              {Op: "create"},
		"before the output, lost answer": {Op: "create", After: true, Reset: true},
		"after the output":               {Op: "create", After: true},
		"before the second look":         {Op: "list", Skip: 1},
	} {
		for _, pause := range []time.Duration{time.Second, 7 * time.Second} {
			harness.Run(t, name+"/"+pause.String(), func(t *testing.T) {
				e := newOutputProviderEnv(t, options{})
				e.cancelCreate(&bitmovin.Fault{Op: f.Op, Skip: f.Skip, After: f.After, Reset: f.Reset}, pause)
			})
		}
	}
}

// TestCancelledCreateAtItsDeadline: the Delete has looked in vain, then Bitmovin
// registers the output, and Create does not learn it before its time is over.
func TestCancelledCreateAtItsDeadline(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		// Less than two calls' time, so that there is none to look for the output.
		e := newOutputProviderEnv(t, options{Timeout: 15 * time.Second})
		e.API.Inject(&bitmovin.Fault{Op: "create", After: true, Hang: true})
		e.cancelCreate(&bitmovin.Fault{Op: "create"}, 7*time.Second)
	})
}

// TestCreateComesAgainDuringDelete: Create was killed before it registered anything,
// CloudFormation gives it up, and Lambda delivers it again while the Delete looks for
// what it may have made. It does not even register what it would have to remove.
func TestCreateComesAgainDuringDelete(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := newOutputProviderEnv(t, options{})
		var killed, begin, end time.Time
		e.API.Inject(&bitmovin.Fault{Op: "create", Times: 1, Reset: true, Do: func() {
			killed = time.Now()
			e.Kill()
		}})
		e.API.Inject(&bitmovin.Fault{Op: "list", Skip: 1, Times: 1, Do: func() {
			begin = time.Now()
			time.Sleep(8 * time.Second)
			end = time.Now()
		}})
		s, err := e.deployOutput(anOutput.With(properties{"ServiceTimeout": "55"}))
		if err == nil || !strings.Contains(err.Error(), "did not receive a response") {
			t.Errorf("error %v, want no response", err)
		}
		e.WantStatus(s, "ROLLBACK_COMPLETE")
		e.WaitForAll()
		if again := killed.Add(time.Minute); again.Before(begin) || again.After(end) {
			t.Errorf("the Create came again at %v, and the Delete looked from %v to %v", again, begin, end)
		}
		if attempts := e.latest("Create").Invocation.Wait(); len(attempts) != 2 {
			t.Errorf("the Create was delivered %d times, want 2", len(attempts))
		}
		e.wantCreates(1)
		e.wantNoOutputs()
	})
}

// cancelCreate cancels the creation of the stack when the fault strikes, which then
// lasts for the pause, and checks that nothing is left.
func (e *outputEnv) cancelCreate(strike *bitmovin.Fault, pause time.Duration) {
	e.Helper()
	started := make(chan *cloudformation.Operation, 1)
	strike.Times, strike.Do = 1, func() {
		(<-started).Cancel()
		time.Sleep(pause)
	}
	e.API.Inject(strike)
	o := e.startOutput(anOutput)
	started <- o
	s, _ := o.Wait(e.Context())
	e.WantStatus(s, "ROLLBACK_COMPLETE")
	e.WaitForAll()
	e.wantNoOutputs()
}

// TestDeleteLooksAgain: what a Create that was killed has asked for may come
// after the Delete that CloudFormation sends with an id of its own.
func TestDeleteLooksAgain(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := newOutputProviderEnv(t, options{})
		e.mustDeployOutput(anOutput)
		o := e.output()
		e.deleteOutputsByHand()
		o.ID = "of-another-attempt"
		came := make(chan bool)
		time.AfterFunc(time.Second, func() {
			e.API.Edit(func(s *bitmovin.State) { s.Outputs = append(s.Outputs, &o) })
			close(came)
		})
		e.sendDelete(outputStack + "-" + outputID + "-1A2B3C")
		select {
		case <-came:
		default:
			t.Error("the Delete was over before the output came")
		}
		e.wantNoOutputs()
	})
}

// TestLateDeleteOfFormerOutput: the Delete of a Create that gave no answer, delivered again,
// leaves the output that the stack has registered since, and one that it registers just now.
func TestLateDeleteOfFormerOutput(t *testing.T) {
	t.Parallel()
	const former = outputStack + "-" + outputID + "-1A2B3C"
	harness.Run(t, "complete", func(t *testing.T) {
		e := newOutputProviderEnv(t, options{})
		e.mustDeployOutput(anOutput)
		if v := e.sendDelete(former); v.Status != "SUCCESS" {
			t.Errorf("delete %s: %+v, want SUCCESS", former, v)
		}
		e.output()
	})
	harness.Run(t, "being created", func(t *testing.T) {
		e := newOutputProviderEnv(t, options{})
		made := make(chan bool)
		e.API.Inject(&bitmovin.Fault{Op: "create", Times: 1, After: true, Do: func() {
			close(made)
			time.Sleep(7 * time.Second)
		}})
		o := e.startOutput(anOutput)
		<-made
		e.sendDelete(former)
		s, _ := o.Wait(e.Context())
		e.WantStatus(s, "CREATE_COMPLETE")
		e.output()
	})
}

// TestDeleteLeavesForeignOutputs: what does not name this stack and resource is
// not deleted, whatever the physical id is.
func TestDeleteLeavesForeignOutputs(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := newOutputProviderEnv(t, options{})
		e.mustDeployOutput(anOutput)
		for _, id := range []string{harness.ForeignID + "1", harness.ForeignID + "2", "no-such-output", "output-not-registered", "Output-not-created"} {
			if v := e.sendDelete(id); v.Status != "SUCCESS" {
				t.Errorf("delete %s: %+v, want SUCCESS", id, v)
			}
		}
		e.output()
	})
}

// TestKeyRevoked: without a key nothing is said to be gone that may be there.
func TestKeyRevoked(t *testing.T) {
	t.Parallel()
	revoke := func(s *bitmovin.State) { delete(s.Keys, harness.APIKey) }
	restore := func(s *bitmovin.State) { s.Keys[harness.APIKey] = []string{harness.Organization} }
	harness.Run(t, "create", func(t *testing.T) {
		e := newOutputProviderEnv(t, options{})
		e.API.Edit(revoke)
		s, err := e.deployOutput(anOutput)
		if err == nil || !strings.Contains(err.Error(), "401 Unauthorized") || s.Status != "ROLLBACK_COMPLETE" {
			t.Errorf("stack is %s (%v), want ROLLBACK_COMPLETE with the status", s.Status, err)
		}
	})
	harness.Run(t, "update", func(t *testing.T) {
		e := newOutputProviderEnv(t, options{})
		id := e.mustDeployOutput(anOutput).Resources[outputID].PhysicalID
		e.Cloud.Edit(func(s *aws.State) { s.Secrets[oldSecretARN] = "revoked" })
		s, err := e.deployOutput(anOutput.With(properties{"ApiKeySecretArn": oldSecretARN}))
		if err == nil || s.Status != "UPDATE_ROLLBACK_COMPLETE" || e.output().ID != id {
			t.Errorf("stack is %s (%v) with %s, want UPDATE_ROLLBACK_COMPLETE with %s", s.Status, err, e.output().ID, id)
		}
	})
	harness.Run(t, "delete", func(t *testing.T) {
		e := newOutputProviderEnv(t, options{})
		e.mustDeployOutput(anOutput)
		e.API.Edit(revoke)
		if _, err := e.Engine.Delete(e.Context(), outputStack); err == nil || !strings.Contains(err.Error(), "401 Unauthorized") {
			t.Errorf("error %v, want one with the status", err)
		}
		e.API.Edit(restore)
	})
	harness.Run(t, "delete without the secret", func(t *testing.T) {
		e := newOutputProviderEnv(t, options{})
		e.mustDeployOutput(anOutput)
		e.Cloud.Edit(func(s *aws.State) { delete(s.Secrets, secretARN) })
		s, err := e.Engine.Delete(e.Context(), outputStack)
		if err == nil || !strings.Contains(err.Error(), "read the API key from the secret "+secretARN) {
			t.Errorf("error %v, want one with the secret", err)
		}
		e.WantStatus(s, "DELETE_FAILED")
		e.output()
		e.Cloud.Edit(func(s *aws.State) { s.Secrets[secretARN] = harness.APIKey })
	})
}
