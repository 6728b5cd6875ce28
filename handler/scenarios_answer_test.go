package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/bitmovin"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
)

// puts returns the tries to put the answer to the Create.
func (d *desk) puts() []cloudformation.Put {
	d.Helper()
	return d.engine.Inbox().Puts(d.latest("Create").RequestID)
}

// wantPuts sees with what statuses the tries were answered (0: not at all), and
// that each had the same body.
func (d *desk) wantPuts(want ...int) {
	d.Helper()
	var got []int
	puts := d.puts()
	for _, p := range puts {
		got = append(got, p.Status)
		if !bytes.Equal(p.Body, puts[0].Body) {
			d.Errorf("the tries differ: %s and %s", puts[0].Body, p.Body)
		}
		if p.Header["Content-Type"] != nil {
			d.Errorf("a try has the Content-Type %v", p.Header["Content-Type"])
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		d.Errorf("statuses of the tries (-want +got):\n%s", diff)
	}
}

func answerRetried(t *testing.T) {
	d := newApp(t, options{})
	for _, status := range []int{500, 503, 429} {
		d.engine.Inbox().Fail(cloudformation.InboxFault{Times: 1, Status: status})
	}
	d.wantRole(d.mustApp(base), base)
	d.wantVerdict("Create", "SUCCESS", "exports")
	d.wantPuts(500, 503, 429, 200)
}

func answerCutOff(t *testing.T) {
	d := newApp(t, options{})
	for _, f := range []cloudformation.InboxFault{{Reset: true}, {Hang: true}, {Drip: true}} {
		f.Times = 1
		d.engine.Inbox().Fail(f)
	}
	d.wantRole(d.mustApp(base), base)
	d.wantVerdict("Create", "SUCCESS", "exports")
	d.wantPuts(0, 0, 0, 200)
	if attempts := d.latest("Create").Invocation.Wait(); len(attempts) != 1 {
		t.Errorf("the attempts are %+v, want one", attempts)
	}
}

func answerRefused(t *testing.T) {
	d := newApp(t, options{})
	d.engine.Inbox().Fail(cloudformation.InboxFault{Times: 1, Status: 403, Stored: true})
	d.wantRole(d.mustApp(base), base)
	attempts := d.latest("Create").Invocation.Wait()
	d.wantPuts(403, 200)
	if len(attempts) != 2 || !strings.Contains(attempts[0].Err, "the answer is 403 Forbidden") || attempts[1].Err != "" {
		t.Errorf("the attempts are %+v, want one that fails with the status, and one that does not", attempts)
	}
	if secret.MatchString(attempts[0].Err) {
		t.Errorf("the error tells the signature: %s", attempts[0].Err)
	}
}

func answerNotTaken(t *testing.T) {
	d := newApp(t, options{timeout: brief, retryDelays: []time.Duration{3 * time.Second, 0}})
	d.engine.Inbox().Fail(cloudformation.InboxFault{Status: 503})
	go func() {
		for !strings.Contains(d.engine.Logs(), "verdict not delivered") && t.Context().Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		d.engine.Inbox().Heal()
	}()
	d.wantRole(d.mustApp(base), base)
	d.wantVerdict("Create", "SUCCESS", "exports")
	attempts := d.latest("Create").Invocation.Wait()
	if len(attempts) != 2 || !strings.Contains(attempts[0].Err, "put the verdict to") || attempts[1].Err != "" {
		t.Errorf("the attempts are %+v, want one that fails to deliver, and one that does not", attempts)
	}
	statuses := make([]int, len(d.puts()))
	for i := range statuses {
		statuses[i] = 503
	}
	statuses[len(statuses)-1] = 200
	d.wantPuts(statuses...)
}

func busy(t *testing.T) {
	d := newApp(t, options{})
	for _, op := range []string{"CreateRole", "PutRolePolicy", "UpdateAssumeRolePolicy", "DeleteRolePolicy", "DeleteRole"} {
		for _, code := range []string{"ConcurrentModification", "EntityTemporarilyUnmodifiable"} {
			d.cloud.Inject(&aws.Fault{Op: "iam:" + op, Times: 1, Status: 409, Code: code})
		}
	}
	d.wantRole(d.mustApp(base), base)
	d.delete(appStack)
	refused := map[string]int{}
	for _, c := range d.cloud.Calls() {
		refused[c.Code]++
	}
	if refused["ConcurrentModification"] != 5 || refused["EntityTemporarilyUnmodifiable"] != 5 {
		t.Errorf("calls by the code of their answer: %v", refused)
	}
}

func readsLag(t *testing.T) {
	d := newApp(t, options{Options: aws.Options{ReadLag: 3 * time.Second}})
	d.wantRole(d.mustApp(base), base)
	d.wantVerdict("Create", "SUCCESS", "exports")
	p := base.with(properties{"ObjectPrefix": "exports/"})
	d.wantRole(d.mustApp(p), p)
	d.delete(appStack)
	d.wantVerdict("Delete", "SUCCESS", "exports")
}

// theEvent is a Create that CloudFormation might send for the stack app.
func (d *desk) theEvent() cfn.Event {
	d.Helper()
	return cfn.Event{
		RequestType: "Create", RequestID: "request-1", ResponseURL: d.engine.Inbox().URL("request-1"), ResourceType: "Custom::BitmovinExportAccess",
		LogicalResourceID: logicalID, StackID: d.stack(providerStack).ID, ResourceProperties: maps.Clone(base),
	}
}

func unanswerable(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*cfn.Event){
		"malformed":      nil,
		"no ResponseURL": func(e *cfn.Event) { e.ResponseURL = "" },
		"http":           func(e *cfn.Event) { e.ResponseURL = strings.Replace(e.ResponseURL, "127.0.0.1", "s3.example.com", 1) },
	} {
		t.Run(name, func(t *testing.T) {
			d := newApp(t, options{})
			before := len(d.cloud.Calls())
			event := d.theEvent()
			if spoil != nil {
				spoil(&event)
			}
			payload, err := json.Marshal(event)
			if err != nil {
				t.Fatal(err)
			}
			if spoil == nil {
				payload = payload[:len(payload)-1]
			}
			attempts := d.function().Invoke(payload).Wait()
			for _, a := range attempts {
				if a.Err == "" || secret.MatchString(a.Err) {
					t.Errorf("an attempt came to %q, want an error without secrets", a.Err)
				}
			}
			if len(attempts) != 3 || len(d.engine.Inbox().Puts("request-1")) > 0 || len(d.cloud.Calls()) > before {
				t.Errorf("%d attempts, %d answers, %d calls; want 3 attempts", len(attempts), len(d.engine.Inbox().Puts("request-1")), len(d.cloud.Calls())-before)
			}
		})
	}
}

