package lambda

import (
	"fmt"
	"time"
)

// An Attempt is one delivery of an event to a sandbox.
type Attempt struct {
	// Err is empty for a success, else the error's type and message.
	Err string
	// TimedOut: the deadline passed, and Lambda killed the sandbox.
	TimedOut bool
	// Killed: [Function.Kill] or [Function.Close] ended the sandbox.
	Killed bool
	// Duration from the handing over of the event to its answer.
	Duration time.Duration
	// Init is the time from exec to the first /next of a new sandbox; zero in a warm one.
	Init time.Duration
	// PeakMemory is the sandbox' highest resident set size so far in bytes, where
	// the system tells it (Linux), else zero.
	PeakMemory int64
}

// An Invocation is one event on its way, with all its attempts.
type Invocation struct {
	// RequestID is Lambda's, the same in every attempt.
	RequestID string
	event     []byte
	queued    time.Time
	done      chan struct{}
	attempts  []Attempt
}

// Invoke queues the event, as an invocation of type Event, and returns at once.
func (f *Function) Invoke(event []byte) *Invocation {
	i := &Invocation{RequestID: f.config().IDs.UUID("invocation", string(event)), event: event, queued: time.Now(), done: make(chan struct{})}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ctx.Err() != nil {
		close(i.done)
		return i
	}
	queue := f.queue
	f.work.Go(func() {
		defer close(i.done)
		f.pause(queue)
		f.deliver(i)
	})
	return i
}

// Wait returns the attempts after the last one has ended. There is none if the
// function was closed, or the event too old, before the first.
func (i *Invocation) Wait() []Attempt {
	<-i.done
	return i.attempts
}

// deliver makes attempts until one succeeds, the retries are spent or the event is too old.
func (f *Function) deliver(i *Invocation) {
	for n := 0; ; n++ {
		c := f.config()
		if c.Program != nil {
			// So that events which are sent at once come in an order that can be repeated.
			time.Sleep(c.Network.Delay(string(i.event)))
		}
		if f.ctx.Err() != nil || time.Since(i.queued) > c.MaxEventAge {
			return
		}
		a := f.attempt(i, c)
		i.attempts = append(i.attempts, a)
		f.report(i, a, c)
		if a.Err == "" || n >= len(c.RetryDelays) {
			return
		}
		f.pause(c.RetryDelays[n])
	}
}

// pause waits for so long, or until the function is closed.
func (f *Function) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-f.ctx.Done():
	}
}

// attempt delivers the event once. A warm sandbox that died before it took the
// event (its last request ended it) costs no attempt: another one gets it.
func (f *Function) attempt(i *Invocation, c Config) Attempt {
	for {
		s, warm, err := f.acquire()
		if err != nil {
			return Attempt{Err: fmt.Sprintf("Runtime.InvalidEntrypoint: %v", err)}
		}
		r := &request{id: i.RequestID, event: i.event, timeout: c.Timeout, answered: make(chan string, 1)}
		a, taken := s.serve(r)
		if warm {
			a.Init = 0
		}
		hit := f.release(s, taken && !ended(s))
		a.Killed = a.Err != "" && !a.TimedOut && (hit || f.ctx.Err() != nil)
		if taken || !warm || a.Killed {
			return a
		}
	}
}

// report prints what Lambda's platform prints after an attempt:
// https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html.
func (f *Function) report(i *Invocation, a Attempt, c Config) {
	status := "success"
	switch {
	case a.TimedOut:
		status = "timeout"
	case a.Err != "":
		status = "error"
	}
	f.logs.platform("platform.report", map[string]any{
		"requestId": i.RequestID, "status": status, "error": a.Err,
		"metrics": map[string]any{
			"durationMs":       a.Duration.Milliseconds(),
			"initDurationMs":   a.Init.Milliseconds(),
			"maxMemoryUsedMB":  a.PeakMemory >> 20,
			"memorySizeMB":     c.MemorySize,
			"timeoutInSeconds": c.Timeout.Seconds(),
		},
	})
	f.logs.flush()
}
