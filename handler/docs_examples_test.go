package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
	"github.com/bitmovin/bitmovin-export-access/local/network"
)

// exampleProvider is the stack that the examples import.
const exampleProvider = "bitmovin-export"

// An exampleStack is a file of examples/, in the account that deploys it.
type exampleStack struct {
	file, account string
	parameters    map[string]string
}

// The examples, each with its stacks in order.
func oneStack() []exampleStack {
	return []exampleStack{{"bucket-and-access.yaml", account, nil}}
}

func kmsBucket() []exampleStack {
	p := map[string]string{"BucketName": "my-kms-exports"}
	return []exampleStack{{"kms-bucket.yaml", account, p}, {"kms-access.yaml", account, p}}
}

func crossAccount() []exampleStack {
	const name = "their-exports"
	return []exampleStack{
		{"cross-account-bucket.yaml", otherAccount, map[string]string{"BucketName": name, "ExportAccount": account}},
		{"cross-account-access.yaml", account, map[string]string{"BucketName": name, "BucketOwner": otherAccount}},
	}
}

func manyBuckets(vod string) []exampleStack {
	return []exampleStack{{"many-buckets.yaml", account, map[string]string{"LiveBucketName": bucketName, "VodBucketName": vod}}}
}

func registeredOutput() []exampleStack {
	return []exampleStack{{"registered-output.yaml", account, map[string]string{"ApiKeySecretArn": secretARN, "RoleNameSuffix": "registered"}}}
}

func TestExamples(t *testing.T) {
	t.Parallel()
	left := map[string]bool{}
	files, err := filepath.Glob("../examples/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		left[filepath.Base(file)] = true
	}
	for name, stacks := range map[string][]exampleStack{
		"a bucket and its access": oneStack(), "an SSE-KMS bucket": kmsBucket(),
		"a bucket of another account": crossAccount(), "a provider and many buckets": manyBuckets("my-videos"),
		"an output of Bitmovin's": registeredOutput(),
	} {
		for _, s := range stacks {
			delete(left, s.file)
		}
		harness.Run(t, name, func(t *testing.T) {
			x := newExamples(t, "")
			for _, s := range stacks {
				if err := x.deploy(s, x.text(s)); err != nil {
					t.Fatal(err)
				}
			}
			x.checkVerified()
		})
	}
	for file := range left {
		t.Errorf("no example deploys %s", file)
	}
}

// checkVerified checks that all access was verified, without a warning but that
// new buckets have no ACLs.
func (x *examples) checkVerified() {
	x.Helper()
	for _, v := range x.Verdicts() {
		if v.Data["OutputId"] != "" {
			continue
		}
		checks := x.Checks(v)
		delete(checks, "ObjectOwnership")
		for check, result := range checks {
			if result != "PASS" {
				x.Errorf("%s: %s is %s", v.PhysicalResourceId, check, result)
			}
		}
		if got := v.Data["AccessVerified"]; got != "true" {
			x.Errorf("%s: AccessVerified = %s, want true", v.PhysicalResourceId, got)
		}
	}
}

