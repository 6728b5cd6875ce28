package policy

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

const (
	bitmovin = "arn:aws:iam::630681592166:user/bitmovinCustomerS3Access"
	verifier = "arn:aws:iam::123456789012:role/provider-FunctionRole-1ABCDEF"
	roleARN  = "arn:aws:iam::123456789012:role/bitmovin-exports"
	keyARN   = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	aliasARN = "arn:aws:kms:eu-west-1:123456789012:alias/exports/raw"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestGolden(t *testing.T) {
	t.Parallel()
	bucket := Bucket{Partition: "aws", Name: "my-analytics-exports"}
	under := func(prefix string) Bucket { b := bucket; b.Prefix = prefix; return b }
	in := func(partition string) Bucket { b := bucket; b.Partition = partition; return b }
	chinese := Key{ARN: "arn:aws-cn:kms:cn-north-1:123456789012:key/1234abcd", Region: "cn-north-1"}
	tests := []struct {
		file string
		got  any
	}{
		{"restricted.json", New(bucket.Permissions()...)},
		{"restricted-prefix.json", New(under("exports/2026/").Permissions()...)},
		{"restricted-china.json", New(append(in("aws-cn").Permissions(), chinese.Permissions()...)...)},
		{"restricted-govcloud.json", New(in("aws-us-gov").Permissions()...)},
		{"key.json", New(Key{ARN: keyARN, Region: "eu-west-1"}.Permissions()...)},
		{"key-alias.json", New(Key{ARN: aliasARN, Region: "eu-west-1"}.Permissions()...)},
		{"trust.json", Trust(bitmovin, "3f0c4d1e-7f5a-8e2b-9c3d-1a2b3c4d5e6f")},
		{"trust-verifier.json", Trust(bitmovin, "2/customer", Verifier(verifier, "2/customer", noon))},
		{"bucket-grant.json", BucketGrant(under("exports/"), "123456789012", roleARN)},
		{"bucket-grant-china.json", BucketGrant(in("aws-cn"), "123456789012", "arn:aws-cn:iam::123456789012:role/exports")},
		{"key-grant.json", KeyGrant("aws", "123456789012", roleARN)},
		{"allow.json", Allow([]string{PutObject}, under("exports/").Objects())},
		{"needs.json", under("exports/").Needs()},
		{"needs-key.json", Key{ARN: aliasARN, Region: "eu-west-1"}.Needs()},
		{"needs-any-key.json", Key{}.Needs()},
		{"endpoint-grant.json", EndpointGrant(under("exports/").Needs(), roleARN)},
		{"exempt.json", json.RawMessage(Exempt(roleARN))},
	}
	for _, test := range tests {
		t.Run(test.file, func(t *testing.T) {
			t.Parallel()
			golden(t, test.file, test.got)
		})
	}
}

// golden compares a document with a file of testdata, both decoded.
func golden(t *testing.T, file string, doc any) {
	t.Helper()
	got, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", file)
	if *update {
		var text bytes.Buffer
		if err := json.Indent(&text, got, "", "  "); err != nil {
			t.Fatal(err)
		}
		text.WriteByte('\n')
		if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(decoded(t, want), decoded(t, got)); diff != "" {
		t.Errorf("differs from %s (-want +got):\n%s", path, diff)
	}
}

func decoded(t *testing.T, text []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// Bitmovin publishes two statements and no more; these are its Sids, actions
// and order.
func TestRestrictedIsWhatBitmovinPublishes(t *testing.T) {
	t.Parallel()
	const published = `{
		"Version": "2012-10-17",
		"Statement": [
			{
				"Sid": "BitmovinOutputBucketPermissions",
				"Effect": "Allow",
				"Action": ["s3:ListBucket", "s3:GetBucketLocation"],
				"Resource": "arn:aws:s3:::<OUTPUT_BUCKET_NAME>"
			},
			{
				"Sid": "BitmovinOutputObjectPermissions",
				"Effect": "Allow",
				"Action": ["s3:PutObject", "s3:PutObjectAcl"],
				"Resource": "arn:aws:s3:::<OUTPUT_BUCKET_NAME>/*"
			}
		]
	}`
	got := New(Bucket{Partition: "aws", Name: "<OUTPUT_BUCKET_NAME>"}.Permissions()...).String()
	if diff := cmp.Diff(decoded(t, []byte(published)), decoded(t, []byte(got))); diff != "" {
		t.Errorf("restricted access differs from what Bitmovin publishes (-want +got):\n%s", diff)
	}
}

// IAM's quota of a trust policy is 2048 characters.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
func TestLongestTrustFits(t *testing.T) {
	t.Parallel()
	id := string(bytes.Repeat([]byte("x"), 512))
	longARN := "arn:aws-us-gov:iam::123456789012:role/" + string(bytes.Repeat([]byte("r"), 64))
	trust := Trust(bitmovin, id, Verifier(longARN, id, noon)).String()
	if len(trust) > 2048 {
		t.Errorf("the trust policy has %d characters, IAM takes 2048", len(trust))
	}
}

func TestFullAccess(t *testing.T) {
	t.Parallel()
	if got, want := FullAccess("aws-cn"), "arn:aws-cn:iam::aws:policy/AmazonS3FullAccess"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
