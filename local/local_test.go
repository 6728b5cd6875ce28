package main

import (
	"context"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestMain has more tests run at once than there are processors: the function is
// real here, and waits more than it works.
func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", "16") // unless -parallel is given
	code := m.Run()
	if builtIn != "" {
		_ = os.RemoveAll(builtIn) // what is left is the system's to clear
	}
	os.Exit(code)
}

// builtIn is where the function was built, if a test needed that.
var builtIn string

// buildOnce builds the function when the first test needs it, for all tests.
var buildOnce = sync.OnceValues(func() (parts, error) {
	var err error
	if builtIn, err = os.MkdirTemp("", "local-test"); err != nil {
		return parts{}, err
	}
	return build(context.Background(), "..", builtIn)
})

// project returns the function and the template. It looks over the function's
// sources, so that go test runs the tests again when they have changed.
func project(t *testing.T) parts {
	t.Helper()
	if err := filepath.WalkDir("../handler", func(_ string, _ fs.DirEntry, err error) error { return err }); err != nil {
		t.Fatal(err)
	}
	p, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	return p
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
