package customresource

import (
	"cmp"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/cfn"
	"pgregory.net/rapid"
)

const testLogs = " (more in log group group, stream stream)"

// checkBody checks what CloudFormation demands of every response.
func checkBody(t rapid.TB, body []byte) cfn.Response {
	t.Helper()
	if len(body) > maxResponse {
		t.Fatalf("the response has %d bytes, want at most %d", len(body), maxResponse)
	}
	if !utf8.Valid(body) {
		t.Fatalf("the response is not UTF-8: %q", body)
	}
	var resp cfn.Response
	if err := json.Unmarshal(body, &resp); err != nil {
		t.Fatalf("the response is not JSON: %v", err)
	}
	if resp.PhysicalResourceID == "" || len(resp.PhysicalResourceID) > maxPhysicalID {
		t.Fatalf("the physical id has %d bytes", len(resp.PhysicalResourceID))
	}
	return resp
}

func TestReason(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, reason, prefix string }{
		{"short", "denied", "denied" + testLogs},
		{"10 KB", strings.Repeat("x", 10<<10), strings.Repeat("x", 3500)},
		{"multi-byte", strings.Repeat("ü€😀", 2<<10), strings.Repeat("ü€😀", 400)},
		{"invalid UTF-8", strings.Repeat("a\xff\xc3", 4<<10), "a\uFFFDa\uFFFDa"},
		{"escapes", strings.Repeat("\"\\\n\x01", 4<<10), strings.Repeat("\"\\\n\x01", 280)},
		{"HTML's escapes, which are left out", strings.Repeat("<&>", 4<<10), strings.Repeat("<&>", 1100)},
		{"line separators", strings.Repeat("\u2028", 4<<10), strings.Repeat("\u2028", 580)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			v, err := conclude(testEvent("Create"), "thing-1", outcome{err: errors.New(test.reason)}, testLogs)
			if err != nil {
				t.Fatal(err)
			}
			got := checkBody(t, v.body)
			if !strings.HasPrefix(got.Reason, test.prefix) || !strings.HasSuffix(got.Reason, testLogs) {
				t.Errorf("got the reason %.80q…%.80q, want its head and a pointer to the logs", got.Reason, got.Reason[max(0, len(got.Reason)-80):])
			}
			if v.reason != test.reason {
				t.Error("the log does not get the whole reason")
			}
		})
	}
}

// text draws strings that make trouble: long, escaped, of many bytes a rune,
// not even UTF-8.
func text() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		piece := rapid.OneOf(
			rapid.String(),
			rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
			rapid.SampledFrom([]string{"x", "<", "\"", "\x00", "ü", "€", "😀", "\xff", "\u2028", "e\u0301"}),
		).Draw(t, "piece")
		return strings.Repeat(piece, rapid.SampledFrom([]int{1, 2, 100, 1365, 4097}).Draw(t, "times"))
	})
}

func TestAnyFailureFits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		reason := text().Draw(t, "reason")
		v, err := conclude(testEvent("Update"), "thing-1", outcome{err: errors.New(reason)}, testLogs)
		if err != nil {
			t.Fatal(err)
		}
		got := checkBody(t, v.body)
		if got.Status != cfn.StatusFailed || got.Data != nil || got.PhysicalResourceID != "thing-1" {
			t.Fatalf("got %s %q, want FAILED thing-1", got.Status, got.PhysicalResourceID)
		}
		told, ok := strings.CutSuffix(got.Reason, testLogs)
		if !ok {
			t.Fatalf("the reason does not end in the pointer to the logs: %q", got.Reason)
		}
		whole := cmp.Or(strings.ToValidUTF8(reason, "\uFFFD"), "no reason was given")
		if told == whole {
			return
		}
		kept, ok := strings.CutSuffix(told, "…")
		if !ok || !strings.HasPrefix(whole, kept) {
			t.Fatalf("the reason %q is not the head of %q", told, whole)
		}
		// No rune takes more than 6 bytes, escaped as \u2028.
		if room := maxResponse - len(v.body); room >= 6 {
			t.Fatalf("the reason was cut with %d bytes to spare", room)
		}
	})
}

func TestAnySuccessFitsOrFails(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		data := map[string]any{}
		for key, value := range rapid.MapOfN(text(), text(), 0, 3).Draw(t, "data") {
			data[key] = value
		}
		v, err := conclude(testEvent("Create"), "thing-1", outcome{data: data}, testLogs)
		if err != nil {
			t.Fatal(err)
		}
		got := checkBody(t, v.body)
		if got.PhysicalResourceID != "thing-1" {
			t.Fatalf("got the physical id %q, want the real one", got.PhysicalResourceID)
		}
		if got.Status == cfn.StatusSuccess {
			if len(got.Data) != len(data) && validKeys(data) {
				t.Fatalf("got %d attributes, want %d", len(got.Data), len(data))
			}
			return
		}
		if whole, _ := json.Marshal(data); len(whole) < 3000 {
			t.Fatalf("%d bytes of attributes failed: %s", len(whole), got.Reason)
		}
	})
}

// validKeys reports whether JSON keeps the keys apart: two that are not UTF-8
// may become the same.
func validKeys(data map[string]any) bool {
	for key := range data {
		if !utf8.ValidString(key) {
			return false
		}
	}
	return true
}

func TestAnyPhysicalIDIsCut(t *testing.T) {
	t.Parallel()
	for _, id := range []string{strings.Repeat("x", 2000), strings.Repeat("€", 2000)} {
		v, err := conclude(testEvent("Create"), id, outcome{}, "")
		if err != nil {
			t.Fatal(err)
		}
		got := checkBody(t, v.body).PhysicalResourceID
		if !strings.HasPrefix(id, got) || len(got) < maxPhysicalID-utf8.UTFMax {
			t.Errorf("got %d bytes of the id", len(got))
		}
	}
}

func TestHeadEndsOnARuneBoundary(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		n := rapid.IntRange(0, len(s)+2).Draw(t, "n")
		got := head(s, n)
		if !utf8.ValidString(got) || !strings.HasPrefix(s, got) || len(got) > n {
			t.Fatalf("head(%q, %d) = %q", s, n, got)
		}
		if len(got) < len(s) && len(got) <= n-utf8.UTFMax {
			t.Fatalf("head(%q, %d) = %q, more would have fit", s, n, got)
		}
	})
}

func TestLogPointer(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ group, stream, want string }{
		"on Lambda":          {group: "group", stream: "stream", want: testLogs},
		"on a local AWS":     {stream: "stream", want: " (more in log stream stream)"},
		"not a function's":   {},
		"a group, no stream": {group: "group"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := LogPointer(test.group, test.stream); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
