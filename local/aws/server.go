package aws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A Call is a call as the cloud saw it.
type Call struct {
	// Service as the signature names it, and the operation with it:
	// "iam:CreateRole", "s3:HeadBucket".
	Service, Op string
	// Caller is the ARN of the user or session, or empty if it is not known.
	Caller string
	// Resource is the ARN of what is called for, as far as the request names it.
	Resource string
	Region   string
	// Invocation is the same in each attempt that an SDK makes of a call.
	Invocation string
	// Params are the form's values, or for S3 those of the query and of the
	// x-amz headers in lower case; without the session token.
	Params url.Values
	// Actions that were authorized, or the last of them denied.
	Actions    []string
	Start, End time.Time
	// Status is 0 while the call lasts, and for ever if it got no answer.
	Status int
	// Code of the error, or empty.
	Code string
}

// Calls returns all calls so far in the order of their start.
func (c *Cloud) Calls() []Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	calls := make([]Call, len(c.calls))
	for i, call := range c.calls {
		calls[i] = call.copy()
	}
	return calls
}

// Unknown returns what was asked for that the desk does not know: operations,
// parameters, condition keys and whatever else was answered with [NotImplemented],
// or decided on with it.
func (c *Cloud) Unknown() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.unknown)
}

// note keeps what the desk does not know. The caller holds c.mu.
func (c *Cloud) note(err error) {
	var e *Error
	if errors.As(err, &e) && e.unknown {
		c.unknown = append(c.unknown, e.Message)
	}
}

func (k *Call) copy() Call {
	call := *k
	call.Params, call.Actions = maps.Clone(k.Params), slices.Clone(k.Actions)
	return call
}

// An Error is what a service answers instead of a result.
type Error struct {
	Status        int
	Code, Message string
	header        http.Header
	// body is answered as it is, in place of code and message.
	body string
	// unknown: it tells what the desk does not know.
	unknown bool
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

func fail(status int, code, format string, args ...any) *Error {
	return &Error{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

// NotImplemented is the loud answer to what the desk does not know.
func NotImplemented(format string, args ...any) *Error {
	e := fail(http.StatusNotImplemented, "NotImplemented", "local/aws does not know "+format, args...)
	e.unknown = true
	return e
}

// A call is a call under way.
type call struct {
	*Call
	id   string
	http *http.Request
	body []byte
	// route finds the operation of S3.
	route string
	// session is nil if the access key is not known.
	session *session
	caller  principal
}

// A reply is what goes back over the wire.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// ServeHTTP serves one call of any service.
func (c *Cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	k := c.begin(r, body)
	status, code := 0, ""
	defer func() { c.end(k, status, code) }()
	wait(r.Context(), c.options.Latency)
	answer, err := c.answer(k)
	if err != nil {
		e := asError(err)
		code, answer = e.Code, e.reply(k)
		c.mu.Lock()
		c.note(e)
		c.mu.Unlock()
	}
	maps.Copy(w.Header(), answer.header)
	w.Header().Set("X-Amz-Request-Id", k.id)
	status = answer.status
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(answer.body) //nolint:errcheck // the client is gone
	}
}

// begin names the caller and the operation, and records the call.
func (c *Cloud) begin(r *http.Request, body []byte) *call {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := &call{Call: &Call{Start: time.Now(), Invocation: r.Header.Get("Amz-Sdk-Invocation-Id")}, id: c.id("request"), http: r, body: body}
	c.calls = append(c.calls, k.Call)
	key, region, service := scope(r.Header.Get("Authorization"))
	k.Region, k.Service, k.session = region, service, c.sessions[key]
	if k.session != nil {
		k.Caller = k.session.arn
	}
	switch {
	case k.Service == "s3":
		k.nameS3()
	case r.Header.Get("X-Amz-Target") != "":
		k.nameJSON(r.Header.Get("X-Amz-Target"))
	default:
		c.nameQuery(k)
	}
	return k
}

func (c *Cloud) end(k *call, status int, code string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k.End, k.Status, k.Code = time.Now(), status, code
}

// answer runs the call with the faults before and after its effect.
func (c *Cloud) answer(k *call) (*reply, error) {
	if err := c.spoil(k, false, nil); err != nil {
		return nil, err
	}
	answer, err := c.run(k)
	if spoilt := c.spoil(k, true, err); spoilt != nil {
		return nil, spoilt
	}
	return answer, err
}

// run does the work of one call.
func (c *Cloud) run(k *call) (*reply, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k.Service == "iam" && !c.take() {
		return nil, fail(http.StatusBadRequest, "Throttling", "Rate exceeded")
	}
	if err := c.authenticate(k); err != nil {
		return nil, err
	}
	switch k.Service {
	case "iam":
		return c.iam(k)
	case "sts":
		return c.sts(k)
	case "s3":
		return c.s3(k)
	case "secretsmanager":
		return c.secretsManager(k)
	}
	if h := c.services[place{k.Service, k.caller.Account, k.Region}]; h != nil {
		return c.foreign(k, h)
	}
	return nil, NotImplemented("%s", k.Op)
}

// take takes a token from the bucket of IAM calls.
func (c *Cloud) take() bool {
	if c.options.IAMRate == 0 {
		return true
	}
	now := time.Now()
	grown := c.tokens + c.options.IAMRate*now.Sub(c.refilled).Seconds()
	c.tokens, c.refilled = min(grown, max(c.options.IAMRate, 1)), now
	if c.tokens < 1 {
		return false
	}
	c.tokens--
	return true
}

// wait waits for d, or for ctx to end.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// scope reads access key, region and service from a Signature Version 4 header.
// The signature itself is not checked: this is a desk.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
func scope(header string) (key, region, service string) {
	_, credential, _ := strings.Cut(header, "Credential=")
	credential, _, _ = strings.Cut(credential, ",")
	if parts := strings.Split(credential, "/"); len(parts) == 5 {
		return parts[0], parts[2], parts[3]
	}
	return "", "", ""
}
