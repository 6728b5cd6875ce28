package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// TestInit: what the packages make before main is made on every cold start. Those
// of the function's own compile no pattern there, which takes 10 KiB and more; the
// runtime tells the bytes: https://pkg.go.dev/runtime#hdr-Environment_Variables.
func TestInit(t *testing.T) {
	t.Parallel()
	const most, mostOfOurs = 256 << 10, 4 << 10
	start := exec.Command(function(t))
	start.Env = []string{"GODEBUG=inittrace=1"}
	trace, _ := start.CombinedOutput() // it ends at once, for there is no Lambda
	packages, ours := 0, 0
	for line := range bytes.Lines(trace) {
		var name, at, took string
		var size int
		n, _ := fmt.Sscanf(string(line), "init %s @%s ms, %s ms clock, %d bytes", &name, &at, &took, &size)
		if n < 4 {
			continue
		}
		packages++
		limit := most
		if strings.Contains(name, "bitmovin-export-access") {
			limit = mostOfOurs
			ours++
		}
		if size > limit {
			t.Errorf("the package %s makes %d bytes before main, want at most %d", name, size, limit)
		}
	}
	if packages == 0 || ours == 0 {
		t.Errorf("there is no trace of packages, or none of ours: %s", trace)
	}
}
