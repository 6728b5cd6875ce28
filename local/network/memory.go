package network

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/bitmovin/bitmovin-export-access/local/ids"
)

// A Memory is a network inside this process. A request takes some milliseconds of
// its own to its handler, which follow from the seed and from what the request is:
// with the same seed requests that are sent side by side arrive in the same order.
// The answer takes no time.
type Memory struct {
	ids *ids.Source

	mu      sync.Mutex
	servers map[string]*server // by host
	clients int
}

// A server serves one host until it is stopped.
type server struct {
	handler http.Handler
	up      context.Context // until it is stopped
}

// NewMemory returns a network without hosts.
func NewMemory(seed uint64) *Memory {
	return &Memory{ids: ids.New(seed), servers: map[string]*server{}}
}

// Serve implements [Network]. The URL looks like one of the loopback address.
func (m *Memory) Serve(h http.Handler) (url string, stop func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	up, stop := context.WithCancel(context.Background())
	host := fmt.Sprintf("127.0.0.1:%d", len(m.servers)+1)
	m.servers[host] = &server{h, up}
	return "http://" + host, stop
}

// RoundTrip implements [http.RoundTripper].
func (m *Memory) RoundTrip(r *http.Request) (*http.Response, error) {
	return m.exchange(context.Background(), r, "")
}

// Connect returns a connection of its own for one client.
func (m *Memory) Connect() *Connection {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clients++
	up, cut := context.WithCancel(context.Background())
	return &Connection{network: m, name: fmt.Sprint("client ", m.clients), up: up, Cut: cut}
}

// A Connection is one client's way into a network. It can be cut.
type Connection struct {
	network *Memory
	name    string
	up      context.Context // until it is cut
	// Cut ends the connection for good. A request that has arrived may still take
	// effect; its answer gets lost.
	Cut context.CancelFunc
}

// RoundTrip implements [http.RoundTripper].
func (c *Connection) RoundTrip(r *http.Request) (*http.Response, error) {
	return c.network.exchange(c.up, r, c.name)
}

// exchange brings a request to its handler, and the answer back, as long as the
// connection is up.
func (m *Memory) exchange(up context.Context, r *http.Request, client string) (*http.Response, error) {
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	s := m.servers[r.URL.Host]
	m.mu.Unlock()
	if s == nil || s.up.Err() != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	// As in net/http, the context of the handler ends when its client is gone.
	ctx, hangUp := context.WithCancel(up)
	defer hangUp()
	answered := make(chan *http.Response, 1)
	go func() { answered <- s.answer(received(ctx, r, body), m.latency(r, body, client)) }() //nolint:bodyclose // it is the caller's
	select {
	case answer := <-answered:
		if answer == nil {
			return nil, errReset
		}
		answer.Request = r
		return answer, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case <-up.Done():
	case <-s.up.Done():
	}
	return nil, errReset
}

// errReset is what a client sees of a connection that was cut.
var errReset = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}

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

func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	defer r.Body.Close() //nolint:errcheck // it was only read
	return io.ReadAll(r.Body)
}

// received returns a request as a server gets it, with its body.
func received(ctx context.Context, r *http.Request, body []byte) *http.Request {
	got := r.Clone(ctx)
	got.Body = io.NopCloser(bytes.NewReader(body))
	got.RemoteAddr = "127.0.0.1:1"
	got.Host = r.URL.Host
	got.RequestURI = r.URL.RequestURI()
	got.URL.Scheme, got.URL.Host = "", ""
	// net/http sends a body of unknown length in chunks.
	if len(body) > 0 && r.ContentLength <= 0 {
		got.TransferEncoding = []string{"chunked"}
	}
	return got
}

// Delay returns how long something takes to arrive: 1 to 9 ms, which follow from the
// seed, from what it is, and from how often there was such a thing before.
func (m *Memory) Delay(what ...any) time.Duration {
	return time.Millisecond + time.Duration(m.ids.Uint64(what...)%uint64(8*time.Millisecond))
}

// latency returns how long a request takes to its handler. What is random in it, such
// as a signature, does not count.
func (m *Memory) latency(r *http.Request, body []byte, client string) time.Duration {
	return m.Delay(names(r, body), client, r.Method, r.URL.Host, r.URL.Path, r.Header.Get("X-Amz-Target"))
}

// names returns what the query and a form say which a call is, and what it is for.
func names(r *http.Request, body []byte) []string {
	values := r.URL.Query()
	if r.Header.Get("Content-Type") == "application/x-www-form-urlencoded" {
		form, _ := url.ParseQuery(string(body))
		maps.Copy(values, form)
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
