package verify

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/awserr/awserrtest"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/eventual"
)

// The answers that a call gets.
var (
	denied   = awserrtest.Answer(403, "AccessDenied", "… not authorized to perform: s3:PutObject because no identity-based policy allows the s3:PutObject action")
	ownDeny  = awserrtest.Answer(403, "AccessDenied", "… not authorized to perform: s3:PutObject with an explicit deny in an identity-based policy")
	shutOut  = awserrtest.Answer(403, "AccessDenied", "… not authorized to perform: s3:PutObject with an explicit deny in a resource-based policy")
	keyless  = awserrtest.Answer(403, "AccessDenied", "… not authorized to perform: kms:GenerateDataKey because no resource-based policy allows the kms:GenerateDataKey action")
	refused  = awserrtest.Answer(400, "InvalidRequest", "no")
	disabled = awserrtest.Answer(400, "KMS.DisabledException", "key is disabled")
	broken   = awserrtest.Answer(503, "SlowDown", "please")
)

// between answers with before until the delay is over, then with after.
func between(before error, delay time.Duration, after error) func(context.Context) error {
	start := time.Now()
	return func(context.Context) error {
		if time.Since(start) < delay {
			return before
		}
		return after
	}
}

// What may explain an answer, from now on.
func changed(now time.Time) Lag { return Lag{Changed: now} }
func taken(now time.Time) Lag   { return Lag{Changed: now, Taken: now} }
func unchanged(time.Time) Lag   { return Lag{} }
func aMinuteAgo(now time.Time) Lag {
	return Lag{Changed: now.Add(-time.Minute)}
}
func once(time.Time) Lag { return Lag{Once: true} }

const mayTakeMinutes = " (a policy changed just now may take minutes)"

