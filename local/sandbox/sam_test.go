package sandbox

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/bitmovin"
)

const (
	// The stacks of samconfig.toml's environments.
	oneStack, providerStack = "bitmovin-export-access", "bitmovin-export"
	bucket                  = "my-analytics-exports"
	apiKey                  = "5e0c2b9a-key"
	// managedStack is the one that SAM makes for what it uploads.
	managedStack = "aws-sam-cli-managed-default"
)

// TestSAM does what users do, with the real SAM CLI and AWS CLI, on an AWS that
// nobody of this project wrote: it deploys, updates, is denied, pastes the fix,
// and deletes, and checks that nothing is left. The steps build on each other.
//
// What it does not show is listed in docs/operations.md. sam local invoke, which
// needs Docker, is not run.
func TestSAM(t *testing.T) {
	if os.Getenv("SAM_TEST") == "" {
		t.Skip("make test-sam runs this: it needs the SAM CLI, the AWS CLI and MiniStack, which make tools installs")
	}
	s := newSuite(t)
	for _, step := range []struct {
		name string
		run  func(*suite)
	}{
		{"validate", (*suite).testValidate},
		{"build", (*suite).testBuild},
		{"deploy both environments", (*suite).testDeploy},
		{"uploaded zip", (*suite).testZip},
		{"buckets of each kind", (*suite).testBuckets},
		{"update", (*suite).testUpdate},
		{"denial, rollback and the pasted fix", (*suite).testDenial},
		{"changed by hand", (*suite).testDrift},
		{"20 stacks at once", (*suite).testMany},
		{"examples", (*suite).testExamples},
		{"delete", (*suite).testDelete},
	} {
		if !t.Run(step.name, func(t *testing.T) { step.run(s.in(t)) }) {
			t.Fatalf("what follows %q builds on it", step.name)
		}
	}
	t.Log("not run: sam local invoke, which needs Docker; cross-account-*.yaml, which need a second account")
}

// A suite is a copy of the project and the AWS that it deploys to.
type suite struct {
	*testing.T
	box *Sandbox
	dir string
	api *bitmovin.API
	iam *iam.Client
	s3  *s3.Client
}

func newSuite(t *testing.T) *suite {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	api := bitmovin.Start(bitmovin.Options{RefuseRolePaths: true})
	t.Cleanup(api.Close)
	api.Edit(func(s *bitmovin.State) { s.Keys[apiKey] = []string{"organization"} })
	box, err := Start(root, bucket, "BITMOVIN_API_URL="+api.URL())
	if err != nil {
		t.Fatal(err)
	}
	s := &suite{T: t, box: box, dir: t.TempDir(), api: api}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("what MiniStack logged:\n%s", box.Log())
		}
		if err := box.Close(); err != nil {
			t.Errorf("end the sandbox: %v", err)
		}
	})
	s.connect()
	for _, part := range []string{
		"Makefile", "go.mod", "go.sum", "template.yaml", "samconfig.toml", "handler", "examples", "README.md", "LICENSE",
	} {
		s.run("cp", "-R", filepath.Join(root, part), s.dir)
	}
	return s
}

// in is the suite in a test below its own.
func (s *suite) in(t *testing.T) *suite {
	t.Helper()
	below := *s
	below.T = t
	return &below
}

// testValidate has SAM and cfn-lint, which comes with it, look at the template.
func (s *suite) testValidate() {
	if out := s.run("sam", "validate", "--lint"); !strings.Contains(out, "is a valid SAM Template") {
		s.Errorf("sam validate --lint:\n%s", out)
	}
}

