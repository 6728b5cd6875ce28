package harness

import (
	"fmt"
	"sync"
	"testing"
)

// A Recorder is the [testing.TB] of a test in a bubble that is run many times, to find
// what is wrong or the least that is: it keeps what is reported instead of failing.
type Recorder struct {
	testing.TB

	mu     sync.Mutex
	faults []Fault
}

// A Fault is something that was reported: Kind is the same in all of one kind.
type Fault struct{ Kind, Text string }

func (r *Recorder) record(kind, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, Fault{kind, text})
}

// Faults returns what was reported.
func (r *Recorder) Faults() []Fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.faults
}

// Failed implements [testing.TB], as the methods below do.
func (r *Recorder) Failed() bool { return len(r.Faults()) > 0 }

// Fail implements [testing.TB].
func (r *Recorder) Fail() { r.record("failed", "failed") }

// FailNow ends the test as SkipNow does: the test in the bubble has not failed.
func (r *Recorder) FailNow() { r.Fail(); r.SkipNow() }

// Error implements [testing.TB].
func (r *Recorder) Error(args ...any) { r.record("error", fmt.Sprint(args...)) }

// Errorf implements [testing.TB].
func (r *Recorder) Errorf(text string, args ...any) { r.record(text, fmt.Sprintf(text, args...)) }

// Fatal implements [testing.TB].
func (r *Recorder) Fatal(args ...any) { r.Error(args...); r.SkipNow() }

// Fatalf implements [testing.TB].
func (r *Recorder) Fatalf(text string, args ...any) { r.Errorf(text, args...); r.SkipNow() }

// Log drops what is logged.
func (r *Recorder) Log(...any) {}

// Logf drops what is logged.
func (r *Recorder) Logf(string, ...any) {}
