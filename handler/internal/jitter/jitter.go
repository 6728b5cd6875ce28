// Package jitter makes the pauses between repeated calls differ from function to
// function, so that many which fail at once do not come again at once.
// https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
package jitter

import (
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"
)

// A Source makes pauses. They follow from its name, so that a test can repeat a run.
type Source struct {
	mu     sync.Mutex
	random *rand.Rand
}

// New returns the source of a name, such as that of the log stream, which no two
// execution environments share.
func New(name string) *Source {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	return &Source{random: rand.New(rand.NewPCG(h.Sum64(), 0))}
}

// Below returns a pause of at least 0 and less than d, which must be positive.
func (s *Source) Below(d time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Duration(s.random.Int64N(int64(d)))
}
