package verify

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/awserr"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/awserr/awserrtest"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/policy"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

const (
	testRole = "arn:aws:iam::123456789012:role/bitmovin-exports"
	testKey  = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	kmsWrite = "kms:GenerateDataKey"
	// testVerifier is the function's role.
	testVerifier = "arn:aws:iam::123456789012:role/provider-ProviderRole-1ABCDEF2GHIJ3"
)

// testProbe returns a probe whose target a test may change before it is used.
func testProbe(change ...func(*Target)) *Probe {
	t := Target{
		Bucket:      policy.Bucket{Partition: "aws", Name: "my-analytics-exports", Prefix: "exports/"},
		Owner:       "123456789012",
		Account:     "123456789012",
		RoleName:    "bitmovin-exports",
		RoleARN:     testRole,
		RolePattern: testRole,
		Verifier:    testVerifier,
		ExternalID:  "external",
		Boundary:    "arn:aws:iam::123456789012:policy/boundary",
		Writes:      true,
		Restricted:  true,
		Request:     "request",
	}
	for _, c := range change {
		c(&t)
	}
	p := New(aws.Config{Region: "eu-west-1"}, t)
	p.bucket = Bucket{Region: "eu-west-1", Key: policy.Key{ARN: testKey, Region: "eu-west-1"}}
	return p
}

func anotherAccounts(t *Target) { t.Owner = "999999999999" }

func TestFix(t *testing.T) {
	t.Parallel()
	same, cross := testProbe(), testProbe(anotherAccounts)
	same.Report.Set(CheckBucket, Pass, "", "")
	cross.Report.Set(CheckBucket, Pass, "", "")
	hidden := testProbe(anotherAccounts)
	noKey, named := testProbe(), testProbe(func(t *Target) { t.Key = testKey })
	noKey.bucket.Key = policy.Key{}
	s3 := func(l awserr.Layer) awserr.Denial { return awserr.Denial{Action: checkPut, Layer: l} }
	kms := func(l awserr.Layer) awserr.Denial {
		return awserr.Denial{Action: kmsWrite, Resource: testKey, Layer: l}
	}
	of := func(d awserr.Denial, resource string) awserr.Denial { d.Resource = resource; return d }
	assume := func(l awserr.Layer) awserr.Denial { return awserr.Denial{Action: CheckAssumeRole, Layer: l} }
	explicit := func(d awserr.Denial) awserr.Denial { d.Explicit = true; return d }
	const otherKey = "arn:aws:kms:eu-west-1:123456789012:key/other"
	tests := []struct {
		name string
		fix  string
	}{
		{"identity", same.fix(s3(awserr.IdentityPolicy))},
		{"identity, explicit", same.fix(explicit(s3(awserr.IdentityPolicy)))},
		{"bucket policy", same.fix(s3(awserr.ResourcePolicy))},
		{"bucket policy, explicit", same.fix(explicit(s3(awserr.ResourcePolicy)))},
		{"boundary", same.fix(s3(awserr.Boundary))},
		{"boundary, explicit", same.fix(explicit(s3(awserr.Boundary)))},
		{"session", same.fix(s3(awserr.SessionPolicy))},
		{"session, explicit", same.fix(explicit(s3(awserr.SessionPolicy)))},
		{"SCP", same.fix(s3(awserr.SCP))},
		{"SCP, explicit", same.fix(explicit(s3(awserr.SCP)))},
		{"RCP", same.fix(s3(awserr.RCP))},
		{"RCP, explicit", same.fix(explicit(s3(awserr.RCP)))},
		{"endpoint", same.fix(s3(awserr.EndpointPolicy))},
		{"endpoint, explicit", same.fix(explicit(s3(awserr.EndpointPolicy)))},
		{"not named", same.fix(awserr.Denial{Message: "Access Denied"})},
		{"not named, explicit", same.fix(explicit(s3(awserr.Unknown)))},
		{"not named, another account's bucket", cross.fix(awserr.Denial{Message: "Access Denied"})},
		{"not named, a bucket that cannot be read", hidden.fix(awserr.Denial{Message: "Access Denied"})},
		{"not named, explicit, a bucket that cannot be read", hidden.fix(explicit(s3(awserr.Unknown)))},
		{"key policy or another, a bucket that cannot be read", hidden.fix(of(kms(awserr.Unknown), ""))},
		{"key policy", same.fix(kms(awserr.ResourcePolicy))},
		{"key policy, explicit", same.fix(explicit(kms(awserr.ResourcePolicy)))},
		{"key policy or another", same.fix(of(kms(awserr.Unknown), ""))},
		{"key, identity", same.fix(kms(awserr.IdentityPolicy))},
		{"key, identity, not known", noKey.fix(kms(awserr.IdentityPolicy))},
		{"key, identity, not known and not told", noKey.fix(of(kms(awserr.IdentityPolicy), ""))},
		{"key, identity, another named", named.fix(of(kms(awserr.IdentityPolicy), otherKey))},
		{"key, boundary", same.fix(kms(awserr.Boundary))},
		{"key, boundary, not known", noKey.fix(kms(awserr.Boundary))},
		{"key, boundary, not known and not told", noKey.fix(of(kms(awserr.Boundary), ""))},
		{"key, SCP", same.fix(kms(awserr.SCP))},
		{"key, SCP, explicit", same.fix(explicit(kms(awserr.SCP)))},
		{"assume, not named", same.fixAssume(assume(awserr.Unknown))},
		{"assume, trust", same.fixAssume(assume(awserr.TrustPolicy))},
		{"assume, identity", same.fixAssume(assume(awserr.IdentityPolicy))},
		{"assume, identity, explicit", same.fixAssume(explicit(assume(awserr.IdentityPolicy)))},
		{"assume, boundary", same.fixAssume(assume(awserr.Boundary))},
		{"assume, boundary, explicit", same.fixAssume(explicit(assume(awserr.Boundary)))},
		{"assume, SCP", same.fixAssume(assume(awserr.SCP))},
		{"assume, SCP, explicit", same.fixAssume(explicit(assume(awserr.SCP)))},
		{"assume, endpoint", same.fixAssume(assume(awserr.EndpointPolicy))},
		{"removal, bucket policy", same.fixRemoval(s3(awserr.ResourcePolicy))},
		{"removal, bucket policy, explicit", same.fixRemoval(explicit(s3(awserr.ResourcePolicy)))},
	}
	var got strings.Builder
	for _, test := range tests {
		fmt.Fprintf(&got, "%s\n\t%s\n", test.name, test.fix)
	}
	path := filepath.Join("testdata", "fixes.txt")
	if *update {
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); diff != "" {
		t.Errorf("differs from %s (-want +got):\n%s", path, diff)
	}
}

