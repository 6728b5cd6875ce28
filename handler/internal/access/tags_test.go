package access

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/role"
)

func tag(key, value any) map[string]any { return map[string]any{"Key": key, "Value": value} }

func TestDecodeTags(t *testing.T) {
	t.Parallel()
	many := make([]any, 49)
	all := map[string]string{}
	for i := range many {
		many[i] = tag(fmt.Sprint("k", i), "v")
		if i < 48 {
			all[fmt.Sprint("k", i)] = "v"
		}
	}
	long := strings.Repeat("ü", 128)
	tests := []struct {
		name  string
		value any
		want  map[string]string
		told  string // what the error tells; empty for none
	}{
		{name: "none"},
		{name: "an empty text", value: ""},
		{name: "an empty list", value: []any{}, want: map[string]string{}},
		{name: "two", value: []any{tag("team", "video"), tag("Cost Center", "")}, want: map[string]string{"team": "video", "Cost Center": ""}},
		{name: "all kinds of letters", value: []any{tag("é中_.:/=+-@ 1", "é中_.:/=+-@ 1")}, want: map[string]string{"é中_.:/=+-@ 1": "é中_.:/=+-@ 1"}},
		{name: "the longest", value: []any{tag(long, long+long)}, want: map[string]string{long: long + long}},
		{name: "near the reserved", value: []any{tag("awsome", "v"), tag("bitmovin", "v"), tag("my:aws:", "v"), tag("bitmovin-export-access", "v")},
			want: map[string]string{"awsome": "v", "bitmovin": "v", "my:aws:": "v", "bitmovin-export-access": "v"}},
		{name: "48", value: many[:48], want: all},
		{name: "49", value: many, told: "at most 48"},
		{name: "a text", value: "team=video", told: "must be a list"},
		{name: "a map", value: map[string]any{"team": "video"}, told: "must be a list"},
		{name: "a truth", value: true, told: "must be a list"},
		{name: "a list of texts", value: []any{"team"}, told: "item 1: must be an object"},
		{name: "a hole", value: []any{tag("a", "v"), nil}, told: "item 2: must be an object"},
		{name: "no key", value: []any{map[string]any{"Value": "v"}}, told: "item 1: must have a Key and a Value"},
		{name: "no value", value: []any{map[string]any{"Key": "k"}}, told: "item 1: must have a Key and a Value"},
		{name: "something more", value: []any{map[string]any{"Key": "k", "Value": "v", "PropagateAtLaunch": "true"}}, told: `not "PropagateAtLaunch"`},
		{name: "lower case", value: []any{map[string]any{"key": "k", "value": "v"}}, told: "must have Key and Value alone"},
		{name: "a number as value", value: []any{tag("k", 1.0)}, told: "both text"},
		{name: "a list as key", value: []any{tag([]any{}, "v")}, told: "both text"},
		{name: "an empty key", value: []any{tag("", "v")}, told: "at most 128 in the key"},
		{name: "a key too long", value: []any{tag(long+"x", "v")}, told: "at most 128 in the key"},
		{name: "a value too long", value: []any{tag("k", long+long+"x")}, told: "256 in the value"},
		{name: "a letter that IAM does not take", value: []any{tag("k#", "v")}, told: "must be letters"},
		{name: "a value that IAM does not take", value: []any{tag("k", "a*b")}, told: "must be letters"},
		{name: "a line break", value: []any{tag("k", "v\n")}, told: "must be letters"},
		{name: "twice", value: []any{tag("team", "a"), tag("team", "b")}, told: `item 2: the key "team" stands twice`},
		{name: "twice but for case", value: []any{tag("team", "a"), tag("x", "y"), tag("Team", "a")}, told: `item 3: the key "Team" stands twice`},
		{name: "AWS's", value: []any{tag("aws:cloudformation:stack-id", "v")}, told: "reserved"},
		{name: "AWS's in another case", value: []any{tag("AWS:x", "v")}, told: "reserved"},
		{name: "the provider's", value: []any{tag("bitmovin-export-access:stack-id", "v")}, told: "reserved"},
		{name: "the provider's in a letter that folds to it", value: []any{tag("bitmovin-export-acce\u017f\u017f:stack-id", "v")}, told: "reserved"},
		{name: "the provider's in another case", value: []any{tag("Bitmovin-Export-Access:X", "v")}, told: "reserved"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.told != "" {
				refused(t, given("Tags", test.value), "property Tags", test.told)
				return
			}
			got, err := decodeTags(test.value)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestOldTagKeys(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		old  any
		want []string
	}{
		{"none", nil, nil},
		{"two", []any{tag("b", "1"), tag("a", "2")}, []string{"a", "b"}},
		{"what this version cannot read", map[string]any{"a": "1"}, nil},
		{"what this version refuses", []any{tag("a", "1"), tag("bitmovin-export-access:stack-id", "x")}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := oldTagKeys(cfn.Event{OldResourceProperties: map[string]any{"Tags": test.old}})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestOwnership(t *testing.T) {
	t.Parallel()
	r := testRequest("Update", nil)
	own := func() map[string]string {
		return map[string]string{"bitmovin-export-access:stack-id": testStack, "bitmovin-export-access:logical-id": "ExportAccess", "team": "video"}
	}
	with := func(key, value string) map[string]string { tags := own(); tags[key] = value; return tags }
	less := func(key string) map[string]string { tags := own(); delete(tags, key); return tags }
	tests := []struct {
		name  string
		tags  map[string]string
		owned bool
		owner string
	}{
		{"its own", own(), true, "the resource ExportAccess of the stack " + testStack},
		{"another resource's", with(tagLogicalID, "Other"), false, "the resource Other of the stack " + testStack},
		{"another case of the logical id", with(tagLogicalID, "exportaccess"), false, "the resource exportaccess"},
		{"another stack's", with(tagStackID, testStack+"0"), false, "of the stack " + testStack + "0"},
		{"no stack", less(tagStackID), false, "somebody else"},
		{"no logical id", less(tagLogicalID), false, "the resource  of the stack"},
		{"no tags", nil, false, "somebody else"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := &role.Role{Tags: test.tags}
			if ownedBy(got, r.Event) != test.owned || !strings.Contains(ownerOf(got), test.owner) {
				t.Errorf("got %t, %q; want %t, %q", ownedBy(got, r.Event), ownerOf(got), test.owned, test.owner)
			}
		})
	}
}
