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

// onRole edits the one export role by hand once a call has had its effect, and
// as often as that call is made so many times.
func (d *desk) onRole(op string, times int, edit func(*aws.Role)) {
	d.cloud.Inject(&aws.Fault{Op: op, Times: times, After: true, Do: func() {
		d.cloud.Edit(func(s *aws.State) {
			for _, r := range s.Roles {
				if strings.HasPrefix(r.Path, "/bitmovin/") {
					edit(r)
				}
			}
		})
	}})
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
	t.Run("a policy more, on an update", func(t *testing.T) {
		d := newChecked(t, options{})
		d.mustCheck(nil)
		d.cloud.Edit(func(s *aws.State) {
			for _, r := range s.Roles {
				if strings.HasPrefix(r.Path, "/bitmovin/") {
					r.Inline["More"] = policyOf(denyOf("s3:PutObject", ""))
				}
			}
		})
		d.mustCheck(properties{"VerificationTrigger": "again"})
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

// TestBoundary: a boundary that was edited or changed is put right before
// anything else, and capped by it the role is verified.
func TestBoundary(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*aws.Role){
		"taken away": func(r *aws.Role) { r.Boundary = "" },
		"another":    func(r *aws.Role) { r.Boundary = administratorAccess },
	} {
		t.Run(name, func(t *testing.T) {
			d := newChecked(t, options{})
			d.mustCheck(nil)
			wanted := d.exportRole().Boundary
			if wanted == "" {
				t.Fatal("the role has no boundary")
			}
			d.cloud.Edit(func(s *aws.State) { edit(s.Roles[aws.RoleKey(account, d.exportRoleName(s))]) })
			since := len(d.writes())
			d.mustCheck(properties{"VerificationTrigger": "again"})
			if got := d.exportRole().Boundary; got != wanted {
				t.Errorf("the boundary is %q, want %s", got, wanted)
			}
			if got := d.writes()[since]; got != "PutRolePermissionsBoundary" {
				t.Errorf("the first write is %s, want that of the boundary", got)
			}
			if !strings.Contains(d.engine.Logs(), `"permissions boundary"`) {
				t.Error("the log does not tell that the boundary differed")
			}
		})
	}
	t.Run("the provider's is another", func(t *testing.T) {
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
	})
}

// exportRoleName is exportRole's name, for who holds the state.
func (d *desk) exportRoleName(s *aws.State) string {
	for _, r := range s.Roles {
		if strings.HasPrefix(r.Path, "/bitmovin/") {
			return r.Name
		}
	}
	return ""
}

// TestAccessMode changes it both ways, and refuses Full where it is not allowed.
func TestAccessMode(t *testing.T) {
	t.Parallel()
	t.Run("both ways", func(t *testing.T) {
		d := newChecked(t, options{}, "AllowFullAccess", "true")
		for i, mode := range []string{"Restricted", "Full", "Restricted", "Full"} {
			d.mustCheck(properties{"AccessMode": mode})
			r := d.exportRole()
			if full := mode == "Full"; len(r.Inline) != map[bool]int{true: 0, false: 1}[full] || len(r.Attached) != map[bool]int{true: 1, false: 0}[full] {
				t.Errorf("%d: %s has the policies %v and %v", i, mode, r.Inline, r.Attached)
			}
		}
	})
	t.Run("Full is not allowed", func(t *testing.T) {
		d := newChecked(t, options{})
		if reason := d.mustFail(properties{"AccessMode": "Full"}); !strings.Contains(reason, "AllowFullAccess") {
			t.Errorf("the reason is %s", reason)
		}
		if writes := d.writes(); len(writes) > 0 {
			t.Errorf("IAM was written: %v", writes)
		}
	})
}

// TestTags: those of the properties come and go; others stay.
func TestTags(t *testing.T) {
	d := newChecked(t, options{})
	d.mustCheck(properties{"Tags": tags("team", "data", "cost", "1")})
	d.cloud.Edit(func(s *aws.State) { s.Roles[aws.RoleKey(account, d.exportRoleName(s))].Tags["by-hand"] = "kept" })
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

// TestReasonIsWhole: with all names as long as they may be and all checks
// failing, the reason has each check and a statement that is not cut.
func TestReasonIsWhole(t *testing.T) {
	t.Parallel()
	bucket := strings.Repeat("long-bucket-", 5) + "abc"
	p := properties{
		"BucketName": bucket, "RoleName": strings.Repeat("LongRole", 8), "ExternalId": strings.Repeat("long-id/", 64),
		"ObjectPrefix": strings.Repeat("a-long-prefix/", 36) + "1234567/",
	}
	long := func(d *desk, policy string) {
		d.cloud.Edit(func(s *aws.State) {
			encrypt(s, keyARN, keyAllows(`"kms:*"`))
			s.Buckets[bucket] = &aws.Bucket{Name: bucket, Account: account, Region: region, Ownership: "BucketOwnerPreferred", Policy: policy,
				Algorithm: "aws:kms", KMSKey: keyARN, Versioning: "Enabled"}
		})
	}
	at := func(s *aws.State) *string { return &s.Buckets[bucket].Policy }
	t.Run("denied", func(t *testing.T) {
		d := newChecked(t, options{})
		long(d, policyOf(`{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*",`+roles+`}`))
		reason := d.mustFail(p)
		for _, want := range []string{"s3:GetBucketLocation, s3:ListBucket, s3:PutObject: denied by an explicit Deny in the bucket policy", "more in log group"} {
			if !strings.Contains(reason, want) {
				t.Errorf("the reason does not say %q: %s", want, reason)
			}
		}
		d.mend(reason, at)
		d.mustCheck(p)
	})
	t.Run("another account's", func(t *testing.T) {
		d := newChecked(t, options{})
		long(d, "")
		d.cloud.Edit(func(s *aws.State) {
			s.Buckets[bucket].Account = otherAccount
			s.Keys[keyARN].Policy = policyOf(keyAllows(`"kms:*"`))
		})
		p := p.with(properties{"BucketOwner": otherAccount, "KmsKeyArn": keyARN})
		reason := d.mustFail(p)
		for _, want := range []string{"s3:GetBucketLocation, s3:ListBucket, s3:PutObject: denied", "Bucket: " + bucket, "more in log group"} {
			if !strings.Contains(reason, want) {
				t.Errorf("the reason does not say %q: %s", want, reason)
			}
		}
		d.mend(reason, at)
		d.mustCheck(p)
	})
	// A statement of which JSON escapes every byte does not fit; the log has it.
	t.Run("does not fit", func(t *testing.T) {
		d := newChecked(t, options{})
		p := p.with(properties{"ObjectPrefix": strings.Repeat(`"`, 511) + "/"})
		long(d, "")
		d.cloud.Edit(func(s *aws.State) { s.Buckets[bucket].Account = otherAccount })
		p["BucketOwner"], p["KmsKeyArn"] = otherAccount, keyARN
		reason := d.mustFail(p)
		if !strings.Contains(reason, "To mend s3:GetBucketLocation: the log says how") {
			t.Errorf("the reason does not point to the log: %s", reason)
		}
		d.mend(d.logged("s3:GetBucketLocation").Fix, at)
		d.mustCheck(p)
	})
}

// TestCureOutlivesTheStack: after a failed create the stack is deleted, and with
// it function and role; what was pasted still names those of the next one.
func TestCureOutlivesTheStack(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		deny func(*aws.State)
		at   place
	}{
		"the role's":     {func(s *aws.State) { s.Buckets[bucketName].Policy = denyRoles("s3:PutObject") }, inBucket},
		"the function's": {func(s *aws.State) { guard(s, aws.LayerSCP, allowAll, denyOf("sts:AssumeRole", "")) }, inGuardrail},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, options{timeout: checkTimeout})
			d.cloud.Edit(tc.deny)
			if _, err := d.deploy(); err == nil {
				t.Fatal("the stack was created")
			}
			reason := d.created().Reason
			d.delete(stackName)
			d.mend(reason, tc.at)
			d.mustDeploy()
		})
	}
}

