package console

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestText(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 90)
	for name, c := range map[string]struct {
		indent     int
		text, want string
	}{
		"empty":                      {2, "", ""},
		"short":                      {2, "one two", "  one two\n"},
		"wrapped at 80":              {4, strings.Repeat("word ", 16), "    " + strings.Repeat(" word", 15)[1:] + "\n    word\n"},
		"a word that is too wide":    {0, "a " + long + " b", "a\n" + long + "\nb\n"},
		"counted in runes":           {0, strings.Repeat("é", 39) + " " + strings.Repeat("é", 40), strings.Repeat("é", 39) + " " + strings.Repeat("é", 40) + "\n"},
		"JSON in it":                 {2, `paste: {"a":[]} (more)`, "  paste:\n    {\n      \"a\": []\n    }\n  (more)\n"},
		"JSON alone":                 {0, `{"a":1}`, "  {\n    \"a\": 1\n  }\n"},
		"two of them":                {0, `{}{}`, "  {}\n  {}\n"},
		"braces that are no JSON":    {0, "${a} {b}", "${a} {b}\n"},
		"a value wide for its key":   {0, `{"k":"` + long[:72] + `"}`, "  {\n    \"k\":\n      \"" + long[:72] + "\"\n  }\n"},
		"a value wide for any place": {0, `{"k":"` + long + `"}`, "  {\n    \"k\": \"" + long + "\"\n  }\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			New(&out, false).Text(c.indent, c.text)
			if diff := cmp.Diff(c.want, out.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRow(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := New(&out, false)
	c.Row(2, []int{6, 4}, "s3:é", "PASS", strings.Repeat("seen ", 14))
	c.Row(2, []int{6, 4}, "too wide", "FAIL", "x")
	want := "  s3:é    PASS  " + strings.TrimSpace(strings.Repeat("seen ", 13)) +
		"\n                seen\n  too wide  FAIL  x\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestColour(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := New(&out, true)
	c.Heading("title")
	c.Row(0, []int{4}, "PASS", "green")
	c.Row(0, []int{4}, "UPDATE_ROLLBACK_COMPLETE", "red")
	c.Row(0, []int{4}, "CREATE_IN_PROGRESS", "yellow")
	c.Row(0, []int{4}, "name", "plain")
	want := "\n\x1b[1mtitle\x1b[0m\n\x1b[32mPASS  \x1b[0mgreen\n\x1b[31mUPDATE_ROLLBACK_COMPLETE  \x1b[0mred\n" +
		"\x1b[33mCREATE_IN_PROGRESS  \x1b[0myellow\nname  plain\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWantsColour(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()                   //nolint:errcheck // nothing was written
	terminal, err := os.Open(os.DevNull) // a character device, as a terminal is
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close() //nolint:errcheck // nothing was written
	t.Setenv("NO_COLOR", "")
	if WantsColour(file) || !WantsColour(terminal) {
		t.Error("a file gets colours, or a device gets none")
	}
	t.Setenv("NO_COLOR", "1")
	if WantsColour(terminal) {
		t.Error("there are colours with NO_COLOR set")
	}
}

func TestCutObject(t *testing.T) {
	t.Parallel()
	before, object, after := CutObject(`a {b} c {"d":{"e":"}"}} f`)
	if before != "a {b} c " || after != "f" || !json.Valid(object) || string(object) != `{"d":{"e":"}"}}` {
		t.Errorf("got %q, %q, %q", before, object, after)
	}
}