func tooLittleTime(t *testing.T) {
	d := newApp(t, options{timeout: 4 * time.Second})
	before := len(d.cloud.Calls())
	v := d.deliver(d.theEvent())
	if v.Status != "FAILED" || v.PhysicalResourceId != logicalID+"-not-created" || !strings.Contains(v.Reason, "too little to begin: nothing was changed") {
		t.Errorf("the verdict is %+v, want FAILED", v)
	}
	if calls := d.cloud.Calls()[before:]; len(calls) > 0 {
		t.Errorf("calls were made: %v", operations(calls))
	}
}

func longReason(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"ASCII": "x", "two bytes": "ü", "four bytes": "🎬", "a byte and four": "x🎬", "escapes": "\"\\\n\x01", "HTML": "<&>",
	} {
		t.Run(name, func(t *testing.T) {
			d := newApp(t, options{})
			s, _ := d.app(base.with(properties{"AccessMode": strings.Repeat(text, 10_000/len(text))}), nil)
			d.wantStatus(s, "ROLLBACK_COMPLETE")
			v := d.wantVerdict("Create", "FAILED", logicalID+"-not-created", "… (more in log group ")
			body := d.puts()[0].Body
			if len(body) < 3500 || !strings.HasPrefix(v.Reason, "property AccessMode must be Restricted or Full") || !utf8.Valid(body) {
				t.Errorf("the response has %d bytes: %s", len(body), body)
			}
		})
	}
	t.Run("invalid UTF-8", func(t *testing.T) {
		d := newApp(t, options{})
		event := d.theEvent()
		event.ResourceProperties["AccessMode"] = "WRONG"
		payload, err := json.Marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		payload = bytes.Replace(payload, []byte("WRONG"), []byte("\xff\xfe\xc3"), 1)
		d.function().Invoke(payload).Wait()
		puts := d.engine.Inbox().Puts("request-1")
		if len(puts) != 1 || !utf8.Valid(puts[0].Body) || decodeVerdict(t, puts[0].Body).Status != "FAILED" {
			t.Errorf("the answers are %+v", puts)
		}
	})
}

