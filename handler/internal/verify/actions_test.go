package verify

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The answers that a call gets.
var (
	denied   = answer(403, "AccessDenied", "… not authorized to perform: s3:PutObject because no identity-based policy allows the s3:PutObject action")
	shutOut  = answer(403, "AccessDenied", "… not authorized to perform: s3:PutObject with an explicit deny in a resource-based policy")
	keyless  = answer(403, "AccessDenied", "… not authorized to perform: kms:GenerateDataKey because no resource-based policy allows the kms:GenerateDataKey action")
	refused  = answer(400, "InvalidRequest", "no")
	disabled = answer(400, "KMS.DisabledException", "key is disabled")
	broken   = answer(503, "SlowDown", "please")
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

func TestTry(t *testing.T) {
	t.Parallel()
	const ever = time.Hour
	tests := []struct {
		name     string
		wait     time.Duration
		before   error
		delay    time.Duration
		after    error
		verdict  Verdict
		detail   string
		key      Verdict
		min, max time.Duration
	}{
		{name: "allowed", wait: Propagation, verdict: Pass, detail: "works"},
		{name: "allowed after 7 s", wait: Propagation, before: denied, delay: 7 * time.Second, verdict: Pass, detail: "works",
			min: 7 * time.Second, max: 9 * time.Second},
		{name: "a deny goes away", wait: Propagation, before: shutOut, delay: 3 * time.Second, verdict: Pass, detail: "works",
			min: 3 * time.Second, max: 5 * time.Second},
		{name: "a missing permission turns into a deny", wait: Propagation, before: denied, delay: 20 * time.Second, after: shutOut,
			verdict: Fail, detail: "explicit Deny", min: 20 * time.Second, max: 22 * time.Second},
		{name: "denied for ever", wait: Propagation, before: denied, delay: ever, verdict: Fail, detail: "nothing allows it",
			min: Propagation - 2*time.Second, max: Propagation},
		{name: "explicitly denied for ever", wait: Propagation, before: shutOut, delay: ever, verdict: Fail, detail: "explicit Deny",
			min: Settling, max: Settling + 2*time.Second},
		{name: "denied, and nothing was changed", wait: Settling, before: denied, delay: ever, verdict: Fail, detail: "nothing allows it",
			min: Settling - 2*time.Second, max: Settling},
		{name: "denied in a rollback", before: denied, delay: ever, verdict: Fail, detail: "nothing allows it"},
		{name: "the key denied", wait: Settling, before: keyless, delay: ever, verdict: Fail, detail: "for want of kms:GenerateDataKey", key: Fail,
			min: Settling - 2*time.Second, max: Settling},
		{name: "the key disabled", wait: Propagation, after: disabled, verdict: Fail, detail: "refused: KMS.DisabledException", key: Fail},
		{name: "refused", wait: Propagation, after: refused, verdict: Fail, detail: "refused: InvalidRequest: no"},
		{name: "no such bucket", wait: Propagation, after: answer(404, "NoSuchBucket", "gone"), verdict: Fail, detail: "refused: NoSuchBucket"},
		{name: "not answered", wait: Propagation, after: broken, verdict: NotTested, detail: "got no answer: SlowDown"},
		{name: "denied until no time is left", wait: Propagation, before: denied, delay: 7 * time.Second, after: context.DeadlineExceeded,
			verdict: Fail, detail: "nothing allows it", min: 7 * time.Second, max: 9 * time.Second},
		{name: "no time", wait: Propagation, after: context.DeadlineExceeded, verdict: NotTested, detail: "got no answer"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := testProbe()
				p.Wait(t.Context(), test.wait)
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
		wait     time.Duration
		before   error
		delay    time.Duration
		after    error
		verdict  Verdict
		detail   string
		calls    int
		min, max time.Duration
	}{
		{name: "denied", wait: Propagation, after: denied, verdict: Pass, detail: "s3:GetObject is denied", calls: 1},
		{name: "explicitly denied", wait: Propagation, after: shutOut, verdict: Pass, detail: "s3:GetObject is denied", calls: 1},
		{name: "denied after 2 s", wait: Propagation, delay: 2 * time.Second, after: denied, verdict: Pass, calls: 4,
			min: 2 * time.Second, max: 4 * time.Second},
		{name: "allowed", wait: Propagation, delay: ever, verdict: Warn, detail: "s3:GetObject is allowed", calls: 5,
			min: Settling - 2*time.Second, max: Settling},
		{name: "allowed until no time is left", wait: Propagation, delay: 2 * time.Second, after: context.DeadlineExceeded,
			verdict: Warn, detail: "s3:GetObject is allowed", calls: 4, min: 2 * time.Second, max: 4 * time.Second},
		{name: "allowed in a rollback", delay: ever, verdict: Warn, detail: "s3:GetObject is allowed", calls: 1},
		{name: "refused", wait: Propagation, after: refused, verdict: NotTested, detail: "no clear answer: InvalidRequest", calls: 1},
		{name: "not answered", wait: Propagation, after: broken, verdict: NotTested, detail: "no clear answer: SlowDown", calls: 1},
		{name: "full access", full: true, wait: Propagation, delay: ever, verdict: NotTested, detail: "does not apply to full access"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := testProbe(func(target *Target) { target.Restricted = !test.full })
				p.Wait(t.Context(), test.wait)
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

func TestWait(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name              string
		left, limit, want time.Duration
	}{
		{"no deadline", 0, Propagation, Propagation},
		{"a far deadline", 10 * time.Minute, Propagation, Propagation},
		{"a deadline before it", 100 * time.Second, Propagation, 75 * time.Second},
		{"the deadline is over", -4 * time.Second, Propagation, -4 * time.Second},
		{"in a rollback", 100 * time.Second, 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if test.left != 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.left)
					defer cancel()
				}
				p := testProbe()
				p.Wait(ctx, test.limit)
				if diff := cmp.Diff(time.Now().Add(test.want), p.Until()); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestMarker(t *testing.T) {
	t.Parallel()
	p := testProbe()
	const want = "exports/_bitmovin-access-check/exports-7a1137b3f7a0ae7c"
	if got := p.marker(); len(got) != len(want) || !strings.HasPrefix(got, "exports/_bitmovin-access-check/exports-") {
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
