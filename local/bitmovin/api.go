package bitmovin

import (
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bitmovin/bitmovin-export-access/local/ids"
	"github.com/bitmovin/bitmovin-export-access/local/network"
)

// Options of an [API].
type Options struct {
	// Rate is how many calls a key may make in each Window; 0 is no limit.
	Rate   int
	Window time.Duration
	// RefuseRolePaths refuses the ARN of a role that has a path, as the encoding API did
	// until its release 1.255.0 of 2026-02-04. Whether the analytics API does is not known.
	RefuseRolePaths bool
	// Network that the API is reached by; sockets if it is nil.
	Network network.Network
	// Seed of the ids; they are random if it is 0.
	Seed uint64
}

// An API is one running API.
type API struct {
	options Options
	ids     *ids.Source
	url     string
	stop    func()

	mu      sync.Mutex // guards all below
	state   *State
	calls   []Call
	unknown []string
	faults  []*Fault
	window  time.Time // when the current one ends
	taken   map[string]int
}

// A Call is a call as the API saw it.
type Call struct {
	// Op as in [Fault], or the method and path of what the API does not know.
	Op string
	// Query is the raw one.
	Query string
}

// Start starts an API, without any key.
func Start(o Options) *API {
	if o.Network == nil {
		o.Network = network.Sockets{}
	}
	a := &API{options: o, ids: ids.New(o.Seed), state: &State{Keys: map[string][]string{}, Outputs: []*Output{}}}
	url, stop := o.Network.Serve(a)
	a.url, a.stop = url+"/v1", stop
	return a
}

// URL is the API's address, for BITMOVIN_API_URL.
func (a *API) URL() string { return a.url }

// Close ends the API, and every call that hangs in it.
func (a *API) Close() { a.stop() }

// View calls f with the state under the lock. What f keeps of it may change once
// it has returned.
func (a *API) View(f func(*State)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f(a.state)
}

// Edit lets f change the state under the lock.
func (a *API) Edit(f func(*State)) { a.View(f) }

// Calls returns all calls so far in the order of their start.
func (a *API) Calls() []Call {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.calls)
}

// Unknown returns what was asked for that the API does not know.
func (a *API) Unknown() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.unknown)
}

// A response is a status with what its envelope holds.
type response struct {
	status int
	header http.Header
	data   any
}

// ServeHTTP serves one call.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	op, id := name(r)
	a.mu.Lock()
	a.calls = append(a.calls, Call{op, r.URL.RawQuery})
	if strings.Contains(op, " ") {
		a.unknown = append(a.unknown, op)
	}
	a.mu.Unlock()
	if a.spoil(w, r, op, false) {
		return
	}
	answer := a.serve(r, op, id, body)
	if a.spoil(w, r, op, true) {
		return
	}
	status := "SUCCESS"
	if answer.status > 299 {
		status = "ERROR"
	}
	for key, values := range answer.header {
		w.Header()[key] = values
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(answer.status)
	json.NewEncoder(w).Encode(map[string]any{"requestId": a.ids.UUID("request"), "status": status, "data": answer.data}) //nolint:errcheck // the client is gone
}

// name tells which operation on which output a request is for. What it does not
// know, a change of an output above all, has no operation.
func name(r *http.Request) (op, id string) {
	rest, ok := strings.CutPrefix(r.URL.Path, "/v1/analytics/outputs/s3-role-based")
	id, customData := strings.CutSuffix(strings.TrimPrefix(rest, "/"), "/customData")
	switch {
	case !ok || strings.Contains(id, "/"):
	case r.Method == http.MethodPost && rest == "":
		return "create", ""
	case r.Method == http.MethodGet && rest == "":
		return "list", ""
	case r.Method == http.MethodGet && customData:
		return "customData", id
	case r.Method == http.MethodGet:
		return "get", id
	case r.Method == http.MethodDelete && !customData && id != "":
		return "delete", id
	}
	return r.Method + " " + r.URL.Path, ""
}

