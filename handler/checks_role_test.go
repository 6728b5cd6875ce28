package main

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// editRolesAfter edits the export roles by hand after each of the first so many calls of
// an operation; after every one if times is 0.
func (e *env) editRolesAfter(op string, times int, edit func(*aws.Role)) {
	e.Cloud.Inject(&aws.Fault{Op: op, Times: times, After: true, Do: func() { e.EditRoles(edit) }})
}

// TestPolicyEditedMeanwhile: each permission is taken from the role between the
// write of its policy and the call that needs it.
func TestPolicyEditedMeanwhile(t *testing.T) {
	t.Parallel()
	for _, action := range append(slices.Clone(exportActions), "kms:GenerateDataKey", "kms:Decrypt") {
		harness.Run(t, action, func(t *testing.T) {
			e := newProviderEnv(t, options{})
			e.Cloud.Edit(func(s *aws.State) { encrypt(s, keyARN, keyAllows(`"kms:*"`)) })
			e.editRolesAfter("iam:PutRolePolicy", 1, func(r *aws.Role) {
				for name, text := range r.Inline {
					r.Inline[name] = strings.Replace(text, `"`+action+`"`, `"s3:GetBucketTagging"`, 1)
				}
			})
			reason := e.mustFail(nil)
			check, why := action, "denied because nothing allows it in an identity-based policy of the role"
			if strings.HasPrefix(action, "kms:") {
				check, why = "Encryption", action+" is denied because nothing allows it in an identity-based policy of the role"
			}
			if !strings.Contains(reason, check+": "+why) || !strings.Contains(reason, "try again") {
				t.Errorf("the reason does not name %s, the role's policy and what to do: %s", check, reason)
			}
			e.mustCheck(nil)
		})
	}
	harness.Run(t, "a policy more", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.editRolesAfter("iam:PutRolePolicy", 1, func(r *aws.Role) { r.Inline["More"] = policyOf(denyOf("s3:PutObject", "")) })
		reason := e.mustFail(nil)
		for _, want := range []string{"s3:PutObject: denied by an explicit Deny in an identity-based policy of the role", "another policy on the role"} {
			if !strings.Contains(reason, want) {
				t.Errorf("the reason does not say %q: %s", want, reason)
			}
		}
		e.mustCheck(nil)
	})
}

// TestTrustEditedMeanwhile: a trust policy that somebody else writes again and again is
// not the one it should be, whatever the calls have proven.
func TestTrustEditedMeanwhile(t *testing.T) {
	t.Parallel()
	edit := func(r *aws.Role) {
		if !strings.Contains(r.Trust, otherAccount) {
			r.Trust = strings.Replace(r.Trust, `"Statement":[`, `"Statement":[{"Effect":"Allow","Principal":{"AWS":"`+otherAccount+`"},"Action":"sts:AssumeRole"},`, 1)
		}
	}
	harness.Run(t, "Enforce", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.editRolesAfter("iam:UpdateAssumeRolePolicy", 0, edit)
		if reason := e.mustFail(nil); !strings.Contains(reason, "not verified: TrustPolicy: ") {
			t.Errorf("the reason is %s", reason)
		}
	})
	harness.Run(t, "Warn", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.editRolesAfter("iam:UpdateAssumeRolePolicy", 0, edit)
		want := cleanBut("TrustPolicy", "FAIL")
		if diff := cmp.Diff(want, e.mustCheck(properties{"Verification": "Warn"})); diff != "" {
			t.Errorf("checks (-want +got):\n%s", diff)
		}
		if got := e.Last().Data["AccessVerified"]; got != "partial" {
			t.Errorf("AccessVerified is %s, want partial: what the role trusts now was not tried", got)
		}
	})
}

