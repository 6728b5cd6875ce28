package bitmovin_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bitmovin/bitmovin-export-access/local/bitmovin"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
	"github.com/bitmovin/bitmovin-export-access/local/network"
)

const path = "/analytics/outputs/s3-role-based"

// An api is one in memory, for a test in a bubble, and a client of it.
type api struct {
	*bitmovin.API
	client *http.Client
}

// start starts an API with one key of two organizations.
func start(t *testing.T, o bitmovin.Options) *api {
	t.Helper()
	memory := network.NewMemory(1)
	o.Network = memory
	a := &api{bitmovin.Start(o), &http.Client{Transport: memory}}
	t.Cleanup(a.Close)
	a.Edit(func(s *bitmovin.State) { s.Keys["key"] = []string{"org-1", "org-2"} })
	return a
}

// An envelope is a response.
type envelope struct {
	code   int
	header http.Header

	RequestID, Status string
	Data              struct {
		Result struct {
			bitmovin.Output
			TotalCount, Offset, Limit int
			Items                     []bitmovin.Output
		}
		Code    int
		Message string
	}
}

// call makes a call with pairs of header and value.
func (a *api) call(t *testing.T, method, rest, body string, header ...string) (e envelope) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, a.URL()+rest, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Api-Key", "key")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := a.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &e); err != nil || e.RequestID == "" {
		t.Fatalf("response %s: %v", text, err)
	}
	if success := resp.StatusCode < 300; success != (e.Status == "SUCCESS") {
		t.Errorf("%s says %s with status %d", text, e.Status, resp.StatusCode)
	}
	e.code, e.header = resp.StatusCode, resp.Header
	return e
}

// body is an output as it is posted, with more fields.
func body(name, more string) string {
	return fmt.Sprintf(`{"type":"S3_ROLE_BASED","name":%q,"bucketName":"b","roleArn":"r"%s}`, name, more)
}

func TestCreate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body string
		code       int
		externalID func(string) bool
	}{
		{"custom", body("o", `,"externalIdMode":"CUSTOM","externalId":"mine"`), 201, func(id string) bool { return id == "mine" }},
		{"no mode", body("o", `,"externalId":"mine"`), 201, func(id string) bool { return id == "mine" }},
		{"global", body("o", `,"externalIdMode":"GLOBAL"`), 201, func(id string) bool { return id == "global-of-org-1" }},
		{"generated", body("o", `,"externalIdMode":"GENERATED"`), 201, func(id string) bool { return len(id) == 36 }},
		{"generated and mine", body("o", `,"externalIdMode":"GENERATED","externalId":"mine"`), 400, nil},
		{"unknown mode", body("o", `,"externalIdMode":"OTHER"`), 400, nil},
		{"unknown field", body("o", `,"external":"mine"`), 400, nil},
		{"read-only field", body("o", `,"id":"mine"`), 400, nil},
		{"public", body("o", `,"acl":[{"permission":"PUBLIC_READ"}]`), 201, func(string) bool { return true }},
		{"private", body("o", `,"acl":[{"permission":"PRIVATE","scope":"any"}]`), 201, func(string) bool { return true }},
		{"empty acl", body("o", `,"acl":[]`), 201, func(string) bool { return true }},
		{"unknown permission", body("o", `,"acl":[{"permission":"PUBLIC_WRITE"}]`), 400, nil},
		{"acl without a permission", body("o", `,"acl":[{"scope":"any"}]`), 400, nil},
		{"acl with an unknown field", body("o", `,"acl":[{"permission":"PRIVATE","grantee":"me"}]`), 400, nil},
		{"acl that is no list", body("o", `,"acl":"PRIVATE"`), 400, nil},
		{"unknown region", body("o", `,"cloudRegion":"EU_WEST_9"`), 400, nil},
		{"role with a path", strings.Replace(body("o", ""), `"r"`, `"arn:aws:iam::123456789012:role/a/r"`, 1), 400, nil},
		{"role without a path", strings.Replace(body("o", ""), `"r"`, `"arn:aws:iam::123456789012:role/r"`, 1), 201, func(string) bool { return true }},
		{"no bucket", `{"type":"S3_ROLE_BASED","roleArn":"r"}`, 400, nil},
		{"no type", `{"bucketName":"b","roleArn":"r"}`, 400, nil},
		{"no JSON", `{`, 400, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			harness.Bubble(t, func(t *testing.T) {
				e := start(t, bitmovin.Options{RefuseRolePaths: true}).call(t, http.MethodPost, path, tt.body)
				if e.code != tt.code {
					t.Fatalf("status %d, want %d: %+v", e.code, tt.code, e)
				}
				if tt.code == 201 && (!tt.externalID(e.Data.Result.ExternalID) || e.Data.Result.ID == "") {
					t.Errorf("output %+v", e.Data.Result.Output)
				}
				if tt.code != 201 && (e.Data.Code == 0 || e.Data.Message == "") {
					t.Errorf("error %+v", e.Data)
				}
			})
		})
	}
}

