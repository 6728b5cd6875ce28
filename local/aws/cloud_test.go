package aws_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
	"github.com/bitmovin/bitmovin-export-access/local/network"
)

const (
	account = "111122223333"
	region  = "eu-central-1"
	admin   = "arn:aws:iam::" + account + ":role/admin"
	writer  = "arn:aws:iam::" + account + ":role/bitmovin/writer"
	bucket  = "exports"
	keyARN  = "arn:aws:kms:" + region + ":" + account + ":key/k1"
)

func allow(actions string, resources string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":` + actions + `,"Resource":` + resources + `}]}`
}

func trust(principal, more string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + principal +
		`"},"Action":"sts:AssumeRole"` + more + `}]}`
}

func bucketPolicy(effect, action, resource string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"` + effect + `","Principal":{"AWS":"*"},"Action":"` + action +
		`","Resource":"arn:aws:s3:::` + resource + `"}]}`
}

// startInMemory is start for a test in a bubble.
func startInMemory(t *testing.T, o aws.Options) *aws.Cloud {
	t.Helper()
	o.Network = network.NewMemory(1)
	return start(t, o)
}

// start starts a cloud with an administrator, a role that may write to a
// bucket, and the bucket.
func start(t *testing.T, o aws.Options) *aws.Cloud {
	t.Helper()
	c := aws.Start(o)
	t.Cleanup(c.Close)
	c.Edit(func(s *aws.State) {
		s.Roles[aws.RoleKey(account, "admin")] = &aws.Role{
			Account: account, Name: "admin", Path: "/", Trust: trust(account, ""),
			Attached: []string{"arn:aws:iam::aws:policy/AdministratorAccess"},
		}
		s.Roles[aws.RoleKey(account, "writer")] = &aws.Role{
			Account: account, Name: "writer", Path: "/bitmovin/", Trust: trust(admin, `,"Condition":{"StringEquals":{"sts:ExternalId":"external"}}`),
			Inline: map[string]string{
				"Bucket": allow(`["s3:ListBucket","s3:GetBucketLocation"]`, `"arn:aws:s3:::exports"`),
				"Object": allow(`["s3:PutObject","s3:PutObjectAcl"]`, `"arn:aws:s3:::exports/*"`),
			},
		}
		s.Buckets[bucket] = &aws.Bucket{Name: bucket, Account: account, Region: region, Ownership: "BucketOwnerEnforced", BlockPublicACLs: true}
	})
	return c
}

func s3As(c *aws.Cloud, arn string) *s3.Client   { return s3.NewFromConfig(c.Config(arn, region)) }
func iamAs(c *aws.Cloud, arn string) *iam.Client { return iam.NewFromConfig(c.Config(arn, region)) }
func stsAs(c *aws.Cloud, arn string) *sts.Client { return sts.NewFromConfig(c.Config(arn, region)) }

// wantCode fails the test if err does not have that code; an empty code is success.
func wantCode(t *testing.T, err error, want string) {
	t.Helper()
	got := ""
	var api smithy.APIError
	if errors.As(err, &api) {
		got = api.ErrorCode()
	}
	if got != want || want == "" && err != nil {
		t.Errorf("got code %q (%v), want %q", got, err, want)
	}
}

func wantStatus(t *testing.T, err error, want int) {
	t.Helper()
	var response *smithyhttp.ResponseError
	if !errors.As(err, &response) || response.HTTPStatusCode() != want {
		t.Errorf("got %v, want status %d", err, want)
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	c := start(t, aws.Options{})
	good := c.Config(admin, region)
	keys, err := good.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		key, token string
		query, s3  string
	}{
		"good":        {keys.AccessKeyID, keys.SessionToken, "", ""},
		"unknown key": {"AKIAUNKNOWN", "", "InvalidClientTokenId", "InvalidAccessKeyId"},
		"wrong token": {keys.AccessKeyID, "wrong", "InvalidClientTokenId", "InvalidToken"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := good.Copy()
			config.Credentials = sdk.CredentialsProviderFunc(func(context.Context) (sdk.Credentials, error) {
				return sdk.Credentials{AccessKeyID: tc.key, SecretAccessKey: "secret", SessionToken: tc.token}, nil
			})
			_, err := sts.NewFromConfig(config).GetCallerIdentity(t.Context(), nil)
			wantCode(t, err, tc.query)
			_, err = s3.NewFromConfig(config).GetBucketLocation(t.Context(), &s3.GetBucketLocationInput{Bucket: sdk.String(bucket)})
			wantCode(t, err, tc.s3)
		})
	}
}

