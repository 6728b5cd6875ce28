package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A record is what a run saw.
type record struct {
	account  *account
	Began    time.Time
	Took     time.Duration
	Versions []string
	Steps    []stepRecord
	Checks   map[string]string
	Messages []message
	Unknown  []message
	Express  []string
	Failed   string
}

type stepRecord struct {
	name, found string
	took        time.Duration
	ok          bool
}

// reasonName is the message that CloudFormation gives, which holds the function's words.
const reasonName = "CloudFormation's reason"

func newRecord(ctx context.Context, a *account) *record {
	r := &record{account: a, Began: time.Now().UTC()}
	for _, tool := range []string{"aws", "sam"} {
		version, err := a.firstLine(ctx, tool, "--version")
		if err != nil {
			version = tool + ": " + err.Error()
		}
		r.Versions = append(r.Versions, version)
	}
	return r
}

func (r *record) step(name string, took time.Duration, found string, ok bool) {
	r.Steps = append(r.Steps, stepRecord{name, found, took, ok})
}

// message records one of AWS's, once.
func (r *record) message(name, text string) {
	m := message{Name: name, Source: "make test-aws, " + r.Began.Format(time.DateOnly) + ", " + r.account.region, Message: r.mask(text)}
	if !slices.Contains(r.Messages, m) {
		r.Messages = append(r.Messages, m)
	}
}

// end records how the run ended.
func (r *record) end(err error) {
	r.Took = time.Since(r.Began)
	if err != nil {
		r.Failed = err.Error()
	}
}

// callerName is the name of a user, or of a role and its session, in an ARN.
var callerName = regexp.MustCompile(`:(user|assumed-role|federated-user)/.*`)

// mask takes out of a text who the account and the caller are, for it is to be
// published; the form of a message stays.
func (r *record) mask(text string) string {
	caller := callerName.ReplaceAllStringFunc(r.account.caller, func(name string) string {
		if strings.HasPrefix(name, ":assumed-role/") {
			return ":assumed-role/caller/session"
		}
		return name[:strings.IndexByte(name, '/')] + "/caller"
	})
	return strings.NewReplacer(
		r.account.caller, strings.ReplaceAll(caller, r.account.number, "111122223333"), r.account.number, "111122223333",
	).Replace(text)
}

// markdown is the record as docs/acceptance.md has it.
func (r *record) markdown() string {
	var b strings.Builder
	result := "passed"
	if r.Failed != "" {
		result = "**failed**"
	}
	fmt.Fprintf(&b, "The run of %s in %s %s in %.0f s, with %s.\n", r.Began.Format("2006-01-02 15:04 UTC"), r.account.region, result,
		r.Took.Seconds(), strings.Join(r.Versions, " and "))
	if r.Failed != "" {
		fmt.Fprintf(&b, "\n```text\n%s\n```\n", r.mask(r.Failed))
	}
	b.WriteString("\n| step | seconds | what it saw |\n|---|---|---|\n")
	for _, s := range r.Steps {
		found := s.found
		if !s.ok {
			found = "**failed**: " + found
		}
		fmt.Fprintf(&b, "| %s | %.0f | %s |\n", s.name, s.took.Seconds(), cell(r.mask(found)))
	}
	if len(r.Checks) > 0 {
		b.WriteString("\nThe checks:")
		for _, name := range slices.Sorted(maps.Keys(r.Checks)) {
			fmt.Fprintf(&b, " `%s` %s,", name, r.Checks[name])
		}
		text := strings.TrimSuffix(b.String(), ",") + ".\n"
		b.Reset()
		b.WriteString(text)
	}
	b.WriteString("\nWith `--express`, which is reported and not judged:\n\n")
	for _, text := range r.Express {
		fmt.Fprintf(&b, "- %s\n", cell(r.mask(text)))
	}
	if len(r.Express) == 0 {
		b.WriteString("- not reached\n")
	}
	b.WriteString("\nAWS's own messages, with another account's number and caller:\n\n")
	for _, m := range r.Messages {
		fmt.Fprintf(&b, "- %s:\n\n  ```text\n  %s\n  ```\n\n", m.Name, strings.ReplaceAll(m.Message, "\n", "\n  "))
	}
	if len(r.Unknown) > 0 {
		text, err := json.MarshalIndent(r.Unknown, "", "  ")
		if err != nil {
			panic(err) // they are texts
		}
		fmt.Fprintf(&b, "Those that the parser does not know, for [denials.json](../%s):\n\n```json\n%s\n```\n", denialsFile, text)
	} else {
		b.WriteString("The parser knows every denial among them.\n")
	}
	return b.String()
}

// cell is a text within a line of a table or list.
func cell(text string) string {
	return strings.NewReplacer("\n", " ", "|", `\|`).Replace(text)
}

// The marks between which the page has the record.
const begin, end = "<!-- begin run -->\n", "<!-- end run -->\n"

// replaceRun puts a record into the page.
func replaceRun(text, run string) (string, error) {
	before, rest, ok := strings.Cut(text, begin)
	_, after, both := strings.Cut(rest, end)
	if !ok || !both {
		return "", fmt.Errorf("%s has no marks %q and %q", page, begin, end)
	}
	return before + begin + run + end + after, nil
}

// write writes the record: below build/, and where the run was on an account and
// not interrupted, into the page.
func (r *runner) write(interrupted bool) error {
	run := r.record.markdown()
	file := filepath.Join(buildDir, "record.md")
	if err := os.WriteFile(file, []byte(run), 0o644); err != nil {
		return fmt.Errorf("write the record: %w", err)
	}
	r.say("What it saw is in " + file + ", every command in " + filepath.Join(buildDir, "commands.log") + ".")
	if r.local || interrupted {
		return nil
	}
	text, err := os.ReadFile(page)
	if err != nil {
		return fmt.Errorf("read the page: %w", err)
	}
	replaced, err := replaceRun(string(text), run)
	if err != nil {
		return err
	}
	if err := os.WriteFile(page, []byte(replaced), 0o644); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	r.say("It is in " + page + ", too, without the account's number.")
	return nil
}
