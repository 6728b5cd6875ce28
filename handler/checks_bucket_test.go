package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// clean is what the checks say of a bucket as AWS makes it by default.
func clean() map[string]string {
	return map[string]string{
		"Bucket": "PASS", "sts:AssumeRole": "PASS", "s3:GetBucketLocation": "PASS", "s3:ListBucket": "PASS",
		"s3:PutObject": "PASS", "s3:PutObjectAcl": "PASS", "NoReadAccess": "PASS", "NoDeleteAccess": "PASS",
		"TrustPolicy": "PASS", "Encryption": "PASS", "ObjectOwnership": "WARN", "ObjectLock": "PASS",
	}
}

// cleanBut is clean but for some checks: pairs of check and verdict.
func cleanBut(pairs ...string) map[string]string {
	checks := clean()
	for i := 0; i < len(pairs); i += 2 {
		checks[pairs[i]] = pairs[i+1]
	}
	return checks
}

// ownerPolicy is what the policy of another account's bucket must say: that the role may
// do what an export needs, and that the function may look and clean up.
func ownerPolicy() string {
	return policyOf(
		`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::`+account+`:root"},
			"Action":["s3:GetBucketLocation","s3:ListBucket","s3:PutObject","s3:PutObjectAcl"],
			"Resource":["arn:aws:s3:::`+bucketName+`","arn:aws:s3:::`+bucketName+`/*"],
			"Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::`+account+`:role/bitmovin-export-*"}}}`,
		`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::`+account+`:root"},
			"Action":["s3:GetBucket*","s3:GetEncryptionConfiguration","s3:ListBucket*",
				"s3:DeleteObject","s3:DeleteObjectVersion","s3:AbortMultipartUpload"],
			"Resource":["arn:aws:s3:::`+bucketName+`","arn:aws:s3:::`+bucketName+`/*_bitmovin-access-check/*"],
			"Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::`+account+`:role/bitmovin-provider/*"}}}`,
	)
}

