package aws_test

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
)

type s3Call func(context.Context, *s3.Client) error

func put(acl types.ObjectCannedACL) s3Call {
	return func(ctx context.Context, client *s3.Client) error {
		_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: sdk.String(bucket), Key: sdk.String("k"), ACL: acl, Body: strings.NewReader("text")})
		return err
	}
}

func putACL(acl types.ObjectCannedACL) s3Call {
	return func(ctx context.Context, client *s3.Client) error {
		_, err := client.PutObjectAcl(ctx, &s3.PutObjectAclInput{Bucket: sdk.String(bucket), Key: sdk.String("old"), ACL: acl})
		return err
	}
}

func getObject(key string) s3Call {
	return func(ctx context.Context, client *s3.Client) error {
		out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: sdk.String(bucket), Key: &key, ExpectedBucketOwner: sdk.String(account)})
		if err != nil {
			return err
		}
		if body, err := io.ReadAll(out.Body); string(body) != "old" {
			return errors.Join(errors.New("got "+string(body)), err)
		}
		return nil
	}
}

func deleteVersion(ctx context.Context, client *s3.Client) error {
	in := &s3.DeleteObjectInput{Bucket: sdk.String(bucket), Key: sdk.String("old"), VersionId: sdk.String("null")}
	_, err := client.DeleteObject(ctx, in)
	return err
}

func listUploads(ctx context.Context, client *s3.Client) error {
	_, err := client.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: sdk.String(bucket), Prefix: sdk.String("a/")})
	return err
}

func list(prefix string) s3Call {
	return func(ctx context.Context, client *s3.Client) error {
		_, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: sdk.String(bucket), Prefix: &prefix})
		return err
	}
}

func upload(acl types.ObjectCannedACL) s3Call {
	return func(ctx context.Context, client *s3.Client) error {
		_, err := client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: sdk.String(bucket), Key: sdk.String("k"), ACL: acl})
		return err
	}
}

// uploadPart begins an upload and uploads one part.
func uploadPart(ctx context.Context, client *s3.Client) error {
	out, err := client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: sdk.String(bucket), Key: sdk.String("k")})
	if err != nil {
		return err
	}
	_, err = client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: sdk.String(bucket), Key: sdk.String("k"), UploadId: out.UploadId, PartNumber: sdk.Int32(1), Body: strings.NewReader("text"),
	})
	return err
}