func (a *API) serve(r *http.Request, op, id string, body []byte) response {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := r.Header.Get("X-Api-Key")
	organizations := a.state.Keys[key]
	if len(organizations) == 0 {
		return fail(http.StatusUnauthorized, 1001, "Unauthorized", "the API key is not valid")
	}
	organization := cmp.Or(r.Header.Get("X-Tenant-Org-Id"), organizations[0])
	if !slices.Contains(organizations, organization) {
		return fail(http.StatusForbidden, 1003, "Forbidden", "the user is not a member of the organization")
	}
	if limited := a.take(key); limited != nil {
		return *limited
	}
	switch op {
	case "create":
		return a.create(organization, body)
	case "list":
		return a.list(organization, r)
	}
	i := slices.IndexFunc(a.state.Outputs, func(o *Output) bool { return o.ID == id && o.Organization == organization })
	switch {
	case !slices.Contains([]string{"get", "customData", "delete"}, op):
		return fail(http.StatusNotImplemented, 0, "Not implemented", "local/bitmovin does not know "+op)
	case i < 0:
		return fail(http.StatusNotFound, 1404, "Not found", "there is no output "+id)
	case op == "customData":
		return result(http.StatusOK, map[string]any{"customData": a.state.Outputs[i].CustomData})
	case op == "delete":
		a.state.Outputs = slices.Delete(a.state.Outputs, i, i+1)
		return result(http.StatusOK, map[string]any{"id": id})
	}
	return result(http.StatusOK, without(a.state.Outputs[i], a.state.GetOmits))
}

// take counts a call against its key's limit.
// https://developer.bitmovin.com/encoding/reference/introduction-of-api-rate-limits
func (a *API) take(key string) *response {
	if a.options.Rate == 0 {
		return nil
	}
	if now := time.Now(); !now.Before(a.window) {
		a.window, a.taken = now.Add(a.options.Window), map[string]int{}
	}
	a.taken[key]++
	if a.taken[key] <= a.options.Rate {
		return nil
	}
	limited := fail(http.StatusTooManyRequests, 1429, "Too many requests", "the rate limit is exceeded")
	limited.header = http.Header{
		"X-Ratelimit-Limit":     {strconv.Itoa(a.options.Rate)},
		"X-Ratelimit-Remaining": {"0"},
		"X-Ratelimit-Reset":     {strconv.FormatInt(a.window.Unix()+1, 10)},
	}
	return &limited
}

func (a *API) list(organization string, r *http.Request) response {
	number := func(name string, fallback int) int {
		n, err := strconv.Atoi(r.URL.Query().Get(name))
		if err != nil {
			return fallback
		}
		return n
	}
	offset, limit := number("offset", 0), number("limit", 25)
	if offset < 0 || limit < 1 || limit > 100 {
		return fail(http.StatusBadRequest, 1000, "Bad request", "offset or limit is out of range")
	}
	items := []any{}
	for _, o := range a.state.Outputs {
		if wanted := r.URL.Query().Get("name"); o.Organization == organization && (wanted == "" || o.Name == wanted) {
			items = append(items, without(o, a.state.ListOmits))
		}
	}
	total := len(items)
	items = items[min(offset, total):min(offset+limit, total)]
	return result(http.StatusOK, map[string]any{"totalCount": total, "offset": offset, "limit": limit, "items": items})
}

// without returns an output as JSON has it, less some fields.
func without(o *Output, fields []string) map[string]any {
	text, err := json.Marshal(o)
	if err != nil {
		panic(err) // it was decoded from JSON
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		panic(err)
	}
	for _, field := range fields {
		delete(m, field)
	}
	return m
}

func result(status int, value any) response {
	return response{status: status, data: map[string]any{"result": value}}
}

func fail(status, code int, message, developerMessage string) response {
	return response{status: status, data: map[string]any{
		"code": code, "message": message, "developerMessage": developerMessage,
		"details": []any{map[string]any{"type": "ERROR", "text": developerMessage}},
	}}
}
