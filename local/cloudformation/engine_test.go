package cloudformation_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/cfn"
	runtime "github.com/aws/aws-lambda-go/lambda"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
)

// TestMain is also the function behind the custom resources under test, which
// is started without arguments; go test gives some.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		os.Exit(m.Run())
	}
	runtime.Start(answer)
}

// answer does what the resource's properties say: Fail names the request types
// that fail, Hang those that are never answered, Id is the physical id.
func answer(_ context.Context, e cfn.Event) error {
	text := func(name string) string { s, _ := e.ResourceProperties[name].(string); return s }
	if strings.Contains(text("Hang"), string(e.RequestType)) {
		select {}
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
	put, err := http.NewRequest(http.MethodPut, e.ResponseURL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	answered, err := http.DefaultClient.Do(put)
	if err != nil {
		return err
	}
	return answered.Body.Close()
}

type desk struct {
	*testing.T
	*cloudformation.Engine
	cloud *aws.Cloud
}

func start(t *testing.T, change func(*cloudformation.Options)) desk {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cloud := aws.Start(aws.Options{})
	o := cloudformation.Options{Cloud: cloud, Account: "111122223333", Region: "eu-west-1", Binary: binary}
	if change != nil {
		change(&o)
	}
	e := cloudformation.New(o)
	t.Cleanup(func() { e.Close(); cloud.Close() })
	d := desk{t, e, cloud}
	d.deploy("provider", provider, nil)
	return d
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
      EventInvokeConfig: {MaximumRetryAttempts: 0}
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

func (d desk) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	d.Cleanup(cancel)
	return ctx
}

func (d desk) deploy(name, template string, parameters map[string]string) *cloudformation.Stack {
	d.Helper()
	s, err := d.Deploy(d.ctx(), name, []byte(template), parameters)
	if err != nil {
		d.Fatal(err)
	}
	return s
}

// fails deploys what ends in that status.
func (d desk) fails(name, template, status string) *cloudformation.Stack {
	d.Helper()
	s, err := d.Deploy(d.ctx(), name, []byte(template), nil)
	if err == nil || s == nil || s.Status != status {
		d.Fatalf("deploy: got %+v, %v, want the status %s", s, err, status)
	}
	return s
}

// requests lists what was sent: "Create One", or "Delete One id".
func (d desk) requests() []string {
	var list []string
	for _, r := range d.Requests() {
		list = append(list, strings.TrimSpace(fmt.Sprintf("%s %s %s", r.RequestType, r.LogicalResourceID, r.PhysicalResourceID)))
	}
	return list
}

func (d desk) wantRequests(want ...string) {
	d.Helper()
	if got := d.requests(); !slices.Equal(got, want) {
		d.Errorf("requests: got %q, want %q", got, want)
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

// await waits until something is so.
func (d desk) await(so func() bool) {
	d.Helper()
	for end := time.Now().Add(10 * time.Second); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			d.Fatal("it never came to pass")
		}
	}
}

func (d desk) token() string {
	d.Helper()
	s, err := d.Stack("provider")
	if err != nil {
		d.Fatal(err)
	}
	return s.Outputs["ServiceToken"]
}
