package verify

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// required are the checks that must be passed by a real call.
var required = []string{CheckAssumeRole, "s3:GetBucketLocation", "s3:ListBucket", "s3:PutObject", "s3:PutObjectAcl"}

// reportOf returns a report in which everything passed, but for the changes.
func reportOf(changes ...Check) *Report {
	r := NewReport()
	for _, c := range r.Checks() {
		r.Set(c.Name, Pass, "works", "")
	}
	for _, c := range changes {
		r.Set(c.Name, c.Verdict, c.Detail, c.Fix)
	}
	return r
}

func TestReport(t *testing.T) {
	t.Parallel()
	const begin = "export access is not verified: "
	tests := []struct {
		name     string
		report   *Report
		verified string
		err      string
	}{
		{"all passed", reportOf(), "true", ""},
		{"warnings", reportOf(
			Check{Name: CheckNoRead, Verdict: Warn, Detail: "s3:GetObject is allowed", Fix: "look"},
			Check{Name: CheckNoDelete, Verdict: Warn}, Check{Name: CheckEncryption, Verdict: Warn},
			Check{Name: CheckObjectOwnership, Verdict: Warn}, Check{Name: CheckObjectLock, Verdict: Warn},
		), "true", ""},
		{"what is not required was not tested", reportOf(
			Check{Name: CheckBucket, Verdict: NotTested}, Check{Name: CheckNoRead, Verdict: NotTested},
			Check{Name: CheckNoDelete, Verdict: NotTested}, Check{Name: CheckEncryption, Verdict: NotTested},
			Check{Name: CheckObjectOwnership, Verdict: NotTested}, Check{Name: CheckObjectLock, Verdict: NotTested},
			Check{Name: CheckTrustPolicy, Verdict: NotTested},
		), "true", ""},
		{"one failed", reportOf(Check{Name: checkPut, Verdict: Fail, Detail: "denied", Fix: "paste this"}), "false",
			begin + "s3:PutObject: denied. Fix for s3:PutObject: paste this"},
		{"a failure without a fix, and one with", reportOf(
			Check{Name: checkList, Verdict: Fail, Detail: "refused"},
			Check{Name: checkPut, Verdict: Fail, Detail: "denied", Fix: "paste this"},
			Check{Name: checkPutACL, Verdict: Fail, Detail: "denied too", Fix: "paste that"},
		), "false", begin + "s3:ListBucket: refused; s3:PutObject: denied; s3:PutObjectAcl: denied too. Fix for s3:PutObject: paste this"},
		{"the same of several", reportOf(
			Check{Name: checkList, Verdict: Fail, Detail: "denied", Fix: "paste this"},
			Check{Name: checkPut, Verdict: Fail, Detail: "refused", Fix: "paste that"},
			Check{Name: checkPutACL, Verdict: Fail, Detail: "denied", Fix: "paste this"},
		), "false", begin + "s3:ListBucket, s3:PutObjectAcl: denied; s3:PutObject: refused. Fix for s3:ListBucket: paste this"},
		{"one failed that is not required", reportOf(Check{Name: CheckTrustPolicy, Verdict: Fail, Detail: "another"}), "partial",
			begin + "TrustPolicy: another"},
		{"a required one was not tested", reportOf(Check{Name: checkPut, Verdict: NotTested, Detail: "got no answer", Fix: "wait"}), "partial",
			begin + "s3:PutObject: got no answer"},
		{"a required one has a warning", reportOf(Check{Name: checkList, Verdict: Warn, Detail: "allowed only below a/"}), "partial", ""},
		{"what was not reached is not told beside a failure", reportOf(
			Check{Name: CheckAssumeRole, Verdict: Fail, Detail: "denied"},
			Check{Name: checkPut, Verdict: NotTested, Detail: "was not reached"},
		), "false", begin + "sts:AssumeRole: denied"},
		{"a failure, and nobody knows about the bucket", reportOf(
			Check{Name: CheckBucket, Verdict: NotTested, Detail: "may be another's"},
			Check{Name: checkList, Verdict: Fail, Detail: "denied", Fix: "paste this"},
		), "false", begin + "s3:ListBucket: denied; Bucket: may be another's. Fix for s3:ListBucket: paste this"},
		{"a warning's fix fixes no failure", reportOf(
			Check{Name: checkList, Verdict: Fail, Detail: "denied"},
			Check{Name: CheckNoRead, Verdict: Warn, Detail: "allowed", Fix: "look"},
		), "false", begin + "s3:ListBucket: denied"},
		{"a fix that does not fit is not cut", reportOf(
			Check{Name: checkPut, Verdict: Fail, Detail: "denied", Fix: strings.Repeat("x", maxReason)},
		), "false", begin + "s3:PutObject: denied. Fix for s3:PutObject: the log says how"},
		{"nothing was reached", NewReport(), "partial", begin +
			"sts:AssumeRole, s3:GetBucketLocation, s3:ListBucket, s3:PutObject, s3:PutObjectAcl, Bucket: was not reached"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := test.report.AccessVerified(); got != test.verified {
				t.Errorf("AccessVerified: got %s, want %s", got, test.verified)
			}
			got := ""
			if err := test.report.Err(); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(test.err, got); diff != "" {
				t.Errorf("Err (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReportString(t *testing.T) {
	t.Parallel()
	const want = `{"Bucket":"NOT_TESTED","sts:AssumeRole":"FAIL","s3:GetBucketLocation":"PASS","s3:ListBucket":"PASS",` +
		`"s3:PutObject":"PASS","s3:PutObjectAcl":"PASS","NoReadAccess":"WARN","NoDeleteAccess":"PASS","TrustPolicy":"PASS",` +
		`"Encryption":"PASS","ObjectOwnership":"PASS","ObjectLock":"PASS"}`
	got := reportOf(Check{Name: CheckBucket, Verdict: NotTested}, Check{Name: CheckAssumeRole, Verdict: Fail},
		Check{Name: CheckNoRead, Verdict: Warn}).String()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReportSetOfNoCheck(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("a verdict on a check that does not exist was taken")
		}
	}()
	NewReport().Set("s3:GetObject", Pass, "", "")
}

func TestReportChecksAreACopy(t *testing.T) {
	t.Parallel()
	r := NewReport()
	r.Checks()[0].Verdict = Fail
	if r.Failed() {
		t.Error("a change of what Checks returned changed the report")
	}
}

// CloudFormation takes a response of 4096 bytes. What is to be pasted is told
// whole or not at all, whatever its escapes.
func TestErrFits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		fix := strings.Repeat(rapid.SampledFrom([]string{"x", `"`, "ü", "<", "\n"}).Draw(t, "of"), rapid.IntRange(1, 3000).Draw(t, "times"))
		r := reportOf(Check{Name: checkPut, Verdict: Fail, Detail: "denied", Fix: fix})
		err := r.Err().Error()
		body, e := json.Marshal(err)
		if e != nil || len(body) > maxReason {
			t.Fatalf("%v: the error has %d bytes", e, len(body))
		}
		if !strings.HasSuffix(err, fix) && !strings.HasSuffix(err, "the log says how") {
			t.Fatalf("the fix of %d bytes is cut", len(fix))
		}
		if !strings.HasSuffix(err, fix) && len(fix) < maxReason/8 {
			t.Fatalf("a fix of %d bytes is left out", len(fix))
		}
	})
}

