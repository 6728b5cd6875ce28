package main

import (
	"testing"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// TestRollbackThatChangesNothing: where an update changed nothing that Bitmovin stores, its
// rollback has nothing to bring back, and needs neither the API nor its key.
func TestRollbackThatChangesNothing(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(e *outputEnv){
		"the API is down":    func(e *outputEnv) { e.API.Inject(down("", false)) },
		"the key is deleted": func(e *outputEnv) { e.Cloud.Edit(func(s *aws.State) { delete(s.Secrets, secretARN) }) },
	} {
		harness.Run(t, name, func(t *testing.T) {
			e := newOutputProviderEnv(t, options{})
			e.mustDeployOutput(anOutput)
			before := e.output()
			e.Listen(func(event cloudformation.Event) {
				if event.StackName == outputStack && event.Status == "UPDATE_ROLLBACK_IN_PROGRESS" {
					spoil(e)
				}
			})
			s, _ := e.DeployText(outputStack, outputTemplate(anOutput.With(withOldKey), failsAfterOutput), nil)
			e.WantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
			if s.Resources[outputID].PhysicalID != before.ID || e.output().ID != before.ID {
				t.Errorf("the stack has %s, Bitmovin %s, want %s", s.Resources[outputID].PhysicalID, e.output().ID, before.ID)
			}
			e.WantInTime()
			e.API.Heal()
			e.Cloud.Edit(func(s *aws.State) { s.Secrets[secretARN] = harness.APIKey })
		})
	}
	harness.Run(t, "but something is to be brought back", func(t *testing.T) {
		e := newOutputProviderEnv(t, options{})
		e.mustDeployOutput(anOutput)
		e.Listen(func(event cloudformation.Event) {
			if event.StackName == outputStack && event.Status == "UPDATE_ROLLBACK_IN_PROGRESS" {
				e.API.Inject(down("", false))
			}
		})
		s, _ := e.DeployText(outputStack, outputTemplate(anOutput.With(properties{"Description": "new"}), failsAfterOutput), nil)
		e.WantStatus(s, "UPDATE_ROLLBACK_FAILED")
		if s, _ = e.tryToContinue(s); s.Status != "UPDATE_ROLLBACK_FAILED" {
			t.Errorf("with Bitmovin down still the stack is %s, want UPDATE_ROLLBACK_FAILED", s.Status)
		}
		e.Listen(func(cloudformation.Event) {})
		e.API.Heal()
		e.wantOutputOf(e.continueRollback(s))
	})
}
