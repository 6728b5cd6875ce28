package main

import (
	"strings"
	"testing"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// TestReasonIsWhole: with all names as long as they may be and all checks failing, the
// reason has each check and a statement that is not cut off.
func TestReasonIsWhole(t *testing.T) {
	t.Parallel()
	bucket := strings.Repeat("long-bucket-", 5) + "abc"
	p := properties{
		"BucketName": bucket, "RoleName": harness.RoleNamePrefix + strings.Repeat("LongRole", 6), "ExternalId": strings.Repeat("long-id/", 64),
		"ObjectPrefix": strings.Repeat("a-long-prefix/", 36) + "1234567/",
	}
	addLongNames := func(e *env, policy string) {
		e.Cloud.Edit(func(s *aws.State) {
			encrypt(s, keyARN, keyAllows(`"kms:*"`))
			s.Buckets[bucket] = &aws.Bucket{Name: bucket, Account: account, Region: region, Ownership: "BucketOwnerPreferred", Policy: policy,
				Algorithm: "aws:kms", KMSKey: keyARN, Versioning: "Enabled"}
		})
	}
	at := func(s *aws.State) *string { return &s.Buckets[bucket].Policy }
	harness.Run(t, "denied", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		addLongNames(e, policyOf(`{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*",`+exportRolesOnly+`}`))
		reason := e.mustFail(p)
		for _, want := range []string{"s3:GetBucketLocation, s3:ListBucket, s3:PutObject: denied by an explicit Deny in the bucket policy", "more in log group"} {
			if !strings.Contains(reason, want) {
				t.Errorf("the reason does not say %q: %s", want, reason)
			}
		}
		e.applyFix(reason, at)
		e.mustCheck(p)
	})
	harness.Run(t, "another account's", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		addLongNames(e, "")
		e.Cloud.Edit(func(s *aws.State) {
			s.Buckets[bucket].Account = otherAccount
			s.Keys[keyARN].Policy = policyOf(keyAllows(`"kms:*"`))
		})
		p := p.With(properties{"BucketOwner": otherAccount, "KmsKeyArn": keyARN})
		reason := e.mustFail(p)
		for _, want := range []string{"s3:GetBucketLocation, s3:ListBucket, s3:PutObject: denied", "Bucket: " + bucket, "more in log group"} {
			if !strings.Contains(reason, want) {
				t.Errorf("the reason does not say %q: %s", want, reason)
			}
		}
		e.applyFix(reason, at)
		e.mustCheck(p)
	})
	// A statement of which JSON escapes every byte does not fit; the log has it.
	harness.Run(t, "does not fit", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		p := p.With(properties{"ObjectPrefix": strings.Repeat(`"`, 511) + "/"})
		addLongNames(e, "")
		e.Cloud.Edit(func(s *aws.State) { s.Buckets[bucket].Account = otherAccount })
		p["BucketOwner"], p["KmsKeyArn"] = otherAccount, keyARN
		reason := e.mustFail(p)
		if !strings.Contains(reason, "Fix for s3:GetBucketLocation: the log says how") {
			t.Errorf("the reason does not point to the log: %s", reason)
		}
		e.applyFix(e.logged("s3:GetBucketLocation").Fix, at)
		e.mustCheck(p)
	})
}

// TestFixOutlivesTheStack: after a failed create the stack is deleted, and the function
// and the role with it. What was pasted fits those of the next stack as well.
func TestFixOutlivesTheStack(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		deny func(*aws.State)
		at   policyIn
	}{
		"the role's":     {func(s *aws.State) { s.Buckets[bucketName].Policy = denyRoles("s3:PutObject") }, bucketPolicy},
		"the function's": {func(s *aws.State) { setGuardrail(s, aws.LayerSCP, allowAll, denyOf("sts:AssumeRole", "")) }, guardrailPolicy},
	} {
		harness.Run(t, name, func(t *testing.T) {
			e := newEnv(t, options{})
			e.Cloud.Edit(tc.deny)
			if _, err := e.Deploy(); err == nil {
				t.Fatal("the stack was created")
			}
			reason := e.VerdictOf(e.Latest("Create")).Reason
			e.Delete(stackName)
			e.applyFix(reason, tc.at)
			e.MustDeploy()
		})
	}
}