// TestOwnersMustAllow: without the statement that an example tells the owner of a
// key or a bucket to add, the access fails and the reason asks for it.
func TestOwnersMustAllow(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		stacks []exampleStack
		want   string
	}{
		"in the key policy":    {kmsBucket(), "add to the policy of the KMS key"},
		"in the bucket policy": {crossAccount(), "add to the bucket policy"},
	}
	for name, test := range tests {
		harness.Run(t, name, func(t *testing.T) {
			x := newExamples(t, "")
			err := x.deployWithout("BitmovinExportAccess", test.stacks[0], test.stacks[1])
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

// TestOwnersMayAllowTheCheck: without the statement about the function, what the
// role can do is still verified.
func TestOwnersMayAllowTheCheck(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		x := newExamples(t, "")
		stacks := crossAccount()
		if err := x.deployWithout("BitmovinExportAccessCheck", stacks[0], stacks[1]); err != nil {
			t.Fatal(err)
		}
		v := x.Last()
		if got := v.Data["AccessVerified"]; got != "partial" {
			t.Errorf("AccessVerified = %s, want partial: whether the owner can read is not known", got)
		}
		if got := x.Checks(v)["NoReadAccess"]; got != "NOT_TESTED" {
			t.Errorf("NoReadAccess is %s, want NOT_TESTED", got)
		}
	})
}

// deployWithout deploys an owner's stack without a statement, then the access.
func (x *examples) deployWithout(sid string, owner, access exampleStack) error {
	x.Helper()
	if err := x.deploy(owner, without(x.TB, x.text(owner), sid)); err != nil {
		x.Fatal(err)
	}
	return x.deploy(access, x.text(access))
}

// without returns a template without the statement of that Sid.
func without(tb testing.TB, template, sid string) string {
	tb.Helper()
	const start = "          - Sid: "
	before, rest, found := strings.Cut(template, start+sid+"\n")
	if !found {
		tb.Fatalf("there is no statement %s", sid)
	}
	for line := range strings.Lines(rest) {
		if !strings.HasPrefix(line, "            ") {
			break
		}
		rest = strings.TrimPrefix(rest, line)
	}
	return before + rest
}

// TestOwnersLetInOneProvider: with a provider's prefix, the owner of a bucket lets in the roles of
// that provider alone.
func TestOwnersLetInOneProvider(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		x := newExamples(t, "")
		stacks := crossAccount()
		owner := stacks[0]
		letIn := func(prefix string) {
			owner.parameters["RoleNamePrefix"] = prefix
			if err := x.deploy(owner, x.text(owner)); err != nil {
				t.Fatal(err)
			}
		}
		letIn("bitmovin-export-other-")
		if err := x.deploy(stacks[1], x.text(stacks[1])); err == nil || !strings.Contains(err.Error(), "add to the bucket policy") {
			t.Errorf("error %v, want one that asks the owner", err)
		}
		x.Delete("cross-account-access")
		letIn(x.Stack(exampleProvider).Outputs["RoleNamePrefix"])
		if err := x.deploy(stacks[1], x.text(stacks[1])); err != nil {
			t.Error(err)
		}
	})
}

// TestProviderServesItsBucketsAlone: a stack that uses the provider of another
// cannot name a bucket that AllowedBucketPrefix leaves out.
func TestProviderServesItsBucketsAlone(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		x := newExamples(t, "my-analytics-")
		stack := manyBuckets("my-videos")[0]
		err := x.deploy(stack, x.text(stack))
		if err == nil || !strings.Contains(err.Error(), "VodAccess") || !strings.Contains(err.Error(), "permissions boundary") {
			t.Errorf("error %v, want one of VodAccess that names the boundary", err)
		}
	})
}

// examples is an account with a provider and, beside it, another account, which owns
// a bucket.
type examples struct {
	*env
	owner *cloudformation.Engine
}

func newExamples(t *testing.T, allowedPrefix string) *examples {
	t.Helper()
	e := newEnv(t, options{})
	e.AddAPIKeys()
	owner := cloudformation.New(cloudformation.Options{
		Cloud: e.Cloud, Account: otherAccount, Region: region, Memory: network.NewMemory(1), Seed: 1,
	})
	t.Cleanup(owner.Close)
	e.Cloud.Edit(func(s *aws.State) {
		s.Buckets["my-videos"] = &aws.Bucket{Name: "my-videos", Account: account, Region: region, Ownership: "BucketOwnerEnforced"}
	})
	provider := map[string]string{"BucketName": "", "AllowedBucketPrefix": allowedPrefix, "BitmovinApiKeySecretArn": secretARN}
	if _, err := e.DeployText(exampleProvider, e.Template(), provider); err != nil {
		t.Fatal(err)
	}
	return &examples{e, owner}
}

func (x *examples) text(s exampleStack) string {
	x.Helper()
	return string(harness.ReadFile(x.TB, filepath.Join("examples", s.file)))
}

// deploy deploys an example's stack in its account.
func (x *examples) deploy(s exampleStack, text string) error {
	x.Helper()
	name := strings.TrimSuffix(s.file, ".yaml")
	if s.account == account {
		_, err := x.DeployText(name, []byte(text), s.parameters)
		return err
	}
	_, err := x.owner.Deploy(x.Context(), name, []byte(text), s.parameters)
	return err
}