// TestBuckets: every kind of bucket to which exports work is accepted, each with the
// verdicts that explain it, and nothing is left in the bucket.
func TestBuckets(t *testing.T) {
	t.Parallel()
	// What the check ObjectLock says, in part.
	lock := map[string]string{
		"retention": "has a default retention", "MFA delete": "has MFA delete",
		"deletion denied to everyone":             "could not delete an object again (denied by an explicit Deny in the bucket policy)",
		"deletion of versions denied to everyone": "could not delete an object again (denied by an explicit Deny in the bucket policy)",
		"another account's, not readable":         "could not be read",
	}
	for name, tc := range map[string]struct {
		bucket     func(*aws.Bucket)
		properties properties
		checks     map[string]string
		// versions that the bucket has in the end; those of others are there before.
		versions int
	}{
		"as AWS makes it":   {nil, nil, clean(), 0},
		"in another region": {func(b *aws.Bucket) { b.Region = "us-east-1" }, nil, clean(), 0},
		"another account's, readable": {func(b *aws.Bucket) { b.Account, b.Policy = otherAccount, ownerPolicy() },
			properties{"BucketOwner": otherAccount}, clean(), 0},
		"another account's, versioned, readable": {
			func(b *aws.Bucket) { b.Account, b.Policy, b.Versioning = otherAccount, ownerPolicy(), "Enabled" },
			properties{"BucketOwner": otherAccount}, clean(), 0},
		"another account's, not readable": {func(b *aws.Bucket) {
			b.Account, b.Policy = otherAccount, policyOf(`{"Effect":"Allow","Principal":{"AWS":"`+account+`"},"Action":"s3:*",
				"Resource":"*",`+exportRolesOnly+`}`)
		}, properties{"BucketOwner": otherAccount}, cleanBut("Bucket", "NOT_TESTED", "Encryption", "WARN",
			"ObjectOwnership", "NOT_TESTED", "ObjectLock", "NOT_TESTED", "NoReadAccess", "NOT_TESTED", "NoDeleteAccess", "NOT_TESTED"), 0},
		"HeadBucket denied to the function": {func(b *aws.Bucket) {
			b.Policy = policyOf(`{"Effect":"Deny","Principal":"*","Action":"s3:ListBucket","Resource":"*",
				"Condition":{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/bitmovin-export-*"}}}`)
		}, nil, cleanBut("Bucket", "NOT_TESTED"), 0},
		"everything denied to the function": {func(b *aws.Bucket) {
			b.Policy = policyOf(`{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*",
				"Condition":{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/bitmovin-export-*"}}}`)
		}, nil, cleanBut("Bucket", "NOT_TESTED", "Encryption", "WARN", "ObjectOwnership", "NOT_TESTED", "ObjectLock", "NOT_TESTED",
			"NoReadAccess", "NOT_TESTED", "NoDeleteAccess", "NOT_TESTED"), 0},
		"deletion denied to everyone": {func(b *aws.Bucket) {
			b.Policy = policyOf(`{"Effect":"Deny","Principal":"*","Action":"s3:Delete*","Resource":"*"}`)
		}, nil, cleanBut("ObjectLock", "WARN", "NoReadAccess", "NOT_TESTED"), 0},
		"deletion of versions denied to everyone": {func(b *aws.Bucket) {
			b.Versioning = "Enabled"
			b.Policy = policyOf(`{"Effect":"Deny","Principal":"*","Action":"s3:DeleteObjectVersion","Resource":"*"}`)
		}, nil, cleanBut("ObjectLock", "WARN", "NoReadAccess", "NOT_TESTED", "NoDeleteAccess", "NOT_TESTED"), 0},
		"ACLs":           {func(b *aws.Bucket) { b.Ownership = "BucketOwnerPreferred" }, nil, cleanBut("ObjectOwnership", "PASS"), 0},
		"ACLs of old":    {func(b *aws.Bucket) { b.Ownership = "" }, nil, cleanBut("ObjectOwnership", "PASS"), 0},
		"ACLs of writer": {func(b *aws.Bucket) { b.Ownership = "ObjectWriter" }, nil, cleanBut("ObjectOwnership", "PASS"), 0},
		"ACLs, no object": {func(b *aws.Bucket) { b.Ownership = "BucketOwnerPreferred" }, properties{"ProbeWrites": "false"},
			cleanBut("ObjectOwnership", "PASS", "NoReadAccess", "NOT_TESTED"), 0},
		"public ACLs blocked": {func(b *aws.Bucket) { b.Ownership, b.BlockPublicACLs = "BucketOwnerPreferred", true }, nil,
			cleanBut("ObjectOwnership", "PASS"), 0},
		"versioned":            {func(b *aws.Bucket) { b.Versioning = "Enabled" }, nil, clean(), 0},
		"versioned, no object": {func(b *aws.Bucket) { b.Versioning = "Enabled" }, properties{"ProbeWrites": "false"}, cleanBut("NoReadAccess", "NOT_TESTED", "NoDeleteAccess", "NOT_TESTED"), 0},
		"versioning suspended": {func(b *aws.Bucket) { b.Versioning = "Suspended" }, nil, clean(), 0},
		"versioning suspended, with versions": {func(b *aws.Bucket) {
			b.Versioning = "Suspended"
			b.Versions = []*aws.Version{{Key: "theirs", VersionID: "v1"}, {Key: "theirs", VersionID: "null"}}
		}, nil, clean(), 2},
		"object lock without retention": {func(b *aws.Bucket) { b.Versioning, b.LockEnabled = "Enabled", true }, nil, clean(), 0},
		"retention": {func(b *aws.Bucket) {
			b.Versioning, b.LockEnabled, b.Lock = "Enabled", true, &aws.Retention{Mode: "COMPLIANCE", Days: 365}
		}, nil, cleanBut("ObjectLock", "WARN", "NoReadAccess", "NOT_TESTED", "NoDeleteAccess", "NOT_TESTED"), 0},
		"MFA delete": {func(b *aws.Bucket) { b.Versioning, b.MFADelete = "Enabled", true }, nil,
			cleanBut("ObjectLock", "WARN", "NoReadAccess", "NOT_TESTED", "NoDeleteAccess", "NOT_TESTED"), 0},
		"no object":                   {nil, properties{"ProbeWrites": "false"}, cleanBut("NoReadAccess", "NOT_TESTED"), 0},
		"below a prefix":              {nil, properties{"ObjectPrefix": "exports/2026/"}, clean(), 0},
		"versioned, below a prefix":   {func(b *aws.Bucket) { b.Versioning = "Enabled" }, properties{"ObjectPrefix": "exports/2026/"}, clean(), 0},
		"full access":                 {nil, properties{"AccessMode": "Full"}, cleanBut("NoReadAccess", "NOT_TESTED", "NoDeleteAccess", "NOT_TESTED"), 0},
		"full access, versioned":      {func(b *aws.Bucket) { b.Versioning = "Enabled" }, properties{"AccessMode": "Full"}, cleanBut("NoReadAccess", "NOT_TESTED", "NoDeleteAccess", "NOT_TESTED"), 0},
		"full access, below a prefix": {nil, properties{"AccessMode": "Full", "ObjectPrefix": "exports/"}, cleanBut("NoReadAccess", "NOT_TESTED", "NoDeleteAccess", "NOT_TESTED"), 0},
	} {
		harness.Run(t, name, func(t *testing.T) {
			e := newProviderEnv(t, options{}, "AllowFullAccess", "true")
			if tc.bucket != nil {
				e.EditBucket(tc.bucket)
			}
			if diff := cmp.Diff(tc.checks, e.mustCheck(tc.properties)); diff != "" {
				t.Errorf("checks (-want +got):\n%s", diff)
			}
			e.wantNothingWritten(tc.versions)
			if got := e.logged("ObjectLock"); !strings.Contains(got.Detail, lock[name]) {
				t.Errorf("the log says %+v, want %q", got, lock[name])
			}
			for _, c := range e.Cloud.Calls() {
				if c.Op == "s3:PutObject" && tc.checks["NoReadAccess"] == "NOT_TESTED" && tc.properties["AccessMode"] == nil {
					t.Errorf("%s was written", c.Resource)
				}
			}
		})
	}
}