func TestCredentialsEndWithTheirRole(t *testing.T) {
	t.Parallel()
	c := start(t, aws.Options{})
	client := stsAs(c, writer)
	_, err := client.GetCallerIdentity(t.Context(), nil)
	wantCode(t, err, "")
	key := aws.RoleKey(account, "writer")
	c.Edit(func(s *aws.State) {
		again := *s.Roles[key]
		again.ID = ""
		s.Roles[key] = &again
	})
	_, err = client.GetCallerIdentity(t.Context(), nil)
	wantCode(t, err, "InvalidClientTokenId")
}

func TestCalls(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		c := startInMemory(t, aws.Options{Latency: 10 * time.Millisecond})
		client := s3As(c, writer)
		_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: sdk.String(bucket), Key: sdk.String("a/b"), ACL: "bucket-owner-full-control"})
		wantCode(t, err, "")
		_, err = client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: sdk.String(bucket), Key: sdk.String("a/b")})
		wantCode(t, err, "AccessDenied")
		calls := c.Calls()
		if len(calls) != 2 {
			t.Fatalf("got %d calls, want 2", len(calls))
		}
		put, get := calls[0], calls[1]
		if put.Op != "s3:PutObject" || !slices.Equal(put.Actions, []string{"s3:PutObject", "s3:PutObjectAcl"}) ||
			put.Caller != "arn:aws:sts::"+account+":assumed-role/writer/local" || put.Resource != "arn:aws:s3:::exports/a/b" ||
			put.Region != region || put.Status != 200 || put.Params.Get("x-amz-acl") != "bucket-owner-full-control" ||
			put.Params.Has("x-amz-security-token") || put.End.Sub(put.Start) != 10*time.Millisecond {
			t.Errorf("got %+v", put)
		}
		if get.Code != "AccessDenied" || get.Status != 403 {
			t.Errorf("got %+v", get)
		}
	})
}

// TestUnknownIsLoud: what the cloud does not know is answered so, and kept, so that
// who tolerates the answer is found out as well.
func TestUnknownIsLoud(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		want string // is kept
		call func(context.Context, *aws.Cloud) error
	}{
		"IAM operation": {"iam:ListRoles", func(ctx context.Context, c *aws.Cloud) error {
			_, err := iamAs(c, admin).ListRoles(ctx, nil)
			return err
		}},
		"IAM parameter": {"PathPrefix of iam:ListAttachedRolePolicies", func(ctx context.Context, c *aws.Cloud) error {
			_, err := iamAs(c, admin).ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: sdk.String("writer")})
			wantCode(t, err, "")
			_, err = iamAs(c, admin).ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: sdk.String("writer"), PathPrefix: sdk.String("/")})
			return err
		}},
		"S3 operation": {"s3:", func(ctx context.Context, c *aws.Cloud) error {
			_, err := s3As(c, admin).GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: sdk.String(bucket)})
			return err
		}},
		"S3 header": {"x-amz-tagging of s3:PutObject", func(ctx context.Context, c *aws.Cloud) error {
			_, err := s3As(c, admin).PutObject(ctx, &s3.PutObjectInput{Bucket: sdk.String(bucket), Key: sdk.String("k"), Tagging: sdk.String("a=b")})
			return err
		}},
		"condition key": {`"aws:unknown"`, func(ctx context.Context, c *aws.Cloud) error {
			c.Edit(func(s *aws.State) {
				s.Buckets[bucket].Policy = strings.Replace(bucketPolicy("Deny", "s3:ListBucket", bucket), `"Effect"`,
					`"Condition":{"StringEquals":{"aws:Unknown":"x"}},"Effect"`, 1)
			})
			return put("")(ctx, s3As(c, admin))
		}},
		"service": {"cloudformation:DescribeStacks", func(ctx context.Context, c *aws.Cloud) error {
			_, err := cloudformation.NewFromConfig(c.Config(admin, region)).DescribeStacks(ctx, nil)
			return err
		}},
		"JSON service": {"secretsmanager:ListSecrets", func(ctx context.Context, c *aws.Cloud) error {
			in := &secretsmanager.ListSecretsInput{}
			_, err := secretsmanager.NewFromConfig(c.Config(admin, region)).ListSecrets(ctx, in)
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := start(t, aws.Options{})
			wantCode(t, get("writer")(t.Context(), iamAs(c, admin)), "")
			wantCode(t, get("none")(t.Context(), iamAs(c, admin)), "NoSuchEntity")
			if kept := c.Unknown(); len(kept) != 0 {
				t.Errorf("of what is known %q is kept", kept)
			}
			err := tc.call(t.Context(), c)
			wantCode(t, err, "NotImplemented")
			wantStatus(t, err, http.StatusNotImplemented)
			if kept := c.Unknown(); len(kept) != 1 || !strings.Contains(kept[0], tc.want) {
				t.Errorf("kept is %q, want one that tells %q", kept, tc.want)
			}
		})
	}
}