func TestTry(t *testing.T) {
	t.Parallel()
	const ever = time.Hour
	tests := []struct {
		name     string
		lag      func(time.Time) Lag
		before   error
		delay    time.Duration
		after    error
		verdict  Verdict
		detail   string
		key      Verdict
		min, max time.Duration
	}{
		{name: "allowed", lag: changed, verdict: Pass, detail: "works"},
		{name: "allowed after 7 s", lag: changed, before: denied, delay: 7 * time.Second, verdict: Pass, detail: "works",
			min: 7 * time.Second, max: 9 * time.Second},
		{name: "a deny goes away", lag: changed, before: shutOut, delay: 3 * time.Second, verdict: Pass, detail: "works",
			min: 3 * time.Second, max: 5 * time.Second},
		{name: "a missing permission turns into a deny", lag: changed, before: denied, delay: 20 * time.Second, after: shutOut,
			verdict: Fail, detail: "explicit Deny in the bucket policy" + mayTakeMinutes, min: 20 * time.Second, max: 22 * time.Second},
		{name: "denied for ever", lag: changed, before: denied, delay: ever, verdict: Fail, detail: "nothing allows it",
			min: eventual.RoleChanged, max: eventual.RoleChanged},
		{name: "explicitly denied for ever", lag: changed, before: shutOut, delay: ever, verdict: Fail, detail: "explicit Deny in the bucket policy" + mayTakeMinutes,
			min: eventual.Unchanged, max: eventual.Unchanged},
		{name: "a Deny that was taken away", lag: taken, before: ownDeny, delay: 8 * time.Second, verdict: Pass, detail: "works",
			min: 8 * time.Second, max: 10 * time.Second},
		{name: "a Deny beside what was taken away", lag: taken, before: shutOut, delay: 8 * time.Second, verdict: Fail, detail: "explicit Deny",
			min: eventual.Unchanged, max: eventual.Unchanged},
		{name: "denied, and nothing was changed", lag: unchanged, before: denied, delay: ever, verdict: Fail,
			detail: "nothing allows it in an identity-based policy of the role" + mayTakeMinutes, min: eventual.Unchanged, max: eventual.Unchanged},
		{name: "denied, a minute after the change", lag: aMinuteAgo, before: denied, delay: ever, verdict: Fail, detail: "nothing allows it",
			min: eventual.RoleChanged - time.Minute, max: eventual.RoleChanged - time.Minute},
		{name: "denied in a rollback", lag: once, before: denied, delay: ever, verdict: Fail, detail: "nothing allows it"},
		{name: "the key denied", lag: unchanged, before: keyless, delay: ever, verdict: Fail, detail: "kms:GenerateDataKey is denied", key: Fail,
			min: eventual.Unchanged, max: eventual.Unchanged},
		{name: "the key disabled", lag: changed, after: disabled, verdict: Fail, detail: "refused: KMS.DisabledException", key: Fail,
			min: eventual.NewBucket, max: eventual.NewBucket},
		{name: "the key not ready for 5 s", lag: changed, before: disabled, delay: 5 * time.Second, verdict: Pass, detail: "works", min: 5 * time.Second, max: 7 * time.Second},
		{name: "the key disabled in a rollback", lag: once, after: disabled, verdict: Fail, detail: "refused: KMS.DisabledException", key: Fail},
		{name: "refused", lag: changed, after: refused, verdict: Fail, detail: "refused: InvalidRequest: no"},
		{name: "no such bucket", lag: changed, after: awserrtest.Answer(404, "NoSuchBucket", "gone"), verdict: Fail, detail: "refused: NoSuchBucket",
			min: eventual.NewBucket, max: eventual.NewBucket},
		{name: "a conflict for 5 s", lag: changed, before: awserrtest.Answer(409, "OperationAborted", "again"), delay: 5 * time.Second, verdict: Pass, detail: "works", min: 5 * time.Second, max: 7 * time.Second},
		{name: "not answered", lag: changed, after: broken, verdict: NotTested, detail: "got no answer: SlowDown"},
		{name: "denied until no time is left", lag: changed, before: denied, delay: 7 * time.Second, after: context.DeadlineExceeded,
			verdict: Fail, detail: "nothing allows it", min: 7 * time.Second, max: 9 * time.Second},
		{name: "no time", lag: changed, after: context.DeadlineExceeded, verdict: NotTested, detail: "got no answer"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := testProbe()
				p.Expect(test.lag(time.Now()))
				start := time.Now()
				p.try(t.Context(), checkPut, between(test.before, test.delay, test.after))
				took := time.Since(start)
				got := p.Report.check(checkPut)
				if got.Verdict != test.verdict || !strings.Contains(got.Detail, test.detail) {
					t.Errorf("got %+v, want %s %s", got, test.verdict, test.detail)
				}
				if (got.Answer == "") != (got.Verdict == Pass) {
					t.Errorf("the log gets the answer %q", got.Answer)
				}
				if took < test.min || took > test.max {
					t.Errorf("took %v, want %v to %v", took, test.min, test.max)
				}
				key := p.Report.check(CheckEncryption)
				if test.key != "" && (key.Verdict != test.key || key.Fix == "" || got.Fix == "") || test.key == "" && key.Verdict != NotTested {
					t.Errorf("got %+v beside %+v, want %s with a fix", key, got, test.key)
				}
			})
		})
	}
}

