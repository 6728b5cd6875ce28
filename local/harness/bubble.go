package harness

import (
	"testing"
	"testing/synctest"
	"time"
)

// Bubble runs a test in a bubble of virtual time, beside other tests. In it there is
// no t.Run and no t.Parallel, no socket, and no mutex is held while something is
// waited for: see [testing/synctest].
func Bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	InBubble(t, test)
}

// InBubble is Bubble for what is needed before the test goes on: it returns when the
// test has ended, and not beside others.
func InBubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { time.Sleep(longestTimer) })
		test(t)
	})
}

// longestTimer is longer than any timer that a call leaves behind: http.Client leaves
// that of its Timeout, and a bubble may not end before its goroutines.
const longestTimer = time.Minute

// Run runs a case of a test in a bubble of its own.
func Run(t *testing.T, name string, test func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { Bubble(t, test) })
}
