package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/bitmovin"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// puts returns the tries to put the answer to the Create.
func (e *env) puts() []cloudformation.Put {
	e.Helper()
	return e.Engine.Inbox().Puts(e.Latest("Create").RequestID)
}

// wantPuts sees with what statuses the tries were answered (0: not at all), and
// that each had the same body.
func (e *env) wantPuts(want ...int) {
	e.Helper()
	var got []int
	puts := e.puts()
	for _, p := range puts {
		got = append(got, p.Status)
		if !bytes.Equal(p.Body, puts[0].Body) {
			e.Errorf("the tries differ: %s and %s", puts[0].Body, p.Body)
		}
		if p.Header["Content-Type"] != nil {
			e.Errorf("a try has the Content-Type %v", p.Header["Content-Type"])
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		e.Errorf("statuses of the tries (-want +got):\n%s", diff)
	}
}

func answerRetried(t *testing.T) {
	e := newProviderEnv(t, options{})
	for _, status := range []int{500, 503, 429} {
		e.Engine.Inbox().Fail(cloudformation.InboxFault{Times: 1, Status: status})
	}
	e.WantRole(e.MustApp(base), base)
	e.WantVerdict("Create", "SUCCESS", "bitmovin-export-app")
	e.wantPuts(500, 503, 429, 200)
}

func answerCutOff(t *testing.T) {
	e := newProviderEnv(t, options{})
	for _, f := range []cloudformation.InboxFault{{Reset: true}, {Hang: true}, {Drip: true}} {
		f.Times = 1
		e.Engine.Inbox().Fail(f)
	}
	e.WantRole(e.MustApp(base), base)
	e.WantVerdict("Create", "SUCCESS", "bitmovin-export-app")
	e.wantPuts(0, 0, 0, 200)
}

func answerRefused(t *testing.T) {
	e := newProviderEnv(t, options{})
	e.FailedDeliveries = true
	e.Engine.Inbox().Fail(cloudformation.InboxFault{Times: 1, Status: 403, Stored: true})
	e.WantRole(e.MustApp(base), base)
	attempts := e.Latest("Create").Invocation.Wait()
	e.wantPuts(403, 200)
	if len(attempts) != 2 || !strings.Contains(attempts[0].Err, "the answer is 403 Forbidden") || attempts[1].Err != "" {
		t.Errorf("the attempts are %+v, want one that fails with the status, and one that does not", attempts)
	}
	harness.WantNoSecret(t, attempts[0].Err)
}

// notTaken has no answer taken before so many attempts have failed. Lambda's retry comes after that.
func (e *env) notTaken(attempts int) {
	e.Engine.Inbox().Fail(cloudformation.InboxFault{Status: 503})
	var healing sync.WaitGroup
	e.Cleanup(healing.Wait)
	healing.Go(func() {
		for strings.Count(e.Engine.Logs(), "verdict not delivered") < attempts && e.Context().Err() == nil {
			time.Sleep(time.Second)
		}
		e.Engine.Inbox().Heal()
	})
}

func answerNotTaken(t *testing.T) {
	e := newProviderEnv(t, options{})
	e.FailedDeliveries = true
	e.notTaken(1)
	e.WantRole(e.MustApp(base), base)
	e.WantVerdict("Create", "SUCCESS", "bitmovin-export-app")
	attempts := e.Latest("Create").Invocation.Wait()
	if len(attempts) != 2 || !strings.Contains(attempts[0].Err, "put the verdict to") || attempts[1].Err != "" {
		t.Errorf("the attempts are %+v, want one that fails to deliver, and one that does not", attempts)
	}
	statuses := make([]int, len(e.puts()))
	for i := range statuses {
		statuses[i] = 503
	}
	statuses[len(statuses)-1] = 200
	e.wantPuts(statuses...)
}

// TestThirdDelivery: an event lives until its third delivery also where each takes all the
// function's time, for the template's resources from the first event on.
func TestThirdDelivery(t *testing.T) {
	t.Parallel()
	harness.Run(t, "each takes 300 s", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.FailedDeliveries = true
		e.notTaken(2)
		begun := time.Now()
		e.WantRole(e.MustApp(base), base)
		if n := len(e.Latest("Create").Invocation.Wait()); n != 3 || time.Since(begun) < 770*time.Second {
			t.Errorf("%d attempts in %v, want three in 13 minutes", n, time.Since(begun))
		}
	})
	for name, parameters := range map[string][]string{"access": nil, "output": {"BitmovinApiKeySecretArn", secretARN}} {
		harness.Run(t, "from the first to the last event, with the "+name, func(t *testing.T) {
			e := newOutputEnv(t, options{})
			id := e.MustDeploy(parameters...).ID
			e.Delete(stackName)
			configured := false
			for _, event := range e.Stack(id).Events {
				if event.LogicalID == "EventInvokeConfig" {
					configured = event.Status == "CREATE_COMPLETE"
				}
				if strings.HasPrefix(event.Type, "Custom::") && !configured {
					t.Errorf("%s is %s while the function's events are not configured", event.LogicalID, event.Status)
				}
			}
		})
	}
}

