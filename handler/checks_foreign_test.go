package main

import (
	"context"
	"io"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

const (
	ownerRole = "arn:aws:iam::" + otherAccount + ":role/owner"
	// setKey and setOwnership are what the owner of another account's bucket is told.
	setKey       = "its owner sets the bucket's default encryption to SSE-S3 (AES256), or to a customer's KMS key, by the key's ARN"
	setOwnership = "its owner sets the bucket's object ownership to BucketOwnerEnforced"
)

// foreignOwned are the properties of a resource whose bucket is another account's.
var foreignOwned = properties{"BucketOwner": otherAccount}

// foreignBucket makes the account's bucket another account's, whose policy lets the role
// write and the function look. Both accounts have a key of that alias, and the owner's
// is for both.
func (e *env) foreignBucket(change func(*aws.Bucket)) {
	e.Kept[aws.RoleKey(otherAccount, "owner")] = true
	e.Cloud.Edit(func(s *aws.State) {
		s.Roles[aws.RoleKey(otherAccount, "owner")] = &aws.Role{
			Account: otherAccount, Name: "owner", Path: "/", Trust: trustAccount, Attached: []string{administratorAccess},
		}
		s.Keys[keyARN] = &aws.Key{ARN: keyARN, State: "Enabled", Aliases: []string{keyAlias}, Policy: policyOf(keyAllows(`"kms:*"`))}
		s.Keys[foreignKey] = &aws.Key{ARN: foreignKey, State: "Enabled", Aliases: []string{keyAlias}, Policy: policyOf(
			keyAllows(`"kms:*"`), strings.Replace(keyAllows(`"kms:*"`), account, otherAccount, 1))}
		b := s.Buckets[bucketName]
		b.Account, b.Policy = otherAccount, ownerPolicy()
		change(b)
	})
}

// ownerReads tells whether the bucket's owner can read what Bitmovin exports with the role.
func (e *env) ownerReads() bool {
	e.Helper()
	ctx := context.WithoutCancel(e.Context())
	cfg := e.Cloud.Config(bitmovinUser, region)
	data := e.Last().Data
	out, err := sts.NewFromConfig(cfg).AssumeRole(ctx, &sts.AssumeRoleInput{
		RoleArn: sdk.String(data["RoleArn"]), ExternalId: sdk.String(data["ExternalId"]), RoleSessionName: sdk.String("bitmovin"),
	})
	if err != nil {
		e.Fatal(err)
	}
	c := out.Credentials
	cfg.Credentials = credentials.NewStaticCredentialsProvider(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
	in := &s3.PutObjectInput{Bucket: sdk.String(bucketName), Key: sdk.String("export.csv"), Body: strings.NewReader("a,b")}
	if _, err := s3.NewFromConfig(cfg).PutObject(ctx, in); err != nil {
		e.Fatal(err)
	}
	defer e.EditBucket(func(b *aws.Bucket) { b.Versions = nil })
	got, err := s3.NewFromConfig(e.Cloud.Config(ownerRole, region)).GetObject(ctx, &s3.GetObjectInput{Bucket: in.Bucket, Key: in.Key})
	if err != nil {
		return false
	}
	text, err := io.ReadAll(got.Body)
	return err == nil && string(text) == "a,b"
}

// followFixes does what the checks say that the bucket's owner is to do.
func (e *env) followFixes(told string) {
	e.EditBucket(func(b *aws.Bucket) {
		if strings.Contains(told, setOwnership) {
			b.Ownership = "BucketOwnerEnforced"
		}
		if strings.Contains(told, setKey) {
			b.Algorithm, b.KMSKey = "aws:kms", foreignKey
		}
	})
}

// TestForeignBucket: what the role writes to another account's bucket may not be the
// bucket's owner's, or encrypted with a key that the owner cannot use. The checks warn of
// it exactly then, and do not once the owner has done what they say.
func TestForeignBucket(t *testing.T) {
	t.Parallel()
	keys := map[string]struct{ algorithm, key, verdict string }{
		"SSE-S3":                   {"AES256", "", "PASS"},
		"no key":                   {"aws:kms", "", "WARN"},
		"no key, dsse":             {"aws:kms:dsse", "", "WARN"},
		"AWS's own by alias":       {"aws:kms", "alias/aws/s3", "WARN"},
		"by alias":                 {"aws:kms", keyAlias, "WARN"},
		"by id":                    {"aws:kms", keyARN[strings.LastIndex(keyARN, "/")+1:], "WARN"},
		"by the id of the owner's": {"aws:kms", foreignKey[strings.LastIndex(foreignKey, "/")+1:], "FAIL"},
		"AWS's own of the owner":   {"aws:kms", "arn:aws:kms:" + region + ":" + otherAccount + ":alias/aws/s3", "FAIL"},
		"AWS's own of the writer":  {"aws:kms", "arn:aws:kms:" + region + ":" + account + ":alias/aws/s3", "WARN"},
		"by ARN":                   {"aws:kms", foreignKey, "PASS"},
		"by ARN, dsse":             {"aws:kms:dsse", foreignKey, "PASS"},
		"by the ARN of an alias":   {"aws:kms", strings.Replace(aliasARN, account, otherAccount, 1), "PASS"},
	}
	for _, ownership := range []string{"BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter", ""} {
		for name, key := range keys {
			harness.Run(t, ownership+", "+name, func(t *testing.T) {
				e := newProviderEnv(t, options{})
				e.foreignBucket(func(b *aws.Bucket) { b.Ownership, b.Algorithm, b.KMSKey = ownership, key.algorithm, key.key })
				var told string
				if key.verdict == "FAIL" {
					told = e.mustFail(foreignOwned)
				} else {
					if diff := cmp.Diff(cleanBut("Encryption", key.verdict), e.mustCheck(foreignOwned)); diff != "" {
						t.Errorf("checks (-want +got):\n%s", diff)
					}
					told = e.logged("Encryption").Fix
				}
				told += e.logged("ObjectOwnership").Fix
				if warned := strings.Contains(told, setKey); warned != (key.verdict != "PASS") {
					t.Errorf("a %s of Encryption says %q", key.verdict, told)
				}
				if warned := strings.Contains(told, setOwnership); warned != (ownership != "BucketOwnerEnforced") {
					t.Errorf("ownership %q says %q", ownership, told)
				}
				if key.verdict != "FAIL" && e.ownerReads() != (told == "") {
					t.Errorf("the owner can read: %v, and is told %q", told != "", told)
				}
				e.followFixes(told)
				if diff := cmp.Diff(clean(), e.mustCheck(foreignOwned.With(properties{"VerificationTrigger": "2"}))); diff != "" {
					t.Errorf("checks after the fixes (-want +got):\n%s", diff)
				}
				if !e.ownerReads() {
					t.Error("the owner cannot read after the fixes")
				}
			})
		}
	}
}

// TestForeignKeyNamed: KmsKeyArn tells the role's policy which key to allow, and not
// whose key S3 takes: that is read, or warned of.
func TestForeignKeyNamed(t *testing.T) {
	t.Parallel()
	named := foreignOwned.With(properties{"KmsKeyArn": foreignKey})
	harness.Run(t, "the bucket names none", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.foreignBucket(func(b *aws.Bucket) { b.Algorithm = "aws:kms" })
		if got := e.mustCheck(named)["Encryption"]; got != "WARN" || e.ownerReads() {
			t.Errorf("Encryption is %s, want WARN", got)
		}
	})
	harness.Run(t, "not readable", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.foreignBucket(func(b *aws.Bucket) {
			b.Algorithm, b.KMSKey, b.Policy = "aws:kms", foreignKey, strings.ReplaceAll(ownerPolicy(), `"s3:GetEncryptionConfiguration",`, "")
		})
		if got := e.mustCheck(named)["Encryption"]; got != "WARN" {
			t.Errorf("Encryption is %s, want WARN", got)
		}
		e.applyFix(e.logged("Encryption").Fix, bucketPolicy)
		if diff := cmp.Diff(clean(), e.mustCheck(named.With(properties{"VerificationTrigger": "2"}))); diff != "" {
			t.Errorf("checks after the fix (-want +got):\n%s", diff)
		}
	})
}

