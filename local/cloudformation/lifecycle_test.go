package cloudformation_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

func TestCreateUpdateDelete(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := start(t)
		s := e.deploy("app", one("Id: a, Colour: red, Number: 42, Truth: true, List: [1, {No: false}]")+`
Outputs:
  Colour: {Value: !GetAtt One.Colour}
  Id: {Value: !Ref One}
`, nil)
		if s.Outputs["Colour"] != "red" || s.Outputs["Id"] != "a" {
			t.Errorf("outputs: got %v", s.Outputs)
		}
		if !regexp.MustCompile(`^arn:aws:cloudformation:eu-west-1:111122223333:stack/app/[0-9a-f]{8}-[0-9a-f]{4}-1[0-9a-f]{3}-[0-9a-f-]{17}$`).MatchString(s.ID) {
			t.Errorf("stack id: got %s", s.ID)
		}
		s = e.deploy("app", one("Id: a, Colour: blue, ServiceTimeout: 60"), nil)
		if _, err := e.Deploy(e.Context(), "app", []byte(one("Id: a, Colour: blue, ServiceTimeout: 60")), nil); err == nil {
			t.Error("an update without a change: got no error")
		}
		if got, want := statuses(s, "app"), "CREATE_IN_PROGRESS CREATE_COMPLETE UPDATE_IN_PROGRESS UPDATE_COMPLETE_CLEANUP_IN_PROGRESS UPDATE_COMPLETE"; got != want {
			t.Errorf("stack: got %s, want %s", got, want)
		}
		if got, want := statuses(s, "One"), "CREATE_IN_PROGRESS CREATE_COMPLETE UPDATE_IN_PROGRESS UPDATE_COMPLETE"; got != want {
			t.Errorf("resource: got %s, want %s", got, want)
		}
		gone, err := e.Delete(e.Context(), "app")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := e.Stack(s.ID); err != nil || got.Status != "DELETE_COMPLETE" || gone.Status != got.Status {
			t.Errorf("a deleted stack by its id: got %v, %v", got, err)
		}
		if _, err := e.Stack("app"); err == nil {
			t.Error("a deleted stack is still known by its name")
		}
		e.wantRequests("Create One", "Update One a", "Delete One a")
		e.deploy("app", one("Id: a"), nil)
	})
}

func TestEventIsAsAWSSendsIt(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := start(t)
		s := e.deploy("app", one("Id: a, Number: 42, Truth: true, List: [1, {No: false}], None: !Ref AWS::NoValue"), nil)
		e.deploy("app", one("Id: a, ServiceTimeout: 60"), nil)
		token := e.token()
		want := map[string]any{
			"RequestType": "Update", "ResourceType": "Custom::Test", "LogicalResourceId": "One",
			"PhysicalResourceId": "a", "StackId": s.ID,
			"ResourceProperties":    map[string]any{"ServiceToken": token, "ServiceTimeout": "60", "Id": "a"},
			"OldResourceProperties": map[string]any{"ServiceToken": token, "Id": "a", "Number": "42", "Truth": "true", "List": []any{"1", map[string]any{"No": "false"}}},
		}
		r := e.Requests()[1]
		var got map[string]any
		if err := json.Unmarshal(r.Payload, &got); err != nil {
			t.Fatal(err)
		}
		if got["RequestId"] != r.RequestID || !strings.Contains(r.ResponseURL, "X-Amz-Signature=") || got["ResponseURL"] != r.ResponseURL {
			t.Errorf("request id and URL: got %v, %v", got["RequestId"], got["ResponseURL"])
		}
		delete(got, "RequestId")
		delete(got, "ResponseURL")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("event (-want +got):\n%s", diff)
		}
		if a := r.Invocation.Wait(); len(a) != 1 || a[0].Err != "" {
			t.Errorf("attempts: got %+v, want one success", a)
		}
		if puts := e.Inbox().Puts(r.RequestID); len(puts) != 1 || !puts[0].Stored {
			t.Errorf("puts: got %+v, want one that counts", puts)
		}
	})
}

