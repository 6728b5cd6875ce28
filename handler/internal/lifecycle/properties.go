package lifecycle

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/lazy"
)

// A Property is one row of a table of properties: how its text is checked, and
// where in a T it goes.
type Property[T any] struct {
	Name string
	// Allowed says what is, for the author: "must be <Allowed>".
	Allowed string
	// Set takes the text; false refuses it.
	Set func(into *T, text string) bool
	// Required refuses a resource that leaves it out.
	Required bool
}

// A Table has the scalar properties of a resource in the order of its documentation.
type Table[T any] []Property[T]

// Text returns a Set that takes what is valid into a field.
func Text[T any](field func(*T) *string, valid func(string) bool) func(*T, string) bool {
	return func(into *T, text string) bool {
		*field(into) = text
		return valid(text)
	}
}

// OneOf returns what is valid for a property with a fixed set of values.
func OneOf(values ...string) func(string) bool {
	return func(text string) bool { return slices.Contains(values, text) }
}

// Matching returns what is valid for a property that matches a pattern.
func Matching(expression string) func(string) bool {
	compiled := lazy.Pattern(expression)
	return func(text string) bool { return compiled().MatchString(text) }
}

// Counted returns what is valid for a property of least to most characters. The
// count is no part of a pattern, which is compiled into as many copies of what it
// counts.
func Counted(valid func(string) bool, least, most int) func(string) bool {
	return func(text string) bool {
		n := utf8.RuneCountInString(text)
		return least <= n && n <= most && valid(text)
	}
}

// Decode sets what is given of the table's properties. Those of others are known
// as well, and decoded elsewhere; ServiceToken and ServiceTimeout are
// CloudFormation's own. The error unknown names those which do not exist. It is
// apart from err, since a rollback to the properties of another version of the
// function ignores them; both are told where, say, a required property is
// misspelt.
func (t Table[T]) Decode(given map[string]any, into *T, others ...string) (unknown, err error) {
	left := maps.Clone(given)
	for _, name := range slices.Concat(others, []string{"ServiceToken", "ServiceTimeout"}) {
		delete(left, name)
	}
	for _, p := range t {
		value, ok := left[p.Name]
		delete(left, p.Name)
		if err == nil {
			err = p.decode(value, ok, into)
		}
	}
	return t.unknown(left, others), err
}

// Invalid joins the two errors of [Table.Decode] into one line, nil if both are.
func Invalid(unknown, err error) error {
	if unknown == nil || err == nil {
		return errors.Join(unknown, err)
	}
	return fmt.Errorf("%w; %w", unknown, err)
}

// decode sets the property. An empty string is as good as nothing given: it is
// what a parameter's default becomes.
func (p Property[T]) decode(value any, given bool, into *T) error {
	text, isText := value.(string)
	switch {
	case given && !isText:
		return fmt.Errorf("property %s must be %s, not %s", p.Name, p.Allowed, kind(value))
	case text == "" && p.Required:
		return fmt.Errorf("property %s is required: %s", p.Name, p.Allowed)
	case text != "" && !p.Set(into, text):
		return fmt.Errorf("property %s must be %s, not %q", p.Name, p.Allowed, text)
	}
	return nil
}

func kind(value any) string {
	switch value.(type) {
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	}
	b, _ := json.Marshal(value)
	return string(b)
}

// unknown names the properties that are left over, each with the known one that
// is nearest.
func (t Table[T]) unknown(left map[string]any, others []string) error {
	if len(left) == 0 {
		return nil
	}
	names := slices.Clone(others)
	for _, p := range t {
		names = append(names, p.Name)
	}
	var told []string
	for _, name := range slices.Sorted(maps.Keys(left)) {
		told = append(told, fmt.Sprintf("property %s does not exist, did you mean %s?", name, nearest(name, names)))
	}
	return errors.New(strings.Join(told, "; "))
}

// nearest returns the one of the names that takes the fewest edits from name.
func nearest(name string, names []string) string {
	return slices.MinFunc(names, func(a, b string) int {
		return distance(strings.ToLower(name), strings.ToLower(a)) - distance(strings.ToLower(name), strings.ToLower(b))
	})
}

// distance is the Levenshtein distance of two strings, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
