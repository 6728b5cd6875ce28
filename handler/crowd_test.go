package main

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
)

// A crowd runs cases of a test beside each other that mostly wait, and so may be
// more at once than there are cores.
type crowd struct {
	t   *testing.T
	run sync.WaitGroup
}

// places are those of all crowds together: beyond so many, cases whose function
// has little time would wait for a core instead of for what they are about.
var places = make(chan struct{}, 20*runtime.GOMAXPROCS(0))

// newCrowd is a crowd of cases of the test, which runs beside other tests.
func newCrowd(t *testing.T) *crowd {
	t.Helper()
	t.Parallel()
	return &crowd{t: t}
}

// start starts a case as soon as there is a place for it. [crowd.wait] has to
// follow before the test that it is of returns.
func (c *crowd) start(name string, test func(t *testing.T)) {
	c.run.Go(func() {
		places <- struct{}{}
		defer func() { <-places }()
		c.t.Run(name, test)
	})
}

func (c *crowd) wait() { c.run.Wait() }

// A pool lends desks with the provider on them to one case after the other, which
// so has neither to deploy one nor to wait for a cold start. A desk on which a case
// failed is not lent again.
type pool struct {
	t    *testing.T
	mu   sync.Mutex
	idle map[string][]*desk
}

// poolFor is a pool for the cases of the test.
func poolFor(t *testing.T) *pool {
	t.Helper()
	return &pool{t: t, idle: map[string][]*desk{}}
}

// lend returns a desk with the function's timeout and Lambda's retries of the
// options. When the case has ended, what it left of the stack app is deleted.
func (p *pool) lend(t *testing.T, o options) *desk {
	t.Helper()
	kind := fmt.Sprint(o.timeout, o.retryDelays)
	d := p.take(kind)
	if d == nil {
		d = openDesk(t, options{timeout: o.timeout, retryDelays: o.retryDelays})
		p.t.Cleanup(func() {
			d.TB = p.t
			d.checkPromises()
			d.close()
		})
		d.provide()
	}
	d.TB = t
	d.onEvent.Store(nil)
	printed := len(d.engine.Logs())
	d.addBystanders()
	t.Cleanup(func() {
		d.end()
		d.wantNoRoles()
		d.checkAnswers()
		logs := d.engine.Logs()[printed:]
		wantNoSecret(t, logs)
		if t.Failed() {
			t.Logf("what the function printed:\n%s", logs)
			return
		}
		p.put(kind, d)
	})
	return d
}

func (p *pool) take(kind string) *desk {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle[kind])
	if n == 0 {
		return nil
	}
	d := p.idle[kind][n-1]
	p.idle[kind] = p.idle[kind][:n-1]
	return d
}

func (p *pool) put(kind string, d *desk) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle[kind] = append(p.idle[kind], d)
}