func TestFailuresAndRollbacks(t *testing.T) {
	t.Parallel()
	const failing = "Id: bad, Fail: Create"
	tests := map[string]struct {
		first, second string // the second is an update; the last of them fails
		status        string
		requests      []string // of the failed one
		stack         string   // the statuses of the failed one
	}{
		"create fails": {
			first: one(failing), status: "ROLLBACK_COMPLETE",
			requests: []string{"Create One", "Delete One bad"},
			stack:    "CREATE_IN_PROGRESS ROLLBACK_IN_PROGRESS ROLLBACK_COMPLETE",
		},
		"a later sibling fails": {
			first: one("Id: a") + dependent(resource("Two", failing)), status: "ROLLBACK_COMPLETE",
			requests: []string{"Create One", "Create Two", "Delete Two bad", "Delete One a"},
			stack:    "CREATE_IN_PROGRESS ROLLBACK_IN_PROGRESS ROLLBACK_COMPLETE",
		},
		"create and rollback fail": {
			first: one("Id: bad, Fail: Create Delete"), status: "ROLLBACK_FAILED",
			requests: []string{"Create One", "Delete One bad"},
			stack:    "CREATE_IN_PROGRESS ROLLBACK_IN_PROGRESS ROLLBACK_FAILED",
		},
		"update in place fails": {
			first: one("Id: a"), second: one("Id: a, Fail: Update"), status: "UPDATE_ROLLBACK_COMPLETE",
			requests: []string{"Update One a", "Update One a"},
		},
		"the id of a failed update is adopted": {
			first: one("Id: a"), second: one("Id: b, Fail: Update"), status: "UPDATE_ROLLBACK_COMPLETE",
			requests: []string{"Update One a", "Update One b", "Delete One b"},
		},
		"a sibling fails after an update in place": {
			first: one("Id: a"), second: one("Id: a, Colour: red") + dependent(resource("Two", failing)), status: "UPDATE_ROLLBACK_COMPLETE",
			requests: []string{"Update One a", "Create Two", "Update One a", "Delete Two bad"},
		},
		"a sibling fails after a replacement": {
			first: one("Id: a"), second: one("Id: b") + dependent(resource("Two", failing)), status: "UPDATE_ROLLBACK_COMPLETE",
			requests: []string{"Update One a", "Create Two", "Update One b", "Delete Two bad", "Delete One b"},
		},
		"the rollback fails": {
			first: one("Id: a, Fail: Update"), second: one("Id: a, Fail: Update, Colour: red"), status: "UPDATE_ROLLBACK_FAILED",
			requests: []string{"Update One a", "Update One a"},
			stack:    "UPDATE_IN_PROGRESS UPDATE_ROLLBACK_IN_PROGRESS UPDATE_ROLLBACK_FAILED",
		},
		"an output that nobody gives": {
			first: one("Id: a") + "Outputs: {Shape: {Value: !GetAtt One.Shape}}", status: "ROLLBACK_COMPLETE",
			requests: []string{"Create One", "Delete One a"},
			stack:    "CREATE_IN_PROGRESS ROLLBACK_IN_PROGRESS ROLLBACK_COMPLETE",
		},
	}
	for name, test := range tests {
		harness.Run(t, name, func(t *testing.T) {
			e := start(t)
			template, before := test.first, 0
			if test.second != "" {
				e.deploy("app", test.first, nil)
				template, before = test.second, len(e.requests())
			}
			s := e.fails("app", template, test.status)
			if got := e.requests()[before:]; !slices.Equal(got, test.requests) {
				t.Errorf("requests: got %q, want %q", got, test.requests)
			}
			want := test.stack
			if want == "" {
				want = "UPDATE_IN_PROGRESS UPDATE_ROLLBACK_IN_PROGRESS UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS UPDATE_ROLLBACK_COMPLETE"
			}
			if got := strings.TrimPrefix(statuses(s, "app"), "CREATE_IN_PROGRESS CREATE_COMPLETE "); got != want {
				t.Errorf("stack: got %s, want %s", got, want)
			}
		})
	}
}

func TestRollbackSwapsTheProperties(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := start(t)
		e.deploy("app", one("Id: a, Colour: red"), nil)
		e.fails("app", one("Id: a, Colour: blue, Fail: Update"), "UPDATE_ROLLBACK_COMPLETE")
		r := e.Requests()
		if diff := cmp.Diff(r[1].OldResourceProperties, r[2].ResourceProperties); diff != "" {
			t.Errorf("properties of the rollback (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(r[1].ResourceProperties, r[2].OldResourceProperties); diff != "" {
			t.Errorf("old properties of the rollback (-want +got):\n%s", diff)
		}
	})
}

func TestReplacementAndRemovalAreCleanedUp(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := start(t)
		e.deploy("app", one("Id: a")+resource("Two", "Id: two"), nil)
		s := e.deploy("app", one("Id: b"), nil)
		got := e.requests()[2:]
		if len(got) == 3 {
			slices.Sort(got[1:])
		}
		if want := []string{"Update One a", "Delete One a", "Delete Two two"}; !slices.Equal(got, want) {
			t.Errorf("requests: got %q, want %q", got, want)
		}
		if s.Resources["One"].PhysicalID != "b" || s.Resources["Two"].Status != "DELETE_COMPLETE" {
			t.Errorf("resources: got %+v", s.Resources)
		}
	})
}

