package lambda

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/bitmovin/bitmovin-export-access/local/network"
)

// A Program is a function that runs in this process, for tests in virtual time. It
// is called once for each sandbox, with the environment, what to print to and the
// network, and returns what handles the events. All that it does must end with the
// context of the event.
type Program func(env map[string]string, log io.Writer, network http.RoundTripper) func(ctx context.Context, event []byte) error

// An instance is a sandbox that runs a [Program]. A kill cannot end a goroutine: it
// cuts off the network and the log for good, and ends the context.
type instance struct {
	arn        string
	handle     func(ctx context.Context, event []byte) error
	connection *network.Connection
	logs       *transcript
	log        *killableLog
	work       *sync.WaitGroup
	once       sync.Once
	killed     chan struct{}
	panicked   bool // read once it has answered
}

// startProgram starts an instance. The caller holds f.mu.
func (f *Function) startProgram() *instance {
	s := &instance{
		arn: f.cfg.FunctionARN, connection: f.cfg.Network.Connect(), logs: f.logs, log: &killableLog{to: f.logs},
		work: &f.work, killed: make(chan struct{}),
	}
	context.AfterFunc(f.ctx, s.kill)
	s.handle = f.cfg.Program(f.cfg.environment(), s.log, s.connection)
	return s
}

// serve implements [sandbox].
func (s *instance) serve(r *request) (a Attempt, taken bool) {
	begin := time.Now()
	ctx, cancel := context.WithDeadline(context.Background(), begin.Add(r.timeout))
	defer cancel()
	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: r.id, InvokedFunctionArn: s.arn})
	s.logs.platform("platform.start", map[string]any{"requestId": r.id, "version": "$LATEST"})
	s.work.Go(func() { r.answered <- s.run(ctx, r.event) })
	select {
	case err := <-r.answered:
		a = Attempt{Err: err}
		if s.panicked {
			s.kill() // as a process that panics ends
		}
	case <-s.killed:
		a = Attempt{Err: r.exited("signal: killed")}
	case <-ctx.Done():
	}
	if ctx.Err() != nil { // in virtual time the answer may come at the same moment
		s.kill()
		a = r.timedOut()
	}
	a.Duration = time.Since(begin)
	return a, true
}

// run returns the error as the runtime reports it.
func (s *instance) run(ctx context.Context, event []byte) (err string) {
	defer func() {
		if p := recover(); p != nil {
			s.panicked = true
			err = fmt.Sprintf("panic: %v", p)
		}
	}()
	if err := s.handle(ctx, event); err != nil {
		return fmt.Sprintf("%T: %v", err, err)
	}
	return ""
}

// kill implements [sandbox].
func (s *instance) kill() {
	s.once.Do(func() {
		s.connection.Cut()
		s.log.drop()
		close(s.killed)
	})
}

// gone implements [sandbox].
func (s *instance) gone() <-chan struct{} { return s.killed }

// A killableLog is a writer that drops everything once its sandbox was killed.
type killableLog struct {
	mu sync.Mutex
	to io.Writer
}

// Write implements [io.Writer].
func (w *killableLog) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}

func (w *killableLog) drop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.to = io.Discard
}
