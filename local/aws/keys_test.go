package aws_test

import (
	"context"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
)

// TestCallersKeys: a role's session has its role's id and tags as condition keys.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#principaltable
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principaltag
func TestCallersKeys(t *testing.T) {
	t.Parallel()
	c := start(t, aws.Options{})
	id := ""
	c.Edit(func(s *aws.State) {
		role := s.Roles[aws.RoleKey(account, "writer")]
		id, role.Tags = role.ID, map[string]string{"Team": "data"}
	})
	for condition, allowed := range map[string]bool{
		`{"StringLike":{"aws:userid":"` + id + `:*"}}`:             true,
		`{"StringEquals":{"aws:userid":"` + id + `:local"}}`:       true,
		`{"StringEquals":{"aws:userid":"` + id + `"}}`:             false,
		`{"StringEquals":{"aws:PrincipalTag/team":"data"}}`:        true,
		`{"StringEquals":{"aws:PrincipalTag/Team":"other"}}`:       false,
		`{"Null":{"aws:PrincipalTag/Owner":"true"}}`:               true,
		`{"StringEquals":{"aws:RequestedRegion":"${aws:userid}"}}`: false,
	} {
		c.Edit(func(s *aws.State) {
			s.Roles[aws.RoleKey(account, "writer")].Inline["w"] = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
				"Action":"iam:PassRole","Resource":"*","Condition":` + condition + `}]}`
		})
		err := c.Simulate(writer, "iam:PassRole", admin, nil)
		if (err == nil) != allowed {
			t.Errorf("%s: got %v, want allowed %v", condition, err, allowed)
		}
	}
}

// TestConditionalWritesOnly: a bucket policy may let in objects that are created under a
// condition alone; the parts of an upload take none.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
func TestConditionalWritesOnly(t *testing.T) {
	t.Parallel()
	c := start(t, aws.Options{})
	c.Edit(func(s *aws.State) {
		s.Buckets[bucket].Policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:PutObject",
			"Resource":"arn:aws:s3:::` + bucket + `/*","Condition":{"Null":{"s3:if-none-match":"true"},"Bool":{"s3:ObjectCreationOperation":"true"}}}]}`
	})
	put := func(match *string) s3Call {
		return func(ctx context.Context, client *s3.Client) error {
			_, err := client.PutObject(ctx, &s3.PutObjectInput{
				Bucket: sdk.String(bucket), Key: sdk.String("new"), IfNoneMatch: match, Body: strings.NewReader("text"),
			})
			return err
		}
	}
	upload := func(ctx context.Context, client *s3.Client) error {
		_, err := client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: sdk.String(bucket), Key: sdk.String("part")})
		return err
	}
	client := s3.NewFromConfig(c.Config(admin, region), func(o *s3.Options) { o.UsePathStyle = true })
	wantCode(t, put(nil)(t.Context(), client), "AccessDenied")
	wantCode(t, put(sdk.String("*"))(t.Context(), client), "")
	wantCode(t, upload(t.Context(), client), "")
}