// TestDoubt: access does not count as verified where it is not known whether the bucket's
// owner could read the exports, or S3 and Bitmovin would take them.
func TestDoubt(t *testing.T) {
	t.Parallel()
	unread := func(permission string) string { return strings.ReplaceAll(ownerPolicy(), permission, "") }
	ownershipUnread := strings.ReplaceAll(ownerPolicy(), `"s3:GetBucket*"`, `"s3:GetBucketVersioning","s3:GetBucketObjectLockConfiguration"`)
	denied := func(action string) string {
		return policyOf(`{"Effect":"Deny","Principal":"*","Action":"` + action + `","Resource":"*",
			"Condition":{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/bitmovin-export-*"}}}`)
	}
	for name, tc := range map[string]struct {
		bucket     func(*aws.Bucket)
		properties properties
		want       string
	}{
		"another account's, encryption not readable": {func(b *aws.Bucket) {
			b.Account, b.Algorithm, b.Policy = otherAccount, "aws:kms", unread(`"s3:GetEncryptionConfiguration",`)
		}, foreignOwned, "partial"},
		"another account's, ownership not readable": {func(b *aws.Bucket) {
			b.Account, b.Ownership, b.Policy = otherAccount, "ObjectWriter", ownershipUnread
		}, foreignOwned, "partial"},
		"retention not readable": {func(b *aws.Bucket) { b.Policy = denied("s3:GetBucketObjectLockConfiguration") }, nil, "partial"},
		"ownership not readable": {func(b *aws.Bucket) { b.Policy = denied("s3:GetBucketOwnershipControls") }, nil, "true"},
		"a region that Bitmovin may not know, HeadBucket denied": {func(b *aws.Bucket) {
			b.Region, b.Policy = "ap-northeast-3", denied("s3:ListBucket")
		}, nil, "partial"},
	} {
		harness.Run(t, name, func(t *testing.T) {
			e := newProviderEnv(t, options{})
			e.EditBucket(tc.bucket)
			checks := e.mustCheck(tc.properties)
			if got := e.Last().Data["AccessVerified"]; got != tc.want {
				t.Errorf("AccessVerified is %s, want %s: %v", got, tc.want, checks)
			}
		})
	}
	harness.Run(t, "a check that failed, and is only reported", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.Cloud.Edit(func(s *aws.State) { encrypt(s, keyARN, keyAllows(`"kms:GenerateDataKey"`)) })
		checks := e.mustCheck(properties{"Verification": "Warn"})
		if got := e.Last().Data["AccessVerified"]; got != "partial" || checks["Encryption"] != "FAIL" {
			t.Errorf("AccessVerified is %s, want partial: %v", got, checks)
		}
	})
}

// TestForeignACL: in another account's bucket an object's own ACL lets its writer set it.
// That proves nothing of the bucket's policy, which an export with an ACL needs.
func TestForeignACL(t *testing.T) {
	t.Parallel()
	for _, ownership := range []string{"BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter", ""} {
		for _, writes := range []string{"true", "false"} {
			harness.Run(t, ownership+", ProbeWrites "+writes, func(t *testing.T) {
				e := newProviderEnv(t, options{})
				e.foreignBucket(func(b *aws.Bucket) {
					b.Ownership, b.Policy = ownership, strings.Replace(ownerPolicy(), `"s3:PutObject","s3:PutObjectAcl"`, `"s3:PutObject"`, 1)
				})
				p := foreignOwned.With(properties{"ProbeWrites": writes})
				reason := e.mustFail(p)
				if !strings.Contains(reason, "not verified: s3:PutObjectAcl: denied") {
					t.Errorf("the reason is %s", reason)
				}
				e.applyFix(reason, bucketPolicy)
				e.mustCheck(p)
			})
		}
	}
}
