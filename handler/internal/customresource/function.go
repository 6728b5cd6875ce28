package customresource

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
)

// A Function answers CloudFormation's events.
type Function struct {
	handlers map[string]Handler
	log      *slog.Logger
	client   *http.Client
}

// New returns a Function that gives each event to the handler of its
// ResourceType.
func New(handlers map[string]Handler, log *slog.Logger) *Function {
	return &Function{handlers: handlers, log: log}
}

// Invoke answers one event. It returns an error only if the verdict could not
// be delivered, so that Lambda delivers the event again.
func (f *Function) Invoke(ctx context.Context, event json.RawMessage) error {
	return nil
}