// testBuild checks that SAM builds what make builds.
func (s *suite) testBuild() {
	s.run("make", "build")
	s.run("sam", "build")
	dir := filepath.Join(s.dir, ".aws-sam", "build", "ProviderFunction")
	entries, err := os.ReadDir(dir)
	if err != nil {
		s.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Name() != "bootstrap" {
		s.Errorf("sam build made %v, want bootstrap alone", entries)
	}
	if !bytes.Equal(s.read("build/bootstrap"), s.read(".aws-sam/build/ProviderFunction/bootstrap")) {
		s.Error("sam build and make build made different functions")
	}
}

// testDeploy deploys samconfig.toml's two environments.
func (s *suite) testDeploy() {
	s.Log(s.run("sam", "deploy", "--no-confirm-changeset", "--config-env", "provider"))
	if token := s.outputs(providerStack)["ServiceToken"]; !strings.HasPrefix(token, "arn:aws:lambda:") {
		s.Errorf("ServiceToken = %q, want a function's ARN", token)
	}
	s.Log(s.deployOne())
	s.wantVerified(oneStack, aclsOff)
	var output map[string]string
	if err := json.Unmarshal([]byte(s.outputs(oneStack)["OutputRequest"]), &output); err != nil {
		s.Fatal(err)
	}
	if role := s.outputs(oneStack)["RoleArn"]; output["roleArn"] != role {
		s.Errorf("OutputRequest has the role %q, the stack %q", output["roleArn"], role)
	}
}

// deployOne deploys the stack of one bucket, with more parameters.
func (s *suite) deployOne(parameters ...string) string {
	s.Helper()
	return s.run("sam", append([]string{"deploy", "--no-confirm-changeset", "--parameter-overrides", "BucketName=" + bucket}, parameters...)...)
}

// testZip checks that what Lambda got is what make builds, byte for byte.
func (s *suite) testZip() {
	name := s.physicalID(providerStack, "ProviderFunction")
	link := s.aws("lambda", "get-function", "--function-name", name, "--query", "Code.Location", "--output", "text")
	archive := s.download(strings.TrimSpace(link))
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		s.Fatal(err)
	}
	if len(r.File) != 1 || r.File[0].Name != "bootstrap" || r.File[0].Mode()&0o111 == 0 {
		s.Fatalf("the zip file has %v, want bootstrap alone, to be executed", r.File)
	}
	f, err := r.File[0].Open()
	if err != nil {
		s.Fatal(err)
	}
	got, err := io.ReadAll(f)
	if err != nil {
		s.Fatal(err)
	}
	if !bytes.Equal(got, s.read("build/bootstrap")) {
		s.Error("Lambda got another function than make builds")
	}
	s.Logf("the zip file has %d bytes and bootstrap alone", len(archive))
}

func (s *suite) download(link string) []byte {
	s.Helper()
	r, err := http.Get(link)
	if err != nil {
		s.Fatal(err)
	}
	defer r.Body.Close() //nolint:errcheck // it is only read
	content, err := io.ReadAll(r.Body)
	if err != nil {
		s.Fatal(err)
	}
	return content
}

// testUpdate changes what the role may do.
func (s *suite) testUpdate() {
	s.Log(s.deployOne("ObjectPrefix=exports/"))
	s.wantVerified(oneStack, aclsOff)
	if policies := fmt.Sprint(s.role().Inline); !strings.Contains(policies, "arn:aws:s3:::"+bucket+"/exports/*") {
		s.Errorf("the role's policies are %s", policies)
	}
}

// testDenial denies the role a write, and does what the reason says.
func (s *suite) testDenial() {
	before := s.role()
	deny := map[string]any{"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::" + bucket + "/*"}
	s.putBucketPolicy(deny)
	statuses := s.watch(oneStack, "ExportAccess")
	out, err := s.tryInput("y\n", "make", "deploy", "BUCKET="+bucket, "PARAMETERS=VerificationTrigger=denied")
	if seen := statuses(); !seen["UPDATE_IN_PROGRESS"] {
		s.Errorf("while its event was out the resource was %v", seen)
	}
	if err == nil {
		s.Fatalf("make deploy succeeded in spite of the Deny:\n%s", out)
	}
	s.Log(out)
	reason := s.reason()
	if !strings.Contains(reason, "s3:PutObject: denied by an explicit Deny in the bucket policy") {
		s.Errorf("the reason is %q", reason)
	}
	if !strings.Contains(out, reason) {
		s.Errorf("make deploy does not print the reason %q as a whole:\n%s", reason, out)
	}
	s.wantStatus(oneStack, "UPDATE_ROLLBACK_COMPLETE")
	if diff := cmp.Diff(before, s.role()); diff != "" {
		s.Errorf("the role after the rollback (-before +after):\n%s", diff)
	}

	fix := statementIn(s.T, reason)
	if _, ok := fix["ArnNotEquals"]; !ok {
		s.Fatalf("the fix is %v, want a condition", fix)
	}
	deny["Condition"] = fix
	s.putBucketPolicy(deny)
	s.deployOne("VerificationTrigger=fixed")
	s.wantVerified(oneStack, aclsOff)
	s.Logf("the reason, whole: %s\npasted: %v", reason, fix)
}

