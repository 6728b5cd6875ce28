package cloudformation_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	sdkaws "github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

const everything = `
Parameters: {Description: {Type: String, Default: one}, Path: {Type: String, Default: /}}
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: the-role
      Path: !Ref Path
      Description: !Ref Description
      PermissionsBoundary: !Ref Boundary
      ManagedPolicyArns: [!Ref Boundary]
      AssumeRolePolicyDocument:
        Version: 2012-10-17
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: sts:AssumeRole}]
      Policies:
        - PolicyName: logs
          PolicyDocument:
            Version: 2012-10-17
            Statement: {Effect: Allow, Action: 's3:ListBucket', Resource: '*', Condition: {Bool: {aws:SecureTransport: true}}}
      Tags: [{Key: k, Value: v}]
  Boundary:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      ManagedPolicyName: the-boundary
      PolicyDocument: {Version: 2012-10-17, Statement: [{Effect: Allow, Action: 's3:*', Resource: '*'}]}
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: the-bucket
      OwnershipControls: {Rules: [{ObjectOwnership: ObjectWriter}]}
      VersioningConfiguration: {Status: Enabled}
      ObjectLockEnabled: true
      ObjectLockConfiguration: {ObjectLockEnabled: Enabled, Rule: {DefaultRetention: {Mode: GOVERNANCE, Days: 3}}}
      PublicAccessBlockConfiguration: {BlockPublicAcls: false}
      BucketEncryption:
        ServerSideEncryptionConfiguration:
          - ServerSideEncryptionByDefault: {SSEAlgorithm: aws:kms, KMSMasterKeyID: !GetAtt Key.Arn}
  BucketPolicy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Bucket
      PolicyDocument:
        Version: 2012-10-17
        Statement: [{Effect: Deny, Principal: {AWS: !GetAtt Role.Arn}, Action: 's3:GetObject', Resource: !Sub '${Bucket.Arn}/*'}]
  Plain: {Type: AWS::S3::Bucket}
  Key:
    Type: AWS::KMS::Key
    Properties:
      KeyPolicy:
        Version: 2012-10-17
        Statement: [{Effect: Allow, Principal: {AWS: !Sub 'arn:aws:iam::${AWS::AccountId}:root'}, Action: 'kms:*', Resource: '*'}]
  Log: {Type: AWS::Logs::LogGroup, Properties: {RetentionInDays: 30}}
  Function:
    Type: AWS::Lambda::Function
    Properties: {FunctionName: fun, Code: {S3Bucket: b, S3Key: k}, Role: !GetAtt Role.Arn, LoggingConfig: {LogFormat: JSON, LogGroup: !Ref Log}}
  Retries:
    Type: AWS::Lambda::EventInvokeConfig
    Properties: {FunctionName: !Ref Function, Qualifier: $LATEST, DestinationConfig: {}, MaximumRetryAttempts: 1}
`

func TestResourceTypes(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := start(t)
		s := e.deploy("app", everything, nil)
		keyARN := s.Resources["Key"].Attributes["Arn"]
		e.cloud.View(func(state *aws.State) {
			want := &aws.Role{
				Account: "111122223333", Name: "the-role", Path: "/", Description: "one",
				Trust:    `{"Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"}}],"Version":"2012-10-17"}`,
				Inline:   map[string]string{"logs": `{"Statement":{"Action":"s3:ListBucket","Condition":{"Bool":{"aws:SecureTransport":"true"}},"Effect":"Allow","Resource":"*"},"Version":"2012-10-17"}`},
				Attached: []string{"arn:aws:iam::111122223333:policy/the-boundary"}, Boundary: "arn:aws:iam::111122223333:policy/the-boundary",
				Tags: map[string]string{"k": "v"},
			}
			if diff := cmp.Diff(want, state.Roles[aws.RoleKey("111122223333", "the-role")], cmpopts.IgnoreFields(aws.Role{}, "ID", "Created")); diff != "" {
				t.Errorf("role (-want +got):\n%s", diff)
			}
			bucket := &aws.Bucket{
				Name: "the-bucket", Account: "111122223333", Region: "eu-west-1", Ownership: "ObjectWriter", Versioning: "Enabled",
				Algorithm: "aws:kms", KMSKey: keyARN, LockEnabled: true, Lock: &aws.Retention{Mode: "GOVERNANCE", Days: 3},
				Policy: `{"Statement":[{"Action":"s3:GetObject","Effect":"Deny","Principal":{"AWS":"arn:aws:iam::111122223333:role/the-role"},"Resource":"arn:aws:s3:::the-bucket/*"}],"Version":"2012-10-17"}`,
			}
			if diff := cmp.Diff(bucket, state.Buckets["the-bucket"], cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("bucket (-want +got):\n%s", diff)
			}
			plain := state.Buckets[s.Resources["Plain"].PhysicalID]
			if plain == nil || plain.Ownership != "BucketOwnerEnforced" || !plain.BlockPublicACLs || plain.Algorithm != "AES256" {
				t.Errorf("bucket with AWS's defaults: got %+v", plain)
			}
			if group := state.LogGroups[s.Resources["Log"].PhysicalID]; group == nil || group.Retention != 30 {
				t.Errorf("log group: got %+v", group)
			}
			if k := state.Keys[keyARN]; k == nil || k.State != "Enabled" || !strings.Contains(k.Policy, ":root") {
				t.Errorf("key: got %+v", k)
			}
		})
		attempts := func() int {
			return len(e.Function("arn:aws:lambda:eu-west-1:111122223333:function:fun").Invoke([]byte(`{"RequestType":"None"}`)).Wait())
		}
		if n := attempts(); n != 2 {
			t.Errorf("attempts with one retry: got %d, want 2", n)
		}
		without, _, _ := strings.Cut(everything, "  Retries:")
		e.deploy("app", without, nil)
		if n := attempts(); n != 3 {
			t.Errorf("attempts when Lambda's own retries are back: got %d, want 3", n)
		}
	})
}

