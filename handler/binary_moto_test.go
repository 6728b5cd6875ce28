package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	stacks "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
	"github.com/bitmovin/bitmovin-export-access/local/ids"
	"github.com/bitmovin/bitmovin-export-access/local/lambda"
	"github.com/bitmovin/bitmovin-export-access/local/moto"
	"github.com/bitmovin/bitmovin-export-access/local/network"
)

// TestMoto runs the function against moto with authorization on: an IAM, STS and
// S3 that nobody of this project wrote. What it proves is that the function's
// own policies, as the template has them, allow what it calls, that IAM takes
// each document, and that a role of the published policy and trust can do what
// exports need and no more.
//
// What it does not prove, since moto (5.2) does not evaluate it, and AWS does:
//   - a permissions boundary, whose document need not even exist:
//     https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
//   - conditions other than StringEquals in a trust policy, so that a verifier
//     statement does not expire, and every condition of the function's policies:
//     https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html
//   - an external id that is left out: moto takes it for the right one:
//     https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_common-scenarios_third-party.html
//   - who is named in a bucket policy other than everyone, ACL rules, public
//     access blocks, ExpectedBucketOwner and KMS:
//     https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-policy-language-overview.html
//   - layers: moto gives no reason for a denial, and no code with some:
//     https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
//   - the search for leftovers on Delete: it refuses the signature of a list with
//     a slash in its prefix, which the function tells in its log.
//
// In a trust policy moto takes a statement for another principal for a Deny, and
// knows the role of a session only by the session's ARN. So the function is an
// IAM user here, with the policies of the function's role, and Bitmovin's user
// is the same one; on AWS each statement stands for itself:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
func TestMoto(t *testing.T) {
	if os.Getenv("MOTO_TEST") == "" {
		t.Skip("make test-moto runs this: it needs moto_server, which make tools installs")
	}
	m := newMoto(t)
	p := properties{"BucketName": bucketName, "RoleName": "bitmovin-export-app", "ExternalId": "external-id-1", "ObjectPrefix": "exports/"}

	// moto has no layers, and its KMS is not asked; everything else is as on AWS.
	created := m.send("Create", "", p, nil)
	if diff := cmp.Diff(clean(), m.checks(created)); diff != "" {
		t.Errorf("Create: checks (-want +got):\n%s", diff)
	}
	m.wantAccess("external-id-1", "exports/")

	next := p.With(properties{"ObjectPrefix": "analytics/", "ExternalId": "external-id-2", "Tags": harness.Tags("team", "data")})
	updated := m.send("Update", created.PhysicalResourceId, next, p)
	if diff := cmp.Diff(clean(), m.checks(updated)); diff != "" {
		t.Errorf("Update: checks (-want +got):\n%s", diff)
	}
	m.wantAccess("external-id-2", "analytics/")

	m.testDenied(created.PhysicalResourceId, next)

	if v := m.send("Delete", created.PhysicalResourceId, next, nil); v.Status != "SUCCESS" {
		t.Errorf("Delete: %+v", v)
	}
	m.authorize(false)
	if _, err := m.iam.GetRole(t.Context(), &iam.GetRoleInput{RoleName: sdk.String("bitmovin-export-app")}); err == nil {
		t.Error("the role is left")
	}
	m.wantEmptyBucket()
}

// A motoAccount is a moto server with one bucket, the function as its user, and where
// the responses go.
type motoAccount struct {
	*testing.T
	url      string
	inbox    *cloudformation.Inbox
	function *lambda.Function
	iam      *iam.Client
	// exporter are the credentials of the function's and Bitmovin's user.
	exporter sdk.CredentialsProvider
	requests int
}

const motoUser = "arn:aws:iam::" + account + ":user/exporter"