func TestReportAnswer(t *testing.T) {
	t.Parallel()
	r := NewReport()
	r.Set(checkPut, Fail, "denied", "")
	r.answer(checkPut, errors.New("AccessDenied: the whole answer, request id R"))
	if got := r.check(checkPut); got.Verdict != Fail || !strings.Contains(got.Answer, "request id R") {
		t.Errorf("got %+v, want the whole answer beside the verdict", got)
	}
	if strings.Contains(r.Err().Error(), "request id R") {
		t.Errorf("the answer is in the error: %v", r.Err())
	}
	if r.Set(checkPut, Pass, "works", ""); r.check(checkPut).Answer != "" {
		t.Error("a new verdict has the old one's answer")
	}
}

// Whatever was found: it is accepted if and only if nothing failed and each
// required check was tested; if each passed and nothing failed, access is verified.
func TestAccepted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r, accepted, verified, failed := NewReport(), true, "true", false
		for _, c := range r.Checks() {
			v := rapid.SampledFrom([]Verdict{Pass, Pass, Pass, Pass, Fail, Warn, NotTested}).Draw(t, c.Name)
			r.Set(c.Name, v, "is "+string(v), rapid.SampledFrom([]string{"", "paste"}).Draw(t, "fix of "+c.Name))
			must := slices.Contains(required, c.Name)
			if c.Required != must {
				t.Fatalf("%s: required is %t", c.Name, c.Required)
			}
			failed = failed || v == Fail
			accepted = accepted && v != Fail && (!must || v != NotTested)
			switch {
			case must && v == Fail:
				verified = "false"
			case (v == Fail || must && v != Pass) && verified == "true":
				verified = "partial"
			}
		}
		err := r.Err()
		if (err == nil) != accepted || r.AccessVerified() != verified || r.Failed() != failed {
			t.Fatalf("%s: got Err %v, AccessVerified %s, Failed %t", r, err, r.AccessVerified(), r.Failed())
		}
		var verdicts map[string]Verdict
		if e := json.Unmarshal([]byte(r.String()), &verdicts); e != nil || len(verdicts) != len(r.Checks()) {
			t.Fatalf("%s is no object of all checks: %v", r, e)
		}
		for _, c := range r.Checks() {
			if verdicts[c.Name] != c.Verdict {
				t.Fatalf("%s says %s of %s, want %s", r, verdicts[c.Name], c.Name, c.Verdict)
			}
			if c.Verdict == Fail && (!strings.Contains(err.Error(), c.Name) || !strings.Contains(err.Error(), ": "+c.Detail)) {
				t.Fatalf("%v does not tell %s", err, c.Name)
			}
		}
	})
}
