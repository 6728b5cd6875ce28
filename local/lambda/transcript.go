package lambda

import (
	"encoding/json"
	"io"
	"os"
	"sync"
	"time"
)

// A transcript is the log of a function: a file without a name that every
// process writes to by itself, so that nothing is still under way when an
// attempt has ended.
type transcript struct {
	file *os.File
	err  error

	mu      sync.Mutex
	to      io.Writer // may be nil
	flushed int64
	closed  string // what the file held when it was closed
}

// newTranscript never fails; without a file, err says why and no sandbox starts.
func newTranscript(to io.Writer) *transcript {
	file, err := os.CreateTemp("", "lambda-*.log")
	if err == nil {
		err = os.Remove(file.Name())
	}
	return &transcript{file: file, err: err, to: to}
}

// platform prints a line of Lambda's own in its JSON format.
func (t *transcript) platform(kind string, record map[string]any) {
	line, err := json.Marshal(map[string]any{
		"time": time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), "type": kind, "record": record,
	})
	if err != nil {
		line = []byte(err.Error())
	}
	_, _ = t.file.Write(append(line, '\n'))
}

// String returns everything printed so far.
func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed != "" {
		return t.closed
	}
	return t.since(0)
}

// flush copies what is new to the writer.
func (t *transcript) flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.to == nil {
		return
	}
	text := t.since(t.flushed)
	t.flushed += int64(len(text))
	_, _ = io.WriteString(t.to, text)
}

// since returns what the file holds from an offset on. ReadAt leaves alone the
// offset that this process shares with the writing ones.
func (t *transcript) since(offset int64) string {
	info, err := t.file.Stat()
	if err != nil || info.Size() <= offset {
		return ""
	}
	text := make([]byte, info.Size()-offset)
	n, _ := t.file.ReadAt(text, offset)
	return string(text[:n])
}

// close keeps the text and gives the file back. No process may be left.
func (t *transcript) close() {
	t.flush()
	text := t.String()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed == "" {
		t.closed = text
	}
	_ = t.file.Close()
}