// theEvent is a Create that CloudFormation might send for the stack app.
func (e *env) theEvent() cfn.Event {
	e.Helper()
	return cfn.Event{
		RequestType: "Create", RequestID: "request-1", ResponseURL: e.Engine.Inbox().URL("request-1"), ResourceType: "Custom::BitmovinExportAccess",
		LogicalResourceID: logicalID, StackID: e.Stack(providerStack).ID, ResourceProperties: maps.Clone(base),
	}
}

func unanswerable(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*cfn.Event){
		"malformed":      nil,
		"no ResponseURL": func(e *cfn.Event) { e.ResponseURL = "" },
		"http":           func(e *cfn.Event) { e.ResponseURL = strings.Replace(e.ResponseURL, "127.0.0.1", "s3.example.com", 1) },
	} {
		harness.Run(t, name, func(t *testing.T) {
			e := newProviderEnv(t, options{})
			e.FailedDeliveries = true
			before := len(e.Cloud.Calls())
			event := e.theEvent()
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
			attempts := e.Invoke(payload).Wait()
			for _, a := range attempts {
				if a.Err == "" {
					t.Error("an attempt succeeded")
				}
				harness.WantNoSecret(t, a.Err)
			}
			if len(attempts) != 3 || len(e.Engine.Inbox().Puts("request-1")) > 0 || len(e.Cloud.Calls()) > before {
				t.Errorf("%d attempts, %d answers, %d calls; want 3 attempts", len(attempts), len(e.Engine.Inbox().Puts("request-1")), len(e.Cloud.Calls())-before)
			}
		})
	}
}

func tooLittleTime(t *testing.T) {
	e := newProviderEnv(t, options{Timeout: 4 * time.Second})
	before := len(e.Cloud.Calls())
	v := e.Deliver(e.theEvent())
	if v.Status != "FAILED" || v.PhysicalResourceId != logicalID+"-not-created" || !strings.Contains(v.Reason, "too little to begin: nothing was changed") {
		t.Errorf("the verdict is %+v, want FAILED", v)
	}
	if calls := e.Cloud.Calls()[before:]; len(calls) > 0 {
		t.Errorf("calls were made: %v", operations(calls))
	}
}

func longReason(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"ASCII": "x", "two bytes": "ü", "four bytes": "🎬", "a byte and four": "x🎬", "escapes": "\"\\\n\x01", "HTML": "<&>",
	} {
		harness.Run(t, name, func(t *testing.T) {
			e := newProviderEnv(t, options{})
			s, _ := e.App(base.With(properties{"AccessMode": strings.Repeat(text, 10_000/len(text))}), nil)
			e.WantStatus(s, "ROLLBACK_COMPLETE")
			v := e.WantVerdict("Create", "FAILED", logicalID+"-not-created", "… (more in log group ")
			body := e.puts()[0].Body
			if len(body) < 3500 || !strings.HasPrefix(v.Reason, "property AccessMode must be Restricted or Full") || !utf8.Valid(body) {
				t.Errorf("the response has %d bytes: %s", len(body), body)
			}
		})
	}
	harness.Run(t, "invalid UTF-8", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		event := e.theEvent()
		event.ResourceProperties["AccessMode"] = "WRONG"
		payload, err := json.Marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		payload = bytes.Replace(payload, []byte("WRONG"), []byte("\xff\xfe\xc3"), 1)
		e.Invoke(payload).Wait()
		puts := e.Engine.Inbox().Puts("request-1")
		if len(puts) != 1 || !utf8.Valid(puts[0].Body) || harness.DecodeVerdict(t, puts[0].Body).Status != "FAILED" {
			t.Errorf("the answers are %+v", puts)
		}
	})
}

func tooMuchData(t *testing.T) {
	e := newOutputProviderEnv(t, options{})
	// The answer to the first call is lost. Looked up, the output is one that Bitmovin would never make.
	id := ""
	e.API.Inject(&bitmovin.Fault{Op: "create", Times: 1, After: true, Reset: true, Do: func() {
		e.API.Edit(func(s *bitmovin.State) {
			o := s.Outputs[len(s.Outputs)-1]
			id, o.ExternalID = o.ID, strings.Repeat("x", 5000)
		})
	}})
	if _, err := e.deployOutput(anOutput); err == nil {
		t.Error("the stack was created")
	}
	v := e.VerdictOf(e.latest("Create"))
	if v.Status != "FAILED" || v.PhysicalResourceId != id || !strings.Contains(v.Reason, "CloudFormation takes 4096") {
		t.Errorf("the verdict is %+v, want FAILED for %s", v, id)
	}
	if left := e.outputs(); len(left) > 0 {
		t.Errorf("outputs are left: %+v", left)
	}
}

// panicked: IAM's answer is none that it ever gives. The code relies on what it
// documents to be there.
func panicked(t *testing.T) {
	e := newProviderEnv(t, options{})
	e.Cloud.Inject(&aws.Fault{
		Op: "iam:GetRole", Times: 1, Status: 200, Body: "<GetRoleResponse><GetRoleResult></GetRoleResult></GetRoleResponse>",
	})
	s, _ := e.App(base, nil)
	e.WantStatus(s, "ROLLBACK_COMPLETE")
	e.WantVerdict("Create", "FAILED", logicalID+"-not-created", "internal error: panic: ")
	e.wantPuts(200)
	e.WantLogged(`"call_stack":"goroutine`)
	e.WantNoRoles()
}
