package console

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// wrap breaks a text between words into lines. A word that is wider than a line
// stands on one of its own.
func wrap(text string, width int) (lines []string) {
	for _, word := range strings.Fields(text) {
		last := len(lines) - 1
		if last < 0 || utf8.RuneCountInString(lines[last]+" "+word) > width {
			lines = append(lines, word)
		} else {
			lines[last] += " " + word
		}
	}
	return lines
}

// CutObject finds the first JSON object in a text. Without one, all is before it.
func CutObject(text string) (before string, object json.RawMessage, after string) {
	for i, r := range text {
		if r != '{' {
			continue
		}
		d := json.NewDecoder(strings.NewReader(text[i:]))
		if d.Decode(&object) == nil {
			return text[:i], object, strings.TrimSpace(text[i+int(d.InputOffset()):])
		}
	}
	return text, nil, ""
}

// layOut indents JSON. A value that would fit but for its key stands below it;
// one that is wider is not broken, so that it stays JSON.
func layOut(object json.RawMessage, width int) []string {
	if object == nil {
		return nil
	}
	var b bytes.Buffer
	_ = json.Indent(&b, object, "", "  ") // a RawMessage that was decoded is valid
	var lines []string
	for line := range strings.Lines(b.String()) {
		line = strings.TrimSuffix(line, "\n")
		key, value, found := strings.Cut(line, `": `)
		if room := width - utf8.RuneCountInString(value); found && utf8.RuneCountInString(line) > width && room >= 0 {
			indent := len(key) - len(strings.TrimLeft(key, " ")) + 2
			lines, line = append(lines, key+`":`), strings.Repeat(" ", min(indent, room))+value
		}
		lines = append(lines, line)
	}
	return lines
}