// TestSessionPolicy: AWS may say that a session policy denies, though the function gives
// its session none; the reason says so.
func TestSessionPolicy(t *testing.T) {
	t.Parallel()
	const message = `User: arn:aws:sts::123456789012:assumed-role/exports/bitmovin-access-check is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::my-analytics-exports/x" `
	for why, want := range map[string]string{
		"because no session policy allows the s3:PutObject action": "s3:PutObject: denied because nothing allows it in a session policy",
		"with an explicit deny in a session policy":                "s3:PutObject: denied by an explicit Deny in a session policy",
	} {
		harness.Run(t, why, func(t *testing.T) {
			e := newProviderEnv(t, options{})
			e.Cloud.Inject(&aws.Fault{Op: "s3:PutObject", Status: 403, Code: "AccessDenied", Message: message + why})
			reason := e.mustFail(nil)
			if !strings.Contains(reason, want) || !strings.Contains(reason, "the session policy (the check gives its session none)") {
				t.Errorf("the reason does not say %q: %s", want, reason)
			}
			pasteable(t, reason)
		})
	}
}

// TestBoundary: the roles get the provider's boundary when it gets another one.
func TestBoundary(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := newEnv(t, options{})
		e.Cloud.Edit(func(s *aws.State) { addHouseBoundary(s, allowAll) })
		e.MustDeploy()
		e.MustDeploy("PermissionsBoundaryArn", houseBoundary)
		if got := e.ExportRole().Boundary; got != houseBoundary {
			t.Errorf("the boundary is %s, want %s", got, houseBoundary)
		}
		if got := e.Last().Data["AccessVerified"]; got != "true" {
			t.Errorf("AccessVerified is %s", got)
		}
	})
}

// TestAccessMode: Full is refused where the provider does not allow it.
func TestAccessMode(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := newProviderEnv(t, options{})
		if reason := e.mustFail(properties{"AccessMode": "Full"}); !strings.Contains(reason, "AllowFullAccess") {
			t.Errorf("the reason is %s", reason)
		}
		if writes := e.Writes(); len(writes) > 0 {
			t.Errorf("IAM was written: %v", writes)
		}
	})
}

// TestTags: the tags of the properties come and go; others stay.
func TestTags(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.mustCheck(properties{"Tags": harness.Tags("team", "data", "cost", "1")})
		e.EditRoles(func(r *aws.Role) { r.Tags["by-hand"] = "kept" })
		e.mustCheck(properties{"Tags": harness.Tags("Team", "analytics")})
		want := map[string]string{"Team": "analytics", "by-hand": "kept"}
		got := map[string]string{}
		for key, value := range e.ExportRole().Tags {
			if !strings.HasPrefix(key, "bitmovin-export-access:") {
				got[key] = value
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("tags (-want +got):\n%s", diff)
		}
	})
}

// TestFirstInstall: the function's own permissions lag by 10 s, each of them; the
// role still gets what the bucket's key needs.
func TestFirstInstall(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.Cloud.Edit(func(s *aws.State) { encrypt(s, keyARN, keyAllows(`"kms:*"`)) })
		const lag = 10 * time.Second
		begin := time.Now()
		var denied atomic.Int64
		e.Cloud.Inject(&aws.Fault{
			Match:  func(c aws.Call) bool { return strings.Contains(c.Caller, "ProviderRole") && time.Since(begin) < lag },
			Do:     func() { denied.Add(1) },
			Status: 403, Code: "AccessDenied", Message: "User: f is not authorized to perform: it because no identity-based policy allows it",
		})
		if diff := cmp.Diff(clean(), e.mustCheck(nil)); diff != "" {
			t.Errorf("checks (-want +got):\n%s", diff)
		}
		for _, text := range e.ExportRole().Inline {
			if !strings.Contains(text, keyARN) {
				t.Errorf("the role's policy does not name the key: %s", text)
			}
		}
		if denied.Load() < 6 {
			t.Errorf("only %d calls were denied", denied.Load())
		}
		for _, c := range e.Cloud.Calls() {
			if c.Op == "s3:PutObject" && c.Status == 200 {
				return
			}
		}
		t.Error("no object was written, as if the function could not delete one")
	})
}
