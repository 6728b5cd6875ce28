package network_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bitmovin/bitmovin-export-access/local/network"
)

// get sends a request and returns what came of it.
func get(ctx context.Context, t *testing.T, via http.RoundTripper, url string) (string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, url, strings.NewReader("question"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: via}).Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(resp.Body)
	return fmt.Sprintf("%d %s", resp.StatusCode, text), err
}

// echo answers with what it got.
func echo(w http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	w.WriteHeader(http.StatusAccepted)
	_, _ = fmt.Fprintf(w, "%s %s %s %v", r.Method, r.URL, text, r.TransferEncoding)
}

func TestBothBringRequests(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]network.Network{"sockets": network.Sockets{}, "memory": network.NewMemory(1)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, stop := n.Serve(http.HandlerFunc(echo))
			cutting, stopCutting := n.Serve(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
			defer stopCutting()
			if got, err := get(t.Context(), t, n, url+"/path?query"); err != nil || got != "202 PUT /path?query question []" {
				t.Errorf("the answer is %q (%v)", got, err)
			}
			if got, err := get(t.Context(), t, n, cutting); err == nil {
				t.Errorf("a connection that was cut answered %q", got)
			}
			stop()
			if _, err := get(t.Context(), t, n, url); err == nil {
				t.Error("a server that was stopped answers")
			}
		})
	}
}

// TestEnds: whatever ends a request, its sender learns it at once and the handler's
// context ends.
func TestEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*network.Connection, context.CancelFunc, func()){
		"the sender gives up":   func(_ *network.Connection, cancel context.CancelFunc, _ func()) { cancel() },
		"the connection is cut": func(c *network.Connection, _ context.CancelFunc, _ func()) { c.Cut() },
		"the server stops":      func(_ *network.Connection, _ context.CancelFunc, stop func()) { stop() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := network.NewMemory(1)
				served := false
				url, stop := n.Serve(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					<-r.Context().Done()
					served = true
				}))
				c := n.Connect()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				time.AfterFunc(time.Hour, func() { end(c, cancel, stop) })
				begin := time.Now()
				if got, err := get(ctx, t, c, url); err == nil || time.Since(begin) != time.Hour {
					t.Errorf("after %v: %q, %v, want an error after an hour", time.Since(begin), got, err)
				}
				synctest.Wait()
				if !served {
					t.Error("the handler goes on")
				}
			})
		})
	}
}

func TestCutIsForGood(t *testing.T) {
	t.Parallel()
	n := network.NewMemory(1)
	url, _ := n.Serve(http.HandlerFunc(echo))
	c := n.Connect()
	c.Cut()
	c.Cut()
	if got, err := get(t.Context(), t, c, url); err == nil {
		t.Errorf("a connection that was cut answered %q", got)
	}
	if _, err := get(t.Context(), t, n.Connect(), url); err != nil {
		t.Errorf("another connection: %v", err)
	}
}

// TestOrder: the same seed brings requests that are sent at once in the same order,
// another seed in another.
func TestOrder(t *testing.T) {
	t.Parallel()
	var orders [][]string
	for _, seed := range []uint64{1, 1, 2} {
		synctest.Test(t, func(t *testing.T) {
			n := network.NewMemory(seed)
			var mu sync.Mutex
			var order []string
			url, _ := n.Serve(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				order = append(order, r.URL.Path)
			}))
			var all sync.WaitGroup
			for i := range 20 {
				all.Go(func() {
					if _, err := get(t.Context(), t, n, fmt.Sprint(url, "/", i, "?X-Amz-Signature=", time.Now().Nanosecond(), i)); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			orders = append(orders, order)
		})
	}
	if !slices.Equal(orders[0], orders[1]) || slices.Equal(orders[0], orders[2]) {
		t.Errorf("the orders are %v, want the first two alike and the third another", orders)
	}
}