// TestS3 lets the writer call after one change to the bucket, its key or the
// writer. The key's policy leaves it to IAM.
func TestS3(t *testing.T) {
	t.Parallel()
	acls := func(b *aws.Bucket, _ *aws.Role, _ *aws.Key) { b.Ownership = "BucketOwnerPreferred" }
	open := func(b *aws.Bucket, _ *aws.Role, _ *aws.Key) { b.Ownership, b.BlockPublicACLs = "ObjectWriter", false }
	encrypted := func(key, actions string) func(*aws.Bucket, *aws.Role, *aws.Key) {
		return func(b *aws.Bucket, r *aws.Role, _ *aws.Key) {
			b.Algorithm, b.KMSKey = "aws:kms", key
			if actions != "" {
				r.Inline["KMS"] = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":` + actions +
					`,"Resource":"*","Condition":{"StringEquals":{"kms:ViaService":"s3.eu-central-1.amazonaws.com"},` +
					`"ForAnyValue:StringEquals":{"kms:ResourceAliases":"alias/exports"}}}]}`
			}
		}
	}
	keyState := func(state string) func(*aws.Bucket, *aws.Role, *aws.Key) {
		return func(b *aws.Bucket, r *aws.Role, k *aws.Key) {
			encrypted(keyARN, `"kms:*"`)(b, r, k)
			k.State = state
		}
	}
	policy := func(text string) func(*aws.Bucket, *aws.Role, *aws.Key) {
		return func(b *aws.Bucket, _ *aws.Role, _ *aws.Key) { b.Policy = text }
	}
	inline := func(text string) func(*aws.Bucket, *aws.Role, *aws.Key) {
		return func(_ *aws.Bucket, r *aws.Role, _ *aws.Key) { r.Inline["more"] = text }
	}
	for name, tc := range map[string]struct {
		change func(*aws.Bucket, *aws.Role, *aws.Key)
		call   s3Call
		code   string
	}{
		"put":                          {nil, put(""), ""},
		"put, bucket policy denies":    {policy(bucketPolicy("Deny", "s3:PutObject", "exports/*")), put(""), "AccessDenied"},
		"put, boundary does not allow": {func(_ *aws.Bucket, r *aws.Role, _ *aws.Key) { r.Boundary = "arn:aws:iam::" + account + ":policy/none" }, put(""), "AccessDenied"},
		"put, nobody allows":           {func(_ *aws.Bucket, r *aws.Role, _ *aws.Key) { delete(r.Inline, "Object") }, put(""), "AccessDenied"},
		"put, the bucket's policy allows": {func(b *aws.Bucket, r *aws.Role, _ *aws.Key) {
			r.Inline = nil
			b.Policy = bucketPolicy("Allow", "s3:PutObject", "exports/*")
		}, put(""), ""},
		"put with ACL, no s3:PutObjectAcl":     {inline(`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"s3:PutObjectAcl","Resource":"*"}}`), put("bucket-owner-full-control"), "AccessDenied"},
		"put with ACL, by its condition key":   {inline(`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"s3:PutObject","Resource":"*","Condition":{"StringEquals":{"s3:x-amz-acl":"private"}}}}`), put("private"), "AccessDenied"},
		"put, ACLs disabled, full control":     {nil, put("bucket-owner-full-control"), ""},
		"put, ACLs disabled, private":          {nil, put("private"), "AccessControlListNotSupported"},
		"put, public ACLs blocked":             {acls, put("public-read"), "AccessDenied"},
		"put, public ACL":                      {open, put("public-read"), ""},
		"put, no such ACL":                     {open, put("everyone"), "InvalidArgument"},
		"put ACL, ACLs disabled":               {nil, putACL("private"), "AccessControlListNotSupported"},
		"put ACL, ACLs disabled, denied first": {policy(bucketPolicy("Deny", "s3:PutObjectAcl", "exports/*")), putACL("private"), "AccessDenied"},
		"put ACL":                              {acls, putACL("private"), ""},
		"put ACL, public ACLs blocked":         {acls, putACL("public-read"), "AccessDenied"},
		"get":                                  {nil, getObject("old"), "AccessDenied"},
		"delete, a version needs more":         {inline(allow(`"s3:DeleteObject"`, `"*"`)), deleteVersion, "AccessDenied"},
		"delete a version":                     {inline(allow(`"s3:DeleteObjectVersion"`, `"*"`)), deleteVersion, ""},
		"get, allowed":                         {inline(allow(`"s3:GetObject"`, `"*"`)), getObject("old"), ""},
		"get an absent key":                    {inline(allow(`"s3:GetObject"`, `"*"`)), getObject("none"), "NoSuchKey"},
		"get an absent key, not listable": {func(_ *aws.Bucket, r *aws.Role, _ *aws.Key) {
			r.Inline = map[string]string{"more": allow(`"s3:GetObject"`, `"*"`)}
		}, getObject("none"), "AccessDenied"},
		"get with the key": {func(b *aws.Bucket, r *aws.Role, k *aws.Key) {
			encrypted(keyARN, `"kms:Decrypt"`)(b, r, k)
			r.Inline["more"], b.Versions[0].KMSKey = allow(`"s3:GetObject"`, `"*"`), keyARN
		}, getObject("old"), ""},
		"get without the key": {func(b *aws.Bucket, r *aws.Role, _ *aws.Key) {
			r.Inline["more"], b.Versions[0].KMSKey = allow(`"s3:GetObject"`, `"*"`), keyARN
		}, getObject("old"), "AccessDenied"},
		"put once": {nil, func(ctx context.Context, client *s3.Client) error {
			in := &s3.PutObjectInput{Bucket: sdk.String(bucket), Key: sdk.String("old"), IfNoneMatch: sdk.String("*")}
			_, err := client.PutObject(ctx, in)
			return err
		}, "PreconditionFailed"},
		"list":                {nil, list(""), ""},
		"list, only a prefix": {inline(`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"s3:ListBucket","Resource":"*","Condition":{"StringNotLike":{"s3:prefix":"a/*"}}}}`), list("b/"), "AccessDenied"},
		"list, the prefix":    {inline(`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"s3:ListBucket","Resource":"*","Condition":{"StringNotLike":{"s3:prefix":"a/*"}}}}`), list("a/"), ""},
		"list uploads, whose prefix is no condition key": {inline(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:ListBucketMultipartUploads","Resource":"*","Condition":{"StringLike":{"s3:prefix":"*"}}}}`), listUploads, "AccessDenied"},
		"upload":                    {nil, upload("bucket-owner-full-control"), ""},
		"upload, ACLs disabled":     {nil, upload("private"), "AccessControlListNotSupported"},
		"S3's KMS key":              {func(b *aws.Bucket, _ *aws.Role, _ *aws.Key) { b.Algorithm = "aws:kms" }, put(""), ""},
		"KMS":                       {encrypted(keyARN, `"kms:GenerateDataKey"`), put(""), ""},
		"KMS by key id":             {encrypted("k1", `"kms:GenerateDataKey"`), put(""), ""},
		"KMS by alias":              {encrypted("alias/exports", `"kms:GenerateDataKey"`), put(""), ""},
		"KMS by alias ARN":          {encrypted(strings.Replace(keyARN, "key/k1", "alias/exports", 1), `"kms:GenerateDataKey"`), put(""), ""},
		"KMS, no such key":          {encrypted("alias/none", `"kms:*"`), put(""), "KMS.NotFoundException"},
		"KMS, not allowed":          {encrypted(keyARN, ""), put(""), "AccessDenied"},
		"KMS, upload":               {encrypted(keyARN, `"kms:GenerateDataKey"`), upload(""), ""},
		"KMS, upload, only Decrypt": {encrypted(keyARN, `"kms:Decrypt"`), upload(""), "AccessDenied"},
		"KMS, part, no Decrypt":     {encrypted(keyARN, `"kms:GenerateDataKey"`), uploadPart, "AccessDenied"},
		"KMS, part":                 {encrypted(keyARN, `["kms:GenerateDataKey","kms:Decrypt"]`), uploadPart, ""},
		"part":                      {nil, uploadPart, ""},
		"KMS, key disabled":         {keyState("Disabled"), put(""), "KMS.DisabledException"},
		"KMS, key to be deleted":    {keyState("PendingDeletion"), put(""), "KMS.KMSInvalidStateException"},
		"bucket policy is unknown":  {policy(`{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"aws:Unknown":"x"}}}]}`), put(""), "NotImplemented"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := start(t, aws.Options{})
			c.Edit(func(s *aws.State) {
				none := "arn:aws:iam::" + account + ":policy/none"
				s.Policies[none] = &aws.ManagedPolicy{ARN: none, Document: allow(`"s3:List*"`, `"*"`)}
				s.Keys[keyARN] = &aws.Key{
					ARN: keyARN, State: "Enabled", Aliases: []string{"alias/exports"},
					Policy: `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"kms:*","Resource":"*"}]}`,
				}
				s.Buckets[bucket].Versions = []*aws.Version{{Key: "old", VersionID: "null", Body: "old"}}
				if tc.change != nil {
					tc.change(s.Buckets[bucket], s.Roles[aws.RoleKey(account, "writer")], s.Keys[keyARN])
				}
			})
			wantCode(t, tc.call(t.Context(), s3As(c, writer)), tc.code)
		})
	}
}

// TestVersions deletes without a version, then whatever the list holds.
func TestVersions(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		versioning string
		lock       *aws.Retention
		mfa        bool
		// listed after two puts and a delete: versions and delete markers.
		versions, markers int
		code              string
	}{
		"never enabled": {},
		"enabled":       {versioning: "Enabled", versions: 2, markers: 1},
		"suspended":     {versioning: "Suspended", markers: 1},
		"MFA delete":    {versioning: "Enabled", mfa: true, versions: 2, markers: 1, code: "AccessDenied"},
		"locked":        {versioning: "Enabled", lock: &aws.Retention{Mode: "GOVERNANCE", Days: 1}, versions: 2, markers: 1, code: "AccessDenied"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := start(t, aws.Options{})
			c.Edit(func(s *aws.State) {
				b := s.Buckets[bucket]
				b.Versioning, b.Lock, b.LockEnabled, b.MFADelete = tc.versioning, tc.lock, tc.lock != nil, tc.mfa
			})
			client, ctx := s3As(c, admin), t.Context()
			wantCode(t, put("")(ctx, client), "")
			wantCode(t, put("")(ctx, client), "")
			_, err := client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: sdk.String(bucket), Key: sdk.String("k")})
			wantCode(t, err, "")
			out := listVersions(t, client)
			if len(out.Versions) != tc.versions || len(out.DeleteMarkers) != tc.markers {
				t.Fatalf("got %d versions and %d delete markers, want %d and %d", len(out.Versions), len(out.DeleteMarkers), tc.versions, tc.markers)
			}
			c.View(func(s *aws.State) {
				if tc.versions == 0 {
					return
				}
				if v := s.Buckets[bucket].Versions[1]; v.VersionID != *out.Versions[0].VersionId || v.Body != "text" {
					t.Errorf("got %s first, want the newest, %+v", *out.Versions[0].VersionId, v)
				}
			})
			for _, v := range out.Versions {
				_, err := client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: sdk.String(bucket), Key: v.Key, VersionId: v.VersionId})
				wantCode(t, err, tc.code)
			}
			if tc.mfa {
				return
			}
			for _, m := range out.DeleteMarkers {
				_, err := client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: sdk.String(bucket), Key: m.Key, VersionId: m.VersionId})
				wantCode(t, err, "")
			}
		})
	}
}

