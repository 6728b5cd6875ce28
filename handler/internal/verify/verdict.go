package verify

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// A Verdict is what one check found.
type Verdict string

// The verdicts. A check that is NotTested tells why in its Detail.
const (
	Pass      Verdict = "PASS"
	Fail      Verdict = "FAIL"
	Warn      Verdict = "WARN"
	NotTested Verdict = "NOT_TESTED"
)

// The names of the checks, as they stand in the attribute Checks. Those of the
// four actions are the actions themselves, as policy names them.
const (
	CheckBucket          = "Bucket"
	CheckAssumeRole      = "sts:AssumeRole"
	CheckNoRead          = "NoReadAccess"
	CheckNoDelete        = "NoDeleteAccess"
	CheckTrustPolicy     = "TrustPolicy"
	CheckEncryption      = "Encryption"
	CheckObjectOwnership = "ObjectOwnership"
	CheckObjectLock      = "ObjectLock"
)

// A Check is one thing that was looked at.
type Check struct {
	Name    string
	Verdict Verdict
	// Detail says what was seen, and why where it is not a Pass.
	Detail string
	// Fix is what fixes it: a step in a sentence, with the statement to paste.
	Fix string
	// Answer is the whole answer of AWS's that decided, for the log.
	Answer string
	// Required checks must be passed by a real call before access counts as verified.
	Required bool
	// Doubtful: exports may fail, or be of no use, for what was read, or could not be.
	Doubtful bool
}

// A Report holds every check, in a fixed order. Several goroutines may write it.
type Report struct {
	mu     sync.Mutex
	checks []Check
}

// NewReport returns a report in which nothing has been looked at yet.
func NewReport() *Report {
	r := &Report{}
	for _, name := range []string{CheckBucket, CheckAssumeRole, checkLocation, checkList, checkPut, checkPutACL,
		CheckNoRead, CheckNoDelete, CheckTrustPolicy, CheckEncryption, CheckObjectOwnership, CheckObjectLock} {
		required := strings.Contains(name, ":")
		r.checks = append(r.checks, Check{Name: name, Verdict: NotTested, Detail: "was not reached", Required: required})
	}
	return r
}

// Set records what the named check found; the detail is short, a part of a
// sentence that has no need of its subject, and fix may be empty.
func (r *Report) Set(name string, v Verdict, detail, fix string) {
	r.edit(name, func(c *Check) { c.Verdict, c.Detail, c.Fix, c.Answer = v, detail, fix, "" })
}

// warn records a warning that exports themselves may fail, or be of no use: with
// one, access does not count as verified.
func (r *Report) warn(name, detail, fix string) {
	r.Set(name, Warn, detail, fix)
	r.doubt(name)
}

// doubt says that access does not count as verified unless the named check is passed.
func (r *Report) doubt(name string) { r.edit(name, func(c *Check) { c.Doubtful = true }) }

// clearDoubts is for what is read once more.
func (r *Report) clearDoubts() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.checks {
		r.checks[i].Doubtful = false
	}
}

// answer records the answer that decided the named check.
func (r *Report) answer(name string, err error) {
	r.edit(name, func(c *Check) { c.Answer = err.Error() })
}

func (r *Report) edit(name string, change func(*Check)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.checks {
		if r.checks[i].Name == name {
			change(&r.checks[i])
			return
		}
	}
	panic("no check is called " + name)
}

// Checks returns the checks in their order.
func (r *Report) Checks() []Check {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Check(nil), r.checks...)
}

// check returns the named check.
func (r *Report) check(name string) Check {
	for _, c := range r.Checks() {
		if c.Name == name {
			return c
		}
	}
	return Check{}
}

// AccessVerified returns "true" if every required check passed by a real call, no
// other failed and nothing is in doubt, "false" if a required one failed, and otherwise
// "partial".
func (r *Report) AccessVerified() string {
	verified := "true"
	for _, c := range r.Checks() {
		switch {
		case c.Required && c.Verdict == Fail:
			return "false"
		case c.Verdict == Fail, c.Verdict != Pass && (c.Required || c.Doubtful):
			verified = "partial"
		}
	}
	return verified
}

// Failed reports whether a check has failed so far.
func (r *Report) Failed() bool {
	return slices.ContainsFunc(r.Checks(), func(c Check) bool { return c.Verdict == Fail })
}

// maxReason is how many bytes, as JSON encodes them, an error of a report has.
// CloudFormation takes 4096 with the ids of request and stack, which may be
// long, and the place of the logs.
const maxReason = 2560

// Err returns an error that tells an author all that keeps the report from
// being accepted, in short, and the first fix in full, so that what it says to
// paste can be pasted; nil if the report is accepted: no check failed and each
// required one was tested.
func (r *Report) Err() error {
	refusals := r.refusals()
	if len(refusals) == 0 {
		return nil
	}
	told := "export access is not verified: " + join(refusals)
	for _, c := range refusals {
		if c.Verdict != Fail || c.Fix == "" {
			continue
		}
		fix := ". Fix for " + c.Name + ": "
		if encodedLen(told+fix+c.Fix) > maxReason {
			return errors.New(told + fix + "the log says how")
		}
		return errors.New(told + fix + c.Fix)
	}
	return errors.New(told)
}

// refusals returns the checks that keep the report from being accepted. What
// was not reached because another check failed is not worth a word, but whose
// bucket it is may explain everything.
func (r *Report) refusals() []Check {
	var failed, missed []Check
	for _, c := range r.Checks() {
		switch {
		case c.Verdict == Fail:
			failed = append(failed, c)
		case c.Required && c.Verdict == NotTested:
			missed = append(missed, c)
		}
	}
	if len(failed) == 0 {
		failed = missed
	}
	if c := r.check(CheckBucket); c.Verdict == NotTested && len(failed) > 0 {
		failed = append(failed, c)
	}
	return failed
}

// join tells the checks, those together of which the same is to be said.
func join(checks []Check) string {
	var details []string
	names := map[string][]string{}
	for _, c := range checks {
		if names[c.Detail] == nil {
			details = append(details, c.Detail)
		}
		names[c.Detail] = append(names[c.Detail], c.Name)
	}
	for i, detail := range details {
		details[i] = strings.Join(names[detail], ", ") + ": " + detail
	}
	return strings.Join(details, "; ")
}

// encodedLen is the length of a text as JSON encodes it.
func encodedLen(text string) int {
	b, err := json.Marshal(text)
	if err != nil {
		panic(fmt.Sprintf("encode a text: %v", err))
	}
	return len(b)
}

// String returns the checks as compact JSON, from a check's name to its
// verdict, in their order.
func (r *Report) String() string {
	var pairs []string
	for _, c := range r.Checks() {
		pairs = append(pairs, fmt.Sprintf("%q:%q", c.Name, c.Verdict))
	}
	return "{" + strings.Join(pairs, ",") + "}"
}
