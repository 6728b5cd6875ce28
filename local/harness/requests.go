package harness

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/cfn"

	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
	"github.com/bitmovin/bitmovin-export-access/local/lambda"
)

// A Verdict is a response to CloudFormation.
type Verdict struct {
	Status, Reason, PhysicalResourceId string //nolint:revive // as CloudFormation spells it
	Data                               map[string]string
}

// DecodeVerdict decodes a response, which is to be neither too long nor to have a
// secret in it.
func DecodeVerdict(tb testing.TB, body []byte) Verdict {
	tb.Helper()
	if len(body) > 4096 {
		tb.Errorf("the response has %d bytes: %s", len(body), body)
	}
	WantNoSecret(tb, string(body))
	var v Verdict
	if err := json.Unmarshal(body, &v); err != nil {
		tb.Fatalf("response %s: %v", body, err)
	}
	return v
}

// Decode decodes JSON, for a comparison of what it says.
func Decode(tb testing.TB, text string) any {
	tb.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		tb.Fatalf("decode %s: %v", text, err)
	}
	return v
}

// Verdicts returns the responses of the custom resources so far, in the order of
// their requests.
func (e *Env) Verdicts() []Verdict {
	e.Helper()
	var list []Verdict
	for _, r := range e.Engine.Requests() {
		for _, put := range e.Engine.Inbox().Puts(r.RequestID) {
			if put.Stored {
				list = append(list, DecodeVerdict(e.TB, put.Body))
			}
		}
	}
	return list
}

// Last returns the latest verdict.
func (e *Env) Last() Verdict {
	e.Helper()
	all := e.Verdicts()
	if len(all) == 0 {
		e.Fatal("there is no verdict")
	}
	return all[len(all)-1]
}

// VerdictOf returns the response to a request.
func (e *Env) VerdictOf(r *cloudformation.Request) Verdict {
	e.Helper()
	for _, put := range e.Engine.Inbox().Puts(r.RequestID) {
		if put.Stored {
			return DecodeVerdict(e.TB, put.Body)
		}
	}
	e.Fatalf("%s has no verdict", r.RequestID)
	return Verdict{}
}

// WantVerdict sees how the latest request of a type was answered, with the words in
// its reason.
func (e *Env) WantVerdict(kind, status, id string, words ...string) Verdict {
	e.Helper()
	v := e.VerdictOf(e.Latest(kind))
	if v.Status != status || v.PhysicalResourceId != id {
		e.Errorf("the %s is %s for %s (%s), want %s for %s", kind, v.Status, v.PhysicalResourceId, v.Reason, status, id)
	}
	for _, want := range words {
		if !strings.Contains(v.Reason, want) {
			e.Errorf("the reason of the %s does not say %q: %s", kind, want, v.Reason)
		}
	}
	return v
}

// Checks decodes the attribute Checks of a verdict.
func (e *Env) Checks(v Verdict) map[string]string {
	e.Helper()
	checks := map[string]string{}
	if err := json.Unmarshal([]byte(v.Data["Checks"]), &checks); err != nil {
		e.Fatalf("Checks %q: %v", v.Data["Checks"], err)
	}
	return checks
}

// LatestOf returns the latest request of a type for the resource of that logical id.
func (e *Env) LatestOf(resource, kind string) *cloudformation.Request {
	e.Helper()
	for _, r := range slices.Backward(e.Engine.Requests()) {
		if string(r.RequestType) == kind && r.LogicalResourceID == resource {
			return r
		}
	}
	e.Fatalf("there was no %s of %s", kind, resource)
	return nil
}

// Latest is LatestOf the resource of the stack app.
func (e *Env) Latest(kind string) *cloudformation.Request {
	e.Helper()
	return e.LatestOf(LogicalID, kind)
}

// Send delivers an event to the function, and waits until Lambda is done with it.
func (e *Env) Send(event cfn.Event) {
	e.Helper()
	payload, err := json.Marshal(event)
	if err != nil {
		e.Fatal(err)
	}
	e.Invoke(payload).Wait()
}

// Invoke delivers any payload to the function.
func (e *Env) Invoke(payload []byte) *lambda.Invocation {
	e.Helper()
	i := e.Function().Invoke(payload)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.invocations = append(e.invocations, i)
	return i
}

// Deliver sends an event whose answer nobody waits for, and returns it.
func (e *Env) Deliver(event cfn.Event) Verdict {
	e.Helper()
	e.delivered++
	id := fmt.Sprint("delivery-", e.delivered)
	event.ResponseURL = e.Engine.Inbox().URL(id)
	e.Send(event)
	puts := e.Engine.Inbox().Puts(id)
	if len(puts) != 1 {
		e.Fatalf("%s got %d answers, want one", event.RequestType, len(puts))
	}
	return DecodeVerdict(e.TB, puts[0].Body)
}

// StoreMissingAnswers stores an answer, which comes too late, for each request that has none:
// the harness checks that every request is answered.
func (e *Env) StoreMissingAnswers() {
	e.Helper()
	for _, r := range e.Engine.Requests() {
		if len(e.Engine.Inbox().Puts(r.RequestID)) == 0 {
			e.Engine.Inbox().Store(r.RequestID, []byte(`{"Status":"FAILED","Reason":"stored by the test"}`))
		}
	}
}

// WaitForAll waits until no delivery is under way, also of requests that have their
// answer.
func (e *Env) WaitForAll() {
	for _, i := range e.allInvocations() {
		i.Wait()
	}
}

// allInvocations returns those of requests and of [Env.Invoke].
func (e *Env) allInvocations() []*lambda.Invocation {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := slices.Clone(e.invocations)
	for _, r := range e.Engine.Requests() {
		all = append(all, r.Invocation)
	}
	return all
}

// WantInTime checks that no attempt ran into its deadline.
func (e *Env) WantInTime() {
	e.Helper()
	for _, r := range e.Engine.Requests() {
		for i, a := range r.Invocation.Wait() {
			if a.TimedOut {
				e.Errorf("%s of %s, attempt %d: the function ran into its deadline after %v", r.RequestType, r.PhysicalResourceID, i+1, a.Duration.Round(time.Millisecond))
			}
		}
	}
}