func listVersions(t *testing.T, client *s3.Client) *s3.ListObjectVersionsOutput {
	t.Helper()
	all := &s3.ListObjectVersionsOutput{}
	pages := s3.NewListObjectVersionsPaginator(client, &s3.ListObjectVersionsInput{Bucket: sdk.String(bucket), Prefix: sdk.String("k"), MaxKeys: sdk.Int32(1)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all.Versions = append(all.Versions, page.Versions...)
		all.DeleteMarkers = append(all.DeleteMarkers, page.DeleteMarkers...)
	}
	return all
}

func TestGuardrails(t *testing.T) {
	t.Parallel()
	const other = "999999999999"
	deny := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:PutObject","Resource":"*"}]}`
	denyAll := bucketPolicy("Deny", "s3:PutObject", "*")
	for name, tc := range map[string]struct {
		guardrail aws.Guardrail
		owner     string
		code      string
	}{
		"SCP of the caller's account":        {aws.Guardrail{Layer: aws.LayerSCP, Account: account, Policy: deny}, account, "AccessDenied"},
		"SCP of another account":             {aws.Guardrail{Layer: aws.LayerSCP, Account: other, Policy: deny}, account, ""},
		"RCP of the bucket's account":        {aws.Guardrail{Layer: aws.LayerRCP, Account: other, Policy: denyAll}, other, "AccessDenied"},
		"RCP of the caller's account":        {aws.Guardrail{Layer: aws.LayerRCP, Account: account, Policy: denyAll}, other, ""},
		"endpoint's of the caller's account": {aws.Guardrail{Layer: aws.LayerVPCEndpoint, Account: account, Policy: denyAll}, other, "AccessDenied"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := start(t, aws.Options{})
			c.Edit(func(s *aws.State) {
				s.Guardrails = []aws.Guardrail{tc.guardrail}
				s.Buckets[bucket].Account, s.Buckets[bucket].Policy = tc.owner, bucketPolicy("Allow", "s3:PutObject", bucket+"/*")
			})
			wantCode(t, put("")(t.Context(), s3As(c, writer)), tc.code)
		})
	}
}