// TestEnforceTakesNothingOnTrust is the matrix: whatever a call of the role's
// comes to, on whatever bucket and by whatever way of proving, Enforce accepts
// only what calls have proven (which check sees to), and says why it does not.
func TestEnforceTakesNothingOnTrust(t *testing.T) {
	t.Parallel()
	type answer struct {
		name   string
		status int
		code   string
	}
	answers := []answer{
		{"denied", 403, "AccessDenied"}, {"refused", 400, "InvalidRequest"}, {"not found", 404, "NoSuchBucket"}, {"redirected", 301, "PermanentRedirect"},
	}
	ways := map[string]struct {
		bucket     func(*aws.Bucket)
		properties properties
	}{
		"object":          {nil, nil},
		"object, ACLs":    {func(b *aws.Bucket) { b.Ownership = "ObjectWriter" }, nil},
		"no object":       {nil, properties{"ProbeWrites": "false"}},
		"no object, ACLs": {func(b *aws.Bucket) { b.Ownership = "ObjectWriter" }, properties{"ProbeWrites": "false"}},
		"full access":     {nil, properties{"AccessMode": "Full"}},
		"versioned, retention": {func(b *aws.Bucket) {
			b.Versioning, b.LockEnabled, b.Lock = "Enabled", true, &aws.Retention{Mode: "GOVERNANCE", Days: 1}
		}, nil},
	}
	ops := []string{"sts:AssumeRole", "s3:GetBucketLocation", "s3:ListObjectsV2", "s3:PutObject", "s3:CreateMultipartUpload", "s3:PutObjectAcl"}
	cases, failed := atomic.Int64{}, atomic.Int64{}
	t.Cleanup(func() { t.Logf("%d cases, of which %d failed the create", cases.Load(), failed.Load()) })
	for way, w := range ways {
		t.Run(way, func(t *testing.T) {
			// One desk for all answers: what is not denied costs no wait.
			d := newChecked(t, options{timeout: 10 * time.Second}, "AllowFullAccess", "true")
			if w.bucket != nil {
				d.editBucket(w.bucket)
			}
			for _, op := range ops {
				for _, a := range answers {
					if a.code == "AccessDenied" && way != "object" && way != "no object, ACLs" {
						continue // it takes the whole wait each time
					}
					cases.Add(1)
					if d.takesNothingOnTrust(w.properties, op, a.status, a.code) {
						failed.Add(1)
					}
				}
			}
		})
	}
}

// takesNothingOnTrust creates the stack while every call of the operation, by
// the role or of sts:AssumeRole, gets the answer; and reports whether it failed.
func (d *desk) takesNothingOnTrust(p properties, op string, status int, code string) (failed bool) {
	d.Helper()
	var off atomic.Bool
	var struck atomic.Int64
	d.cloud.Inject(&aws.Fault{
		Op: op, Status: status, Code: code, Message: "said the matrix", Do: func() { struck.Add(1) },
		Match: func(c aws.Call) bool {
			return !off.Load() && (op == "sts:AssumeRole" || strings.HasSuffix(c.Caller, "/bitmovin-access-check"))
		},
	})
	_, err := d.check(p)
	off.Store(true)
	if (struck.Load() > 0) != (err != nil) {
		d.Errorf("%s answered %s %d times, and the create came to %v", op, code, struck.Load(), err)
	}
	if err != nil {
		if reason := d.created().Reason; !strings.Contains(reason, "not verified: ") {
			d.Errorf("%s answered %s: the reason is %s", op, code, reason)
		}
	}
	d.delete(appStack)
	return err != nil
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