// reason runs the line with which README tells to read a reason, and returns the
// last one.
func (s *suite) reason() string {
	s.Helper()
	var line string
	for l := range strings.Lines(string(s.read("README.md"))) {
		if strings.HasPrefix(l, "aws cloudformation describe-stack-events") {
			line = strings.TrimSpace(l)
		}
	}
	if line == "" || !strings.Contains(string(s.operations()), line) {
		s.Fatalf("README.md and docs/operations.md have no line, or another one, that prints a reason: %q", line)
	}
	reasons := s.run("sh", "-c", line)
	first, _, _ := strings.Cut(reasons, "\n")
	_, reason, _ := strings.Cut(first, "\t")
	return reason
}

// operations is read where it is, for the copy has no docs.
func (s *suite) operations() []byte {
	s.Helper()
	content, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		s.Fatal(err)
	}
	return content
}

// statementIn returns the first JSON object of a text.
func statementIn(t *testing.T, text string) map[string]any {
	t.Helper()
	start := strings.IndexByte(text, '{')
	if start < 0 {
		t.Fatalf("there is nothing to paste in %q", text)
	}
	var statement map[string]any
	if err := json.NewDecoder(strings.NewReader(text[start:])).Decode(&statement); err != nil {
		t.Fatalf("what is to be pasted is not JSON: %v: %s", err, text)
	}
	return statement
}

// testDrift changes the role's policy and trust by hand; an update that only
// checks again puts them right.
func (s *suite) testDrift() {
	before := s.role()
	name := s.physicalID(oneStack, "ExportAccess")
	everything := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:root"},"Action":"sts:AssumeRole"}]}`
	_, err := s.iam.UpdateAssumeRolePolicy(s.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: &name, PolicyDocument: &trust})
	if err != nil {
		s.Fatal(err)
	}
	for policy := range before.Inline {
		_, err := s.iam.PutRolePolicy(s.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String(policy), PolicyDocument: &everything})
		if err != nil {
			s.Fatal(err)
		}
	}
	if cmp.Equal(before, s.role()) {
		s.Fatal("the role was not changed")
	}
	s.deployOne("VerificationTrigger=drift")
	s.wantVerified(oneStack, aclsOff)
	if diff := cmp.Diff(before, s.role()); diff != "" {
		s.Errorf("the role after the update (-before +after):\n%s", diff)
	}
}

// testMany makes and deletes 20 stacks at once.
func (s *suite) testMany() {
	// The policy that was pasted into is about one role, and these are others.
	if _, err := s.s3.DeleteBucketPolicy(s.Context(), &s3.DeleteBucketPolicyInput{Bucket: aws.String(bucket)}); err != nil {
		s.Fatal(err)
	}
	names := make([]string, 20)
	for i := range names {
		names[i] = fmt.Sprintf("consumer-%d", i)
		s.create(names[i], s.consumer(), map[string]string{"BucketName": bucket})
	}
	roles := map[string]bool{}
	for _, name := range names {
		s.wantStatus(name, "CREATE_COMPLETE")
		roles[s.physicalID(name, "ExportAccess")] = true
	}
	if len(roles) != len(names) {
		s.Errorf("%d stacks have %d roles", len(names), len(roles))
	}
	s.deleteStacks(names...)
	for role := range roles {
		if _, err := s.iam.GetRole(s.Context(), &iam.GetRoleInput{RoleName: &role}); err == nil {
			s.Errorf("the role %s is left", role)
		}
	}
}