func TestUploads(t *testing.T) {
	t.Parallel()
	c := start(t, aws.Options{})
	client := s3As(c, admin)
	wantCode(t, upload("")(t.Context(), client), "")
	out, err := client.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: sdk.String(bucket), Prefix: sdk.String("k")})
	wantCode(t, err, "")
	if len(out.Uploads) != 1 || *out.Uploads[0].Key != "k" {
		t.Fatalf("got %+v", out.Uploads)
	}
	abort := &s3.AbortMultipartUploadInput{Bucket: sdk.String(bucket), Key: sdk.String("k"), UploadId: out.Uploads[0].UploadId}
	_, err = client.AbortMultipartUpload(t.Context(), abort)
	wantCode(t, err, "")
	_, err = client.AbortMultipartUpload(t.Context(), abort)
	wantCode(t, err, "NoSuchUpload")
}

// TestInitiator: who began an upload may abort it, unless that is denied, and
// is the only one to upload parts.
func TestInitiator(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ initiator, policy, abort, part string }{
		"its own":         {writer, "", "", ""},
		"its own, denied": {writer, bucketPolicy("Deny", "s3:AbortMultipartUpload", bucket+"/*"), "AccessDenied", ""},
		"another's":       {admin, "", "AccessDenied", "AccessDenied"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := start(t, aws.Options{})
			c.Edit(func(s *aws.State) { s.Buckets[bucket].Policy = tc.policy })
			out, err := s3As(c, tc.initiator).CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{
				Bucket: sdk.String(bucket), Key: sdk.String("k"),
			})
			wantCode(t, err, "")
			_, err = s3As(c, writer).UploadPart(t.Context(), &s3.UploadPartInput{
				Bucket: sdk.String(bucket), Key: sdk.String("k"), UploadId: out.UploadId, PartNumber: sdk.Int32(1), Body: strings.NewReader("text"),
			})
			wantCode(t, err, tc.part)
			_, err = s3As(c, writer).AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{
				Bucket: sdk.String(bucket), Key: sdk.String("k"), UploadId: out.UploadId,
			})
			wantCode(t, err, tc.abort)
		})
	}
}

