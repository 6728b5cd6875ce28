package lifecycle_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/lifecycle"
)

type song struct{ Title, Key string }

func table() lifecycle.Table[song] {
	return lifecycle.Table[song]{
		{Name: "Title", Allowed: "a short text", Required: true, Set: lifecycle.Text(
			func(s *song) *string { return &s.Title }, func(text string) bool { return len(text) < 8 })},
		{Name: "Key", Allowed: "Major or Minor", Set: lifecycle.Text(
			func(s *song) *string { return &s.Key }, lifecycle.OneOf("Major", "Minor"))},
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name         string
		given        map[string]any
		want         song
		unknown, err string
	}{
		{"all", map[string]any{"Title": "Hymn", "Key": "Minor"}, song{"Hymn", "Minor"}, "", ""},
		{"an empty text keeps the default", map[string]any{"Title": "Hymn", "Key": ""}, song{"Hymn", "Major"}, "", ""},
		{"CloudFormation's own", map[string]any{"Title": "Hymn", "ServiceToken": "arn", "ServiceTimeout": "9"}, song{"Hymn", "Major"}, "", ""},
		{"decoded elsewhere", map[string]any{"Title": "Hymn", "Tags": []any{}}, song{"Hymn", "Major"}, "", ""},
		{"unknown", map[string]any{"Title": "Hymn", "keys": "x", "Tag": "y"}, song{"Hymn", "Major"},
			"property Tag does not exist, did you mean Tags?; property keys does not exist, did you mean Key?", ""},
		{"missing", map[string]any{}, song{}, "", "property Title is required: a short text"},
		{"required and empty", map[string]any{"Title": ""}, song{}, "", "property Title is required"},
		{"not allowed", map[string]any{"Title": "Hymn", "Key": "Dur"}, song{}, "", `property Key must be Major or Minor, not "Dur"`},
		{"a list", map[string]any{"Title": []any{}}, song{}, "", "property Title must be a short text, not a list"},
		{"an object", map[string]any{"Title": map[string]any{}}, song{}, "", "not an object"},
		{"a null", map[string]any{"Title": nil}, song{}, "", "not null"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := song{Key: "Major"}
			unknown, err := table().Decode(tt.given, &got, "Tags")
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("decoded (-want +got):\n%s", diff)
			}
			if (unknown != nil || tt.unknown != "") && (unknown == nil || unknown.Error() != tt.unknown) {
				t.Errorf("unknown %v, want %q", unknown, tt.unknown)
			}
		})
	}
}

func TestMatching(t *testing.T) {
	t.Parallel()
	valid := lifecycle.Matching(`^a+$`)
	for text, want := range map[string]bool{"": false, "a": true, "aa": true, "ab": false, "a\n": false} {
		if got := valid(text); got != want {
			t.Errorf("%q: valid is %v, want %v", text, got, want)
		}
	}
}

func TestCounted(t *testing.T) {
	t.Parallel()
	valid := lifecycle.Counted(func(text string) bool { return !strings.Contains(text, "x") }, 2, 3)
	for text, want := range map[string]bool{"": false, "a": false, "é": false, "ab": true, "éàü": true, "abcd": false, "xy": false} {
		if got := valid(text); got != want {
			t.Errorf("%q: valid is %v, want %v", text, got, want)
		}
	}
}

func TestDecodeLeavesTheEventAlone(t *testing.T) {
	t.Parallel()
	given := map[string]any{"Title": "Hymn", "Bogus": "x"}
	if _, err := table().Decode(given, &song{}); err != nil {
		t.Fatal(err)
	}
	if len(given) != 2 {
		t.Errorf("the event's properties are %v, want them as before", given)
	}
}
