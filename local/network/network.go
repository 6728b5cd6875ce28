// Package network is how the services on the desk are reached: over sockets, by
// the built function and by real tools, or in memory, by what runs in the same
// process, in the virtual time of [testing/synctest].
package network

import (
	"fmt"
	"net"
	"net/http"
	"time"
)

// A Network serves handlers, each at a URL of its own, and brings requests to them.
type Network interface {
	http.RoundTripper
	// Serve serves a handler at the URL that it returns, which has no path, until
	// stop is called. That cuts off the requests which are under way.
	Serve(h http.Handler) (url string, stop func())
}

// Sockets serves on free ports of the loopback address.
type Sockets struct{}

// Serve implements [Network]. Like httptest, it panics if there is no port to be had.
func (Sockets) Serve(h http.Handler) (url string, stop func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(fmt.Sprintf("listen on loopback: %v", err))
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	go server.Serve(l)                                                  //nolint:errcheck // returns ErrServerClosed
	return "http://" + l.Addr().String(), func() { _ = server.Close() } // there is nothing to be done about an error
}

// RoundTrip implements [http.RoundTripper].
func (Sockets) RoundTrip(r *http.Request) (*http.Response, error) {
	return http.DefaultTransport.RoundTrip(r)
}