func TestResourcesAreUpdatedReplacedAndDeleted(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := start(t)
		e.deploy("app", everything, nil)
		role := func() (r aws.Role, found bool) {
			e.cloud.View(func(s *aws.State) {
				if now := s.Roles[aws.RoleKey("111122223333", "the-role")]; now != nil {
					r, found = *now, true
				}
			})
			return r, found
		}
		before, _ := role()
		e.deploy("app", everything, map[string]string{"Description": "two"})
		if after, _ := role(); after.Description != "two" || after.ID != before.ID || !after.Created.Equal(before.Created) {
			t.Errorf("role after an update: got %+v, before %+v", after, before)
		}
		// A path replaces the role, which cannot be while it keeps its name.
		if _, err := e.Deploy(e.Context(), "app", []byte(everything), map[string]string{"Path": "/p/"}); err == nil || !strings.Contains(err.Error(), "already exists") {
			t.Errorf("replacement under the same name: got %v", err)
		}
		if after, _ := role(); after.Description != "two" || after.Path != "/" {
			t.Errorf("role after the rollback: got %+v", after)
		}
		unnamed := strings.Replace(everything, "RoleName: the-role", "", 1)
		s := e.deploy("app", unnamed, nil)
		if _, found := role(); found || !strings.HasPrefix(s.Resources["Role"].PhysicalID, "app-Role-") {
			t.Errorf("the replaced role is there still: %v, %s", found, s.Resources["Role"].PhysicalID)
		}
		if _, err := e.Delete(e.Context(), "app"); err != nil {
			t.Fatal(err)
		}
		e.cloud.View(func(s *aws.State) {
			if len(s.Roles) != 1 || len(s.Buckets) != 0 || len(s.LogGroups) != 0 {
				t.Errorf("left over: %v, %v, %v", s.Roles, s.Buckets, s.LogGroups)
			}
			for _, k := range s.Keys {
				if k.State != "PendingDeletion" {
					t.Errorf("key: got %+v", k)
				}
			}
		})
	})
}

func TestForeignThingsAreLeftAlone(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := start(t)
		e.cloud.Edit(func(s *aws.State) {
			s.Buckets["the-bucket"] = &aws.Bucket{Name: "the-bucket", Versions: []*aws.Version{{Key: "k"}}}
		})
		s := e.fails("app", everything, "ROLLBACK_COMPLETE")
		if reason := s.Resources["Bucket"].PhysicalID; reason != "" {
			t.Errorf("bucket: got the id %s, want none", reason)
		}
		e.cloud.View(func(s *aws.State) {
			if s.Buckets["the-bucket"] == nil || len(s.Roles) != 1 {
				t.Errorf("after the rollback: got %v, %v", s.Buckets, s.Roles)
			}
		})
	})
}

