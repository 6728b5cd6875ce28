package cloudformation_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
	"github.com/bitmovin/bitmovin-export-access/local/ids"
	"github.com/bitmovin/bitmovin-export-access/local/network"
)

// put tries once, and returns the status, or 0 if there was no answer.
func put(ctx context.Context, t *testing.T, via http.RoundTripper, url string, change func(*http.Request)) int {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, url, strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	answer, err := (&http.Client{Transport: via}).Do(r)
	if err != nil {
		return 0
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

func TestInboxRefusesWhatS3Refuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*http.Request)
		want   int
	}{
		"good":           {want: 200},
		"a content type": {change: func(r *http.Request) { r.Header.Set("Content-Type", "") }, want: 403},
		"another verb":   {change: func(r *http.Request) { r.Method = http.MethodPost }, want: 403},
		"a signature":    {change: func(r *http.Request) { r.URL.RawQuery = "X-Amz-Signature=00" }, want: 403},
		"another path":   {change: func(r *http.Request) { r.URL.Path = "/x" }, want: 403},
		"chunks":         {change: func(r *http.Request) { r.Body = io.NopCloser(r.Body); r.ContentLength = -1 }, want: 501},
	}
	for name, test := range tests {
		refuses := func(t *testing.T, n network.Network) {
			t.Helper()
			b := cloudformation.NewInbox(n, ids.New(1))
			defer b.Close()
			if got := put(t.Context(), t, n, b.URL("id"), test.change); got != test.want {
				t.Errorf("put: got %d, want %d", got, test.want)
			}
			ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
			defer cancel()
			if body, err := b.Wait(ctx, "id"); (err == nil) != (test.want == 200) {
				t.Errorf("wait: got %q, %v", body, err)
			}
		}
		t.Run(name+"/sockets", func(t *testing.T) { t.Parallel(); refuses(t, network.Sockets{}) })
		harness.Run(t, name+"/memory", func(t *testing.T) { t.Helper(); refuses(t, network.NewMemory(1)) })
	}
}

func TestInboxFaults(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fault cloudformation.InboxFault
		want  int
	}{
		"a status":   {cloudformation.InboxFault{Status: 503}, 503},
		"a reset":    {cloudformation.InboxFault{Reset: true}, 0},
		"a hang":     {cloudformation.InboxFault{Hang: true}, 0},
		"a drip":     {cloudformation.InboxFault{Drip: true}, 0},
		"a lost 200": {cloudformation.InboxFault{Reset: true, Stored: true}, 0},
	}
	for name, test := range tests {
		fails := func(t *testing.T, n network.Network) {
			t.Helper()
			b := cloudformation.NewInbox(n, ids.New(1))
			defer b.Close()
			fault := test.fault
			fault.Times = 2
			b.Fail(fault)
			for try := range 2 {
				ctx, hangUp := context.WithCancel(t.Context())
				if fault.Hang || fault.Drip {
					go func() { awaitPuts(b, try+1); hangUp() }()
				}
				if got := put(ctx, t, n, b.URL("id"), nil); got != test.want {
					t.Errorf("a struck try: got %d, want %d", got, test.want)
				}
				hangUp()
			}
			if got := put(t.Context(), t, n, b.URL("id"), nil); got != 200 {
				t.Errorf("the third try: got %d, want 200", got)
			}
			puts := b.Puts("id")
			if len(puts) != 3 || puts[0].Stored != test.fault.Stored || puts[2].Stored == test.fault.Stored || string(puts[1].Body) != "body" {
				t.Errorf("puts: got %+v", puts)
			}
		}
		t.Run(name+"/sockets", func(t *testing.T) { t.Parallel(); fails(t, network.Sockets{}) })
		harness.Run(t, name+"/memory", func(t *testing.T) { t.Helper(); fails(t, network.NewMemory(1)) })
	}
}

// awaitPuts waits until the inbox has got so many tries.
func awaitPuts(b *cloudformation.Inbox, n int) {
	for len(b.Puts("id")) < n {
		time.Sleep(time.Millisecond)
	}
}
