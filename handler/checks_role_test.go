package main

import (
	"encoding/json"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
)

// onRole edits the export roles by hand once a call has had its effect, and as
// often as that call is made so many times.
func (d *desk) onRole(op string, times int, edit func(*aws.Role)) {
	d.cloud.Inject(&aws.Fault{Op: op, Times: times, After: true, Do: func() { d.editRoles(edit) }})
}

// TestPolicyEditedMeanwhile: each permission is taken from the role between the
// write of its policy and the call that needs it.
func TestPolicyEditedMeanwhile(t *testing.T) {
	t.Parallel()
	for _, action := range append(slices.Clone(theActions), "kms:GenerateDataKey", "kms:Decrypt") {
		t.Run(action, func(t *testing.T) {
			d := newChecked(t, options{})
			d.cloud.Edit(func(s *aws.State) { encrypt(s, keyARN, keyAllows(`"kms:*"`)) })
			d.onRole("iam:PutRolePolicy", 1, func(r *aws.Role) {
				for name, text := range r.Inline {
					r.Inline[name] = strings.Replace(text, `"`+action+`"`, `"s3:GetBucketTagging"`, 1)
				}
			})
			reason := d.mustFail(nil)
			check, why := action, "denied because nothing allows it in an identity-based policy of the role"
			if strings.HasPrefix(action, "kms:") {
				check, why = "Encryption", "denied for want of "+action+" because nothing allows it in an identity-based policy of the role"
			}
			if !strings.Contains(reason, check+": "+why) || !strings.Contains(reason, "try again") {
				t.Errorf("the reason does not name %s, the role's policy and the cure: %s", check, reason)
			}
			d.mustCheck(nil)
		})
	}
	t.Run("a policy more", func(t *testing.T) {
		d := newChecked(t, options{})
		d.onRole("iam:PutRolePolicy", 1, func(r *aws.Role) { r.Inline["More"] = policyOf(denyOf("s3:PutObject", "")) })
		reason := d.mustFail(nil)
		for _, want := range []string{"s3:PutObject: denied by an explicit Deny in an identity-based policy of the role", "another policy on the role"} {
			if !strings.Contains(reason, want) {
				t.Errorf("the reason does not say %q: %s", want, reason)
			}
		}
		d.mustCheck(nil)
	})
}

// TestTrustEditedMeanwhile: a trust policy that somebody else keeps writing is
// not the intended one, whatever the calls have proven.
func TestTrustEditedMeanwhile(t *testing.T) {
	t.Parallel()
	edit := func(r *aws.Role) {
		if !strings.Contains(r.Trust, otherAccount) {
			r.Trust = strings.Replace(r.Trust, `"Statement":[`, `"Statement":[{"Effect":"Allow","Principal":{"AWS":"`+otherAccount+`"},"Action":"sts:AssumeRole"},`, 1)
		}
	}
	t.Run("Enforce", func(t *testing.T) {
		d := newChecked(t, options{})
		d.onRole("iam:UpdateAssumeRolePolicy", 0, edit)
		if reason := d.mustFail(nil); !strings.Contains(reason, "not verified: TrustPolicy: ") {
			t.Errorf("the reason is %s", reason)
		}
	})
	t.Run("Warn", func(t *testing.T) {
		d := newChecked(t, options{})
		d.onRole("iam:UpdateAssumeRolePolicy", 0, edit)
		want := cleanBut("TrustPolicy", "FAIL")
		if diff := cmp.Diff(want, d.mustCheck(properties{"Verification": "Warn"})); diff != "" {
			t.Errorf("checks (-want +got):\n%s", diff)
		}
		if got := d.last().Data["AccessVerified"]; got != "true" {
			t.Errorf("AccessVerified is %s, want true: the calls have proven the access", got)
		}
	})
}

