package verify

import (
	"errors"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestBucketAddress has its variables set, so that it does not run beside others.
func TestBucketAddress(t *testing.T) {
	tests := map[string]struct{ all, s3, want string }{
		"AWS":                  {want: "https://exports.s3.eu-west-1.amazonaws.com/"},
		"an endpoint":          {all: "http://localhost:4566", want: "http://localhost:4566/exports"},
		"an endpoint for S3":   {s3: "http://minio:9000", want: "http://minio:9000/exports"},
		"an endpoint for each": {all: "http://localhost:4566", s3: "http://minio:9000", want: "http://minio:9000/exports"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AWS_ENDPOINT_URL", test.all)
			t.Setenv("AWS_ENDPOINT_URL_S3", test.s3)
			cfg, err := config.LoadDefaultConfig(t.Context(),
				config.WithRegion("us-east-1"),
				config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("id", "secret", "")),
				config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
			)
			if err != nil {
				t.Fatal(err)
			}
			var got string
			cfg.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				got = r.URL.String()
				return nil, errors.New("not sent")
			})}
			_, err = newS3(cfg, inRegion("eu-west-1")).HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String("exports")})
			if err == nil || got != test.want {
				t.Errorf("asked %s (error %v), want %s", got, err, test.want)
			}
		})
	}
}
