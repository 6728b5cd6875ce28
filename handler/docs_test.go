package main

import (
	"flag"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what is generated from the tests into the documentation")

// reliability is the page that tells what is tested.
const reliability = "../docs/reliability.md"

// writing is held by the test that writes into a page.
var writing sync.Mutex

// generated compares what stands between the marks of that name on the page with what
// is to stand there, or writes it there.
func generated(t *testing.T, name, want string) {
	t.Helper()
	writing.Lock()
	defer writing.Unlock()
	text, err := os.ReadFile(reliability)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->\n"
	before, rest, ok := strings.Cut(string(text), begin)
	got, after, both := strings.Cut(rest, end)
	if !ok || !both {
		t.Fatalf("%s has no marks %q and %q", reliability, begin, end)
	}
	if *update {
		if err := os.WriteFile(reliability, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s, %s (-want +got; go test ./handler -run %s -update writes it):\n%s", reliability, name, t.Name(), diff)
	}
}