func TestHeadBucket(t *testing.T) {
	t.Parallel()
	c := start(t, aws.Options{})
	for name, tc := range map[string]struct {
		caller, region, bucket, owner string
		status                        int
	}{
		"allowed":      {writer, region, bucket, account, 200},
		"denied":       {bitmovin, region, bucket, "", 403},
		"other owner":  {writer, region, bucket, "999999999999", 403},
		"other region": {writer, "us-west-2", bucket, "", 301},
		"missing":      {writer, region, "none", "", 404},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := &s3.HeadBucketInput{Bucket: &tc.bucket}
			if tc.owner != "" {
				in.ExpectedBucketOwner = &tc.owner
			}
			out, err := s3.NewFromConfig(c.Config(tc.caller, tc.region)).HeadBucket(t.Context(), in)
			if tc.status == 200 {
				if err != nil || *out.BucketRegion != region {
					t.Errorf("got %+v, %v", out, err)
				}
				return
			}
			wantStatus(t, err, tc.status)
			var response *smithyhttp.ResponseError
			if errors.As(err, &response) && tc.status != 404 && response.Response.Header.Get("x-amz-bucket-region") != region {
				t.Errorf("got header %v", response.Response.Header)
			}
		})
	}
}

// TestBucketConfiguration reads every part of two buckets' configuration.
func TestBucketConfiguration(t *testing.T) {
	t.Parallel()
	c := start(t, aws.Options{})
	c.Edit(func(s *aws.State) {
		s.Buckets["bare"] = &aws.Bucket{Name: "bare", Account: account, Region: region}
		s.Buckets["full"] = &aws.Bucket{
			Name: "full", Account: account, Region: region, Ownership: "ObjectWriter", BlockPublicACLs: true, Versioning: "Enabled",
			Algorithm: "aws:kms", KMSKey: keyARN, LockEnabled: true, Lock: &aws.Retention{Mode: "COMPLIANCE", Days: 3},
		}
	})
	client := s3As(c, admin)
	for name, want := range map[string][]string{
		"bare": {"AES256 ", "OwnershipControlsNotFoundError", "ObjectLockConfigurationNotFoundError", "", "NoSuchPublicAccessBlockConfiguration", region},
		"full": {"aws:kms " + keyARN, "ObjectWriter", "COMPLIANCE", "Enabled", "true", region},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(want, configurationOf(t.Context(), client, name)); diff != "" {
				t.Error(diff)
			}
		})
	}
	for region, want := range map[string]string{"us-east-1": "", "eu-west-1": "EU", "us-west-2": "us-west-2"} {
		c.Edit(func(s *aws.State) { s.Buckets[region] = &aws.Bucket{Name: region, Account: account, Region: region} })
		out, err := s3.NewFromConfig(c.Config(admin, region)).GetBucketLocation(t.Context(), &s3.GetBucketLocationInput{Bucket: &region})
		wantCode(t, err, "")
		if got := string(out.LocationConstraint); got != want {
			t.Errorf("got %q for %s, want %q", got, region, want)
		}
	}
}

func configurationOf(ctx context.Context, client *s3.Client, name string) []string {
	var got []string
	note := func(err error, value func() string) {
		var api smithy.APIError
		if errors.As(err, &api) {
			got = append(got, api.ErrorCode())
			return
		}
		got = append(got, value())
	}
	encryption, err := client.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: &name})
	note(err, func() string {
		d := encryption.ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault
		return string(d.SSEAlgorithm) + " " + sdk.ToString(d.KMSMasterKeyID)
	})
	ownership, err := client.GetBucketOwnershipControls(ctx, &s3.GetBucketOwnershipControlsInput{Bucket: &name})
	note(err, func() string { return string(ownership.OwnershipControls.Rules[0].ObjectOwnership) })
	lock, err := client.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: &name})
	note(err, func() string { return string(lock.ObjectLockConfiguration.Rule.DefaultRetention.Mode) })
	versioning, err := client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &name})
	note(err, func() string { return string(versioning.Status) })
	block, err := client.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: &name})
	note(err, func() string { return strconv.FormatBool(*block.PublicAccessBlockConfiguration.BlockPublicAcls) })
	location, err := client.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: &name})
	note(err, func() string { return string(location.LocationConstraint) })
	return got
}
