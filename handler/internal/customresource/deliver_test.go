package customresource

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/jitter"
)

// An answer is how the bucket takes one PUT.
type answer func(w http.ResponseWriter, r *http.Request)

func status(code int) answer {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "http://127.0.0.1/elsewhere")
		w.WriteHeader(code)
		// What S3 says when a signature does not match has the signature in it.
		_, _ = w.Write([]byte("<Error><SignatureProvided>" + testQuery + "</SignatureProvided></Error>"))
	}
}

func reset(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// drip sends a byte of the answer's header every second and never ends it.
func drip(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	for _, b := range "HTTP/1.1 200 " + strings.Repeat("O", 3600) {
		if _, err := conn.Write([]byte{byte(b)}); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

// dripBody says 200 at once; that is enough.
func dripBody(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

func TestDelivery(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		answers []answer // the last one for ever
		puts    int      // 0: many
		err     string   // empty: delivered
		longest time.Duration
	}{
		{"200", []answer{status(200)}, 1, "", 0},
		{"500, 503, then 200", []answer{status(500), status(503), status(200)}, 3, "", 300 * time.Millisecond},
		{"429, 408, then 200", []answer{status(429), status(408), status(200)}, 3, "", 300 * time.Millisecond},
		{"reset, then 200", []answer{reset, status(200)}, 2, "", 100 * time.Millisecond},
		{"hangs, then 200", []answer{hang, status(200)}, 2, "", 5100 * time.Millisecond},
		{"drips, then 200", []answer{drip, status(200)}, 2, "", 5100 * time.Millisecond},
		{"200 with a body that never ends", []answer{dripBody}, 1, "", 0},
		{"403", []answer{status(403), status(200)}, 1, "the answer is 403 Forbidden", 0},
		{"503, then 403", []answer{status(503), status(403), status(200)}, 2, "the answer is 403 Forbidden", 100 * time.Millisecond},
		{"400", []answer{status(400), status(200)}, 1, "400", 0},
		{"204", []answer{status(204), status(200)}, 1, "204", 0},
		{"a redirect", []answer{status(307), status(200)}, 1, "307", 0},
		{"503 for ever", []answer{status(503)}, 0, "503", time.Minute - lastWords},
		{"hangs for ever", []answer{hang}, 0, "context deadline exceeded", time.Minute - lastWords},
		{"reset for ever", []answer{reset}, 0, "EOF", time.Minute - lastWords},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				b := newBench(t, func(context.Context, *Request) (map[string]any, error) {
					calls++
					return map[string]any{"A": "1", "B": "2", "C": "3"}, nil
				})
				b.answer = func(n int, w http.ResponseWriter, r *http.Request) {
					test.answers[min(n, len(test.answers))-1](w, r)
				}
				start := time.Now()
				err := b.invoke(testEvent("Update"), time.Minute)
				if took := time.Since(start); took > test.longest {
					t.Errorf("it took %v, want at most %v", took, test.longest)
				}
				switch {
				case test.err == "" && err != nil:
					t.Errorf("Invoke: %v", err)
				case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
					t.Errorf("got the error %v, want %q in it", err, test.err)
				}
				if calls != 1 {
					t.Errorf("the work ran %d times, want once", calls)
				}
				checkPuts(t, b.sent(), test.puts)
			})
		})
	}
}

// checkPuts checks that each try is the same request, as the URL was signed for.
func checkPuts(t *testing.T, puts []put, want int) {
	t.Helper()
	if want != 0 && len(puts) != want || len(puts) == 0 {
		t.Errorf("got %d tries, want %d", len(puts), want)
	}
	for i, p := range puts {
		if p.uri != testPath+"?"+testQuery {
			t.Errorf("try %d went to %s, want %s", i, p.uri, testPath+"?"+testQuery)
		}
		if _, ok := p.header["Content-Type"]; ok {
			t.Errorf("try %d has a Content-Type", i)
		}
		if p.length != int64(len(p.body)) {
			t.Errorf("try %d has the Content-Length %d, want %d", i, p.length, len(p.body))
		}
		if !p.close {
			t.Errorf("try %d keeps its connection", i)
		}
		if p.body != puts[0].body || !strings.Contains(p.body, `"Status":"SUCCESS"`) {
			t.Errorf("try %d has the body %s, want the first one's, a success", i, p.body)
		}
	}
}

