package output

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/jitter"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
	"github.com/bitmovin/bitmovin-export-access/local/network"
)

const testKey = "key-that-must-not-show"

// serve returns a client of an API in memory that answers by f, which counts from 0.
func serve(t *testing.T, f func(n int, w http.ResponseWriter, r *http.Request)) *client {
	t.Helper()
	var n atomic.Int64
	memory := network.NewMemory(1)
	url, stop := memory.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f(int(n.Add(1))-1, w, r)
	}))
	t.Cleanup(stop)
	return &client{http: newHTTPClient(memory), base: url, key: newKey(testKey), pauses: jitter.New("")}
}

// withDeadline returns a context with the deadline of a function.
func withDeadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		status int
		body   string
		want   string
	}{
		{"Bitmovin's", 400, `{"requestId":"r","status":"ERROR","data":{"code":1000,"message":"Bad","developerMessage":"no name","details":[{"text":"name is null"}]}}`,
			"400 Bad Request: Bad; no name; name is null; code 1000"},
		{"the key in the text", 401, `{"data":{"message":"key-that-must-not-show is unknown"}}`, "401 Unauthorized: [redacted] is unknown (is the API key valid"},
		{"of other types", 400, `{"data":{"code":"x","message":7,"developerMessage":"seven","details":"none"}}`, "400 Bad Request: seven; code x"},
		{"not JSON", 502, "<html>key-that-must-not-show</html>", "502 Bad Gateway"},
		{"empty", 503, "", "503 Service Unavailable"},
		{"a redirect", 307, "", "307 Temporary Redirect"},
		{"a success that is none", 200, "<html>key-that-must-not-show</html>", "200 OK: the answer cannot be read"},
		{"a result that is none", 200, `{"data":{}}`, "200 OK: the answer cannot be read"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			harness.Bubble(t, func(t *testing.T) {
				c := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
					if strings.HasPrefix(r.URL.Path, "/elsewhere") {
						t.Error("the redirect was followed")
					}
					w.Header().Set("Location", "/elsewhere")
					w.WriteHeader(tt.status)
					fmt.Fprint(w, tt.body) //nolint:errcheck // the client is gone
				})
				_, err := c.named(withDeadline(t), "exports")
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("error %v, want %q", err, tt.want)
				}
				if err != nil && strings.Contains(err.Error(), testKey) {
					t.Errorf("the error tells the key: %v", err)
				}
				if tt.status >= 400 && !strings.Contains(fmt.Sprint(err), "GET http://127.0.0.1:") {
					t.Errorf("error %v, want method and address", err)
				}
			})
		})
	}
}

// TestCreateOnce: a POST is repeated only if it surely had no effect, and it is
// told when that is not known.
func TestCreateOnce(t *testing.T) {
	t.Parallel()
	const made = `{"status":"SUCCESS","data":{"result":{"id":"o1","externalId":"e1"}}}`
	tests := []struct {
		name  string
		first func(w http.ResponseWriter)
		calls int
		lost  bool
		fails bool
	}{
		{"200", answerWith(http.StatusOK, made), 1, false, false},
		{"202", answerWith(http.StatusAccepted, made), 1, false, false},
		{"limited", answerWith(http.StatusTooManyRequests, "", "Retry-After", "0"), 2, false, false},
		{"limited for long", answerWith(http.StatusTooManyRequests, "", "X-Ratelimit-Reset", "60"), 1, false, true},
		{"refused", answerWith(http.StatusBadRequest, ""), 1, false, true},
		{"failed", answerWith(http.StatusInternalServerError, ""), 1, true, true},
		{"timed out", answerWith(http.StatusRequestTimeout, ""), 1, true, true},
		{"cut", func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, 1, true, true},
		{"not understood", answerWith(http.StatusCreated, "created"), 1, true, true},
		{"without an id", answerWith(http.StatusCreated, `{"data":{"result":{}}}`), 1, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			harness.Bubble(t, func(t *testing.T) {
				var calls atomic.Int64
				c := serve(t, func(n int, w http.ResponseWriter, _ *http.Request) {
					calls.Add(1)
					if n == 0 {
						tt.first(w)
						return
					}
					fmt.Fprint(w, made) //nolint:errcheck // the client is gone
				})
				o, err := c.create(withDeadline(t), output{Name: "exports"})
				if (err != nil) != tt.fails || errors.Is(err, errLost) != tt.lost || int(calls.Load()) != tt.calls {
					t.Errorf("error %v after %d calls, want failed %t, lost %t after %d", err, calls.Load(), tt.fails, tt.lost, tt.calls)
				}
				if err == nil && (o.ID != "o1" || o.ExternalID != "e1") {
					t.Errorf("output %+v", o)
				}
			})
		})
	}
}

// answerWith returns an answer with a body and pairs of header and value.
func answerWith(status int, body string, header ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body) //nolint:errcheck // the client is gone
	}
}

// TestRequest: the key and the organization go into headers, and nowhere else.
func TestRequest(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		c := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
			if got := r.Header.Get("X-Api-Key"); got != testKey {
				t.Errorf("X-Api-Key = %q", got)
			}
			if got := r.Header.Get("X-Tenant-Org-Id"); got != "org" {
				t.Errorf("X-Tenant-Org-Id = %q", got)
			}
			if strings.Contains(r.URL.String(), testKey) {
				t.Errorf("the key is in the address %s", r.URL)
			}
			if want := outputs + "/a%2Fb%3Fc"; r.URL.EscapedPath() != want {
				t.Errorf("path %s, want %s", r.URL.EscapedPath(), want)
			}
			w.WriteHeader(http.StatusNoContent)
		})
		c.organization = "org"
		if err := c.delete(t.Context(), "a/b?c"); err != nil {
			t.Error(err)
		}
	})
}
