// Package moto starts moto, an AWS that nobody of this project wrote, for the tests
// that have a second opinion: https://docs.getmoto.org/en/latest/docs/server_mode.html.
package moto

import (
	"net"
	"net/http"
	"os/exec"
	"testing"
	"time"
)

// startup is how long the server may take until it answers: on a busy machine, long.
const startup = 5 * time.Minute

// Start starts a moto_server, which must be installed, and returns its URL. It ends
// with the test.
func Start(tb testing.TB) string {
	tb.Helper()
	host, port := freePort(tb)
	server := exec.CommandContext(tb.Context(), "moto_server", "--host", host, "--port", port)
	if err := server.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = server.Wait() }) // the end of the context has killed it
	url := "http://" + net.JoinHostPort(host, port)
	for deadline := time.Now().Add(startup); ; time.Sleep(100 * time.Millisecond) {
		err := ask(tb, url)
		if err == nil {
			return url
		}
		if time.Now().After(deadline) {
			tb.Fatal(err)
		}
	}
}

func freePort(tb testing.TB) (host, port string) {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // it only finds a free port
	host, port, err = net.SplitHostPort(l.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	return host, port
}

func ask(tb testing.TB, url string) error {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, url+"/moto-api/", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}
