package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestParseKey(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text, field string
		want, err         string
	}{
		{"plain", "abc-123", "", "abc-123", ""},
		{"with a line end", " abc-123\r\n", "", "abc-123", ""},
		{"a field", `{"user":"me","key":"abc-123"}`, "key", "abc-123", ""},
		{"JSON without a field", `{"key":"abc-123"}`, "", "", "name the key's field with ApiKeySecretField"},
		{"a missing field", `{"key":"abc-123"}`, "token", "", `its field "token" is not there`},
		{"a field that is no text", `{"key":{"a":"abc-123"}}`, "key", "", `its field "key" is not there, or no text`},
		{"a field of a plain secret", "abc-123", "key", "", "leave ApiKeySecretField out"},
		{"empty", "", "", "", "does not hold a key"},
		{"two lines", "abc\n123", "", "", "does not hold a key"},
		{"not a header's", "abc\x00123", "", "", "does not hold a key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			key, err := parseKey(tt.text, tt.field)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "123") {
					t.Errorf("error %v, want %q without the key", err, tt.err)
				}
				return
			}
			if err != nil || key.reveal() != tt.want {
				t.Errorf("parseKey: %v, want %q", err, tt.want)
			}
		})
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add("abc-123", "")
	f.Add(`{"key":"abc-123"}`, "key")
	f.Add(`{"key":`, "key")
	f.Fuzz(func(t *testing.T, text, field string) {
		if key, err := parseKey(text, field); err == nil && !validKey(key.reveal()) {
			t.Errorf("parseKey(%q, %q) = %q, which is no key", text, field, key.reveal())
		}
	})
}

// TestKeyDoesNotShow: whatever prints a key prints something else.
func TestKeyDoesNotShow(t *testing.T) {
	t.Parallel()
	key := newKey(testKey)
	c := client{key: key}
	var shown bytes.Buffer
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&shown, format+"\n", key)
		fmt.Fprintf(&shown, format+"\n", &c)
	}
	slog.New(slog.NewJSONHandler(&shown, nil)).Info("m", "key", key, "client", &c)
	slog.New(slog.NewTextHandler(&shown, nil)).Info("m", "key", key, "client", &c)
	if err := json.NewEncoder(&shown).Encode(map[string]any{"key": key, "client": &c}); err != nil {
		t.Fatal(err)
	}
	hex := fmt.Sprintf("%x", testKey)
	if strings.Contains(shown.String(), testKey) || strings.Contains(shown.String(), hex) {
		t.Errorf("the key shows:\n%s", shown.String())
	}
}
