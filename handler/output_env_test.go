package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/bitmovin"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

const (
	// outputStack is the stack with nothing but the resource, whose logical id is
	// outputID.
	outputStack = "outputs"
	outputID    = "Output"
	otherBucket = "other-analytics-exports"
)

// anOutput are the properties that a Custom::BitmovinAnalyticsOutput must have.
var anOutput = properties{
	"ApiKeySecretArn": secretARN, "Name": "exports", "BucketName": bucketName, "RoleArn": "arn:aws:iam::" + account + ":role/bitmovin-export-app",
}

// withOldKey is what changes the key that an output is registered with.
var withOldKey = properties{"ApiKeySecretArn": oldSecretARN, "ApiKeySecretField": "key"}

// An outputEnv is an account with the secrets of two API keys, a second bucket, and
// somebody else's outputs at Bitmovin.
type outputEnv struct{ *env }

func newOutputEnv(t *testing.T, o options) *outputEnv {
	t.Helper()
	e := &outputEnv{newEnv(t, o)}
	e.AddAPIKeys()
	e.Cloud.Edit(func(s *aws.State) {
		s.Buckets[otherBucket] = &aws.Bucket{Name: otherBucket, Account: account, Region: region, Ownership: "BucketOwnerEnforced"}
	})
	return e
}

// newOutputProviderEnv is newOutputEnv with a provider deployed that may read both keys.
func newOutputProviderEnv(t *testing.T, o options) *outputEnv {
	t.Helper()
	e := newOutputEnv(t, o)
	s := e.Provide("BitmovinApiKeySecretArn", secretARN)
	e.Cloud.Edit(func(state *aws.State) {
		role := state.Roles[aws.RoleKey(account, s.Resources["ProviderRole"].PhysicalID)]
		role.Inline["OldKey"] = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"` + oldSecretARN + `"}]}`
	})
	return e
}

// outputTemplate returns a template with the resource and others.
func outputTemplate(p properties, more resources) []byte {
	list := resources{outputID: map[string]any{
		"Type":       "Custom::BitmovinAnalyticsOutput",
		"Properties": p.With(properties{"ServiceToken": map[string]any{"Fn::ImportValue": providerStack + "-ServiceToken"}}),
	}}
	for id, resource := range more {
		list[id] = resource
	}
	attribute := func(name string) any {
		return map[string]any{"Value": map[string]any{"Fn::GetAtt": []string{outputID, name}}}
	}
	text, err := json.Marshal(map[string]any{
		"Resources": list, "Outputs": map[string]any{"OutputId": attribute("OutputId"), "ExternalId": attribute("ExternalId")},
	})
	if err != nil {
		panic(err)
	}
	return text
}

// failsAfterOutput is a bucket that cannot be made once the output is registered:
// its name is taken.
var failsAfterOutput = resources{"Sibling": map[string]any{
	"Type": "AWS::S3::Bucket", "DependsOn": outputID, "Properties": map[string]any{"BucketName": bucketName},
}}

// deployOutput creates or updates the stack with the resource.
func (e *outputEnv) deployOutput(p properties) (*cloudformation.Stack, error) {
	e.Helper()
	return e.DeployText(outputStack, outputTemplate(p, nil), nil)
}

func (e *outputEnv) mustDeployOutput(p properties) *cloudformation.Stack {
	e.Helper()
	s, err := e.deployOutput(p)
	if err != nil {
		e.Fatal(err)
	}
	return s
}

// startOutput begins the creation of the stack with the resource.
func (e *outputEnv) startOutput(p properties) *cloudformation.Operation {
	e.Helper()
	e.Track(outputStack)
	o, err := e.Engine.Start(outputStack, outputTemplate(p, nil), nil)
	if err != nil {
		e.Fatal(err)
	}
	return o
}

// outputs returns those that the function has registered, the oldest first.
func (e *outputEnv) outputs() []bitmovin.Output {
	var list []bitmovin.Output
	e.API.View(func(s *bitmovin.State) {
		for _, o := range s.Outputs {
			if !strings.HasPrefix(o.ID, harness.ForeignID) {
				list = append(list, *o)
			}
		}
	})
	return list
}

// output returns the one that the function has registered.
func (e *outputEnv) output() bitmovin.Output {
	e.Helper()
	list := e.outputs()
	if len(list) != 1 {
		e.Fatalf("there are %d outputs, want one: %+v", len(list), list)
	}
	return list[0]
}

// wantOutputOf checks that there is one output, and that it is the stack's.
func (e *outputEnv) wantOutputOf(s *cloudformation.Stack) {
	e.Helper()
	if got := e.output().ID; got != s.Resources[outputID].PhysicalID {
		e.Errorf("the stack has %s, Bitmovin %s", s.Resources[outputID].PhysicalID, got)
	}
}

func (e *outputEnv) wantNoOutputs() {
	e.Helper()
	if left := e.outputs(); len(left) > 0 {
		e.Errorf("outputs are left: %+v", left)
	}
}

// deleteOutputsByHand deletes what the function has registered.
func (e *outputEnv) deleteOutputsByHand() {
	e.API.Edit(func(s *bitmovin.State) { s.Outputs = s.Outputs[:2] })
}

// count returns how many calls of an operation the API has seen.
func (e *outputEnv) count(op string) (n int) {
	for _, c := range e.API.Calls() {
		if c.Op == op {
			n++
		}
	}
	return n
}

// wantCreates sees how often the API was asked to register an output.
func (e *outputEnv) wantCreates(want int) {
	e.Helper()
	if got := e.count("create"); got != want {
		e.Errorf("the API has seen %d creates, want %d", got, want)
	}
}

// latest returns the latest request of a type for the resource.
func (e *outputEnv) latest(kind string) *cloudformation.Request {
	e.Helper()
	return e.LatestOf(outputID, kind)
}

// resend delivers the latest request of a type a further time.
func (e *outputEnv) resend(kind string) {
	e.Helper()
	e.Send(e.latest(kind).Event)
}

// resendLate is resend when the answer counts no more, and need not be the same.
func (e *outputEnv) resendLate(kind string) verdict {
	e.Helper()
	return e.Deliver(e.latest(kind).Event)
}

// sendDelete delivers a Delete for the resource with a physical id.
func (e *outputEnv) sendDelete(physicalID string) verdict {
	e.Helper()
	event := e.latest("Create").Event
	event.RequestType, event.PhysicalResourceID, event.RequestID = "Delete", physicalID, "delete-"+physicalID
	return e.Deliver(event)
}

// healOnRollback ends what the API suffers from when a stack rolls back.
func (e *outputEnv) healOnRollback() {
	e.Listen(func(event cloudformation.Event) {
		if strings.Contains(event.Status, "ROLLBACK_IN_PROGRESS") {
			e.API.Heal()
		}
	})
}