func newMoto(t *testing.T) *motoAccount {
	t.Helper()
	m := &motoAccount{T: t, url: moto.Start(t), inbox: cloudformation.NewInbox(network.Sockets{}, ids.New(1))}
	t.Cleanup(m.inbox.Close)
	m.iam = iam.NewFromConfig(m.config(nil))
	_, err := s3.NewFromConfig(m.config(nil)).CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: sdk.String(bucketName), ObjectOwnership: types.ObjectOwnershipBucketOwnerEnforced,
		CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: region},
	})
	if err != nil {
		t.Fatal(err)
	}
	// moto loads a service when it is first asked, CloudFormation with all others: seconds on a busy machine, which the
	// function would not wait for.
	if _, err := stacks.NewFromConfig(m.config(nil)).DescribeStacks(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := sts.NewFromConfig(m.config(nil)).GetCallerIdentity(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	_, err = m.iam.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: sdk.String(path.Base(houseBoundary)), PolicyDocument: sdk.String(anything)})
	if err != nil {
		t.Fatal(err)
	}
	policies := functionPolicies(t)
	// moto asks for * on a role that does not exist, on a policy and on a stack, AWS
	// for the ARN; and for s3:HeadBucket, where AWS asks for s3:ListBucket.
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
	// https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html
	policies["OfMoto"] = policyOf(`{"Effect":"Allow","Action":["iam:GetRole","iam:GetPolicy","iam:CreateRole","cloudformation:Describe*","s3:HeadBucket"],"Resource":"*"}`)
	key := m.makeUser(policies)
	m.exporter = credentials.NewStaticCredentialsProvider(key.AccessKeyID, key.SecretAccessKey, "")
	m.function = lambda.New(lambda.Config{
		Binary: function(t), FunctionARN: "arn:aws:lambda:" + region + ":" + account + ":function:provider", Timeout: 30 * time.Second,
		RetryDelays: []time.Duration{0, 0},
		Env: map[string]string{
			"AWS_ACCESS_KEY_ID": key.AccessKeyID, "AWS_SECRET_ACCESS_KEY": key.SecretAccessKey, "AWS_SESSION_TOKEN": "",
			"AWS_ENDPOINT_URL": m.url, "AWS_LAMBDA_LOG_FORMAT": "JSON",
			"ROLE_NAME_PREFIX": harness.RoleNamePrefix, "VERIFIER_ROLE_ARN": motoUser, "TRUSTED_PRINCIPAL": motoUser,
			"PERMISSIONS_BOUNDARY_ARN": houseBoundary,
		},
	})
	t.Cleanup(func() {
		m.function.Close()
		if t.Failed() {
			t.Logf("what the function printed:\n%s", m.function.Logs())
		}
	})
	m.authorize(true)
	return m
}

// functionPolicies are the policies that the template gives the function.
func functionPolicies(t *testing.T) map[string]string {
	t.Helper()
	e := newBinaryEnv(t, options{})
	e.MustDeploy("Verification", "Off", "RoleNamePrefix", harness.RoleNamePrefix)
	for _, r := range e.Roles() {
		if strings.Contains(r.Name, "ProviderRole") {
			return r.Inline
		}
	}
	t.Fatal("the function has no role")
	return nil
}

// makeUser makes the user, with policies, and its access key.
func (m *motoAccount) makeUser(policies map[string]string) aws.Credentials {
	m.Helper()
	name := sdk.String("exporter")
	if _, err := m.iam.CreateUser(m.Context(), &iam.CreateUserInput{UserName: name}); err != nil {
		m.Fatal(err)
	}
	for policy, text := range policies {
		_, err := m.iam.PutUserPolicy(m.Context(), &iam.PutUserPolicyInput{UserName: name, PolicyName: &policy, PolicyDocument: &text})
		if err != nil {
			m.Fatalf("policy %s: %v", policy, err)
		}
	}
	out, err := m.iam.CreateAccessKey(m.Context(), &iam.CreateAccessKeyInput{UserName: name})
	if err != nil {
		m.Fatal(err)
	}
	return aws.Credentials{AccessKeyID: *out.AccessKey.AccessKeyId, SecretAccessKey: *out.AccessKey.SecretAccessKey}
}

