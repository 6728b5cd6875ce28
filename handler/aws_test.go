package main

import (
	"context"
	"encoding/pem"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/jitter"
)

func TestRetryer(t *testing.T) {
	t.Parallel()
	r := newRetryer(slog.New(slog.DiscardHandler), jitter.New(""))
	if got := r.MaxAttempts(); got != 0 {
		t.Errorf("%d attempts are the most, want 0, no limit", got)
	}
	for code, c := range map[string]struct{ retried, always bool }{
		"Throttling":                    {true, true},
		"RequestLimitExceeded":          {true, true},
		"SlowDown":                      {true, true},
		"ConcurrentModification":        {true, false},
		"EntityTemporarilyUnmodifiable": {true, false},
		"RequestTimeout":                {true, false},
		"AccessDenied":                  {false, false},
		"NoSuchEntity":                  {false, false},
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			err := &smithy.GenericAPIError{Code: code}
			if got := r.IsErrorRetryable(err); got != c.retried {
				t.Errorf("it is retried: %v, want %v", got, c.retried)
			}
			if delay, got := r.RetryDelay(maxAttempts-1, err); got != nil || delay > maxBackoff {
				t.Errorf("the delay is %v (%v), want at most %v", delay, got, maxBackoff)
			}
			delay, got := r.RetryDelay(100*maxAttempts, err)
			if c.always && (got != nil || delay > maxBackoff) {
				t.Errorf("at last the delay is %v (%v), want at most %v", delay, got, maxBackoff)
			}
			if !c.always && !errors.Is(got, err) {
				t.Errorf("at last the error is %v, want its own", got)
			}
		})
	}
}

// TestBackoff: the pauses are the SDK's own, but for where their chance comes from.
func TestBackoff(t *testing.T) {
	t.Parallel()
	own, pauses := retry.NewExponentialJitterBackoff(maxBackoff), jitter.New("")
	for attempt := range 70 {
		var most, sdkMost time.Duration
		for range 200 {
			most = max(most, backoff(pauses, attempt))
			d, err := own.BackoffDelay(attempt, nil)
			if err != nil {
				t.Fatal(err)
			}
			sdkMost = max(sdkMost, d)
		}
		if most > maxBackoff || most < sdkMost/2 || most > 2*sdkMost {
			t.Errorf("attempt %d: the longest of many pauses is %v, the SDK's %v", attempt, most, sdkMost)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestRedirect: a session token goes to the host that a call is for, and to no other.
func TestRedirect(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 307, 308} {
		var hosts []string
		client := newAWSClient(roundTrip(func(r *http.Request) (*http.Response, error) {
			hosts = append(hosts, r.URL.Host)
			return &http.Response{StatusCode: status, Header: http.Header{"Location": {"https://elsewhere/"}}, Body: http.NoBody}, nil
		}))
		r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, "https://bucket/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Security-Token", "token")
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != status || !slices.Equal(hosts, []string{"bucket"}) {
			t.Errorf("after a %d the answer is %d, from %v", status, resp.StatusCode, hosts)
		}
	}
}

// TestBundle: the transport of all calls trusts the authorities that AWS_CA_BUNDLE names.
func TestBundle(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	bundle := filepath.Join(t.TempDir(), "bundle.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(bundle, text, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CA_BUNDLE", bundle)
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithHTTPClient(awshttp.NewBuildableClient()))
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := transportOf(cfg).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
}

// TestLocalAWS: an AWS on this machine, which AWS_ENDPOINT_URL names, gets its answer
// over http, and so does localhost; nobody else.
func TestLocalAWS(t *testing.T) {
	t.Parallel()
	for host, answered := range map[string]bool{"localstack:4566": true, "localhost:4566": true, "example.com": false} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			var sent []string
			transport := roundTrip(func(r *http.Request) (*http.Response, error) {
				sent = append(sent, r.Method+" "+r.URL.Host)
				return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
			})
			env := func(name string) string {
				return map[string]string{"AWS_ENDPOINT_URL": "http://localstack:4566"}[name]
			}
			f := newFunction(sdk.Config{Region: region}, env, slog.New(slog.DiscardHandler), "", transport)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{
				InvokedFunctionArn: "arn:aws:lambda:" + region + ":" + account + ":function:provider",
			})
			err := f.Invoke(ctx, []byte(`{"RequestType":"Delete","ResourceType":"Custom::Unknown","RequestId":"1","LogicalResourceId":"X",
				"PhysicalResourceId":"x","StackId":"arn:aws:cloudformation:`+region+`:`+account+`:stack/s/1","ResponseURL":"http://`+host+`/?X-Amz-Signature=1"}`))
			if want := []string{"PUT " + host}; answered && (err != nil || !slices.Equal(sent, want)) {
				t.Errorf("sent %v (%v), want %v", sent, err, want)
			}
			if !answered && (err == nil || len(sent) > 0) {
				t.Errorf("sent %v (%v), want nothing and an error", sent, err)
			}
		})
	}
}
