package cloudformation_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/cfn"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
	"github.com/bitmovin/bitmovin-export-access/local/network"
)

// program is the function behind the custom resources under test.
func program(_ map[string]string, _ io.Writer, via http.RoundTripper) func(context.Context, []byte) error {
	client := &http.Client{Transport: via}
	return func(ctx context.Context, payload []byte) error {
		var event cfn.Event
		if err := json.Unmarshal(payload, &event); err != nil {
			return err
		}
		return answer(ctx, client, event)
	}
}

// answer does what the resource's properties say: Fail names the request types
// that fail, Hang those that are never answered, Slow those that take a minute, Id is the physical id.
func answer(ctx context.Context, client *http.Client, e cfn.Event) error {
	text := func(name string) string { s, _ := e.ResourceProperties[name].(string); return s }
	if strings.Contains(text("Hang"), string(e.RequestType)) {
		<-ctx.Done()
		return ctx.Err()
	}
	if strings.Contains(text("Slow"), string(e.RequestType)) {
		time.Sleep(time.Minute)
	}
	r := cfn.Response{
		Status: cfn.StatusSuccess, RequestID: e.RequestID, StackID: e.StackID, LogicalResourceID: e.LogicalResourceID,
		PhysicalResourceID: text("Id"), Data: map[string]any{"Colour": text("Colour"), "Big": strings.Repeat("x", len(text("Big"))*4096)},
	}
	if strings.Contains(text("Fail"), string(e.RequestType)) {
		r.Status, r.Reason = cfn.StatusFailed, "told to"
	}
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	put, err := http.NewRequestWithContext(ctx, http.MethodPut, e.ResponseURL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	answered, err := client.Do(put)
	if err != nil {
		return err
	}
	return answered.Body.Close()
}

// An env is an account with an engine.
type env struct {
	*testing.T
	*cloudformation.Engine
	cloud *aws.Cloud
}

// start returns an account in memory with the stack provider, for a test in a bubble.
func start(t *testing.T) env {
	t.Helper()
	return startWith(t, cloudformation.Answers{})
}

func startWith(t *testing.T, a cloudformation.Answers) env {
	t.Helper()
	memory := network.NewMemory(1)
	cloud := aws.Start(aws.Options{Network: memory})
	engine := cloudformation.New(cloudformation.Options{
		Cloud: cloud, Account: "111122223333", Region: "eu-west-1", Program: program, Memory: memory, Seed: 1, Answers: a,
	})
	t.Cleanup(func() { engine.Close(); cloud.Close() })
	e := env{t, engine, cloud}
	e.deploy("provider", provider, nil)
	return e
}

const provider = `
AWSTemplateFormatVersion: 2010-09-09
Transform: AWS::Serverless-2016-10-31
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties:
      Role: !GetAtt Role.Arn
      CodeUri: .
      Handler: bootstrap
      Runtime: provided.al2023
      Timeout: 300
  NoRetries:
    Type: AWS::Lambda::EventInvokeConfig
    Properties: {FunctionName: !Ref Function, Qualifier: $LATEST, MaximumRetryAttempts: 0}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: 2012-10-17
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: sts:AssumeRole}]
Outputs:
  ServiceToken:
    Value: !GetAtt Function.Arn
    Export: {Name: !Sub "${AWS::StackName}-ServiceToken"}
`

// one is a stack with a custom resource of these properties.
func one(properties string) string { return "Resources:\n" + resource("One", properties) }

func resource(id, properties string) string {
	return fmt.Sprintf(`
  %s:
    Type: Custom::Test
    Properties: {ServiceToken: !ImportValue provider-ServiceToken, %s}
`, id, properties)
}

// dependent makes a resource wait for One.
func dependent(resource string) string {
	return strings.Replace(resource, "Type:", "DependsOn: One\n    Type:", 1)
}

func (e env) deploy(name, template string, parameters map[string]string) *cloudformation.Stack {
	e.Helper()
	s, err := e.Deploy(e.Context(), name, []byte(template), parameters)
	if err != nil {
		e.Fatal(err)
	}
	return s
}

// fails deploys what ends in that status.
func (e env) fails(name, template, status string) *cloudformation.Stack {
	e.Helper()
	s, err := e.Deploy(e.Context(), name, []byte(template), nil)
	if err == nil || s == nil || s.Status != status {
		e.Fatalf("deploy: got %+v, %v, want the status %s", s, err, status)
	}
	return s
}

// requests lists what was sent: "Create One", or "Delete One id".
func (e env) requests() []string {
	var list []string
	for _, r := range e.Requests() {
		list = append(list, strings.TrimSpace(fmt.Sprintf("%s %s %s", r.RequestType, r.LogicalResourceID, r.PhysicalResourceID)))
	}
	return list
}

func (e env) wantRequests(want ...string) {
	e.Helper()
	if got := e.requests(); !slices.Equal(got, want) {
		e.Errorf("requests: got %q, want %q", got, want)
	}
}

// statuses lists the statuses that a logical id, or the stack, has gone through.
func statuses(s *cloudformation.Stack, id string) string {
	var list []string
	for _, event := range s.Events {
		if event.LogicalID == id {
			list = append(list, event.Status)
		}
	}
	return strings.Join(list, " ")
}

// awaitRequests waits until so many requests were sent and nothing goes on but waits.
func (e env) awaitRequests(n int) {
	e.Helper()
	synctest.Wait()
	if got := len(e.Requests()); got != n {
		e.Fatalf("%d requests were sent, want %d", got, n)
	}
}

func (e env) token() string {
	e.Helper()
	s, err := e.Stack("provider")
	if err != nil {
		e.Fatal(err)
	}
	return s.Outputs["ServiceToken"]
}