// testDelete deletes both stacks as SAM does, and checks that the account is empty.
func (s *suite) testDelete() {
	for _, args := range [][]string{{"delete", "--no-prompts"}, {"delete", "--no-prompts", "--config-env", "provider"}} {
		s.Log(s.run("sam", args...))
	}
	s.api.View(func(state *bitmovin.State) {
		if len(state.Outputs) != 0 {
			s.Errorf("Bitmovin has %d outputs", len(state.Outputs))
		}
	})
	s.removeRetained()
	// SAM keeps the stack with its bucket.
	if got := s.inventory(); len(got) != 2 || len(got["buckets"]) != 1 || !cmp.Equal(got["stacks"], []string{managedStack}) {
		s.Errorf("the account has %v, want the stack %s and its bucket", got, managedStack)
	}
	s.removeManaged()
	if got := s.inventory(); len(got) != 0 {
		s.Errorf("the account has %v, want nothing", got)
	}
}

// inventory returns what the account has, by kind; a kind of which it has
// nothing is not there.
func (s *suite) inventory() map[string][]string {
	s.Helper()
	found := map[string][]string{}
	for kind, args := range map[string][]string{
		"stacks":     {"cloudformation", "describe-stacks", "--query", "Stacks[?StackStatus!='DELETE_COMPLETE'].StackName"},
		"buckets":    {"s3api", "list-buckets", "--query", "Buckets[].Name"},
		"functions":  {"lambda", "list-functions", "--query", "Functions[].FunctionName"},
		"roles":      {"iam", "list-roles", "--query", "Roles[].RoleName"},
		"policies":   {"iam", "list-policies", "--scope", "Local", "--query", "Policies[].PolicyName"},
		"log groups": {"logs", "describe-log-groups", "--query", "logGroups[].logGroupName"},
		"secrets":    {"secretsmanager", "list-secrets", "--query", "SecretList[].Name"},
		"exports":    {"cloudformation", "list-exports", "--query", "Exports[].Name"},
	} {
		var names []string
		if err := json.Unmarshal([]byte(s.aws(append(args, "--output", "json")...)), &names); err != nil {
			s.Fatalf("%s: %v", kind, err)
		}
		if slices.Sort(names); len(names) > 0 {
			found[kind] = names
		}
	}
	return found
}

// A role is what IAM has of one, its documents decoded.
type role struct {
	Trust    any
	Inline   map[string]any
	Attached []string
	Boundary string
	Tags     map[string]string
}

// role reads the role of the stack of one bucket.
func (s *suite) role() role {
	s.Helper()
	name := aws.String(s.physicalID(oneStack, "ExportAccess"))
	ctx := context.WithoutCancel(s.Context())
	out, err := s.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: name})
	if err != nil {
		s.Fatal(err)
	}
	r := role{Trust: s.document(out.Role.AssumeRolePolicyDocument), Inline: map[string]any{}, Tags: map[string]string{}}
	if b := out.Role.PermissionsBoundary; b != nil {
		r.Boundary = aws.ToString(b.PermissionsBoundaryArn)
	}
	for _, tag := range out.Role.Tags {
		r.Tags[*tag.Key] = *tag.Value
	}
	names, err := s.iam.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: name})
	if err != nil {
		s.Fatal(err)
	}
	for _, policy := range names.PolicyNames {
		out, err := s.iam.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: name, PolicyName: &policy})
		if err != nil {
			s.Fatal(err)
		}
		r.Inline[policy] = s.document(out.PolicyDocument)
	}
	attached, err := s.iam.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: name})
	if err != nil {
		s.Fatal(err)
	}
	for _, policy := range attached.AttachedPolicies {
		r.Attached = append(r.Attached, *policy.PolicyArn)
	}
	return r
}

func (s *suite) document(encoded *string) any {
	s.Helper()
	text, err := url.QueryUnescape(aws.ToString(encoded))
	if err != nil {
		s.Fatal(err)
	}
	var document any
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		s.Fatalf("%v: %s", err, text)
	}
	return document
}