func TestTryNot(t *testing.T) {
	t.Parallel()
	const ever = time.Hour
	tests := []struct {
		name     string
		full     bool
		lag      func(time.Time) Lag
		before   error
		delay    time.Duration
		after    error
		verdict  Verdict
		detail   string
		calls    int
		min, max time.Duration
	}{
		{name: "denied", lag: changed, after: denied, verdict: Pass, detail: "s3:GetObject is denied", calls: 1},
		{name: "explicitly denied", lag: changed, after: shutOut, verdict: Pass, detail: "s3:GetObject is denied", calls: 1},
		{name: "denied after 2 s", lag: changed, delay: 2 * time.Second, after: denied, verdict: Pass, calls: 4,
			min: 2 * time.Second, max: 4 * time.Second},
		{name: "allowed", lag: changed, delay: ever, verdict: Warn, detail: "s3:GetObject is allowed", calls: 6,
			min: eventual.Unchanged, max: eventual.Unchanged},
		{name: "allowed until no time is left", lag: changed, delay: 2 * time.Second, after: context.DeadlineExceeded,
			verdict: Warn, detail: "s3:GetObject is allowed", calls: 4, min: 2 * time.Second, max: 4 * time.Second},
		{name: "allowed, and taken away", lag: taken, delay: 100 * time.Second, after: denied, verdict: Pass, detail: "s3:GetObject is denied",
			calls: 53, min: 100 * time.Second, max: 102 * time.Second},
		{name: "allowed, though taken away", lag: taken, delay: ever, verdict: Warn, detail: "s3:GetObject is allowed", calls: 63,
			min: eventual.TakenAway, max: eventual.TakenAway},
		{name: "allowed in a rollback", lag: once, delay: ever, verdict: Warn, detail: "s3:GetObject is allowed", calls: 1},
		{name: "refused", lag: changed, after: refused, verdict: NotTested, detail: "no clear answer: InvalidRequest", calls: 1},
		{name: "not answered", lag: changed, after: broken, verdict: NotTested, detail: "no clear answer: SlowDown", calls: 1},
		{name: "full access", full: true, lag: changed, delay: ever, verdict: NotTested, detail: "does not apply to full access"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := testProbe(func(target *Target) { target.Restricted = !test.full })
				p.Expect(test.lag(time.Now()))
				start, calls := time.Now(), 0
				call := between(test.before, test.delay, test.after)
				p.tryNot(t.Context(), CheckNoRead, "s3:GetObject", func(ctx context.Context) error { calls++; return call(ctx) })
				took := time.Since(start)
				got := p.Report.check(CheckNoRead)
				if got.Verdict != test.verdict || !strings.Contains(got.Detail, test.detail) || calls != test.calls {
					t.Errorf("got %+v after %d calls, want %s %s after %d", got, calls, test.verdict, test.detail, test.calls)
				}
				if took < test.min || took > test.max {
					t.Errorf("took %v, want %v to %v", took, test.min, test.max)
				}
				if p.Report.Failed() {
					t.Error("a permission too many failed the report")
				}
			})
		})
	}
}

// TestTimeLeft: a quarter of the time that is left is for clean-up and verdict.
func TestTimeLeft(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name       string
		lag        func(time.Time) Lag
		left, want time.Duration
	}{
		{"a far deadline", changed, 10 * time.Minute, eventual.RoleChanged},
		{"a deadline before the window's end", changed, 100 * time.Second, 75 * time.Second},
		{"in a rollback", once, 100 * time.Second, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), test.left)
				defer cancel()
				p, start := testProbe(), time.Now()
				p.Expect(test.lag(start))
				p.try(ctx, checkPut, func(context.Context) error { return denied })
				if took := time.Since(start); took != test.want {
					t.Errorf("took %v, want %v", took, test.want)
				}
			})
		})
	}
}

func TestMarker(t *testing.T) {
	t.Parallel()
	p := testProbe()
	const want = "exports/_bitmovin-access-check/bitmovin-exports-7a1137b3f7a0ae7c"
	if got := p.marker(); len(got) != len(want) || !strings.HasPrefix(got, "exports/_bitmovin-access-check/bitmovin-exports-") {
		t.Errorf("got %s, want the form of %s", got, want)
	}
	if testProbe().marker() != p.marker() {
		t.Error("the next attempt of the same request has another marker")
	}
	other := testProbe(func(t *Target) { t.Request = "another" })
	if other.marker() == p.marker() {
		t.Error("another request has the same marker")
	}
	if rest, ok := strings.CutPrefix(p.absent(), p.marker()); !ok || rest == "" {
		t.Errorf("the absent key %s is not beside the marker %s", p.absent(), p.marker())
	}
}

func TestWritesObject(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ writes, undeletable, want bool }{
		{true, false, true}, {true, true, false}, {false, false, false}, {false, true, false},
	} {
		p := testProbe(func(t *Target) { t.Writes = test.writes })
		p.bucket.Undeletable = test.undeletable
		if got := p.writesObject(); got != test.want {
			t.Errorf("%+v: got %t", test, got)
		}
	}
}
