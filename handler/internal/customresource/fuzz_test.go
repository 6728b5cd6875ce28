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
	"pgregory.net/rapid"

	"github.com/bitmovin/bitmovin-export-access/local/mutated"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/jitter"
)

// roundTrip stands for the network, and for a bucket that takes everything.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func FuzzInvoke(f *testing.F) {
	for _, seed := range eventSeeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) { checkInvoke(t, raw) })
}

func TestMutatedEvents(t *testing.T) {
	t.Parallel()
	seeds := eventSeeds(t)
	rapid.Check(t, func(t *rapid.T) { checkInvoke(t, mutated.Text(t, seeds)) })
}

func eventSeeds(tb testing.TB) []string {
	tb.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", "events", "*.json"))
	if err != nil || len(names) == 0 {
		tb.Fatalf("no seeds: %v", err)
	}
	var seeds []string
	for _, name := range names {
		seed, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		seeds = append(seeds, string(seed))
	}
	return seeds
}

// Whatever arrives as an event: no panic, the handler is called only with a
// valid one, and there is either exactly one valid verdict or an error.
func checkInvoke(t rapid.TB, raw string) {
	t.Helper()
	var bodies [][]byte
	handler := func(_ context.Context, r *Request) (map[string]any, error) {
		if validate(r.Event) != nil || r.checkStack() != nil {
			t.Errorf("the handler was called with an invalid event: %+v", r.Event)
		}
		return nil, errors.New(r.LogicalResourceID)
	}
	transport := roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.URL.Scheme != "https" && !onThisMachine(r.URL) {
			t.Errorf("a verdict was sent to %s", r.URL)
		}
		body, err := io.ReadAll(r.Body)
		bodies = append(bodies, body)
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(new(bytes.Reader))}, err
	})
	fn := New(map[string]Handler{testType: handler}, Options{Log: slog.New(slog.DiscardHandler), Transport: transport, Pauses: jitter.New("")})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{InvokedFunctionArn: testFunction})
	err := fn.Invoke(ctx, json.RawMessage(raw))
	if (err == nil) != (len(bodies) == 1) || len(bodies) > 1 {
		t.Fatalf("got %d verdicts and the error %v", len(bodies), err)
	}
	for _, body := range bodies {
		checkEcho(t, raw, checkBody(t, body))
	}
}

// checkEcho checks that the verdict answers this event.
func checkEcho(t rapid.TB, raw string, resp cfn.Response) {
	t.Helper()
	event, _ := decode(json.RawMessage(raw))
	if resp.RequestID != event.RequestID || resp.StackID != event.StackID || resp.LogicalResourceID != event.LogicalResourceID {
		t.Errorf("the verdict %+v does not answer the event %+v", resp, event)
	}
	if resp.Status == cfn.StatusSuccess && event.RequestType != cfn.RequestDelete {
		t.Errorf("a %s succeeded", event.RequestType)
	}
}
