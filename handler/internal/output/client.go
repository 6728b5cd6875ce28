package output

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/jitter"
)

const (
	// tryTimeout bounds one call, so that one that hangs costs no more than a retry.
	tryTimeout = 10 * time.Second
	// maxBody is more than any answer has.
	maxBody = 8 << 20
)

// A client calls Bitmovin's API with the key of one event.
type client struct {
	http         *http.Client
	base         string
	key          apiKey
	organization string
	pauses       *jitter.Source
}

// newHTTPClient returns a client that follows no redirect: the key is for one host.
func newHTTPClient(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       tryTimeout,
	}
}

// An answer is the envelope of every response.
// https://developer.bitmovin.com/encoding/reference
type answer struct {
	Data struct {
		Result           json.RawMessage `json:"result"`
		Code             any             `json:"code"`
		Message          string          `json:"message"`
		DeveloperMessage string          `json:"developerMessage"`
		Details          []struct {
			Text string `json:"text"`
		} `json:"details"`
	} `json:"data"`
}

// A statusError is an answer that is no success.
type statusError struct {
	status int
	// told is what Bitmovin says beside the status; empty if the answer is not JSON.
	told string
	// wait is how long the API wants to be left alone.
	wait time.Duration
}

func (e *statusError) Error() string {
	text := fmt.Sprintf("%d %s", e.status, http.StatusText(e.status))
	if e.told != "" {
		text += ": " + e.told
	}
	if refused(e) {
		text += " (is the API key valid, and may it do this in the organization?)"
	}
	if e.wait > 0 {
		text += fmt.Sprintf(" (to be tried again in %s)", e.wait.Round(time.Second))
	}
	return text
}

// hasStatus reports whether err is an answer with one of the statuses.
func hasStatus(err error, statuses ...int) bool {
	answered, ok := errors.AsType[*statusError](err)
	for _, status := range statuses {
		if ok && answered.status == status {
			return true
		}
	}
	return false
}

// refused reports whether err is Bitmovin's answer that the key is not good for a call.
func refused(err error) bool {
	return hasStatus(err, http.StatusUnauthorized, http.StatusForbidden)
}

// errUnreadable is a success whose result is not what the API documents.
var errUnreadable = errors.New("the answer cannot be read")

// passes reports whether err may be gone at another try.
func passes(err error) bool {
	answered, ok := errors.AsType[*statusError](err)
	if !ok {
		return !errors.Is(err, errUnreadable)
	}
	return answered.status >= 500 || hasStatus(err, http.StatusRequestTimeout, http.StatusTooManyRequests)
}

// call makes a call, which may be made twice, until it has an answer that would
// not be another one later, or ctx ends. The result is put into out.
func (c *client) call(ctx context.Context, method, path string, out any) error {
	return retry(ctx, c.pauses, passes, func() error { return c.try(ctx, method, path, nil, out) })
}

// try makes a call once.
func (c *client) try(ctx context.Context, method, path string, body, out any) error {
	err := c.exchange(ctx, method, path, body, out)
	if err == nil {
		return nil
	}
	path, _, _ = strings.Cut(path, "?")
	return fmt.Errorf("%s %s%s: %w", method, c.base, path, err)
}

func (c *client) exchange(ctx context.Context, method, path string, body, out any) error {
	req, err := c.request(ctx, method, path, body)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if wrapper, ok := errors.AsType[*url.Error](err); ok {
		return wrapper.Err // method and address are told by try
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	var a answer
	_ = json.Unmarshal(text, &a) // what can be decoded is told, and a result that is missing is missed
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return &statusError{resp.StatusCode, c.redact(a.told()), waitFor(resp.Header, time.Now())}
	}
	if out == nil {
		return nil
	}
	if json.Unmarshal(a.Data.Result, out) != nil {
		return fmt.Errorf("%d %s: %w", resp.StatusCode, http.StatusText(resp.StatusCode), errUnreadable)
	}
	return nil
}

func (c *client) request(ctx context.Context, method, path string, body any) (*http.Request, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	if body == nil {
		text = nil
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Api-Key", c.key.reveal())
	if c.organization != "" {
		req.Header.Set("X-Tenant-Org-Id", c.organization)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "bitmovin-export-access")
	return req, nil
}

// told joins what an error's envelope says.
func (a answer) told() string {
	said := []string{a.Data.Message}
	if a.Data.DeveloperMessage != a.Data.Message {
		said = append(said, a.Data.DeveloperMessage)
	}
	for _, d := range a.Data.Details {
		said = append(said, d.Text)
	}
	if a.Data.Code != nil {
		said = append(said, fmt.Sprintf("code %v", a.Data.Code))
	}
	var text []string
	for _, s := range said {
		if s != "" {
			text = append(text, s)
		}
	}
	return strings.Join(text, "; ")
}

// redact takes the key out of what Bitmovin says.
func (c *client) redact(text string) string {
	return strings.ReplaceAll(text, c.key.reveal(), "[redacted]")
}
