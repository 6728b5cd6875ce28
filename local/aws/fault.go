package aws

import (
	"net/http"
	"slices"
	"sync/atomic"
)

// A Fault spoils the calls that it matches. Its fields are read only once it is
// injected. With none of Code, Body, Hang and Reset the call goes on after Do.
type Fault struct {
	// Op is the operation, such as "iam:CreateRole"; empty matches every one.
	Op string
	// Match may look closer; nil matches every call of Op. Status and Code are
	// known only After.
	Match func(Call) bool
	// Skip is how many matching calls pass first.
	Skip int
	// Times is how many calls are struck then; 0 is all of them.
	Times int
	// After strikes when the call has had its effect; only the answer is lost.
	After bool

	// Do runs first, outside the cloud's lock: it may edit the state, or kill
	// the one who calls.
	Do func()
	// Status (400 if it is zero), Code and Message are the error that is answered.
	Status        int
	Code, Message string
	// Body, which the SDK takes for XML, is answered as it is, with Status.
	Body string
	// Hang answers nothing until the client is gone or the cloud closed.
	Hang bool
	// Reset cuts the connection.
	Reset bool

	seen atomic.Int64
}

// Inject adds a fault. Of several that match, the first injected strikes.
func (c *Cloud) Inject(f *Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, f)
}

// spoil lets the first fault that matches strike a call, before its effect or
// after it, when err is what came of it.
func (c *Cloud) spoil(k *call, after bool, err error) error {
	c.mu.Lock()
	seen, faults := k.copy(), slices.Clone(c.faults)
	c.mu.Unlock()
	if after {
		seen.Status = http.StatusOK
	}
	if err != nil {
		e := asError(err)
		seen.Status, seen.Code = e.Status, e.Code
	}
	for _, f := range faults {
		if f.After == after && f.strikes(seen) {
			return f.strike(k.http)
		}
	}
	return nil
}

func (f *Fault) strikes(call Call) bool {
	if f.Op != "" && f.Op != call.Op || f.Match != nil && !f.Match(call) {
		return false
	}
	n := int(f.seen.Add(1))
	return n > f.Skip && (f.Times == 0 || n <= f.Skip+f.Times)
}

// strike does what a fault does to a request. It does not return if the
// connection is to be cut, and returns nil if the call goes on.
func (f *Fault) strike(r *http.Request) error {
	if f.Do != nil {
		f.Do()
	}
	if f.Hang {
		<-r.Context().Done()
	}
	if f.Hang || f.Reset {
		panic(http.ErrAbortHandler)
	}
	if f.Code != "" || f.Body != "" {
		return &Error{Status: f.Status, Code: f.Code, Message: f.Message, body: f.Body}
	}
	return nil
}
