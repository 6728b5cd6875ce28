package customresource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

// decode reads as much of an event as can be read: a field of the wrong type
// does not hide the others, so that the event can still be answered.
func decode(raw json.RawMessage) (cfn.Event, error) {
	var event cfn.Event
	if err := json.Unmarshal(raw, &event); err != nil {
		return event, fmt.Errorf("decode the event: %w", err)
	}
	return event, nil
}

// responseURL returns where the verdict goes. AWS's URLs are https; an AWS on this
// machine answers over http on a loopback address or at localhost, and one beside
// it at the host of endpoint, the function's AWS_ENDPOINT_URL, which gets the
// function's credentials already. The errors never quote the URL: the query is
// the signature.
func responseURL(event cfn.Event, endpoint string) (*url.URL, error) {
	if event.ResponseURL == "" {
		return nil, errors.New("the event has no ResponseURL")
	}
	u, err := url.Parse(event.ResponseURL)
	if err != nil {
		return nil, errors.New("the event's ResponseURL is not a URL")
	}
	if u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !onThisMachine(u) && !sameHost(u, endpoint)) {
		return nil, errors.New("the event's ResponseURL must be https, or http on a loopback address, " +
			"at localhost or at the host of AWS_ENDPOINT_URL, if that is http")
	}
	return u, nil
}

func onThisMachine(u *url.URL) bool {
	addr, err := netip.ParseAddr(u.Hostname())
	return err == nil && addr.IsLoopback() || strings.EqualFold(u.Hostname(), "localhost")
}

// sameHost reports whether endpoint is http and at u's host, whatever the port.
func sameHost(u *url.URL, endpoint string) bool {
	e, err := url.Parse(endpoint)
	return err == nil && e.Scheme == "http" && e.Hostname() != "" && strings.EqualFold(u.Hostname(), e.Hostname())
}

// newRequest joins the event with what Lambda says about the invocation.
func newRequest(ctx context.Context, event cfn.Event, secrets *strings.Replacer, log *slog.Logger) *Request {
	event.ResponseURL = ""
	r := &Request{Event: event, secrets: secrets}
	r.Deadline, _ = ctx.Deadline()
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		if function, err := arn.Parse(lc.InvokedFunctionArn); err == nil {
			r.Partition, r.Region, r.AccountID = function.Partition, function.Region, function.AccountID
		}
	}
	r.Log = log.With(
		"request_type", string(event.RequestType),
		"resource_type", event.ResourceType,
		"logical_id", event.LogicalResourceID,
		"stack", event.StackID,
	)
	return r
}

// validate says what an event lacks that every verdict and every handler needs.
func validate(event cfn.Event) error {
	required := []struct{ name, value string }{
		{"RequestType", string(event.RequestType)},
		{"RequestId", event.RequestID},
		{"StackId", event.StackID},
		{"LogicalResourceId", event.LogicalResourceID},
	}
	switch event.RequestType {
	case cfn.RequestUpdate, cfn.RequestDelete:
		required = append(required, struct{ name, value string }{"PhysicalResourceId", event.PhysicalResourceID})
	case cfn.RequestCreate, "":
	default:
		return fmt.Errorf("unknown RequestType %q: it must be Create, Update or Delete", event.RequestType)
	}
	var missing []string
	for _, field := range required {
		if field.value == "" {
			missing = append(missing, field.name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("the event has no %s", strings.Join(missing, ", "))
	}
	return nil
}

// checkStack refuses events for a stack that is not in the function's own
// account and region. A service token must be in the region of its stack, but
// may be another account's: with the function's permissions, that account would
// administer this one's roles.
func (r *Request) checkStack() error {
	stack, err := arn.Parse(r.StackID)
	if err != nil || stack.Service != "cloudformation" || !strings.HasPrefix(stack.Resource, "stack/") {
		return fmt.Errorf("refused: the StackId %q is not the ARN of a stack", r.StackID)
	}
	if r.AccountID == "" || stack.AccountID != r.AccountID {
		return fmt.Errorf("refused: the stack is of account %q, the function of account %q", stack.AccountID, r.AccountID)
	}
	if stack.Partition != r.Partition || stack.Region != r.Region {
		return fmt.Errorf("refused: the stack is in %s %q, the function in %s %q",
			stack.Partition, stack.Region, r.Partition, r.Region)
	}
	return nil
}