// TestContinuedRollback: what a failed rollback could not bring back is asked for again, with
// the id that it has now, and as if the rollback's properties were in force already.
func TestContinuedRollback(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := start(t)
		e.deploy("app", one("Id: a, Fail: Update"), nil)
		s := e.fails("app", one("Id: b")+dependent(resource("Two", "Id: bad, Fail: Create")), "UPDATE_ROLLBACK_FAILED")
		o, err := e.StartContinue(s.ID)
		if err != nil {
			t.Fatal(err)
		}
		if s, _ = o.Wait(e.Context()); s.Status != "UPDATE_ROLLBACK_FAILED" {
			t.Errorf("the stack is %s, want UPDATE_ROLLBACK_FAILED again", s.Status)
		}
		e.wantRequests("Create One", "Update One a", "Create Two", "Update One b", "Update One a")
		last := e.Requests()[4]
		if diff := cmp.Diff(last.ResourceProperties, last.OldResourceProperties); diff != "" || last.ResourceProperties["Id"] != "a" {
			t.Errorf("the properties (-new +old):\n%s", diff)
		}
		if _, err := e.StartContinue("provider"); err == nil || !strings.Contains(err.Error(), "can not continue rollback") {
			t.Errorf("to continue what has not failed: %v", err)
		}
	})
}

func TestFailedDeletions(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := start(t)
		e.deploy("app", one("Id: a, Fail: Delete")+resource("Two", "Id: two, Fail: Delete"), nil)
		s := e.deploy("app", one("Id: b, Fail: Delete"), nil) // a failed cleanup is no failure
		if !strings.HasSuffix(statuses(s, "Two"), "DELETE_FAILED") {
			t.Errorf("cleanup: got %s, want a failure", statuses(s, "Two"))
		}
		before := len(e.requests())
		for range 2 {
			if s, err := e.Delete(e.Context(), "app"); err == nil || s.Status != "DELETE_FAILED" {
				t.Errorf("delete: got %+v, %v, want DELETE_FAILED", s, err)
			}
		}
		if got, want := e.requests()[before:], []string{"Delete One b", "Delete One b"}; !slices.Equal(got, want) {
			t.Errorf("requests: got %q, want %q: the abandoned ones stay so", got, want)
		}
	})
}

func TestWhatOthersNeedIsDeletedLast(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := start(t)
		e.deploy("app", one("Id: a")+dependent(resource("Two", "Id: two, Fail: Delete")), nil)
		if s, err := e.Delete(e.Context(), "app"); err == nil || s.Resources["One"].Status != "CREATE_COMPLETE" {
			t.Errorf("delete: got %+v, %v, want One untouched", s, err)
		}
		e.wantRequests("Create One", "Create Two", "Delete Two two")
	})
}

func TestFailedDeleteOfAHalfMadeStack(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := start(t)
		if _, err := e.Start("app", []byte(one("Hang: Create, Fail: Delete")), nil); err != nil {
			t.Fatal(err)
		}
		e.awaitRequests(1)
		if s, err := e.Delete(e.Context(), "app"); err == nil || s.Status != "DELETE_FAILED" {
			t.Errorf("delete: got %+v, %v, want DELETE_FAILED", s, err)
		}
		if n := len(e.Requests()); n != 2 {
			t.Errorf("requests: got %q, want a Create and one Delete", e.requests())
		}
	})
}

func TestUpdatesThatAreRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ template, reason string }{
		"another type":         {strings.Replace(one("Id: a"), "Custom::Test", "Custom::Other", 1), "update of resource type is not permitted"},
		"another ServiceToken": {strings.Replace(one("Id: a"), "!ImportValue provider-ServiceToken", "other", 1), "Modifying service token is not allowed."},
	}
	for name, test := range tests {
		harness.Run(t, name, func(t *testing.T) {
			e := start(t)
			e.deploy("app", one("Id: a"), nil)
			if _, err := e.Deploy(e.Context(), "app", []byte(test.template), nil); err == nil || !strings.Contains(err.Error(), test.reason) {
				t.Errorf("update: got %v, want %s", err, test.reason)
			}
		})
	}
}

