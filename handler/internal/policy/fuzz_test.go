package policy

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/bitmovin/bitmovin-export-access/local/mutated"
)

func FuzzPolicy(f *testing.F) {
	for _, seed := range policySeeds(f) {
		f.Add(seed, "VerifierRUN1")
	}
	f.Fuzz(func(t *testing.T, text, sid string) { checkPolicy(t, text, sid) })
}

func TestMutatedPolicies(t *testing.T) {
	t.Parallel()
	seeds := policySeeds(t)
	rapid.Check(t, func(t *rapid.T) { checkPolicy(t, mutated.Text(t, seeds), mutated.Text(t, []string{"VerifierRUN1"})) })
}

func policySeeds(tb testing.TB) []string {
	tb.Helper()
	seeds := []string{"", "null", "{", `{"Statement":{}}`, `{"Statement":[null]}`, `{"Statement":[{"Condition":null}]}`,
		`{"Statement":[{"Principal":"*"}]}`, `[[[["deep"]]]]`, `{"a":1e999}`, "\xff"}
	files, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	if err != nil || len(files) == 0 {
		tb.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		seed, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		seeds = append(seeds, string(seed))
	}
	return seeds
}

// Whatever stands in a role: nothing panics, and what is called a verifier's
// statement is one.
func checkPolicy(t rapid.TB, text, sid string) {
	t.Helper()
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
}
