package bitmovin

import (
	"maps"
	"net/http"
	"slices"
	"sync/atomic"
)

// A Fault spoils the calls that it matches. Its fields are read only once it is
// injected. With none of Status, Hang and Reset the call goes on after Do.
type Fault struct {
	// Op is the operation: "create", "get", "list", "delete" or "customData";
	// empty matches every one.
	Op string
	// Skip is how many matching calls pass first.
	Skip int
	// Times is how many calls are struck then; 0 is all of them.
	Times int
	// After strikes when the call has had its effect; only the answer is lost.
	After bool

	// Do runs first, outside the lock: it may edit the state, or kill the one
	// who calls.
	Do func()
	// Status is answered, with Body as it is and Header.
	Status int
	Body   string
	Header http.Header
	// Hang answers nothing until the client is gone or the API closed.
	Hang bool
	// Reset cuts the connection.
	Reset bool

	seen atomic.Int64
}

// Inject adds a fault. Of several that match, the first injected strikes.
func (a *API) Inject(f *Fault) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = append(a.faults, f)
}

// Heal takes all faults away.
func (a *API) Heal() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = nil
}

// spoil lets the first fault that matches strike a call, before its effect or
// after it, and reports whether that was its answer.
func (a *API) spoil(w http.ResponseWriter, r *http.Request, op string, after bool) bool {
	a.mu.Lock()
	faults := slices.Clone(a.faults)
	a.mu.Unlock()
	for _, f := range faults {
		if f.After == after && f.strikes(op) {
			return f.strike(w, r)
		}
	}
	return false
}

func (f *Fault) strikes(op string) bool {
	if f.Op != "" && f.Op != op {
		return false
	}
	n := int(f.seen.Add(1))
	return n > f.Skip && (f.Times == 0 || n <= f.Skip+f.Times)
}

// strike does what a fault does to a request. It does not return if the
// connection is to be cut.
func (f *Fault) strike(w http.ResponseWriter, r *http.Request) bool {
	if f.Do != nil {
		f.Do()
	}
	if f.Hang {
		<-r.Context().Done()
	}
	if f.Hang || f.Reset {
		panic(http.ErrAbortHandler)
	}
	if f.Status == 0 {
		return false
	}
	maps.Copy(w.Header(), f.Header)
	w.WriteHeader(f.Status)
	w.Write([]byte(f.Body)) //nolint:errcheck // the client is gone
	return true
}
