package customresource

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/cfn"
)

func TestResponseURL(t *testing.T) {
	t.Parallel()
	const refused = "the event's ResponseURL must be https"
	tests := map[string]struct{ url, endpoint, err string }{
		"https":                        {url: "https://bucket.s3.amazonaws.com/key?X-Amz-Signature=secret"},
		"https elsewhere":              {url: "https://example.com/?X-Amz-Signature=secret", endpoint: "http://localhost:4566"},
		"loopback":                     {url: "http://127.0.0.1:4566/?X-Amz-Signature=secret"},
		"loopback of version 6":        {url: "http://[::1]:4566/?X-Amz-Signature=secret"},
		"localhost":                    {url: "http://localhost:4566/?X-Amz-Signature=secret"},
		"localhost in capitals":        {url: "http://LocalHost:4566/?X-Amz-Signature=secret"},
		"the endpoint's host":          {url: "http://localstack:4566/?X-Amz-Signature=secret", endpoint: "http://localstack:4566"},
		"another port of it":           {url: "http://LocalStack/?X-Amz-Signature=secret", endpoint: "http://localstack:4566"},
		"http elsewhere":               {url: "http://example.com/?X-Amz-Signature=secret", err: refused},
		"another host":                 {url: "http://example.com/?X-Amz-Signature=secret", endpoint: "http://localstack:4566", err: refused},
		"the host of an https one":     {url: "http://example.com/?X-Amz-Signature=secret", endpoint: "https://example.com", err: refused},
		"an endpoint without a scheme": {url: "http://example.com/?X-Amz-Signature=secret", endpoint: "example.com", err: refused},
		"a host that begins like it":   {url: "http://localhost.example.com/?X-Amz-Signature=secret", err: refused},
		"a host that ends like it":     {url: "http://evil-localstack/?X-Amz-Signature=secret", endpoint: "http://localstack", err: refused},
		"localhost as a user":          {url: "http://localhost@example.com/?X-Amz-Signature=secret", err: refused},
		"a private address":            {url: "http://10.0.0.1/?X-Amz-Signature=secret", err: refused},
		"another scheme":               {url: "ftp://localhost/?X-Amz-Signature=secret", endpoint: "http://localhost", err: refused},
		"no host":                      {url: "http:///key?X-Amz-Signature=secret", endpoint: "http://", err: refused},
		"nothing":                      {err: "the event has no ResponseURL"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u, err := responseURL(cfn.Event{ResponseURL: test.url}, test.endpoint)
			switch {
			case test.err == "" && (err != nil || u.String() != test.url):
				t.Errorf("got %v, error %v, want %s", u, err, test.url)
			case test.err != "" && (err == nil || !strings.HasPrefix(err.Error(), test.err)):
				t.Errorf("got %v, error %v, want the error %q", u, err, test.err)
			case err != nil && strings.Contains(err.Error(), "secret"):
				t.Errorf("the error quotes the signature: %v", err)
			}
		})
	}
}

// TestInvokeAnswersAtItsEndpoint: the function's own endpoint counts.
func TestInvokeAnswersAtItsEndpoint(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(context.Context, *Request) (map[string]any, error) { return nil, nil })
		b.endpoint = "http://localstack:4566"
		event := testEvent("Create")
		event.ResponseURL = "http://localstack:4566" + testPath + "?" + testQuery
		if err := b.invoke(event, time.Minute); err != nil {
			t.Fatal(err)
		}
		if puts := b.sent(); len(puts) != 1 {
			t.Errorf("%d verdicts were sent, want one", len(puts))
		}
	})
}
