package main

import (
	"sync"
	"testing"
)

// A crowd runs tests beside each other that mostly wait, and so may be more at
// once than there are cores.
type crowd struct {
	t      *testing.T
	run    sync.WaitGroup
	places chan struct{}
}

// crowdOf is a crowd of which so many run at once.
func crowdOf(t *testing.T, places int) *crowd {
	t.Helper()
	return &crowd{t: t, places: make(chan struct{}, places)}
}

// start starts a test as soon as there is a place for it. [crowd.wait] has to
// follow before the test that it is of returns.
func (c *crowd) start(name string, test func(t *testing.T)) {
	c.run.Go(func() {
		c.places <- struct{}{}
		defer func() { <-c.places }()
		c.t.Run(name, test)
	})
}

func (c *crowd) wait() { c.run.Wait() }