// client returns one of CloudFormation's for a user who may ask for everything.
func (e env) client() *sdk.Client {
	user := "arn:aws:iam::111122223333:user/u"
	e.cloud.Edit(func(s *aws.State) {
		s.Users[user] = &aws.User{ARN: user, Inline: map[string]string{
			"p": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"cloudformation:Describe*","Resource":"*"}]}`,
		}}
	})
	return sdk.NewFromConfig(e.cloud.Config(user, "eu-west-1"))
}

// described returns the status and the id that DescribeStackResource answers for the
// resource One, or its error.
func (e env) described(client *sdk.Client, stackID string) string {
	e.Helper()
	id := "One"
	out, err := client.DescribeStackResource(e.Context(), &sdk.DescribeStackResourceInput{StackName: &stackID, LogicalResourceId: &id})
	var known smithy.APIError
	switch {
	case errors.As(err, &known):
		return known.ErrorCode() + ": " + known.ErrorMessage()
	case err != nil:
		e.Fatal(err)
	}
	return string(out.StackResourceDetail.ResourceStatus) + " " + *out.StackResourceDetail.PhysicalResourceId
}

// A resource that a living stack has removed does not exist for it; those of a deleted
// stack are told for 90 days:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResource.html.
func TestRemovedResource(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := start(t)
		client := e.client()
		made := e.deploy("app", one("Id: a"), nil)
		e.deploy("app", "Resources: {Log: {Type: AWS::Logs::LogGroup}}", nil)
		const unknown = "ValidationError: Resource One does not exist for stack app"
		if got := e.described(client, made.ID); got != unknown {
			t.Errorf("a removed resource: got %s", got)
		}
		failed := e.fails("failed", one("Id: a, Fail: Create"), "ROLLBACK_COMPLETE")
		if got, want := e.described(client, failed.ID), strings.Replace(unknown, "app", "failed", 1); got != want {
			t.Errorf("one whose create was rolled back: got %s", got)
		}
		deleted := e.deploy("deleted", one("Id: a"), nil)
		if _, err := e.Delete(e.Context(), "deleted"); err != nil {
			t.Fatal(err)
		}
		if got := e.described(client, deleted.ID); got != "DELETE_COMPLETE a" {
			t.Errorf("that of a deleted stack: got %s", got)
		}
	})
}

// Nobody has recorded what AWS answers for a custom resource without an id, nor which
// incarnation it shows during a cleanup: both are played.
func TestUnrecordedAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answers           cloudformation.Answers
		creating, cleanup string
	}{
		"listed, the living one shown":       {cloudformation.Answers{}, "CREATE_IN_PROGRESS ", "UPDATE_COMPLETE b"},
		"not listed, the replaced one shown": {cloudformation.Answers{Unnamed: true, Replaced: true}, "ValidationError: Resource One does not exist for stack app", "DELETE_IN_PROGRESS a"},
	} {
		harness.Run(t, name, func(t *testing.T) {
			e := startWith(t, c.answers)
			client := e.client()
			shown := func(template string, requests int) string {
				t.Helper()
				o, err := e.Start("app", []byte(template), nil)
				if err != nil {
					t.Fatal(err)
				}
				for len(e.Requests()) < requests {
					time.Sleep(time.Second)
				}
				s, err := e.Stack("app")
				if err != nil {
					t.Fatal(err)
				}
				described := e.described(client, s.ID)
				if _, err := o.Wait(e.Context()); err != nil {
					t.Fatal(err)
				}
				return described
			}
			if got := shown(one("Id: a, Slow: Create Delete"), 1); got != c.creating {
				t.Errorf("while it is created: got %q, want %q", got, c.creating)
			}
			if got := shown(one("Id: b"), 3); got != c.cleanup {
				t.Errorf("during the cleanup: got %q, want %q", got, c.cleanup)
			}
			if s, err := e.Stack("app"); err != nil || e.described(client, s.ID) != "UPDATE_COMPLETE b" {
				t.Errorf("after it: got %s, %v", e.described(client, s.ID), err)
			}
		})
	}
}

func TestServiceTellsStatuses(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := start(t)
		client := e.client()
		made := e.deploy("app", one("Id: a"), nil)
		stacks, err := client.DescribeStacks(e.Context(), &sdk.DescribeStacksInput{StackName: &made.ID})
		if err != nil || len(stacks.Stacks) != 1 || stacks.Stacks[0].StackStatus != "CREATE_COMPLETE" || *stacks.Stacks[0].StackName != "app" {
			t.Errorf("DescribeStacks: got %+v, %v", stacks, err)
		}
		if got := e.described(client, made.ID); got != "CREATE_COMPLETE a" {
			t.Errorf("DescribeStackResource: got %s", got)
		}
		if _, err := e.Delete(e.Context(), "app"); err != nil {
			t.Fatal(err)
		}
		stacks, err = client.DescribeStacks(e.Context(), &sdk.DescribeStacksInput{StackName: &made.ID})
		if err != nil || stacks.Stacks[0].StackStatus != "DELETE_COMPLETE" {
			t.Errorf("DescribeStacks of a deleted one: got %+v, %v", stacks, err)
		}
		_, err = client.DescribeStacks(e.Context(), &sdk.DescribeStacksInput{StackName: sdkaws.String("One")})
		var known smithy.APIError
		if !errors.As(err, &known) || known.ErrorCode() != "ValidationError" || known.ErrorMessage() != "Stack with id One does not exist" {
			t.Errorf("DescribeStacks of none: got %v", err)
		}
	})
}
