package cloudformation

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/bitmovin/bitmovin-export-access/local/ids"
	"github.com/bitmovin/bitmovin-export-access/local/network"
)

// An Inbox is the bucket that custom resources put their responses into, behind
// presigned URLs. It refuses what S3 refuses:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/PresignedUrlUploadObject.html
type Inbox struct {
	ids    *ids.Source
	url    string
	stop   func()
	closed chan struct{}

	mu     sync.Mutex
	boxes  map[string]*box // by id
	faults []*InboxFault
}

// A box holds what came to one URL.
type box struct {
	signature string
	puts      []Put
	stored    []byte        // the body that counts
	full      chan struct{} // closed once there is one
}

// A Put is one try to put a response.
type Put struct {
	At     time.Time
	Header http.Header
	Body   []byte
	// Status that was answered, or 0 if there was no complete answer.
	Status int
	// Stored: this body is the one that counts.
	Stored bool
}

// An InboxFault spoils tries to put a response, in one of the ways that Status,
// Reset, Hang and Drip are.
type InboxFault struct {
	// Times is how many tries are struck; 0 is all of them.
	Times int
	// Status to answer.
	Status int
	// Reset cuts the connection, Hang never answers, Drip answers one byte
	// after the other without an end.
	Reset, Hang, Drip bool
	// Stored: the response counts although its sender does not learn it.
	Stored bool

	struck int
}

// NewInbox starts an inbox on a network, whose URLs are signed by ids.
func NewInbox(n network.Network, source *ids.Source) *Inbox {
	b := &Inbox{ids: source, closed: make(chan struct{}), boxes: map[string]*box{}}
	b.url, b.stop = n.Serve(http.HandlerFunc(b.serve))
	return b
}

// Close ends the inbox and all tries that hang in it.
func (b *Inbox) Close() {
	close(b.closed)
	b.stop()
}

// URL returns the presigned URL of an id, which may be any text.
func (b *Inbox) URL(id string) string {
	signature := b.box(id).signature
	query := url.Values{
		"X-Amz-Algorithm":      {"AWS4-HMAC-SHA256"},
		"X-Amz-Credential":     {"ASIARESPONSEEXAMPLE/20250101/eu-west-1/s3/aws4_request"},
		"X-Amz-Date":           {"20250101T000000Z"},
		"X-Amz-Expires":        {"7200"},
		"X-Amz-Security-Token": {"response-token-" + signature[:16]},
		"X-Amz-Signature":      {signature},
		"X-Amz-SignedHeaders":  {"host"},
	}
	return b.url + "/" + url.PathEscape(id) + "?" + query.Encode()
}

func (b *Inbox) box(id string) *box {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.boxes[id] == nil {
		b.boxes[id] = &box{signature: b.ids.Hex("signature", id), full: make(chan struct{})}
	}
	return b.boxes[id]
}

// Fail injects a fault. Of several, the first injected strikes until it is spent.
func (b *Inbox) Fail(f InboxFault) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, &f)
}

// Heal takes all faults away.
func (b *Inbox) Heal() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = nil
}

// Wait returns the response to an id once it is there.
func (b *Inbox) Wait(ctx context.Context, id string) ([]byte, error) {
	x := b.box(id)
	select {
	case <-x.full:
		return x.stored, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a response to %s: %w", id, ctx.Err())
	}
}

// Store stores a response to an id, as if it had been put.
func (b *Inbox) Store(id string, body []byte) {
	x := b.box(id)
	b.mu.Lock()
	defer b.mu.Unlock()
	x.puts = append(x.puts, Put{At: time.Now(), Body: body, Status: http.StatusOK, Stored: x.stored == nil})
	if x.stored == nil {
		x.stored = body
		close(x.full)
	}
}

// Puts returns all tries for an id in order.
func (b *Inbox) Puts(id string) []Put {
	x := b.box(id)
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(x.puts)
}

func (b *Inbox) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	put := Put{At: time.Now(), Header: r.Header, Body: body}
	f := b.receive(r, &put)
	switch {
	case f.Hang:
		b.hang(r.Context())
	case f.Reset:
		reset(w)
	case f.Drip:
		b.drip(r.Context(), w)
	default:
		w.WriteHeader(put.Status)
		if put.Status != http.StatusOK {
			_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code></Error>", http.StatusText(put.Status))
		}
	}
}

// receive decides on a try, and keeps it.
func (b *Inbox) receive(r *http.Request, put *Put) InboxFault {
	b.mu.Lock()
	defer b.mu.Unlock()
	x := b.boxes[r.URL.Path[1:]]
	if x == nil {
		put.Status = http.StatusForbidden
		return InboxFault{}
	}
	var f InboxFault
	if put.Status = x.verdict(r); put.Status == http.StatusOK {
		f = b.strike()
		put.Status = f.Status
		if f.Stored && x.stored == nil {
			put.Stored, x.stored = true, put.Body
			close(x.full)
		}
	}
	x.puts = append(x.puts, *put)
	return f
}

// verdict is the status that S3 answers: the URL is signed for a PUT without a
// Content-Type, and S3 knows no chunked upload.
func (x *box) verdict(r *http.Request) int {
	switch {
	case r.URL.Query().Get("X-Amz-Signature") != x.signature,
		r.Method != http.MethodPut, len(r.Header["Content-Type"]) > 0:
		return http.StatusForbidden
	case len(r.TransferEncoding) > 0:
		return http.StatusNotImplemented
	}
	return http.StatusOK
}

// strike returns the fault of this try, or what a good one gets.
func (b *Inbox) strike() InboxFault {
	for _, f := range b.faults {
		if f.Times == 0 || f.struck < f.Times {
			f.struck++
			return *f
		}
	}
	return InboxFault{Status: http.StatusOK, Stored: true}
}

func (b *Inbox) hang(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-b.closed:
	}
	panic(http.ErrAbortHandler)
}

// reset cuts the connection; a network in memory has no other way to cut one.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // a RST instead of a FIN
	}
	_ = conn.Close()
}

// drip sends a header that never ends. In memory, where a header comes whole, it
// never comes.
func (b *Inbox) drip(ctx context.Context, w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		b.hang(ctx)
	}
	defer conn.Close() //nolint:errcheck // nobody waits for it
	text := "HTTP/1.1 200 OK\r\nX-Drip: "
	for i := 0; ; i++ {
		drop := "."
		if i < len(text) {
			drop = text[i : i+1]
		}
		if _, err := io.WriteString(conn, drop); err != nil {
			return
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-b.closed:
			return
		}
	}
}
