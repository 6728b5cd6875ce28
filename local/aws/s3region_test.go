package aws_test

import (
	"errors"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
)

// TestOptInRegion: a call from or to an opt-in region that is made in another region
// than the bucket's is no redirect, and only a HEAD is told the bucket's region.
func TestOptInRegion(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ bucket, asked string }{{"me-south-1", region}, {region, "me-south-1"}, {"me-south-1", "eu-south-2"}} {
		c := start(t, aws.Options{})
		c.Edit(func(s *aws.State) { s.Buckets[bucket].Region = tc.bucket })
		client := s3.NewFromConfig(c.Config(writer, tc.asked))
		_, err := client.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: sdk.String(bucket)})
		wantStatus(t, err, 400)
		if got := regionTold(err); got != tc.bucket {
			t.Errorf("HEAD is told the region %q, want %s", got, tc.bucket)
		}
		err = list("")(t.Context(), client)
		wantCode(t, err, "IllegalLocationConstraintException")
		wantStatus(t, err, 400)
		if got := regionTold(err); got != "" {
			t.Errorf("GET is told the region %q, want none", got)
		}
		wantCode(t, list("")(t.Context(), s3.NewFromConfig(c.Config(writer, tc.bucket))), "")
	}
}

func regionTold(err error) string {
	var response *smithyhttp.ResponseError
	if !errors.As(err, &response) {
		return ""
	}
	return response.Response.Header.Get("X-Amz-Bucket-Region")
}
