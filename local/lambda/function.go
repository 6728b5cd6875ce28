// Package lambda is AWS Lambda on a desk: it runs a function, as an asynchronous
// invocation by CloudFormation does, with the deadline, the kill, the retries and
// the concurrent execution environments of the real one. The function is its
// unmodified binary behind the Runtime API, or, for tests in virtual time, a
// [Program] in this process.
//
// It follows https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html and
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html.
// Unlike Lambda it does not freeze a sandbox between two requests.
package lambda

import (
	"cmp"
	"context"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/bitmovin/bitmovin-export-access/local/ids"
	"github.com/bitmovin/bitmovin-export-access/local/network"
)

// Config describes a function.
type Config struct {
	// Binary is the path of the executable, the "bootstrap" of a zip.
	Binary string
	// Program, if set, runs in place of Binary, in this process. Its sandboxes call
	// by Network, which must be set then.
	Program Program
	Network *network.Memory
	// IDs names requests and log streams; random if it is nil.
	IDs *ids.Source
	// Env is added to what Lambda itself sets, and wins over it. Nothing of this
	// process' own environment reaches the function.
	Env         map[string]string
	FunctionARN string
	// Timeout of one attempt; 3 s, as in Lambda, if it is zero.
	Timeout time.Duration
	// MemorySize in MB; 128 if it is zero. It is told, not enforced.
	MemorySize int
	// RetryDelays are the pauses before the second, third … attempt of an event
	// whose attempt failed. Nil means Lambda's own, one and two minutes; an empty
	// list means none.
	RetryDelays []time.Duration
	// MaxEventAge is how old an event may be when an attempt begins; 6 h if it is zero.
	MaxEventAge time.Duration
	// Log, if set, gets what the sandboxes printed after each attempt.
	Log io.Writer
}

// RetryDelays returns the pauses that Lambda makes before it delivers an event again:
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html.
func RetryDelays() []time.Duration { return []time.Duration{time.Minute, 2 * time.Minute} }

func (c Config) withDefaults() Config {
	if c.IDs == nil {
		c.IDs = ids.New(0)
	}
	c.Timeout = cmp.Or(c.Timeout, 3*time.Second)
	c.MemorySize = cmp.Or(c.MemorySize, 128)
	c.MaxEventAge = cmp.Or(c.MaxEventAge, 6*time.Hour)
	if c.RetryDelays == nil {
		c.RetryDelays = RetryDelays()
	}
	return c
}

// A Function is a deployed function with its execution environments.
type Function struct {
	ctx  context.Context // ends with Close: every process and every pause hangs on it
	stop context.CancelFunc
	logs *transcript
	work sync.WaitGroup // invocations, processes and servers

	mu   sync.Mutex
	cfg  Config
	idle []*pooled
	busy map[*pooled]bool
	// queue is how long an event waits before its first delivery.
	queue time.Duration
}

// A pooled sandbox is one of a function's. Its fields are guarded by Function.mu.
type pooled struct {
	sandbox
	outdated, killed bool
}

// New returns a function that has no sandbox yet: the first event starts one.
func New(c Config) *Function {
	ctx, stop := context.WithCancel(context.Background())
	return &Function{
		ctx: ctx, stop: stop, logs: newTranscript(c.Log), cfg: c.withDefaults(), busy: map[*pooled]bool{},
	}
}

// Configure gives the function a new configuration, as UpdateFunctionConfiguration
// does: attempts that run end in the old one, every later one starts in the new.
func (f *Function) Configure(c Config) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cfg = c.withDefaults()
	for _, s := range f.idle {
		s.kill()
	}
	f.idle = nil
	for s := range f.busy {
		s.outdated = true
	}
}

// Kill kills every sandbox that is serving a request now, as a crash would, and
// returns when they are gone: none makes another call.
func (f *Function) Kill() {
	f.mu.Lock()
	busy := slices.Collect(maps.Keys(f.busy))
	for _, s := range busy {
		s.killed = true
		s.kill()
	}
	f.mu.Unlock()
	for _, s := range busy {
		<-s.gone()
	}
}

// Delay has every event that comes from now on wait before its first delivery, as in a
// queue that is full: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html.
func (f *Function) Delay(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue = d
}

// Logs returns everything that the sandboxes and the platform have printed.
func (f *Function) Logs() string { return f.logs.String() }

// Close kills all sandboxes, drops what is still to be retried, and waits until
// no process is left.
func (f *Function) Close() {
	f.mu.Lock()
	f.stop()
	f.mu.Unlock()
	f.work.Wait()
	f.logs.close()
}

// acquire returns a sandbox for one attempt: an idle one, else a new one.
func (f *Function) acquire() (s *pooled, warm bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.idle); n > 0 {
		s, f.idle = f.idle[n-1], f.idle[:n-1]
		warm = true
	} else {
		launched, err := f.launch()
		if err != nil {
			return nil, false, err
		}
		s = &pooled{sandbox: launched}
	}
	f.busy[s] = true
	return s, warm, nil
}

// release gives a sandbox back after an attempt and says whether [Function.Kill] hit it.
func (f *Function) release(s *pooled, reusable bool) (killed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.busy, s)
	if reusable && !s.outdated && !s.killed {
		f.idle = append(f.idle, s)
	} else {
		s.kill()
	}
	return s.killed
}

func (f *Function) config() Config {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.cfg
	c.RetryDelays = slices.Clone(c.RetryDelays)
	return c
}
