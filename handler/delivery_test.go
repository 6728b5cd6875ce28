package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/cfn"

	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
	"github.com/bitmovin/bitmovin-export-access/local/lambda"
)

// latestOf returns the latest request of a type for the resource of that logical id.
func (d *desk) latestOf(resource, kind string) *cloudformation.Request {
	d.Helper()
	for _, r := range slices.Backward(d.engine.Requests()) {
		if string(r.RequestType) == kind && r.LogicalResourceID == resource {
			return r
		}
	}
	d.Fatalf("there was no %s of %s", kind, resource)
	return nil
}

// latest is latestOf the resource of the stack app.
func (d *desk) latest(kind string) *cloudformation.Request {
	d.Helper()
	return d.latestOf(logicalID, kind)
}

// send delivers an event to the function, and waits until Lambda is done with it.
func (d *desk) send(event cfn.Event) {
	d.Helper()
	payload, err := json.Marshal(event)
	if err != nil {
		d.Fatal(err)
	}
	d.function().Invoke(payload).Wait()
}

// deliver sends an event whose answer nobody waits for, and returns it.
func (d *desk) deliver(event cfn.Event) verdict {
	d.Helper()
	id := lambda.NewUUID()
	event.ResponseURL = d.engine.Inbox().URL(id)
	d.send(event)
	puts := d.engine.Inbox().Puts(id)
	if len(puts) != 1 {
		d.Fatalf("%s got %d answers, want one", event.RequestType, len(puts))
	}
	return decodeVerdict(d.TB, puts[0].Body)
}

// answerFor puts an answer, which comes too late, to each request that has none:
// the desk sees that every request is answered.
func (d *desk) answerFor(whom string) {
	d.Helper()
	for _, r := range d.engine.Requests() {
		if len(d.engine.Inbox().Puts(r.RequestID)) > 0 {
			continue
		}
		body := strings.NewReader(`{"Status":"FAILED","Reason":"the test answers for ` + whom + `"}`)
		req, err := http.NewRequestWithContext(d.Context(), http.MethodPut, r.ResponseURL, body)
		if err != nil {
			d.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			d.Fatal(err)
		}
		_ = resp.Body.Close()
	}
}

// waitForAll waits until no delivery is under way, also of requests that have
// their answer.
func (d *desk) waitForAll() {
	for _, r := range d.engine.Requests() {
		r.Invocation.Wait()
	}
}
