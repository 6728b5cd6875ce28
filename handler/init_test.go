package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"testing"
)

// TestInit: what the packages make before main is made on every cold start. A
// package of the function's own makes a few patterns and tables; the runtime
// tells the bytes: https://pkg.go.dev/runtime#hdr-Environment_Variables.
func TestInit(t *testing.T) {
	t.Parallel()
	const most = 256 << 10
	start := exec.Command(function(t))
	start.Env = []string{"GODEBUG=inittrace=1"}
	trace, _ := start.CombinedOutput() // it ends at once, for there is no Lambda
	packages := 0
	for line := range bytes.Lines(trace) {
		var name, at, took string
		var size int
		n, _ := fmt.Sscanf(string(line), "init %s @%s ms, %s ms clock, %d bytes", &name, &at, &took, &size)
		if n < 4 {
			continue
		}
		packages++
		if size > most {
			t.Errorf("the package %s makes %d bytes before main, want at most %d", name, size, most)
		}
	}
	if packages == 0 {
		t.Errorf("there is no trace of packages: %s", trace)
	}
}
