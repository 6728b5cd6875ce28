package policy

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestEqual(t *testing.T) {
	t.Parallel()
	const doc = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":["a","b"]}]}`
	tests := []struct {
		name, a, b string
		want       bool
	}{
		{"the same text", doc, doc, true},
		{"order of keys", doc,
			`{"Statement":[{"Resource":["a","b"],"Action":"s3:PutObject","Effect":"Allow"}],"Version":"2012-10-17"}`, true},
		{"white space", doc, strings.ReplaceAll(doc, ",", ",\n\t "), true},
		{"a list of one for a string", doc, strings.Replace(doc, `"s3:PutObject"`, `["s3:PutObject"]`, 1), true},
		{"a statement for a list of one", doc, strings.NewReplacer("[{", "{", "}]", "}").Replace(doc), true},
		{"escapes", doc, strings.Replace(doc, "Allow", `\u0041llow`, 1), true},
		{"another action", doc, strings.Replace(doc, "s3:PutObject", "s3:*", 1), false},
		{"another effect", doc, strings.Replace(doc, "Allow", "Deny", 1), false},
		{"another version", doc, strings.Replace(doc, "2012-10-17", "2008-10-17", 1), false},
		{"one action more", doc, strings.Replace(doc, `"s3:PutObject"`, `["s3:PutObject","s3:GetObject"]`, 1), false},
		{"one resource less", doc, strings.Replace(doc, `["a","b"]`, `"a"`, 1), false},
		{"one element more", doc, strings.Replace(doc, `"Effect"`, `"Condition":{},"Effect"`, 1), false},
		{"one statement more", doc, strings.Replace(doc, "]}]}", `]},{"Effect":"Allow"}]}`, 1), false},
		{"a list of a list", doc, strings.Replace(doc, `"s3:PutObject"`, `["s3:PutObject",["s3:PutObject"]]`, 1), false},
		{"an empty list for a string", doc, strings.Replace(doc, `"s3:PutObject"`, `[]`, 1), false},
		{"no text, as a role without a policy has", doc, "", false},
		{"two times no text", "", "", false},
		{"two times no JSON", "{", "{", false},
		{"no JSON, and nothing", "{", "null", false},
		{"something after it", doc, doc + "{}", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := Equal(test.a, test.b); got != test.want {
				t.Errorf("Equal(%s, %s) = %t", test.a, test.b, got)
			}
			if got := Equal(test.b, test.a); got != test.want {
				t.Errorf("Equal(%s, %s) = %t", test.b, test.a, got)
			}
		})
	}
}

// documents draws policies of any content that the grammar allows.
func documents() *rapid.Generator[Document] {
	values := rapid.Map(rapid.SliceOfN(rapid.String(), 1, 3), func(s []string) Values { return s })
	principal := rapid.MapOfN(rapid.SampledFrom([]string{"AWS", "Service", "Federated"}), values, 1, 3)
	condition := rapid.Map(rapid.MapOfN(rapid.String(), values, 1, 2), func(m map[string]Values) Condition { return m })
	statement := rapid.Custom(func(t *rapid.T) Statement {
		s := Statement{
			Sid:    rapid.StringMatching(`[A-Za-z0-9]*`).Draw(t, "sid"),
			Effect: rapid.SampledFrom([]string{"Allow", "Deny"}).Draw(t, "effect"),
			Action: values.Draw(t, "action"),
		}
		if rapid.Bool().Draw(t, "is a trust policy") {
			s.Principal = principal.Draw(t, "principal")
		} else {
			s.Resource = values.Draw(t, "resource")
		}
		if rapid.Bool().Draw(t, "has a condition") {
			s.Condition = rapid.MapOfN(rapid.String(), condition, 1, 2).Draw(t, "condition")
		}
		return s
	})
	return rapid.Map(rapid.SliceOfN(statement, 1, 4), func(s []Statement) Document { return New(s...) })
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := documents().Draw(t, "document")
		var got Document
		if err := json.Unmarshal([]byte(want.String()), &got); err != nil {
			t.Fatalf("decode %s: %v", want, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s does not survive a round trip (-want +got):\n%s", want, diff)
		}
		spread, err := json.MarshalIndent(got, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if !Equal(want.String(), string(spread)) {
			t.Fatalf("%s does not equal itself indented", want)
		}
	})
}

// The texts on either side of a type that reads both a string and a list.
func TestValues(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		want Values
		back string
	}{
		`"a"`:       {Values{"a"}, `"a"`},
		`["a"]`:     {Values{"a"}, `"a"`},
		`["a","b"]`: {Values{"a", "b"}, `["a","b"]`},
		`[]`:        {Values{}, `[]`},
	}
	for _, text := range slices.Sorted(maps.Keys(tests)) {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			var got Values
			if err := json.Unmarshal([]byte(text), &got); err != nil {
				t.Fatal(err)
			}
			back, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tests[text].want, got); diff != "" || string(back) != tests[text].back {
				t.Errorf("got %#v and back %s, want %#v and %s", got, back, tests[text].want, tests[text].back)
			}
		})
	}
	for _, text := range []string{`1`, `true`, `{}`, `[1]`, `[["a"]]`} {
		if err := json.Unmarshal([]byte(text), new(Values)); err == nil {
			t.Errorf("%s is read as values", text)
		}
	}
}
