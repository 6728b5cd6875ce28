package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A message is one of AWS's own, with what it was the answer to.
type message struct {
	Name    string `json:"name"`
	Source  string `json:"source"`
	Message string `json:"message"`
}

// logsWithin is how long a log may take to be readable.
const logsWithin = 2 * time.Minute

// collect reads AWS's answers to the denied calls in the function's log, and has
// the function's own parser read all messages.
func (r *runner) collect(ctx context.Context) (string, error) {
	group, err := r.physicalID(ctx, r.stack, "LogGroup")
	if err != nil {
		return "", err
	}
	limited, cancel := context.WithTimeout(ctx, logsWithin)
	defer cancel()
	found := 0
	for {
		answers, err := r.answers(ctx, group)
		if err != nil {
			return "", err
		}
		if found = len(answers); found > 0 {
			for _, a := range answers {
				r.record.message(a.Name, a.Message)
			}
			break
		}
		if !pause(limited, pollEvery) {
			break
		}
	}
	if found == 0 {
		return "", errors.New("the log group has no answer of AWS's to the denied call")
	}
	unknown, err := r.unknown(ctx)
	if err != nil {
		return "", err
	}
	r.record.Unknown = unknown
	if len(unknown) == 0 {
		return fmt.Sprintf("%d, of which the parser knows every denial", len(r.record.Messages)), nil
	}
	text, err := json.MarshalIndent(unknown, "  ", "  ")
	if err != nil {
		return "", fmt.Errorf("encode the messages: %w", err)
	}
	r.say("The parser does not know these messages. Add them to " + denialsFile + ", with what they mean:\n\n  " + string(text) + "\n")
	return fmt.Sprintf("%d, of which the parser does not know %d", len(r.record.Messages), len(unknown)), nil
}

// denialsFile has the messages that the parser is tested with.
const denialsFile = "handler/internal/awserr/testdata/denials.json"

// apiError is how the SDK for Go words an answer of AWS's.
var apiError = regexp.MustCompile(`(?s)api error (\w+): (.*)`)

// answers returns AWS's answers that the function has logged with its checks.
func (r *runner) answers(ctx context.Context, group string) ([]message, error) {
	var out struct{ Events []struct{ Message string } }
	if err := r.aws(ctx, &out, "logs", "filter-log-events", "--log-group-name", group); err != nil {
		return nil, err
	}
	var list []message
	for _, e := range out.Events {
		list = append(list, answersIn(e.Message)...)
	}
	return list, nil
}

// answersIn returns AWS's answers in lines of the function's log: JSON, as the
// template has it, or text, as where Lambda does not know that setting.
func answersIn(log string) []message {
	var list []message
	for line := range strings.Lines(log) {
		var entry struct{ Message, Name, Answer string }
		if json.Unmarshal([]byte(line), &entry) != nil {
			entry.Message, entry.Name, entry.Answer = field(line, "message"), field(line, "name"), field(line, "answer")
		}
		if m := apiError.FindStringSubmatch(entry.Answer); m != nil && entry.Message == "check" {
			list = append(list, message{Name: entry.Name, Message: strings.TrimSpace(m[2])})
		}
	}
	return list
}

// field returns a value of a line as slog's TextHandler writes it.
func field(line, name string) string {
	_, value, ok := strings.Cut(" "+line, " "+name+"=")
	if !ok {
		return ""
	}
	if quoted, err := strconv.QuotedPrefix(value); err == nil {
		if value, err = strconv.Unquote(quoted); err == nil {
			return value
		}
	}
	value, _, _ = strings.Cut(value, " ")
	return strings.TrimSpace(value)
}

// unknown has the parser's own test read the denials, and returns those that the
// parser does not know.
func (r *runner) unknown(ctx context.Context) ([]message, error) {
	var denials []message
	for _, m := range r.record.Messages {
		if m.Name != reasonName {
			denials = append(denials, m)
		}
	}
	dir, err := filepath.Abs(buildDir)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", buildDir, err)
	}
	in, out := filepath.Join(dir, "denials.json"), filepath.Join(dir, "unknown-denials.json")
	text, err := json.Marshal(denials)
	if err != nil {
		return nil, fmt.Errorf("encode the denials: %w", err)
	}
	if err := errors.Join(os.WriteFile(in, text, 0o644), os.WriteFile(out, nil, 0o644)); err != nil {
		return nil, fmt.Errorf("write the denials: %w", err)
	}
	_, err = r.run(ctx, "env", "CGO_ENABLED=0", "RECORDED_DENIALS="+in, "UNKNOWN_DENIALS="+out,
		"go", "test", "-count=1", "-run", "^TestRecordedDenials$", "./handler/internal/awserr")
	if err != nil {
		return nil, err
	}
	if text, err = os.ReadFile(out); err != nil {
		return nil, fmt.Errorf("read the unknown denials: %w", err)
	}
	var unknown []message
	if err := json.Unmarshal(text, &unknown); err != nil {
		return nil, fmt.Errorf("read the unknown denials %q: %w", text, err)
	}
	return unknown, nil
}
