package main

import (
	"os"
	"runtime/debug"
	"testing"
)

func TestMain(m *testing.M) {
	debug.SetGCPercent(400) // the accounts make much garbage, and there is memory
	os.Exit(m.Run())
}