// TestACL: the acl is stored as it was given, and every answer has it.
func TestACL(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		a := start(t, bitmovin.Options{})
		want := []bitmovin.ACLEntry{{Permission: "PRIVATE"}, {Permission: "PUBLIC_READ", Scope: "any"}}
		created := a.call(t, http.MethodPost, path, body("o", `,"acl":[{"permission":"PRIVATE"},{"permission":"PUBLIC_READ","scope":"any"}]`))
		got := a.call(t, http.MethodGet, path+"/"+created.Data.Result.ID, "")
		listed := a.call(t, http.MethodGet, path, "").Data.Result.Items
		if len(listed) != 1 {
			t.Fatalf("%d outputs are listed, want one", len(listed))
		}
		for name, acl := range map[string][]bitmovin.ACLEntry{
			"created": created.Data.Result.ACL, "got": got.Data.Result.ACL, "listed": listed[0].ACL,
		} {
			if !slices.Equal(acl, want) {
				t.Errorf("%s: acl %v, want %v", name, acl, want)
			}
		}
	})
}

func TestLife(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		a := start(t, bitmovin.Options{})
		id := a.call(t, http.MethodPost, path, body("o", `,"customData":{"k":"v"}`)).Data.Result.ID
		var unknown []string
		for _, tt := range []struct {
			name, method, rest string
			header             []string
			code               int
		}{
			{"wrong key", http.MethodGet, "/" + id, []string{"X-Api-Key", "other"}, 401},
			{"foreign organization", http.MethodGet, "/" + id, []string{"X-Tenant-Org-Id", "org-3"}, 403},
			{"another organization's output", http.MethodGet, "/" + id, []string{"X-Tenant-Org-Id", "org-2"}, 404},
			{"another organization's to delete", http.MethodDelete, "/" + id, []string{"X-Tenant-Org-Id", "org-2"}, 404},
			{"change", http.MethodPut, "/" + id, nil, 501},
			{"patch", http.MethodPatch, "/" + id, nil, 501},
			{"get", http.MethodGet, "/" + id, nil, 200},
			{"custom data", http.MethodGet, "/" + id + "/customData", nil, 200},
			{"delete", http.MethodDelete, "/" + id, nil, 200},
			{"get again", http.MethodGet, "/" + id, nil, 404},
			{"delete again", http.MethodDelete, "/" + id, nil, 404},
		} {
			e := a.call(t, tt.method, path+tt.rest, "", tt.header...)
			if e.code != tt.code {
				t.Errorf("%s: status %d, want %d", tt.name, e.code, tt.code)
			}
			if e.code == http.StatusNotImplemented {
				unknown = append(unknown, tt.method+" /v1"+path+tt.rest)
			}
			if data := string(e.Data.Result.CustomData); tt.name == "custom data" && data != `{"k":"v"}` {
				t.Errorf("custom data %s", data)
			}
		}
		if got := a.Unknown(); len(unknown) != 2 || !slices.Equal(got, unknown) {
			t.Errorf("unknown are %v, want %v", got, unknown)
		}
	})
}

func TestList(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		a := start(t, bitmovin.Options{})
		for i := range 60 {
			a.call(t, http.MethodPost, path, body("o"+strconv.Itoa(i%2), `,"customData":{"k":"v"}`))
		}
		a.Edit(func(s *bitmovin.State) { s.ListOmits = []string{"customData"} })
		for _, tt := range []struct {
			query                     string
			code, total, items, limit int
		}{
			{"", 200, 60, 25, 25},
			{"?limit=100", 200, 60, 60, 100},
			{"?offset=50", 200, 60, 10, 25},
			{"?offset=90", 200, 60, 0, 25},
			{"?name=o1&limit=100", 200, 30, 30, 100},
			{"?name=o", 200, 0, 0, 25},
			{"?limit=101", 400, 0, 0, 0},
		} {
			e := a.call(t, http.MethodGet, path+tt.query, "")
			got := e.Data.Result
			if e.code != tt.code || got.TotalCount != tt.total || len(got.Items) != tt.items || got.Limit != tt.limit {
				t.Errorf("%q: status %d, %d of %d, limit %d", tt.query, e.code, len(got.Items), got.TotalCount, got.Limit)
			}
			if len(got.Items) > 0 && len(got.Items[0].CustomData) > 0 {
				t.Errorf("%q: the custom data is not left out", tt.query)
			}
		}
	})
}

// TestRate: what is over the limit is refused until the time that the answer names.
func TestRate(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		a := start(t, bitmovin.Options{Rate: 3, Window: 10 * time.Second})
		var limited envelope
		for n := range 5 {
			want := http.StatusOK
			if n >= 3 {
				want = http.StatusTooManyRequests
			}
			if limited = a.call(t, http.MethodGet, path, ""); limited.code != want {
				t.Errorf("call %d: status %d, want %d", n+1, limited.code, want)
			}
		}
		seconds, err := strconv.ParseInt(limited.header.Get("X-Ratelimit-Reset"), 10, 64)
		wait := time.Until(time.Unix(seconds, 0))
		if err != nil || wait < 10*time.Second || wait > 11*time.Second {
			t.Fatalf("headers %v (%v), want a reset 10 s after the first call, in full seconds", limited.header, err)
		}
		time.Sleep(wait - 2*time.Second)
		if e := a.call(t, http.MethodGet, path, ""); e.code != http.StatusTooManyRequests {
			t.Errorf("status %d before the reset", e.code)
		}
		time.Sleep(2 * time.Second)
		if e := a.call(t, http.MethodGet, path, ""); e.code != http.StatusOK {
			t.Errorf("status %d after the reset", e.code)
		}
	})
}
