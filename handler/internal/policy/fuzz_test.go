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
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) { checkPolicy(t, text) })
}

func TestMutatedPolicies(t *testing.T) {
	t.Parallel()
	seeds := policySeeds(t)
	rapid.Check(t, func(t *rapid.T) { checkPolicy(t, mutated.Text(t, seeds)) })
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

// Whatever stands in a role: nothing panics, and no verifier statement is left.
func checkPolicy(t rapid.TB, text string) {
	t.Helper()
	if Equal(text, text) && !json.Valid([]byte(text)) {
		t.Errorf("%q is no JSON and equals itself", text)
	}
	opening, rest := CutVerifier(text, verifier)
	if opening == (Opening{}) && rest != text || rest != text && !json.Valid([]byte(rest)) {
		t.Errorf("%q became %q", text, rest)
	}
	if again, _ := CutVerifier(rest, verifier); again != (Opening{}) {
		t.Errorf("%q still lets the function in", rest)
	}
}
