package ids_test

import (
	"regexp"
	"testing"

	"github.com/bitmovin/bitmovin-export-access/local/ids"
)

func TestIDs(t *testing.T) {
	t.Parallel()
	one := ids.New(1)
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(one.UUID("x")) {
		t.Errorf("UUID %s", one.UUID("x"))
	}
	if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(one.Hex("x")) || !regexp.MustCompile(`^[A-Z2-7]{13}$`).MatchString(one.Text("x")) {
		t.Errorf("Hex %s, Text %s", one.Hex("x"), one.Text("x"))
	}
	for what, c := range map[string]struct {
		a, b string
		same bool
	}{
		"the same":          {ids.New(1).UUID("x", 1), ids.New(1).UUID("x", 1), true},
		"another seed":      {ids.New(1).UUID("x", 1), ids.New(2).UUID("x", 1), false},
		"for another thing": {ids.New(1).UUID("x", 1), ids.New(1).UUID("x", 2), false},
		"other parts":       {ids.New(1).UUID("x", "y z"), ids.New(1).UUID("x y", "z"), false},
		"the next":          {one.UUID("y"), one.UUID("y"), false},
		"random seeds":      {ids.New(0).UUID("x"), ids.New(0).UUID("x"), false},
	} {
		if (c.a == c.b) != c.same {
			t.Errorf("%s: %s and %s", what, c.a, c.b)
		}
	}
}