func TestCancelledCreate(t *testing.T) {
	t.Parallel()
	hanging := one("Id: a, Hang: Create")
	invented := regexp.MustCompile(`^Delete One app-One-[A-Z2-7]{13}$`)
	tests := map[string]struct {
		template string
		cancel   func(e env, o *cloudformation.Operation)
		statuses string
	}{
		"a sibling fails": {
			template: hanging + resource("Two", "Id: bad, Fail: Create"),
			statuses: "CREATE_IN_PROGRESS ROLLBACK_IN_PROGRESS ROLLBACK_COMPLETE",
		},
		"by hand": {
			template: hanging,
			cancel:   func(_ env, o *cloudformation.Operation) { o.Cancel() },
			statuses: "CREATE_IN_PROGRESS ROLLBACK_IN_PROGRESS ROLLBACK_COMPLETE",
		},
		"by a delete": {
			template: hanging,
			cancel: func(e env, _ *cloudformation.Operation) {
				if _, err := e.Delete(e.Context(), "app"); err != nil {
					e.Error(err)
				}
			},
			statuses: "CREATE_IN_PROGRESS DELETE_IN_PROGRESS DELETE_COMPLETE",
		},
	}
	for name, test := range tests {
		harness.Run(t, name, func(t *testing.T) {
			e := start(t)
			o, err := e.Start("app", []byte(test.template), nil)
			if err != nil {
				t.Fatal(err)
			}
			if test.cancel != nil {
				e.awaitRequests(1)
				test.cancel(e, o)
			}
			s, err := o.Wait(e.Context())
			if err == nil {
				t.Error("wait: got no error")
			}
			if got := statuses(s, "app"); got != test.statuses {
				t.Errorf("stack: got %s, want %s", got, test.statuses)
			}
			if got, want := statuses(s, "One"), "CREATE_IN_PROGRESS CREATE_FAILED DELETE_IN_PROGRESS DELETE_COMPLETE"; got != want {
				t.Errorf("resource: got %s, want %s", got, want)
			}
			if !slices.ContainsFunc(e.requests(), invented.MatchString) {
				t.Errorf("requests: got %q, want a Delete with an invented id", e.requests())
			}
		})
	}
}

func TestCancelledUpdate(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := start(t)
		e.deploy("app", one("Id: a"), nil)
		o, err := e.Start("app", []byte(one("Id: b, Hang: Update")), nil)
		if err != nil {
			t.Fatal(err)
		}
		e.awaitRequests(2)
		if _, err := e.Delete(e.Context(), "app"); err == nil {
			t.Error("a delete during an update: got no error")
		}
		o.Cancel()
		if s, err := o.Wait(e.Context()); err == nil || s.Status != "UPDATE_ROLLBACK_COMPLETE" {
			t.Errorf("got %+v, %v, want a rollback", s, err)
		}
		e.wantRequests("Create One", "Update One a", "Update One a")
	})
}

func TestResponsesThatAreNone(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ properties, reason string }{
		"too long":  {"Id: a, Big: x", "Response object is too long"},
		"no id":     {"Colour: red", "Invalid PhysicalResourceId"},
		"none":      {"Id: a, Hang: Create, ServiceTimeout: 1", "did not receive a response"},
		"a failure": {"Id: a, Fail: Create", "Received response status [FAILED] from custom resource. Message returned: told to (RequestId: "},
	}
	for name, test := range tests {
		harness.Run(t, name, func(t *testing.T) {
			e := start(t)
			s, err := e.Deploy(e.Context(), "app", []byte(one(test.properties)), nil)
			if err == nil || !strings.Contains(err.Error(), test.reason) {
				t.Errorf("deploy: got %v, want %s", err, test.reason)
			}
			if got, want := statuses(s, "One"), "CREATE_IN_PROGRESS CREATE_FAILED DELETE_IN_PROGRESS DELETE_"; !strings.HasPrefix(got, want) {
				t.Errorf("resource: got %s, want %s…", got, want)
			}
		})
	}
}

func TestExportsInUse(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := start(t)
		e.deploy("app", one("Id: a"), nil)
		if _, err := e.Delete(e.Context(), "provider"); err == nil {
			t.Error("an export in use was deleted")
		}
		without, _, _ := strings.Cut(provider, "Outputs:")
		s := e.fails("provider", without, "UPDATE_ROLLBACK_COMPLETE")
		if !strings.Contains(s.Events[len(s.Events)-3].Reason, "in use by app") {
			t.Errorf("events: got %+v", s.Events)
		}
		for _, name := range []string{"app", "provider"} {
			if _, err := e.Delete(e.Context(), name); err != nil {
				t.Error(err)
			}
		}
	})
}
