package verify

import (
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
	// Fix is what mends it: a step in a sentence, with the statement to paste.
	Fix string
	// Required checks must be passed by a real call before access counts as verified.
	Required bool
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

// Set records what the named check found; the detail is a sentence without its
// subject, and fix may be empty.
func (r *Report) Set(name string, v Verdict, detail, fix string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.checks {
		if c := &r.checks[i]; c.Name == name {
			c.Verdict, c.Detail, c.Fix = v, detail, fix
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

// AccessVerified returns "true" if every required check passed by a real call,
// "false" if one of them failed, and otherwise "partial".
func (r *Report) AccessVerified() string {
	verified := "true"
	for _, c := range r.Checks() {
		switch {
		case !c.Required || c.Verdict == Pass:
		case c.Verdict == Fail:
			return "false"
		default:
			verified = "partial"
		}
	}
	return verified
}

// Failed reports whether a check has failed so far.
func (r *Report) Failed() bool {
	return slices.ContainsFunc(r.Checks(), func(c Check) bool { return c.Verdict == Fail })
}

// Err returns an error that tells an author all that keeps the report from
// being accepted, in short, and the first fix in full; nil if it is accepted:
// no check failed and each required one passed.
func (r *Report) Err() error {
	var failed, missed []string
	fix := ""
	for _, c := range r.Checks() {
		told := c.Name + " " + c.Detail
		switch {
		case c.Verdict == Fail:
			failed = append(failed, told)
		case c.Required && c.Verdict != Pass:
			missed = append(missed, told)
			continue
		default:
			continue
		}
		if fix == "" && c.Fix != "" {
			fix = ". To mend " + c.Name + ": " + c.Fix
		}
	}
	if len(failed) == 0 {
		// What was not reached because another check failed is not worth a word.
		failed = missed
	}
	if len(failed) == 0 {
		return nil
	}
	if c := r.check(CheckBucket); c.Verdict == NotTested {
		failed = append(failed, c.Name+" "+c.Detail)
	}
	return fmt.Errorf("export access is not verified: %s%s", strings.Join(failed, "; "), fix)
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