// Whatever is denied and by whom: there is a fix, nothing in it is left blank,
// and the statement in it can be pasted.
func TestFixCanBePasted(t *testing.T) {
	t.Parallel()
	layers := []awserr.Layer{awserr.Unknown, awserr.IdentityPolicy, awserr.ResourcePolicy, awserr.TrustPolicy, awserr.Boundary, awserr.SessionPolicy, awserr.SCP, awserr.RCP, awserr.EndpointPolicy}
	probes := map[string]*Probe{"same account": testProbe(), "another account": testProbe(anotherAccounts), "key not known": testProbe()}
	probes["key not known"].bucket.Key = policy.Key{}
	probes["no boundary of the provider"] = testProbe(func(t *Target) { t.Boundary = "" })
	for name, p := range probes {
		fixes := map[string]func(awserr.Denial) string{
			checkPut: p.fix, kmsWrite: p.fix, CheckAssumeRole: p.fixAssume, "s3:DeleteObject": p.fixRemoval,
		}
		for action, fix := range fixes {
			for _, layer := range layers {
				for _, d := range []awserr.Denial{
					{Action: action, Layer: layer}, {Action: action, Layer: layer, Explicit: true}, {Action: action, Layer: layer, Resource: testKey},
				} {
					t.Run(fmt.Sprintf("%s/%s/%s/explicit=%t/%s", name, action, layer, d.Explicit, d.Resource), func(t *testing.T) {
						t.Parallel()
						checkFix(t, fix(d))
					})
				}
			}
		}
	}
}

func checkFix(t *testing.T, text string) {
	t.Helper()
	words, pasted, found := strings.Cut(text, "{")
	if words == "" || strings.Contains(words, "  ") || strings.Contains(words, " :") || strings.Contains(words, " ,") {
		t.Errorf("something is left blank: %s", text)
	}
	if !found {
		return
	}
	var statement policy.Statement
	if err := json.Unmarshal([]byte("{"+pasted), &statement); err != nil {
		t.Fatalf("%s cannot be pasted: %v", text, err)
	}
	if strings.HasPrefix(pasted, `"ArnNotEquals"`) {
		return
	}
	if statement.Effect != "Allow" || len(statement.Action) == 0 || len(statement.Resource) == 0 || slices.Contains(statement.Resource, "") {
		t.Errorf("the statement is not complete: %s", text)
	}
	// https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html
	if strings.Contains(words, "VPC endpoint") && len(statement.Principal) == 0 {
		t.Errorf("an endpoint policy's statement must have a Principal: %s", text)
	}
}

