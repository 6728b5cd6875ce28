package network

import (
	"bytes"
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A Memory is a network inside this process. A request takes some milliseconds of
// its own to its handler, which follow from the seed and from what the request is:
// with the same seed requests that are sent side by side arrive in the same order.
// The answer takes no time.
type Memory struct {
	seed uint64

	mu      sync.Mutex
	servers map[string]*server // by host
	clients int
	sent    map[string]int // how many requests of each kind
}

// A server serves one host until it is stopped.
type server struct {
	handler http.Handler
	stopped chan struct{}
}

// NewMemory returns a network without hosts.
func NewMemory(seed uint64) *Memory {
	return &Memory{seed: seed, servers: map[string]*server{}, sent: map[string]int{}}
}

// Serve implements [Network]. The URL looks like one of the loopback address.
func (m *Memory) Serve(h http.Handler) (url string, stop func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &server{h, make(chan struct{})}
	host := fmt.Sprintf("127.0.0.1:%d", len(m.servers)+1)
	m.servers[host] = s
	return "http://" + host, sync.OnceFunc(func() { close(s.stopped) })
}

// RoundTrip implements [http.RoundTripper].
func (m *Memory) RoundTrip(r *http.Request) (*http.Response, error) { return m.exchange(r, "", nil) }

// Connect returns a connection of its own for one client.
func (m *Memory) Connect() *Connection {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clients++
	return &Connection{network: m, name: fmt.Sprint("client ", m.clients), ended: make(chan struct{})}
}

// A Connection is one client's way into a network. It can be cut.
type Connection struct {
	network *Memory
	name    string
	once    sync.Once
	ended   chan struct{}
}

// RoundTrip implements [http.RoundTripper].
func (c *Connection) RoundTrip(r *http.Request) (*http.Response, error) {
	return c.network.exchange(r, c.name, c.ended)
}

// Cut ends the connection for good. A request that has arrived may still take
// effect; its answer gets lost.
func (c *Connection) Cut() { c.once.Do(func() { close(c.ended) }) }

// exchange brings a request to its handler, and the answer back.
func (m *Memory) exchange(r *http.Request, client string, cut <-chan struct{}) (*http.Response, error) {
	sent, err := received(r)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	s := m.servers[r.URL.Host]
	latency := m.latency(r, client)
	m.mu.Unlock()
	switch {
	case s == nil, isClosed(s.stopped):
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	case isClosed(cut):
		return nil, errReset
	case r.Context().Err() != nil:
		return nil, r.Context().Err()
	}
	// As in net/http, the context of the handler ends when its client is gone.
	ctx, hangUp := context.WithCancel(context.Background())
	defer hangUp()
	answered := make(chan *http.Response, 1)
	go func() { answered <- s.answer(sent.WithContext(ctx), latency) }()
	select {
	case answer := <-answered:
		if answer == nil {
			return nil, errReset
		}
		answer.Request = r
		return answer, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case <-cut:
	case <-s.stopped:
	}
	return nil, errReset
}

// errReset is what a client sees of a connection that was cut.
var errReset = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// answer has the handler serve a request, and returns nil if it cut the connection,
// or if the client was gone before the request arrived.
func (s *server) answer(r *http.Request, latency time.Duration) (answer *http.Response) {
	arrival := time.NewTimer(latency)
	defer arrival.Stop()
	select {
	case <-arrival.C:
	case <-r.Context().Done():
		return nil
	}
	defer func() {
		if p := recover(); p != nil && p != http.ErrAbortHandler { //nolint:errorlint // this very value, says net/http
			panic(p)
		}
	}()
	recorder := httptest.NewRecorder()
	s.handler.ServeHTTP(recorder, r)
	return recorder.Result()
}

// received returns a request as a server gets it, whole.
func received(r *http.Request) (*http.Request, error) {
	var body []byte
	if r.Body != nil {
		var err error
		body, err = io.ReadAll(r.Body)
		_ = r.Body.Close()
		if err != nil {
			return nil, err
		}
	}
	got := r.Clone(context.Background())
	got.Body = io.NopCloser(bytes.NewReader(body))
	got.RemoteAddr = "127.0.0.1:1"
	got.Host = r.URL.Host
	got.RequestURI = r.URL.RequestURI()
	got.URL.Scheme, got.URL.Host = "", ""
	// net/http sends a body of unknown length in chunks.
	if len(body) > 0 && r.ContentLength <= 0 {
		got.TransferEncoding = []string{"chunked"}
	}
	return got, nil
}

// latency returns how long a request takes to its handler: 1 to 9 ms. What is random
// in a request, such as a signature, does not count. The caller holds m.mu.
func (m *Memory) latency(r *http.Request, client string) time.Duration {
	kind := strings.Join(append(names(r), client, r.Method, r.URL.Host, r.URL.Path, r.Header.Get("X-Amz-Target")), "\n")
	m.sent[kind]++
	h := fnv.New64a()
	_, _ = fmt.Fprintln(h, m.seed, kind, m.sent[kind])
	return time.Millisecond + time.Duration(h.Sum64()%uint64(8*time.Millisecond))
}

// names returns what the query and a form say which a call is, and what it is for.
func names(r *http.Request) []string {
	values := r.URL.Query()
	if r.GetBody != nil && r.Header.Get("Content-Type") == "application/x-www-form-urlencoded" {
		if body, err := r.GetBody(); err == nil {
			text, _ := io.ReadAll(body)
			form, _ := url.ParseQuery(string(text))
			for key, list := range form {
				values[key] = list
			}
		}
	}
	var list []string
	for key := range values {
		if !strings.HasPrefix(key, "X-Amz-") && !strings.HasSuffix(key, "Document") {
			list = append(list, key+"="+values.Get(key))
		}
	}
	slices.Sort(list)
	return list
}
