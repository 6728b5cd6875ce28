package access

import (
	"os"
	"regexp"
	"testing"
)

// row matches a row of a table of properties: its name and its value.
var row = regexp.MustCompile("(?m)^\\| `([A-Z]\\w+)` \\| [^|]+ \\| ([^|]+) \\|$")

// TestDocs: the tables of properties name those of the code, in its words.
func TestDocs(t *testing.T) {
	t.Parallel()
	allowed := map[string]string{"Tags": "a list of at most 48 objects with Key and Value"}
	for _, p := range table() {
		allowed[p.Name] = p.Allowed
	}
	for _, page := range []string{"../../../README.md", "../../../docs/bitmovin-export-access.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		told := map[string]string{}
		for _, match := range row.FindAllStringSubmatch(string(text), -1) {
			told[match[1]] = match[2]
		}
		for name, want := range allowed {
			if got := told[name]; len(got) < len(want) || got[:len(want)] != want {
				t.Errorf("%s: %s is told as %q, want it to begin with %q", page, name, got, want)
			}
			delete(told, name)
		}
		for name := range told {
			t.Errorf("%s: there is no property %s", page, name)
		}
	}
}