// config is the SDK's for a caller; nil is one who is asked for no permission,
// as long as moto does not authorize.
func (m *motoAccount) config(c sdk.CredentialsProvider) sdk.Config {
	if c == nil {
		c = credentials.NewStaticCredentialsProvider("admin", "secret", "")
	}
	return sdk.Config{Region: region, BaseEndpoint: &m.url, Credentials: c, Retryer: func() sdk.Retryer { return sdk.NopRetryer{} }}
}

// authorize turns moto's authorization on or off.
// https://docs.getmoto.org/en/latest/docs/iam.html
func (m *motoAccount) authorize(on bool) {
	m.Helper()
	calls := "0"
	if !on {
		calls = "inf"
	}
	r, err := http.Post(m.url+"/moto-api/reset-auth", "text/plain", strings.NewReader(calls))
	if err != nil {
		m.Fatal(err)
	}
	defer r.Body.Close() //nolint:errcheck // nothing of it is used
	if r.StatusCode != http.StatusOK {
		m.Fatalf("moto answers %s", r.Status)
	}
}

// send sends an event as CloudFormation does and returns the verdict.
func (m *motoAccount) send(kind, id string, p, old properties) verdict {
	m.Helper()
	m.requests++
	request := strings.Repeat("0", 7) + string(rune('0'+m.requests)) + "-0000-4000-8000-000000000000"
	event, err := json.Marshal(map[string]any{
		"RequestType": kind, "RequestId": request, "ResponseURL": m.inbox.URL(request), "PhysicalResourceId": id,
		"StackId":           "arn:aws:cloudformation:" + region + ":" + account + ":stack/exports/6f2c9a50-7d1e-11ef-8c3b-0a58a9feac02",
		"LogicalResourceId": logicalID, "ResourceType": "Custom::BitmovinExportAccess",
		"ResourceProperties": p, "OldResourceProperties": old,
	})
	if err != nil {
		m.Fatal(err)
	}
	m.function.Invoke(event).Wait()
	ctx, cancel := context.WithTimeout(m.Context(), time.Second)
	defer cancel()
	body, err := m.inbox.Wait(ctx, request)
	if err != nil {
		m.Fatal(err)
	}
	return harness.DecodeVerdict(m.T, body)
}

// checks decodes the checks of a verdict that must be SUCCESS.
func (m *motoAccount) checks(v verdict) map[string]string {
	m.Helper()
	if v.Status != "SUCCESS" || v.Data["AccessVerified"] != "true" {
		m.Fatalf("the verdict is %+v", v)
	}
	checks := map[string]string{}
	if err := json.Unmarshal([]byte(v.Data["Checks"]), &checks); err != nil {
		m.Fatal(err)
	}
	return checks
}

