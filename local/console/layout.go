package console

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// wrap breaks a text between words into lines; a text without words has none.
func wrap(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && utf8.RuneCountInString(line+" "+word) > width {
			lines, line = append(lines, line), ""
		}
		pieces := chop(strings.TrimPrefix(line+" "+word, " "), width)
		lines, line = append(lines, pieces[:len(pieces)-1]...), pieces[len(pieces)-1]
	}
	if line == "" {
		return lines
	}
	return append(lines, line)
}

// chop breaks a line that is too wide where the width ends, the last resort.
func chop(line string, width int) (pieces []string) {
	runes := []rune(line)
	for ; len(runes) > width; runes = runes[width:] {
		pieces = append(pieces, string(runes[:width]))
	}
	return append(pieces, string(runes))
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
