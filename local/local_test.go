package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// built is what [project] returns.
var built parts

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "local-test")
	if err == nil {
		defer os.RemoveAll(dir) //nolint:errcheck // what is left is the system's to clear
		// No test's context is there yet.
		built, err = build(context.Background(), "..", dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// project returns the function and the template, for all tests. It looks over the
// function's sources, so that go test runs the tests again when they have changed.
func project(t *testing.T) parts {
	t.Helper()
	if err := filepath.WalkDir("../handler", func(_ string, _ fs.DirEntry, err error) error { return err }); err != nil {
		t.Fatal(err)
	}
	return built
}

func TestBuildFlagsAreTheMakefiles(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join(buildFlags(), " ")
	if !strings.Contains(strings.ReplaceAll(string(makefile), "'", ""), want) {
		t.Errorf("the Makefile does not build with %s", want)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"demo", "events/create.json"}, {"demo", "twice"}, {"invoke"}, {"deploy"}} {
		if err := run(t.Context(), args, nil); err == nil || !strings.HasPrefix(err.Error(), "usage: ") {
			t.Errorf("run(%q) = %v, want the usage", args, err)
		}
	}
}