// wantAccess sees, as Bitmovin, that the role can be assumed with the external
// id and not with another, and that it can do what exports need below the
// prefix and nothing else.
func (m *motoAccount) wantAccess(externalID, prefix string) {
	m.Helper()
	role := "arn:aws:iam::" + account + ":role/bitmovin-export-app"
	client := sts.NewFromConfig(m.config(m.exporter))
	in := &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: sdk.String("export"), ExternalId: sdk.String("another")}
	_, err := client.AssumeRole(m.Context(), in)
	m.wantStatus("assume with another external id", err, http.StatusForbidden)
	in.ExternalId = &externalID
	out, err := client.AssumeRole(m.Context(), in)
	m.wantStatus("assume", err, 0)
	if err != nil {
		return
	}
	c := out.Credentials
	exports := s3.NewFromConfig(m.config(credentials.NewStaticCredentialsProvider(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)))
	put := func(key string) error {
		_, err := exports.PutObject(m.Context(), &s3.PutObjectInput{Bucket: sdk.String(bucketName), Key: &key, Body: strings.NewReader("text")})
		return err
	}
	m.wantStatus("put below the prefix", put(prefix+"export.csv"), 0)
	m.wantStatus("put elsewhere", put("elsewhere.csv"), http.StatusForbidden)
	_, err = exports.ListObjectsV2(m.Context(), &s3.ListObjectsV2Input{Bucket: sdk.String(bucketName)})
	m.wantStatus("list", err, 0)
	_, err = exports.GetBucketLocation(m.Context(), &s3.GetBucketLocationInput{Bucket: sdk.String(bucketName)})
	m.wantStatus("get location", err, 0)
	_, err = exports.PutObjectAcl(m.Context(), &s3.PutObjectAclInput{
		Bucket: sdk.String(bucketName), Key: sdk.String(prefix + "export.csv"), ACL: types.ObjectCannedACLBucketOwnerFullControl,
	})
	m.wantStatus("put ACL", err, 0)
	_, err = exports.GetObject(m.Context(), &s3.GetObjectInput{Bucket: sdk.String(bucketName), Key: sdk.String(prefix + "export.csv")})
	m.wantStatus("get", err, http.StatusForbidden)
	_, err = exports.DeleteObject(m.Context(), &s3.DeleteObjectInput{Bucket: sdk.String(bucketName), Key: sdk.String(prefix + "export.csv")})
	m.wantStatus("delete", err, http.StatusForbidden)
}

// wantStatus sees what a call came to: 0 is success. moto's denials have no code.
func (m *motoAccount) wantStatus(what string, err error, status int) {
	m.Helper()
	var answer interface{ HTTPStatusCode() int }
	switch {
	case err == nil && status != 0:
		m.Errorf("%s: succeeded, want %d", what, status)
	case err != nil && (!errors.As(err, &answer) || answer.HTTPStatusCode() != status):
		m.Errorf("%s: got %v, want %d", what, err, status)
	}
}

// testDenied: what moto's bucket policies can do is to deny everyone.
func (m *motoAccount) testDenied(id string, p properties) {
	m.Helper()
	m.setPolicy(policyOf(`{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::` + bucketName + `/*"}`))
	v := m.send("Update", id, p.With(properties{"VerificationTrigger": "again"}), p)
	if v.Status != "FAILED" || !strings.Contains(v.Reason, "s3:PutObject: denied") {
		m.Errorf("denied: the verdict is %+v", v)
	}
	m.setPolicy("")
}

// setPolicy sets the bucket's policy, or takes it away.
func (m *motoAccount) setPolicy(policy string) {
	m.Helper()
	m.authorize(false)
	client := s3.NewFromConfig(m.config(nil))
	var err error
	if policy == "" {
		_, err = client.DeleteBucketPolicy(m.Context(), &s3.DeleteBucketPolicyInput{Bucket: sdk.String(bucketName)})
	} else {
		_, err = client.PutBucketPolicy(m.Context(), &s3.PutBucketPolicyInput{Bucket: sdk.String(bucketName), Policy: &policy})
	}
	if err != nil {
		m.Fatal(err)
	}
	m.authorize(true)
}

// wantEmptyBucket checks that the checks left nothing beside the two exports.
func (m *motoAccount) wantEmptyBucket() {
	m.Helper()
	client := s3.NewFromConfig(m.config(nil))
	objects, err := client.ListObjectsV2(m.Context(), &s3.ListObjectsV2Input{Bucket: sdk.String(bucketName)})
	if err != nil {
		m.Fatal(err)
	}
	uploads, err := client.ListMultipartUploads(m.Context(), &s3.ListMultipartUploadsInput{Bucket: sdk.String(bucketName)})
	if err != nil {
		m.Fatal(err)
	}
	if len(objects.Contents) != 2 || len(uploads.Uploads) != 0 {
		m.Errorf("there are %d objects and %d uploads, want two exports", len(objects.Contents), len(uploads.Uploads))
	}
}
