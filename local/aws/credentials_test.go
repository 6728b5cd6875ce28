package aws

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

func TestExpiredSession(t *testing.T) {
	t.Parallel()
	c := Start(Options{})
	t.Cleanup(c.Close)
	c.Edit(func(s *State) { s.Buckets["b"] = &Bucket{Name: "b", Region: "us-east-1"} })
	config := c.Config(bitmovinUser, "us-east-1")
	keys, err := config.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.View(func(*State) { c.sessions[keys.AccessKeyID].expires = time.Now() })
	bucket := "b"
	_, stsErr := sts.NewFromConfig(config).GetCallerIdentity(t.Context(), nil)
	_, s3Err := s3.NewFromConfig(config).GetBucketLocation(t.Context(), &s3.GetBucketLocationInput{Bucket: &bucket})
	for _, err := range []error{stsErr, s3Err} {
		if api := smithy.APIError(nil); !errors.As(err, &api) || api.ErrorCode() != "ExpiredToken" {
			t.Errorf("got %v, want ExpiredToken", err)
		}
	}
}
