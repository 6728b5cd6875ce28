package policy

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// Whatever stands in a role: nothing panics, and what is called a verifier's
// statement is one.
func FuzzPolicy(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		seed, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(seed), "VerifierRUN1")
	}
	for _, seed := range []string{"", "null", "{", `{"Statement":{}}`, `{"Statement":[null]}`, `{"Statement":[{"Condition":null}]}`,
		`{"Statement":[{"Principal":"*"}]}`, `[[[["deep"]]]]`, `{"a":1e999}`, "\xff"} {
		f.Add(seed, "")
	}
	f.Fuzz(func(t *testing.T, text, sid string) {
		if Equal(text, text) && !json.Valid([]byte(text)) {
			t.Errorf("%q is no JSON and equals itself", text)
		}
		unexpired, rest := Verifiers(text, verifier, noon)
		for _, s := range unexpired {
			if until, ok := verifierUntil(s, verifier); !ok || !noon.Before(until) {
				t.Errorf("%s is taken for a statement of a run", s)
			}
		}
		if rest != text && !json.Valid([]byte(rest)) {
			t.Errorf("%q became %q", text, rest)
		}
		left, had := Without(text, sid)
		if !had && left != text {
			t.Errorf("without %q, %q became %q", sid, text, left)
		}
		if _, again := Without(left, sid); again {
			t.Errorf("%q still has %q", left, sid)
		}
	})
}
