package aws_test

import (
	"context"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
	"github.com/bitmovin/bitmovin-export-access/local/network"
)

const (
	owner      = "999999999999"
	ownerAdmin = "arn:aws:iam::" + owner + ":role/owner"
	ownerKey   = "arn:aws:kms:" + region + ":" + owner + ":key/k2"
)

// startOwned is start with the bucket in another account than the writer's, which has
// an administrator and a key that the writer's account may use.
func startOwned(t *testing.T, o aws.Options, change func(*aws.Bucket)) *aws.Cloud {
	t.Helper()
	c := start(t, o)
	c.Edit(func(s *aws.State) {
		s.Roles[aws.RoleKey(owner, "owner")] = &aws.Role{
			Account: owner, Name: "owner", Path: "/", Trust: trust(owner, ""),
			Attached: []string{"arn:aws:iam::aws:policy/AdministratorAccess"},
		}
		s.Roles[aws.RoleKey(account, "writer")].Inline["KMS"] = allow(`"kms:*"`, `"*"`)
		for arn, of := range map[string]string{ownerKey: owner, keyARN: account} {
			s.Keys[arn] = &aws.Key{ARN: arn, State: "Enabled", Aliases: []string{"alias/exports"}, Policy: keyPolicyOf(of)}
		}
		s.Keys[ownerKey].Policy = keyPolicyOf(account + `","` + owner)
		b := s.Buckets[bucket]
		b.Account, b.Policy = owner, bucketPolicy("Allow", "s3:PutObject", bucket+"/*")
		change(b)
	})
	return c
}

// keyPolicyOf is a key policy that leaves the key to accounts.
func keyPolicyOf(accounts string) string {
	return `{"Statement":[{"Effect":"Allow","Principal":{"AWS":["` + accounts + `"]},"Action":"kms:*","Resource":"*"}]}`
}

func readK(ctx context.Context, client *s3.Client) error {
	_, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: sdk.String(bucket), Key: sdk.String("k")})
	return err
}

func setACLOfK(ctx context.Context, client *s3.Client) error {
	_, err := client.PutObjectAcl(ctx, &s3.PutObjectAclInput{
		Bucket: sdk.String(bucket), Key: sdk.String("k"), ACL: types.ObjectCannedACLBucketOwnerFullControl,
	})
	return err
}

