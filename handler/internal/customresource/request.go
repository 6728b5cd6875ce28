package customresource

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/cfn"
)

// A Handler does the work of one custom resource type for Create, Update and
// Delete. The data it returns become the resource's attributes. An error fails
// the resource, and its text is what the author of the stack reads.
//
// ctx ends some seconds before the function does. A Handler then returns as
// soon as it can, with an error that says what was under way; what has to be
// undone first is undone under [CleanUp].
type Handler func(ctx context.Context, r *Request) (data map[string]any, err error)

// A Request is one event of CloudFormation's together with where it arrived.
type Request struct {
	// Event is CloudFormation's, without the ResponseURL: that one is signed,
	// and whoever holds it can answer for the stack.
	cfn.Event

	// Deadline is when Lambda kills the function.
	Deadline time.Time

	// AccountID, Region and Partition are the function's own, and the stack's.
	AccountID, Region, Partition string

	// Log carries the attributes that tell this request from others.
	Log *slog.Logger

	secrets *strings.Replacer

	mu       sync.Mutex
	reported string
}

// Report makes id the physical id of the verdict, whatever the verdict will be.
// A Handler calls it before it makes what the id stands for, so that a failure
// halfway names what may exist and CloudFormation's Delete finds it.
func (r *Request) Report(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reported = id
}

// PhysicalID returns the physical id that a verdict given now would carry: the
// one reported last, else the one that CloudFormation knows. A Create that made
// nothing still has to name something, for an empty id is an invalid response.
func (r *Request) PhysicalID() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.reported != "":
		return r.reported
	case r.PhysicalResourceID != "":
		return r.PhysicalResourceID
	default:
		return r.nothing()
	}
}

// MadeNothing reports whether a physical id of the resource says that its Create
// had failed before it made anything: it reported no id.
func (r *Request) MadeNothing(id string) bool { return id == r.nothing() }

// nothing is the physical id of a resource of which nothing was made.
func (r *Request) nothing() string { return r.LogicalResourceID + "-not-created" }
