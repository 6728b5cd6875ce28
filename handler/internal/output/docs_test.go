package output

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// row matches a row of a table of properties: its name and its value.
var row = regexp.MustCompile("(?m)^\\| `([A-Z]\\w+)` \\| [^|]+ \\| ([^|]+) \\|$")

// TestDocs: the table of properties names those of the code, in its words.
func TestDocs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../docs/bitmovin-analytics-output.md")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]string{}
	for _, match := range row.FindAllStringSubmatch(string(text), -1) {
		told[match[1]] = match[2]
	}
	for _, p := range table() {
		if got := told[p.Name]; !strings.HasPrefix(got, p.Allowed) {
			t.Errorf("%s is told as %q, want it to begin with %q", p.Name, got, p.Allowed)
		}
		delete(told, p.Name)
	}
	for name := range told {
		t.Errorf("there is no property %s", name)
	}
}