func tooMuchData(t *testing.T) {
	t.Parallel()
	b := newBureau(t, options{})
	b.provide()
	// The answer to the first call is lost. Looked up, the output is one that Bitmovin would never make.
	id := ""
	b.api.Inject(&bitmovin.Fault{Op: "create", Times: 1, After: true, Reset: true, Do: func() {
		b.api.Edit(func(s *bitmovin.State) {
			o := s.Outputs[len(s.Outputs)-1]
			id, o.ExternalID = o.ID, strings.Repeat("x", 5000)
		})
	}})
	if _, err := b.place(plainOrder); err == nil {
		t.Error("the stack was created")
	}
	v := b.verdictOf(b.latest("Create"))
	if v.Status != "FAILED" || v.PhysicalResourceId != id || !strings.Contains(v.Reason, "CloudFormation takes 4096") {
		t.Errorf("the verdict is %+v, want FAILED for %s", v, id)
	}
	if left := b.own(); len(left) > 0 {
		t.Errorf("outputs are left: %+v", left)
	}
}

// panicked: IAM's answer is none that it ever gives. The code relies on what it
// documents to be there.
func panicked(t *testing.T) {
	d := newApp(t, options{})
	d.cloud.Inject(&aws.Fault{
		Op: "iam:GetRole", Times: 1, Status: 200, Body: "<GetRoleResponse><GetRoleResult></GetRoleResult></GetRoleResponse>",
	})
	s, _ := d.app(base, nil)
	d.wantStatus(s, "ROLLBACK_COMPLETE")
	d.wantVerdict("Create", "FAILED", logicalID+"-not-created", "internal error: panic: ")
	d.wantPuts(200)
	if attempts := d.latest("Create").Invocation.Wait(); len(attempts) != 1 || attempts[0].Err != "" {
		t.Errorf("the attempts are %+v, want one that succeeded", attempts)
	}
	d.wantLogged(`"call_stack":"goroutine`)
	d.wantNoRoles()
}

func credentialsExpired(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]*aws.Fault{
		"expired credentials": {Status: 403, Code: "ExpiredToken", Message: "The security token included in the request is expired"},
		"a disabled region":   {Op: "sts:AssumeRole", Status: 403, Code: "RegionDisabledException", Message: "STS is not activated in this region"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newApp(t, options{})
			from := len(d.cloud.Calls())
			var over atomic.Bool
			f.Match = func(aws.Call) bool { return !over.Load() }
			d.onNth(1, "CREATE_FAILED", func() { over.Store(true) })
			d.cloud.Inject(f)
			s, _ := d.app(base, nil)
			d.wantStatus(s, "ROLLBACK_COMPLETE")
			d.wantVerdict("Create", "FAILED", d.verdictOf(d.latest("Create")).PhysicalResourceId, f.Code, f.Message)
			made := map[string]int{}
			for _, c := range d.cloud.Calls()[from:] {
				if c.Code == f.Code {
					made[fmt.Sprint(c.Op, c.Params.Get("RoleName"))]++
				}
			}
			for op, n := range made {
				if n > 1 {
					t.Errorf("%s was made %d times", op, n)
				}
			}
			d.wantNoRoles()
		})
	}
}