// wantNothingWritten checks that the bucket has so many versions, none of them a
// check's, and no uploads.
func (e *env) wantNothingWritten(versions int) {
	e.Helper()
	e.Cloud.View(func(s *aws.State) {
		b := s.Buckets[bucketName]
		if len(b.Versions) != versions || len(b.Uploads) > 0 {
			e.Errorf("the bucket has the versions %+v and the uploads %+v, want %d versions", b.Versions, b.Uploads, versions)
		}
	})
}

// TestWrongOwner: a bucket of another account, or a BucketOwner that is wrong,
// look alike. The reason names both, and what it says to do
// works for either.
func TestWrongOwner(t *testing.T) {
	t.Parallel()
	const both = bucketName + " belongs to another account than BucketOwner "
	harness.Run(t, "BucketOwner is wrong", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		reason := e.mustFail(properties{"BucketOwner": otherAccount})
		for _, want := range []string{both + otherAccount, "the function may not read it", "set BucketOwner to the account that owns the bucket"} {
			if !strings.Contains(reason, want) {
				t.Errorf("the reason does not say %q: %s", want, reason)
			}
		}
		e.mustCheck(nil)
	})
	harness.Run(t, "the bucket is another's", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.EditBucket(func(b *aws.Bucket) { b.Account = otherAccount })
		reason := e.mustFail(nil)
		for _, want := range []string{both + account, "set BucketOwner to the account that owns the bucket"} {
			if !strings.Contains(reason, want) {
				t.Errorf("the reason does not say %q: %s", want, reason)
			}
		}
		e.applyFix(reason, bucketPolicy)
		e.mustCheck(properties{"BucketOwner": otherAccount})
	})
}

// TestNoBucket: a missing bucket fails before anything is made, with what to do.
func TestNoBucket(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]properties{"Enforce": nil, "Warn": {"Verification": "Warn"}} {
		harness.Run(t, name, func(t *testing.T) {
			e := newProviderEnv(t, options{})
			e.Cloud.Edit(func(s *aws.State) { delete(s.Buckets, bucketName) })
			if p == nil {
				if reason := e.mustFail(p); !strings.Contains(reason, "Bucket: "+bucketName+" does not exist") || !strings.Contains(reason, "create the bucket first") {
					t.Errorf("the reason is %s", reason)
				}
				if writes := e.Writes(); len(writes) > 0 {
					t.Errorf("IAM was written: %v", writes)
				}
				return
			}
			checks := e.mustCheck(p)
			if checks["Bucket"] != "FAIL" || checks["s3:PutObject"] != "FAIL" || e.Last().Data["AccessVerified"] != "false" {
				t.Errorf("checks are %v, verified %s", checks, e.Last().Data["AccessVerified"])
			}
		})
	}
}

