package cloudformation

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/cfn"

	"github.com/bitmovin/bitmovin-export-access/local/lambda"
)

// A Request is a request that was sent to a custom resource.
type Request struct {
	cfn.Event
	// Payload is the event as the function gets it.
	Payload []byte
	// Invocation is the event's way through Lambda.
	Invocation *lambda.Invocation
}

// maxResponse is the size of a response in bytes:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html.
const maxResponse = 4096

// A failure is told in CloudFormation's own words.
type failure string

func (f failure) Error() string { return string(f) }

const (
	errTooLong         = failure("Response object is too long.")
	errNoPhysicalID    = failure("Invalid PhysicalResourceId")
	errServiceToken    = failure("Modifying service token is not allowed.")
	errCreateCancelled = failure("Resource creation cancelled")
	errUpdateCancelled = failure("Resource update cancelled")
)

// custom is the provider of custom resources: it asks a function.
type custom struct{}

// create answers with an id in any case. Where the function gave none, because
// it failed to answer or the create was cancelled, it is an invented one.
func (custom) create(ctx context.Context, t task) (outcome, error) {
	o, err := t.ask(ctx, cfn.RequestCreate)
	if ctx.Err() != nil && err != nil {
		err = errCreateCancelled
	}
	if o.physicalID == "" {
		o.physicalID = t.engine.physicalName(t.stack, t.logicalID, 255)
	}
	return o, err
}

// update answers with the id of a FAILED response, too: CloudFormation adopts it.
func (custom) update(ctx context.Context, t task) (outcome, error) {
	if t.old["ServiceToken"] != t.properties["ServiceToken"] {
		return outcome{}, errServiceToken
	}
	o, err := t.ask(ctx, cfn.RequestUpdate)
	if ctx.Err() != nil && err != nil {
		err = errUpdateCancelled
	}
	return o, err
}

func (custom) delete(ctx context.Context, t task) error {
	_, err := t.ask(ctx, cfn.RequestDelete)
	return err
}

// ask sends a request and waits for the response, as long as ServiceTimeout says.
func (t task) ask(ctx context.Context, kind cfn.RequestType) (outcome, error) {
	timeout, err := t.serviceTimeout()
	if err != nil {
		return outcome{}, err
	}
	id := t.engine.ids.UUID("request", t.stack.id, t.logicalID, kind)
	if err := t.send(kind, id); err != nil { //nolint:contextcheck // the function runs on when nobody waits any more
		return outcome{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	body, err := t.engine.inbox.Wait(ctx, id)
	if err != nil {
		return outcome{}, failure("CloudFormation did not receive a response from your Custom Resource. " +
			"Please check your logs for requestId [" + id + "].")
	}
	return t.understand(id, body)
}

// serviceTimeout is at most, and by default, an hour:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-customresource.html.
func (t task) serviceTimeout() (time.Duration, error) {
	text, _ := t.properties["ServiceTimeout"].(string)
	seconds, err := strconv.Atoi(cmp.Or(text, "3600"))
	if err != nil || seconds < 1 || seconds > 3600 {
		return 0, fmt.Errorf("ServiceTimeout %q is not within 1 and 3600", text)
	}
	return time.Duration(seconds) * time.Second, nil
}

func (t task) send(kind cfn.RequestType, id string) error {
	token, _ := t.properties["ServiceToken"].(string)
	r := &Request{Event: cfn.Event{
		RequestType: kind, RequestID: id, ResponseURL: t.engine.inbox.URL(id), ResourceType: t.kind,
		PhysicalResourceID: t.physicalID, LogicalResourceID: t.logicalID, StackID: t.stack.id,
		ResourceProperties: t.properties, OldResourceProperties: t.old,
	}}
	var err error
	if r.Payload, err = json.Marshal(r.Event); err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	e := t.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	d := e.functions[token]
	if d == nil || d.gone {
		return fmt.Errorf("function not found: %s", token)
	}
	r.Invocation = d.function.Invoke(r.Payload)
	e.requests = append(e.requests, r)
	return nil
}

// understand reads a response.
func (t task) understand(id string, body []byte) (outcome, error) {
	if len(body) > maxResponse {
		return outcome{}, errTooLong
	}
	var r cfn.Response
	if err := json.Unmarshal(body, &r); err != nil {
		return outcome{}, fmt.Errorf("invalid response object: %w", err)
	}
	switch {
	case r.RequestID != id, r.StackID != t.stack.id, r.LogicalResourceID != t.logicalID:
		return outcome{}, errors.New("invalid response object: it is for another request")
	case r.PhysicalResourceID == "", len(r.PhysicalResourceID) > 1024:
		return outcome{}, errNoPhysicalID
	}
	o := outcome{r.PhysicalResourceID, map[string]string{}}
	for name, value := range r.Data {
		switch value.(type) {
		case map[string]any, []any: // no attribute that a template could use
		default:
			o.attributes[name] = fmt.Sprint(value)
		}
	}
	if r.Status != cfn.StatusSuccess {
		return outcome{physicalID: o.physicalID}, failure(fmt.Sprintf(
			"Received response status [%s] from custom resource. Message returned: %s (RequestId: %s)", r.Status, r.Reason, id))
	}
	return o, nil
}
