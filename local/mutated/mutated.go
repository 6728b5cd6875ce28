// Package mutated makes inputs for tests from the seeds of a fuzz target. It knows
// nothing of coverage, and needs no instrumented build: it is the short run of a
// target that every test run can afford.
package mutated

import (
	"strings"

	"pgregory.net/rapid"
)

// tokens are what parsers trip over.
var tokens = []string{`"`, `\`, "{", "}", "[", "]", ":", ",", "null", "1e999", "-0", "\x00", "\xff", "\u202e", `\ud800`, "*", "${", "/", " ", "ü", "🎬"}

// Text returns one of the seeds with up to eight edits.
func Text(t *rapid.T, seeds []string) string {
	text := rapid.SampledFrom(seeds).Draw(t, "seed")
	for range rapid.IntRange(0, 8).Draw(t, "edits") {
		begin := rapid.IntRange(0, len(text)).Draw(t, "begin")
		end := min(len(text), begin+rapid.IntRange(0, 40).Draw(t, "length"))
		text = text[:begin] + replacement(t, text[begin:end], seeds) + text[end:]
	}
	return text
}

// replacement is what comes in place of a piece of a text.
func replacement(t *rapid.T, piece string, seeds []string) string {
	switch rapid.SampledFrom([]string{"nothing", "twice", "often", "token", "bytes", "another"}).Draw(t, "by") {
	case "twice":
		return piece + piece
	case "often":
		return strings.Repeat(piece, 200)
	case "token":
		return rapid.SampledFrom(tokens).Draw(t, "token") + piece
	case "bytes":
		return string(rapid.SliceOfN(rapid.Byte(), 1, 8).Draw(t, "bytes"))
	case "another":
		other := rapid.SampledFrom(seeds).Draw(t, "other seed")
		return other[rapid.IntRange(0, len(other)).Draw(t, "from"):]
	}
	return ""
}