// TestPutObjectACL: s3:PutObjectAcl is proven by a real call whether or not the
// bucket has ACLs, with an object and without.
func TestPutObjectACL(t *testing.T) {
	t.Parallel()
	for _, ownership := range []string{"BucketOwnerEnforced", "BucketOwnerPreferred"} {
		for _, writes := range []string{"true", "false"} {
			harness.Run(t, ownership+", ProbeWrites "+writes, func(t *testing.T) {
				e := newProviderEnv(t, options{})
				e.EditBucket(func(b *aws.Bucket) { b.Ownership, b.Policy = ownership, denyRoles("s3:PutObjectAcl") })
				p := properties{"ProbeWrites": writes}
				reason := e.mustFail(p)
				if !strings.Contains(reason, "not verified: s3:PutObjectAcl: denied by an explicit Deny in the bucket policy") {
					t.Errorf("the reason is %s", reason)
				}
				e.wantNothingWritten(0)
				e.applyFix(reason, bucketPolicy)
				e.mustCheck(p)
			})
		}
	}
	// The function cannot tell whether the bucket has ACLs.
	for name, ownership := range map[string]string{"has none": "BucketOwnerEnforced", "has": "BucketOwnerPreferred"} {
		harness.Run(t, "not readable, "+name, func(t *testing.T) {
			e := newProviderEnv(t, options{})
			e.EditBucket(func(b *aws.Bucket) { b.Ownership = ownership })
			e.Cloud.Inject(&aws.Fault{Op: "s3:GetBucketOwnershipControls", Status: 403, Code: "AccessDenied", Message: "Access Denied"})
			if diff := cmp.Diff(cleanBut("ObjectOwnership", "NOT_TESTED"), e.mustCheck(nil)); diff != "" {
				t.Errorf("checks (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTooMuch: a bucket policy that grants the role's session more than exports need is
// a warning and fails nothing, and the check leaves neither marker nor delete marker.
func TestTooMuch(t *testing.T) {
	t.Parallel()
	for action, check := range map[string]string{"s3:GetObject": "NoReadAccess", "s3:DeleteObject": "NoDeleteAccess"} {
		for _, versioning := range []string{"", "Enabled", "Suspended"} {
			harness.Run(t, action+" "+versioning, func(t *testing.T) {
				e := newProviderEnv(t, options{})
				role := "arn:aws:sts::" + account + ":assumed-role/bitmovin-export-app/bitmovin-access-check"
				e.EditBucket(func(b *aws.Bucket) {
					b.Versioning = versioning
					b.Policy = policyOf(`{"Effect":"Allow","Principal":{"AWS":"` + role + `"},"Action":"` + action + `","Resource":"*"}`)
				})
				if diff := cmp.Diff(cleanBut(check, "WARN"), e.mustCheck(properties{"RoleName": "bitmovin-export-app"})); diff != "" {
					t.Errorf("checks (-want +got):\n%s", diff)
				}
				e.wantNothingWritten(0)
				if got := e.logged(check); !strings.Contains(got.Detail, action+" is allowed") || !strings.Contains(got.Fix, "bucket policy") {
					t.Errorf("the log says %+v", got)
				}
			})
		}
	}
}

// TestWarnAndOff: Warn reports what Enforce would refuse; Off checks nothing.
func TestWarnAndOff(t *testing.T) {
	t.Parallel()
	for _, action := range exportActions {
		harness.Run(t, "Warn, "+action, func(t *testing.T) {
			e := newProviderEnv(t, options{})
			e.EditBucket(func(b *aws.Bucket) { b.Policy = denyRoles(action) })
			want := cleanBut(action, "FAIL")
			if action == "s3:PutObject" {
				for _, name := range []string{"s3:PutObjectAcl", "NoReadAccess", "NoDeleteAccess", "Encryption"} {
					want[name] = "NOT_TESTED"
				}
			}
			if diff := cmp.Diff(want, e.mustCheck(properties{"Verification": "Warn"})); diff != "" {
				t.Errorf("checks (-want +got):\n%s", diff)
			}
			if got := e.Last().Data["AccessVerified"]; got != "false" {
				t.Errorf("AccessVerified is %s, want false", got)
			}
			if got := e.logged(action); got.Verdict != "FAIL" || got.Fix == "" {
				t.Errorf("the log says %+v", got)
			}
		})
	}
	harness.Run(t, "Warn, not answered", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.Cloud.Inject(&aws.Fault{Op: "s3:ListObjectsV2", Hang: true})
		checks := e.mustCheck(properties{"Verification": "Warn"})
		if got := e.Last().Data["AccessVerified"]; got != "partial" || checks["s3:ListBucket"] != "NOT_TESTED" {
			t.Errorf("AccessVerified is %s, s3:ListBucket %s; want partial and NOT_TESTED", got, checks["s3:ListBucket"])
		}
	})
	harness.Run(t, "Enforce, not answered", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.Cloud.Inject(&aws.Fault{Op: "s3:ListObjectsV2", Hang: true})
		if reason := e.mustFail(nil); !strings.Contains(reason, "not verified: s3:ListBucket: got no answer") {
			t.Errorf("the reason is %s", reason)
		}
	})
	harness.Run(t, "Off", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.EditBucket(func(b *aws.Bucket) { b.Policy = denyRoles("s3:PutObject") })
		checks := e.mustCheck(properties{"Verification": "Off"})
		if got := e.Last().Data["AccessVerified"]; got != "skipped" || len(checks) != 0 {
			t.Errorf("AccessVerified is %s, checks %v; want skipped and none", got, checks)
		}
		for _, c := range e.Cloud.Calls() {
			if c.Op == "sts:AssumeRole" {
				t.Errorf("the role was assumed by %s", c.Caller)
			}
		}
	})
}
