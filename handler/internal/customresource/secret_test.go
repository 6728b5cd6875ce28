package customresource

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// leaks returns what of the ResponseURL's secrets a text tells.
func leaks(text string) []string {
	var told []string
	for _, secret := range []string{
		testQuery, "X-Amz-Expires=7200",
		"0123456789abcdef0123456789abcdef",
		"AKIDEXAMPLE%2F20260101", "AKIDEXAMPLE/20260101",
		"IQoJb3JpZ2lu%2Fsession%2Btoken", "IQoJb3JpZ2lu/session+token",
	} {
		if strings.Contains(text, secret) {
			told = append(told, secret)
		}
	}
	return told
}

// Wherever a handler may have come by the URL, nobody reads its query.
func TestSecrets(t *testing.T) {
	t.Parallel()
	responseURL := testEvent("Create").ResponseURL
	values, err := url.ParseQuery(testQuery)
	if err != nil {
		t.Fatal(err)
	}
	decoded := values.Get("X-Amz-Security-Token") + " " + values.Get("X-Amz-Credential")
	tests := []struct {
		name    string
		handler Handler
		answer  answer
	}{
		{"in an error", func(context.Context, *Request) (map[string]any, error) {
			return nil, &url.Error{Op: "Put", URL: responseURL, Err: errors.New("EOF")}
		}, status(200)},
		{"decoded, in an error", func(context.Context, *Request) (map[string]any, error) {
			return nil, errors.New(decoded)
		}, status(200)},
		{"values as they stand in the query, in an error", func(context.Context, *Request) (map[string]any, error) {
			return nil, errors.New("IQoJb3JpZ2lu%2Fsession%2Btoken AKIDEXAMPLE%2F20260101%2Feu-west-1")
		}, status(200)},
		{"the signature alone", func(context.Context, *Request) (map[string]any, error) {
			return nil, errors.New("got " + values.Get("X-Amz-Signature") + ", want another")
		}, status(200)},
		{"in a panic", func(context.Context, *Request) (map[string]any, error) { panic(responseURL) }, status(200)},
		{"in the log of the request", func(ctx context.Context, r *Request) (map[string]any, error) {
			r.Log.InfoContext(ctx, "event", "event", r.Event)
			return nil, nil
		}, status(200)},
		{"in a refused delivery", func(context.Context, *Request) (map[string]any, error) { return nil, nil }, status(403)},
		{"in a redirect", func(context.Context, *Request) (map[string]any, error) { return nil, nil },
			func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", responseURL)
				w.WriteHeader(http.StatusTemporaryRedirect)
			}},
		{"in a delivery that never works", func(context.Context, *Request) (map[string]any, error) { return nil, nil }, reset},
		{"in a delivery that hangs", func(context.Context, *Request) (map[string]any, error) { return nil, nil }, hang},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, test.handler)
				b.answer = func(_ int, w http.ResponseWriter, r *http.Request) { test.answer(w, r) }
				if err := b.invoke(testEvent("Update"), time.Minute); err != nil {
					if told := leaks(err.Error()); told != nil {
						t.Errorf("the error tells %q: %v", told, err)
					}
					if wrapped := errors.Unwrap(err); wrapped != nil {
						t.Errorf("the error wraps %v, which may tell", wrapped)
					}
					if text := err.Error(); !strings.Contains(text, "127.0.0.1/arn%3Aaws") || strings.Contains(text, "http://") {
						t.Errorf("the error does not say once where the verdict went: %v", err)
					}
				}
				if told := leaks(b.logged.String()); told != nil {
					t.Errorf("the log tells %q:\n%s", told, b.logged)
				}
				for _, p := range b.sent() {
					if told := leaks(p.body); told != nil {
						t.Errorf("the verdict tells %q: %s", told, p.body)
					}
				}
			})
		})
	}
}

// What is short, like an expiry or the name of a header, is no secret.
func TestRedactorSparesWords(t *testing.T) {
	t.Parallel()
	u, err := url.Parse("https://example.com/?X-Amz-SignedHeaders=host&X-Amz-Expires=7200&a&X-Amz-Signature=0123456789abcdef")
	if err != nil {
		t.Fatal(err)
	}
	text := "host not found after 7200 s, a 0123456789abcdef"
	if got, want := newRedactor(u).Replace(text), "host not found after 7200 s, a [redacted]"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