// It is the function that assumes the role, not the role: what limits that is
// in the function's policies, its boundary, or a policy that must let it in.
func TestFixOfAssumeRoleIsTheFunctions(t *testing.T) {
	t.Parallel()
	p := testProbe()
	for _, d := range []awserr.Denial{
		{Action: CheckAssumeRole, Layer: awserr.IdentityPolicy},
		{Action: CheckAssumeRole, Layer: awserr.IdentityPolicy, Explicit: true},
		{Action: CheckAssumeRole, Layer: awserr.Boundary},
		{Action: CheckAssumeRole, Layer: awserr.Boundary, Explicit: true},
		{Action: CheckAssumeRole, Layer: awserr.SCP, Explicit: true},
		{Action: CheckAssumeRole, Layer: awserr.RCP, Explicit: true},
		{Action: CheckAssumeRole, Layer: awserr.EndpointPolicy, Explicit: true},
		{Action: CheckAssumeRole, Layer: awserr.ResourcePolicy, Explicit: true},
	} {
		t.Run(fmt.Sprintf("%s/explicit=%t", d.Layer, d.Explicit), func(t *testing.T) {
			t.Parallel()
			got := p.fixAssume(d)
			if strings.Contains(got, `"aws:PrincipalArn":"`+testRole) {
				t.Errorf("exempts the role that is assumed, which is not the caller: %s", got)
			}
			if strings.Contains(got, p.target.Boundary) {
				t.Errorf("widens the boundary of the role that is assumed: %s", got)
			}
			if strings.Contains(got, "bucket") {
				t.Errorf("speaks of the bucket: %s", got)
			}
		})
	}
}

// A statement for the account, in the policy of a bucket or key, leaves the
// decision to the account's identity policies: it resolves no denial by these.
// https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html#key-policy-default-allow-root-enable-iam
func TestFixOfIdentityIsInNoResourcePolicy(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]*Probe{"same account": testProbe(), "another account": testProbe(anotherAccounts)} {
		for action, fix := range map[string]func(awserr.Denial) string{
			checkPut: p.fix, kmsWrite: p.fix, CheckAssumeRole: p.fixAssume, "s3:DeleteObject": p.fixRemoval,
		} {
			t.Run(name+"/"+action, func(t *testing.T) {
				t.Parallel()
				if got := fix(awserr.Denial{Action: action, Layer: awserr.IdentityPolicy}); strings.Contains(got, `"Principal"`) {
					t.Errorf("got %s", got)
				}
			})
		}
	}
}

func TestReportAssume(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		err     error
		detail  string
		fix     string
		verdict Verdict
	}{
		{"not propagated", awserrtest.Answer(403, "AccessDenied", "User: f is not authorized to perform: sts:AssumeRole on resource: r"),
			"still denied after 120 s: the role has not propagated, or a policy denies it to the function", "longer than usual", Fail},
		{"explicit", awserrtest.Answer(403, "AccessDenied", "… is not authorized to perform: sts:AssumeRole with an explicit deny in a service control policy"),
			"denied by an explicit Deny in a service control policy (SCP) of the organization", `{"ArnNotEquals":{"aws:PrincipalArn":"` + lasting(testVerifier) + `"}}`, Fail},
		{"another error", awserrtest.Answer(403, "RegionDisabledException", "STS is not activated in this region"),
			"could not be tried: RegionDisabledException: STS is not activated in this region", "", Fail},
		{"no answer", broken, "could not be tried: SlowDown: please", "", NotTested},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := testProbe()
			p.reportAssume(test.err, 120*time.Second)
			got := p.Report.check(CheckAssumeRole)
			if got.Answer != test.err.Error() {
				t.Errorf("the log is told %q, want %q", got.Answer, test.err)
			}
			if got.Verdict != test.verdict || got.Detail != test.detail || !strings.Contains(got.Fix, test.fix) || (got.Fix == "") != (test.fix == "") {
				t.Errorf("got %+v, want %s %s and the fix %s", got, test.verdict, test.detail, test.fix)
			}
		})
	}
}

func TestLasting(t *testing.T) {
	t.Parallel()
	const role = "arn:aws:iam::123456789012:role/"
	for name, want := range map[string]string{
		"exports-ProviderRole-1E2S2B6XVZBLW": "exports-ProviderRole-*",
		"exports-ProviderRole-TZwnuYpDb5Rv":  "exports-ProviderRole-*",
		"exports-ProviderRole-1E2S2B6XVZB":   "exports-ProviderRole-1E2S2B6XVZB",
		"exports-provider-production12":      "exports-provider-production12",
		"exports-provider-Production12":      "exports-provider-Production12",
		"provider":                           "provider",
	} {
		if got := lasting(role + name); got != role+want {
			t.Errorf("lasting(%s) = %s, want %s", name, got, want)
		}
	}
}
