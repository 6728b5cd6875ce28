package cloudformation

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/ids"
	"github.com/bitmovin/bitmovin-export-access/local/lambda"
	"github.com/bitmovin/bitmovin-export-access/local/network"
)

// Options of an [Engine].
type Options struct {
	// Cloud that the stacks' resources are made in, for one account and region.
	Cloud           *aws.Cloud
	Account, Region string
	// Binary is the executable of every function.
	Binary string
	// Program, if set, is every function in place of Binary. It runs in this
	// process, and Memory is the network by which it and the engine are reached.
	Program lambda.Program
	Memory  *network.Memory
	// Seed of the ids; they are random if it is 0.
	Seed uint64
	// Timeout, if set, overrides that of every function: tests shorten waits by
	// the deadline alone.
	Timeout time.Duration
	// RetryDelays of the functions, as in [lambda.Config].
	RetryDelays []time.Duration
	// FunctionEnv is added to the environment of every function.
	FunctionEnv map[string]string
	// Log, if set, gets what the functions print.
	Log io.Writer
	// Answers of DescribeStackResource.
	Answers Answers
	// OnEvent, if set, is called for every event, one after the other. It may wait,
	// and cancel an operation, but start none.
	OnEvent func(Event)
}

// An Engine is the CloudFormation of one account and region.
type Engine struct {
	options Options
	inbox   *Inbox
	ids     *ids.Source
	ctx     context.Context // ends with Close
	stop    context.CancelFunc
	work    sync.WaitGroup // operations

	// telling holds a token while an event is told, which keeps the calls of OnEvent
	// in order; it is taken before mu. Whoever waits for a channel, unlike for a
	// mutex, lets virtual time pass.
	telling chan struct{}

	mu        sync.Mutex
	stacks    []*stack             // all that ever were, by age
	functions map[string]*deployed // by ARN, all that ever were
	requests  []*Request
}

// New returns an engine without stacks, which answers its account's and
// region's calls of CloudFormation from now on.
func New(o Options) *Engine {
	ctx, stop := context.WithCancel(context.Background())
	var n network.Network = network.Sockets{}
	if o.Memory != nil {
		n = o.Memory
	}
	source := ids.New(o.Seed)
	e := &Engine{
		options: o, inbox: NewInbox(n, source), ids: source, ctx: ctx, stop: stop,
		telling: make(chan struct{}, 1), functions: map[string]*deployed{},
	}
	o.Cloud.Handle("cloudformation", o.Account, o.Region, service{e})
	return e
}

// Close breaks off what runs, without a rollback, and ends every function.
func (e *Engine) Close() {
	e.mu.Lock()
	e.stop()
	e.mu.Unlock()
	e.work.Wait()
	for _, f := range e.Functions() {
		f.Close()
	}
	e.inbox.Close()
}

// Inbox returns where the responses of custom resources arrive, by the request's id.
func (e *Engine) Inbox() *Inbox { return e.inbox }

// Requests returns all requests to custom resources in the order of their sending.
func (e *Engine) Requests() []*Request {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.requests)
}

// Function returns a function by its ARN, also if it was deleted, or nil.
func (e *Engine) Function(arn string) *lambda.Function {
	e.mu.Lock()
	defer e.mu.Unlock()
	if d := e.functions[arn]; d != nil {
		return d.function
	}
	return nil
}

// Logs returns what all functions have printed.
func (e *Engine) Logs() string {
	text := ""
	for _, f := range e.Functions() {
		text += f.Logs()
	}
	return text
}

// Functions returns all functions that ever were.
func (e *Engine) Functions() []*lambda.Function {
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []*lambda.Function
	for _, arn := range slices.Sorted(maps.Keys(e.functions)) {
		list = append(list, e.functions[arn].function)
	}
	return list
}

// Stack returns a stack as it is now, by its name or id. A deleted stack is
// known by its id alone.
func (e *Engine) Stack(nameOrID string) (*Stack, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	st, err := e.find(nameOrID)
	if err != nil {
		return nil, err
	}
	return st.snapshot(), nil
}

// find returns a stack. The caller holds e.mu.
func (e *Engine) find(nameOrID string) (*stack, error) {
	for _, st := range slices.Backward(e.stacks) {
		if st.id == nameOrID || st.name == nameOrID && st.status != deleteComplete {
			return st, nil
		}
	}
	return nil, notFound(nameOrID)
}

func notFound(stack string) error {
	return &aws.Error{
		Status: http.StatusBadRequest, Code: "ValidationError",
		Message: fmt.Sprintf("Stack with id %s does not exist", stack),
	}
}
