package lambda

import (
	"encoding/json"
	"io"
	"os"
	"sync"
	"time"
)

// A transcript is the log of a function. What a process prints goes into a file
// without a name that it writes to by itself, so that nothing is still under way
// when an attempt has ended; without a process it is kept in memory.
type transcript struct {
	mu      sync.Mutex
	to      io.Writer // may be nil
	flushed int
	file    *os.File // nil as long as no process was started
	text    []byte   // without a file; in the end, what the file held
}

func newTranscript(to io.Writer) *transcript { return &transcript{to: to} }

// openFile returns the file that processes write to.
func (t *transcript) openFile() (*os.File, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.file != nil {
		return t.file, nil
	}
	file, err := os.CreateTemp("", "lambda-*.log")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, err
	}
	t.file = file
	return file, nil
}

// Write implements [io.Writer].
func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.file != nil {
		return t.file.Write(p)
	}
	t.text = append(t.text, p...)
	return len(p), nil
}

// platform prints a line of Lambda's own in its JSON format.
func (t *transcript) platform(kind string, record map[string]any) {
	line, err := json.Marshal(map[string]any{
		"time": time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), "type": kind, "record": record,
	})
	if err != nil {
		line = []byte(err.Error())
	}
	_, _ = t.Write(append(line, '\n'))
}

// String returns everything printed so far.
func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
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
	t.flushed += len(text)
	_, _ = io.WriteString(t.to, text)
}

// since returns what was printed from an offset on. ReadAt leaves alone the offset
// that this process shares with the writing ones. The caller holds t.mu.
func (t *transcript) since(offset int) string {
	if t.file == nil {
		return string(t.text[offset:])
	}
	info, err := t.file.Stat()
	if err != nil || info.Size() <= int64(offset) {
		return ""
	}
	text := make([]byte, info.Size()-int64(offset))
	n, _ := t.file.ReadAt(text, int64(offset))
	return string(text[:n])
}

// close keeps the text and gives the file back. No process may be left.
func (t *transcript) close() {
	t.flush()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.file != nil {
		t.text = []byte(t.since(0))
		_ = t.file.Close()
		t.file = nil
	}
}