// A verdict that was delivered in vain is given again, the same, by Lambda's retry.
func TestDeliveryOfARetry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(_ context.Context, r *Request) (map[string]any, error) {
			r.Report("thing-2")
			return nil, errors.New("denied")
		})
		b.answer = func(n int, w http.ResponseWriter, r *http.Request) {
			if n == 1 {
				status(403)(w, r)
			}
		}
		if err := b.invoke(testEvent("Create"), time.Minute); err == nil {
			t.Error("got no error for a verdict that was not delivered")
		}
		if err := b.invoke(testEvent("Create"), time.Minute); err != nil {
			t.Errorf("Invoke: %v", err)
		}
		if puts := b.sent(); len(puts) != 2 || puts[0].body != puts[1].body {
			t.Errorf("got %+v, want the same verdict twice", puts)
		}
	})
}

// After the deadline's work there is time for more than one try.
func TestDeliveryAtTheEnd(t *testing.T) {
	t.Parallel()
	for _, left := range []time.Duration{4500 * time.Millisecond, 6 * time.Second, time.Minute} {
		t.Run(left.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				defer close(release)
				b := newBench(t, func(context.Context, *Request) (map[string]any, error) {
					<-release
					return nil, nil
				})
				b.answer = func(n int, w http.ResponseWriter, r *http.Request) {
					if n == 1 && left > 5*time.Second {
						hang(w, r)
					}
				}
				if err := b.invoke(testEvent("Create"), left); err != nil {
					t.Errorf("Invoke: %v", err)
				}
			})
		})
	}
}

// The pauses grow, but not until nothing is tried any more.
func TestDeliveryKeepsTrying(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(context.Context, *Request) (map[string]any, error) { return nil, nil })
		b.answer = func(_ int, w http.ResponseWriter, r *http.Request) { status(503)(w, r) }
		if err := b.invoke(testEvent("Delete"), 5*time.Minute); err == nil {
			t.Error("got no error for a verdict that was not delivered")
		}
		// With full jitter a pause takes 2.5 s on average; without, 5 s.
		if got := len(b.sent()); got < 90 || got > 200 {
			t.Errorf("got %d tries in 5 minutes, want about 125", got)
		}
	})
}

// The delivery does not end with the context of the work.
func TestDeliveryIsNotCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		b := newBench(t, func(ctx context.Context, _ *Request) (map[string]any, error) {
			cancel()
			return nil, ctx.Err()
		})
		if err := b.invokeIn(ctx, testEvent("Delete")); err != nil {
			t.Errorf("Invoke: %v", err)
		}
		if got := b.verdict(t); got.Status != "FAILED" {
			t.Errorf("got %s, want FAILED", got.Status)
		}
	})
}

// What a pipe in memory cannot show: a real socket that is reset.
func TestDeliveryOverTCP(t *testing.T) {
	t.Parallel()
	var tries atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if tries.Add(1) > 2 {
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}))
	defer server.Close()
	b := &bench{Function: New(map[string]Handler{
		testType: func(context.Context, *Request) (map[string]any, error) { return nil, nil },
	}, Options{Log: slog.New(slog.DiscardHandler), Transport: http.DefaultTransport, Pauses: jitter.New("")})}
	event := testEvent("Delete")
	event.ResponseURL = server.URL + testPath + "?" + testQuery
	if err := b.invoke(event, time.Minute); err != nil || tries.Load() != 3 {
		t.Errorf("got %v after %d tries, want nil after 3", err, tries.Load())
	}
}

func TestRetryable(t *testing.T) {
	t.Parallel()
	want := []int{408, 429}
	for code := 500; code < 600; code++ {
		want = append(want, code)
	}
	var got []int
	for code := 100; code < 600; code++ {
		if retryable(code) {
			got = append(got, code)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
