package customresource

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

const (
	// maxTry bounds one PUT. When little time is left a try gets half of it, so
	// that one that hangs leaves room for another, but never less than minTry.
	maxTry = 5 * time.Second
	minTry = 500 * time.Millisecond

	firstPause = 100 * time.Millisecond
	maxPause   = 5 * time.Second

	// lastWords is what the function needs to tell Lambda that it failed; a fifth
	// of what is left when that is less.
	lastWords = time.Second
)

// newClient returns the client that delivers verdicts. A redirect is not
// followed: the URL is signed for one host.
func newClient(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// deliver puts the body to the URL until it has arrived, it is refused for
// good, or the function's time is over.
func (f *Function) deliver(ctx context.Context, r *Request, to *url.URL, body []byte) error {
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), r.Deadline.Add(-min(lastWords, time.Until(r.Deadline)/5)))
	defer cancel()
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		again, err := f.try(ctx, to, body)
		if err == nil {
			return nil
		}
		if !again || !sleep(ctx, f.pauses.Below(pause)) {
			return fmt.Errorf("put the verdict to %s%s: %w", to.Host, to.EscapedPath(), err)
		}
		r.Log.WarnContext(ctx, "verdict is put again", "error", r.redact(err))
	}
}

// try puts the body once and says whether a failure may be tried again. The
// answer's body is never read: S3 repeats the signature in some of its errors.
func (f *Function) try(ctx context.Context, to *url.URL, body []byte) (again bool, err error) {
	deadline, _ := ctx.Deadline()
	ctx, cancel := context.WithTimeout(ctx, min(maxTry, max(minTry, time.Until(deadline)/2)))
	defer cancel()
	// No Content-Type: the URL is signed without one.
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, to.String(), bytes.NewReader(body))
	if err != nil {
		return false, withoutURL(err)
	}
	// The connection is not kept: there is one PUT a request, and Lambda freezes
	// the function between requests.
	req.Close = true
	resp, err := f.client.Do(req)
	if err != nil {
		return true, withoutURL(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return false, nil
	}
	return retryable(resp.StatusCode), fmt.Errorf("the answer is %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
}

func retryable(code int) bool {
	return code == http.StatusRequestTimeout || code == http.StatusTooManyRequests || code >= 500
}

// withoutURL unwraps the errors of net/http and net/url, which quote the URL
// with its query.
func withoutURL(err error) error {
	if wrapper, ok := errors.AsType[*url.Error](err); ok {
		return wrapper.Err
	}
	return err
}

// sleep reports whether it slept for d before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
