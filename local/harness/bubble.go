package harness

import (
	"testing"
	"testing/synctest"
)

// Bubble runs a test in a bubble of virtual time, beside other tests. In it there is
// no t.Run and no t.Parallel, no socket, and no mutex is held while something is
// waited for: see [testing/synctest].
func Bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, test)
}

// Run runs a case of a test in a bubble of its own.
func Run(t *testing.T, name string, test func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { Bubble(t, test) })
}
