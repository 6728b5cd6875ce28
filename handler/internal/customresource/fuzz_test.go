package customresource

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// roundTrip stands for the network, and for a bucket that takes everything.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Whatever arrives as an event: no panic, the handler is called only with a
// valid one, and there is either exactly one valid verdict or an error.
func FuzzInvoke(f *testing.F) {
	seeds, err := filepath.Glob(filepath.Join("testdata", "events", "*.json"))
	if err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, name := range seeds {
		seed, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var bodies [][]byte
		fn := New(map[string]Handler{testType: func(_ context.Context, r *Request) (map[string]any, error) {
			if validate(r.Event) != nil || r.checkStack() != nil {
				t.Errorf("the handler was called with an invalid event: %+v", r.Event)
			}
			return nil, errors.New(r.LogicalResourceID)
		}}, slog.New(slog.DiscardHandler))
		fn.client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Scheme != "https" && !loopback(r.URL) {
				t.Errorf("a verdict was sent to %s", r.URL)
			}
			body, err := io.ReadAll(r.Body)
			bodies = append(bodies, body)
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(new(bytes.Reader))}, err
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{InvokedFunctionArn: testFunction})
		err := fn.Invoke(ctx, json.RawMessage(raw))
		if (err == nil) != (len(bodies) == 1) || len(bodies) > 1 {
			t.Fatalf("got %d verdicts and the error %v", len(bodies), err)
		}
		for _, body := range bodies {
			checkEcho(t, raw, checkBody(t, body))
		}
	})
}

// checkEcho checks that the verdict answers this event.
func checkEcho(t *testing.T, raw []byte, resp cfn.Response) {
	t.Helper()
	event, _ := decode(raw)
	if resp.RequestID != event.RequestID || resp.StackID != event.StackID || resp.LogicalResourceID != event.LogicalResourceID {
		t.Errorf("the verdict %+v does not answer the event %+v", resp, event)
	}
	if resp.Status == cfn.StatusSuccess && event.RequestType != cfn.RequestDelete {
		t.Errorf("a %s succeeded", event.RequestType)
	}
}
