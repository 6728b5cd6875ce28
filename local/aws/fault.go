package aws

import "net/http"

// A Fault spoils the calls that it matches. Its fields are read only once it is
// injected. With none of Code, Hang and Reset the call goes on after Do.
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
	// Status, Code and Message are the error that is answered.
	Status        int
	Code, Message string
	// Hang answers nothing until the client is gone or the cloud closed.
	Hang bool
	// Reset cuts the connection.
	Reset bool

	seen int
}

// Inject adds a fault. Of several that match, the first injected strikes.
func (c *Cloud) Inject(f *Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, f)
}

// fault returns the fault that strikes a call now, or nil.
func (c *Cloud) fault(call Call, after bool) *Fault {
	c.mu.Lock()
	faults := c.faults[:len(c.faults):len(c.faults)]
	c.mu.Unlock()
	for _, f := range faults {
		if f.After == after && (f.Op == "" || f.Op == call.Op) && (f.Match == nil || f.Match(call)) && c.strikes(f) {
			return f
		}
	}
	return nil
}

func (c *Cloud) strikes(f *Fault) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.seen++
	return f.seen > f.Skip && (f.Times == 0 || f.seen <= f.Skip+f.Times)
}

// strike does what a fault does to a request. It does not return if the
// connection is to be cut, and returns nil if the call goes on.
func (c *Cloud) strike(f *Fault, r *http.Request) error {
	if f.Do != nil {
		f.Do()
	}
	if f.Hang {
		<-r.Context().Done()
	}
	if f.Hang || f.Reset {
		panic(http.ErrAbortHandler)
	}
	if f.Code != "" {
		return &Error{Status: f.Status, Code: f.Code, Message: f.Message}
	}
	return nil
}