// TestObjectOwner: what another account writes belongs to the bucket's owner only if
// the bucket says so. Else the owner cannot read it, and its ACL decides, not the
// bucket's policy, who may set that ACL.
func TestObjectOwner(t *testing.T) {
	t.Parallel()
	const denied = "AccessDenied"
	deny := bucketPolicy("Deny", "s3:PutObjectAcl", bucket+"/*")
	withACL := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:PutObject*","Resource":"arn:aws:s3:::exports/*"}}`
	for name, tc := range map[string]struct {
		ownership, policy string
		acl               types.ObjectCannedACL
		// The codes of the owner's GetObject and of the writer's PutObjectAcl.
		read, setACL string
	}{
		"enforced":                             {ownership: "BucketOwnerEnforced", setACL: denied},
		"preferred":                            {ownership: "BucketOwnerPreferred", read: denied},
		"preferred, full control":              {ownership: "BucketOwnerPreferred", policy: withACL, acl: "bucket-owner-full-control"},
		"writer's":                             {ownership: "ObjectWriter", read: denied},
		"writer's, full control":               {ownership: "ObjectWriter", policy: withACL, acl: "bucket-owner-full-control"},
		"writer's, the owner may read":         {ownership: "ObjectWriter", policy: withACL, acl: "bucket-owner-read"},
		"writer's, everyone may read":          {ownership: "ObjectWriter", policy: withACL, acl: "public-read"},
		"writer's, private":                    {ownership: "ObjectWriter", policy: withACL, acl: "private", read: denied},
		"of old":                               {read: denied},
		"writer's, the bucket's policy denies": {ownership: "ObjectWriter", policy: deny, read: denied, setACL: denied},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := startOwned(t, aws.Options{}, func(b *aws.Bucket) {
				b.Ownership, b.BlockPublicACLs = tc.ownership, false
				if tc.policy == withACL {
					b.Policy = withACL
				}
			})
			wantCode(t, put(tc.acl)(t.Context(), s3As(c, writer)), "")
			if tc.policy == deny {
				c.Edit(func(s *aws.State) { s.Buckets[bucket].Policy = deny })
			}
			wantCode(t, readK(t.Context(), s3As(c, ownerAdmin)), tc.read)
			wantCode(t, setACLOfK(t.Context(), s3As(c, writer)), tc.setACL)
		})
	}
}

// TestObjectOwnerPropagation: what the bucket's policy denies on such an object lags as
// any of its denials does.
func TestObjectOwnerPropagation(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		const delay = 8 * time.Second
		c := startOwned(t, aws.Options{PolicyPropagation: delay, Network: network.NewMemory(1)}, func(b *aws.Bucket) { b.Ownership = "ObjectWriter" })
		time.Sleep(delay)
		wantCode(t, put("")(t.Context(), s3As(c, writer)), "")
		c.Edit(func(s *aws.State) { s.Buckets[bucket].Policy = bucketPolicy("Deny", "s3:PutObjectAcl", bucket+"/*") })
		wantCode(t, setACLOfK(t.Context(), s3As(c, writer)), "")
		time.Sleep(delay)
		wantCode(t, setACLOfK(t.Context(), s3As(c, writer)), "AccessDenied")
		c.Edit(func(s *aws.State) { s.Buckets[bucket].Policy = "" })
		wantCode(t, setACLOfK(t.Context(), s3As(c, writer)), "AccessDenied")
		time.Sleep(delay)
		wantCode(t, setACLOfK(t.Context(), s3As(c, writer)), "")
	})
}

// TestWriterKey: a default key that is not named by its ARN is one of the writer's
// account, which the bucket's owner cannot use; AWS's own key is nobody else's.
func TestWriterKey(t *testing.T) {
	t.Parallel()
	const denied = "AccessDenied"
	for name, tc := range map[string]struct {
		algorithm, key string
		write, read    string
	}{
		"S3's own":                 {algorithm: "AES256"},
		"none named":               {algorithm: "aws:kms", read: denied},
		"none named, dsse":         {algorithm: "aws:kms:dsse", read: denied},
		"AWS's own by alias":       {algorithm: "aws:kms", key: "alias/aws/s3", read: denied},
		"AWS's own of the owner":   {algorithm: "aws:kms", key: "arn:aws:kms:" + region + ":" + owner + ":alias/aws/s3", write: denied},
		"AWS's own of the writer":  {algorithm: "aws:kms", key: "arn:aws:kms:" + region + ":" + account + ":alias/aws/s3", read: denied},
		"by alias":                 {algorithm: "aws:kms", key: "alias/exports", read: denied},
		"by id":                    {algorithm: "aws:kms", key: "k1", read: denied},
		"by the id of the owner's": {algorithm: "aws:kms", key: "k2", write: "KMS.NotFoundException"},
		"by ARN":                   {algorithm: "aws:kms", key: ownerKey},
		"by an alias's ARN":        {algorithm: "aws:kms", key: "arn:aws:kms:" + region + ":" + owner + ":alias/exports"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := startOwned(t, aws.Options{}, func(b *aws.Bucket) { b.Algorithm, b.KMSKey = tc.algorithm, tc.key })
			wantCode(t, put("")(t.Context(), s3As(c, writer)), tc.write)
			if tc.write == "" {
				wantCode(t, readK(t.Context(), s3As(c, ownerAdmin)), tc.read)
			}
		})
	}
}

// TestRetentionWantsChecksum: without a checksum nothing is uploaded to a bucket with
// a default retention, neither whole nor in parts.
func TestRetentionWantsChecksum(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]s3Call{"put": put(""), "part": uploadPart} {
		for checksums, code := range map[sdk.RequestChecksumCalculation]string{
			sdk.RequestChecksumCalculationWhenSupported: "", sdk.RequestChecksumCalculationWhenRequired: "InvalidRequest",
		} {
			c := start(t, aws.Options{})
			cfg := c.Config(writer, region)
			cfg.RequestChecksumCalculation = checksums
			wantCode(t, call(t.Context(), s3.NewFromConfig(cfg)), "")
			c.Edit(func(s *aws.State) {
				b := s.Buckets[bucket]
				b.Versioning, b.LockEnabled, b.Lock = "Enabled", true, &aws.Retention{Mode: "GOVERNANCE", Days: 1}
			})
			err := call(t.Context(), s3.NewFromConfig(cfg))
			wantCode(t, err, code)
			if code != "" && !strings.Contains(err.Error(), "x-amz-checksum- HTTP header is required") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	c := start(t, aws.Options{})
	c.Edit(func(s *aws.State) { s.Buckets[bucket].Lock = &aws.Retention{Mode: "GOVERNANCE", Days: 1} })
	cfg := c.Config(writer, region)
	cfg.RequestChecksumCalculation = sdk.RequestChecksumCalculationWhenRequired
	_, err := s3.NewFromConfig(cfg).PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: sdk.String(bucket), Key: sdk.String("k"), Body: strings.NewReader("text"), ContentMD5: sdk.String("HLLLGW6kCyVtxHE3XBvW+g=="),
	})
	wantCode(t, err, "")
}
