package customresource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/cfn"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/jitter"
)

// A Function answers CloudFormation's events.
type Function struct {
	handlers       map[string]Handler
	log            *slog.Logger
	client         *http.Client
	logs, endpoint string
	pauses         *jitter.Source
}

// Options of a [Function].
type Options struct {
	Log *slog.Logger
	// Logs, a [LogPointer], ends every Reason.
	Logs string
	// Endpoint is the function's AWS_ENDPOINT_URL, or empty: where it is http, answers
	// may go to its host as well.
	Endpoint string
	// Transport brings the verdicts to where they go, again after Pauses.
	Transport http.RoundTripper
	Pauses    *jitter.Source
}

// New returns a Function that gives each event to the handler of its
// ResourceType, such as Custom::BitmovinExportAccess.
func New(handlers map[string]Handler, o Options) *Function {
	return &Function{
		handlers: handlers, log: o.Log, client: newClient(o.Transport), logs: o.Logs, endpoint: o.Endpoint, pauses: o.Pauses,
	}
}

// LogPointer returns the end of a Reason, which says where the logs are: the log
// group and the log stream of Lambda's environment. An AWS on this machine may not
// tell the group. Without a stream it is empty.
func LogPointer(group, stream string) string {
	switch {
	case stream == "":
		return ""
	case group == "":
		return fmt.Sprintf(" (more in log stream %s)", stream)
	}
	return fmt.Sprintf(" (more in log group %s, stream %s)", group, stream)
}

// Invoke answers one event. It is what lambda.Start is given.
//
// The resource's failure is the verdict's, not the invocation's: Invoke returns
// an error only if the verdict could not be delivered, so that Lambda delivers
// the event again.
func (f *Function) Invoke(ctx context.Context, raw json.RawMessage) error {
	start := time.Now()
	event, malformed := decode(raw)
	to, err := responseURL(event, f.endpoint)
	if err != nil {
		err = errors.Join(err, malformed)
		f.log.ErrorContext(ctx, "event cannot be answered", "error", err)
		return err
	}
	r := newRequest(ctx, event, newRedactor(to), f.log)
	r.Log.InfoContext(ctx, "request", "physical_id", event.PhysicalResourceID)
	data, err := f.handle(ctx, r, malformed)
	v, err := conclude(event, r.PhysicalID(), outcome{data, r.redact(err)}, f.logs)
	if err == nil {
		v.log(ctx, r, time.Since(start))
		err = r.redact(f.deliver(ctx, r, to, v.body))
	}
	if err != nil {
		r.Log.ErrorContext(ctx, "verdict not delivered", "error", err)
	}
	return err
}

// log writes the request's last line, with the reason in full.
func (v verdict) log(ctx context.Context, r *Request, took time.Duration) {
	level := slog.LevelInfo
	if v.status == cfn.StatusFailed {
		level = slog.LevelError
	}
	r.Log.Log(ctx, level, "verdict",
		"status", string(v.status),
		"physical_id", v.physicalID,
		"reason", v.reason,
		"duration", took.Round(time.Millisecond).String(),
	)
}

// handle checks the event and has its handler do the work.
func (f *Function) handle(ctx context.Context, r *Request, malformed error) (map[string]any, error) {
	if malformed != nil {
		return nil, malformed
	}
	if err := validate(r.Event); err != nil {
		return nil, err
	}
	if err := r.checkStack(); err != nil {
		return nil, err
	}
	if h, ok := f.handlers[r.ResourceType]; ok {
		return work(ctx, h, r)
	}
	if r.RequestType == cfn.RequestDelete {
		// Its Create failed, so there is nothing to delete; to fail here would
		// only keep the stack from rolling back.
		return nil, nil
	}
	return nil, fmt.Errorf("unknown resource type %q: this function provides %s",
		r.ResourceType, strings.Join(slices.Sorted(maps.Keys(f.handlers)), " and "))
}
