package lambda

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// routes serves the Runtime API:
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html.
func (s *process) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", s.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", s.response)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", s.error)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", s.initFailure)
	return mux
}

// next blocks until there is a request, and hands it over.
func (s *process) next(w http.ResponseWriter, call *http.Request) {
	s.mu.Lock()
	if s.init == 0 {
		s.init = time.Since(s.launched)
	}
	s.mu.Unlock()
	select {
	case r := <-s.requests:
		s.mu.Lock()
		s.current = r
		s.mu.Unlock()
		s.logs.platform("platform.start", map[string]any{"requestId": r.id, "version": "$LATEST"})
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", r.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(r.timeout).UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", s.arn)
		h.Set("Lambda-Runtime-Trace-Id", fmt.Sprintf("Root=1-%08x-%s;Sampled=0", time.Now().Unix(), s.ids.Hex("trace")[:24]))
		_, _ = w.Write(r.event)
	case <-call.Context().Done():
	}
}

func (s *process) response(w http.ResponseWriter, call *http.Request) {
	s.answer(w, call, "")
}

func (s *process) error(w http.ResponseWriter, call *http.Request) {
	s.answer(w, call, readError(call))
}

// answer ends the current request; an id that is not the current one is refused.
func (s *process) answer(w http.ResponseWriter, call *http.Request, err string) {
	s.mu.Lock()
	r := s.current
	known := r != nil && r.id == call.PathValue("id")
	if known {
		s.current = nil
	}
	s.mu.Unlock()
	if !known {
		http.Error(w, `{"errorType":"InvalidRequestID","errorMessage":"Invalid request ID"}`, http.StatusBadRequest)
		return
	}
	accepted(w)
	r.answered <- err
}

func (s *process) initFailure(w http.ResponseWriter, call *http.Request) {
	s.mu.Lock()
	s.initError = readError(call)
	s.mu.Unlock()
	accepted(w)
	s.kill()
}

func (s *process) initDuration() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.init
}

func accepted(w http.ResponseWriter) {
	w.WriteHeader(http.StatusAccepted)
	_, _ = w.Write([]byte(`{"status":"OK"}`))
}

// readError returns the error that the runtime reports as "type: message".
func readError(call *http.Request) string {
	var e struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}
	if err := json.NewDecoder(call.Body).Decode(&e); err != nil {
		return "Runtime.UnknownReason: " + err.Error()
	}
	return e.Type + ": " + e.Message
}
