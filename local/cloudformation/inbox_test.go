package cloudformation_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
	"github.com/bitmovin/bitmovin-export-access/local/ids"
	"github.com/bitmovin/bitmovin-export-access/local/network"
)

// put tries once, and returns the status or 0.
func put(t *testing.T, url string, change func(*http.Request)) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, url, strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	answer, err := http.DefaultClient.Do(r)
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
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := cloudformation.NewInbox(network.Sockets{}, ids.New(1))
			defer b.Close()
			if got := put(t, b.URL("id"), test.change); got != test.want {
				t.Errorf("put: got %d, want %d", got, test.want)
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			if body, err := b.Wait(ctx, "id"); (err == nil) != (test.want == 200) {
				t.Errorf("wait: got %q, %v", body, err)
			}
		})
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
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := cloudformation.NewInbox(network.Sockets{}, ids.New(1))
			defer b.Close()
			test.fault.Times = 2
			b.Fail(test.fault)
			url := b.URL("id")
			for range 2 {
				if got := put(t, url, nil); got != test.want {
					t.Errorf("a struck try: got %d, want %d", got, test.want)
				}
			}
			if got := put(t, url, nil); got != 200 {
				t.Errorf("the third try: got %d, want 200", got)
			}
			puts := b.Puts("id")
			if len(puts) != 3 || puts[0].Stored != test.fault.Stored || puts[2].Stored == test.fault.Stored || string(puts[1].Body) != "body" {
				t.Errorf("puts: got %+v", puts)
			}
		})
	}
}
