package main

import (
	"strings"
	"testing"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
)

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
			reason := d.verdictOf(d.latest("Create")).Reason
			d.delete(stackName)
			d.mend(reason, tc.at)
			d.mustDeploy()
		})
	}
}