// TestSessionPolicy: the function gives its session no policy, so that such a
// denial is AWS's word alone.
func TestSessionPolicy(t *testing.T) {
	t.Parallel()
	const said = `User: arn:aws:sts::123456789012:assumed-role/exports/bitmovin-access-check is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::my-analytics-exports/x" `
	for why, want := range map[string]string{
		"because no session policy allows the s3:PutObject action": "s3:PutObject: denied because nothing allows it in a session policy",
		"with an explicit deny in a session policy":                "s3:PutObject: denied by an explicit Deny in a session policy",
	} {
		t.Run(why, func(t *testing.T) {
			d := newChecked(t, options{})
			d.cloud.Inject(&aws.Fault{Op: "s3:PutObject", Status: 403, Code: "AccessDenied", Message: said + why})
			reason := d.mustFail(nil)
			if !strings.Contains(reason, want) || !strings.Contains(reason, "the session policy (the check gives its session none)") {
				t.Errorf("the reason does not say %q: %s", want, reason)
			}
			pasteable(t, reason)
		})
	}
}

// TestBoundary: the roles get the provider's boundary when it gets another one.
func TestBoundary(t *testing.T) {
	d := newDesk(t, options{timeout: checkTimeout})
	d.cloud.Edit(func(s *aws.State) { houseBoundaryOf(s, allowAll) })
	d.mustDeploy()
	d.mustDeploy("PermissionsBoundaryArn", houseBoundary)
	if got := d.exportRole().Boundary; got != houseBoundary {
		t.Errorf("the boundary is %s, want %s", got, houseBoundary)
	}
	if got := d.last().Data["AccessVerified"]; got != "true" {
		t.Errorf("AccessVerified is %s", got)
	}
}

// TestAccessMode refuses Full where the provider does not allow it.
func TestAccessMode(t *testing.T) {
	d := newChecked(t, options{})
	if reason := d.mustFail(properties{"AccessMode": "Full"}); !strings.Contains(reason, "AllowFullAccess") {
		t.Errorf("the reason is %s", reason)
	}
	if writes := d.writes(); len(writes) > 0 {
		t.Errorf("IAM was written: %v", writes)
	}
}

// TestTags: those of the properties come and go; others stay.
func TestTags(t *testing.T) {
	d := newChecked(t, options{})
	d.mustCheck(properties{"Tags": tags("team", "data", "cost", "1")})
	d.editRoles(func(r *aws.Role) { r.Tags["by-hand"] = "kept" })
	d.mustCheck(properties{"Tags": tags("Team", "analytics")})
	want := map[string]string{"Team": "analytics", "by-hand": "kept"}
	got := map[string]string{}
	for key, value := range d.exportRole().Tags {
		if !strings.HasPrefix(key, "bitmovin-export-access:") {
			got[key] = value
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
}

// TestFirstInstall: the function's own permissions lag by 10 s, each of them; the
// role still gets what the bucket's key needs.
func TestFirstInstall(t *testing.T) {
	d := newChecked(t, options{timeout: time.Minute + 20*time.Second})
	d.cloud.Edit(func(s *aws.State) { encrypt(s, keyARN, keyAllows(`"kms:*"`)) })
	var since atomic.Int64
	since.Store(time.Now().UnixNano())
	var struck atomic.Int64
	d.cloud.Inject(&aws.Fault{
		Match: func(c aws.Call) bool {
			return strings.Contains(c.Caller, "ProviderRole") && time.Since(time.Unix(0, since.Load())) < 10*time.Second
		},
		Do:     func() { struck.Add(1) },
		Status: 403, Code: "AccessDenied", Message: "User: f is not authorized to perform: it because no identity-based policy allows it",
	})
	if diff := cmp.Diff(clean(), d.mustCheck(nil)); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
	for _, text := range d.exportRole().Inline {
		if !strings.Contains(text, keyARN) {
			t.Errorf("the role's policy does not name the key: %s", text)
		}
	}
	if struck.Load() < 6 {
		t.Errorf("only %d calls were denied", struck.Load())
	}
	for _, c := range d.cloud.Calls() {
		if c.Op == "s3:PutObject" && c.Status == 200 {
			return
		}
	}
	t.Error("no object was written, as if the function could not delete one")
}

// TestChecksAttribute: Checks is compact JSON of every check.
func TestChecksAttribute(t *testing.T) {
	d := newChecked(t, options{})
	d.mustCheck(nil)
	text := d.last().Data["Checks"]
	var pairs map[string]string
	if err := json.Unmarshal([]byte(text), &pairs); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(clean(), pairs); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
	if strings.ContainsAny(text, " \n") {
		t.Errorf("Checks is not compact: %s", text)
	}
}
