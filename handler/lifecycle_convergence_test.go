package main

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// TestConvergence: whatever the properties, in whatever order they come, and
// whatever is done to the role by hand between them, the role is what the latest
// ones ask for; and to ask for them again writes nothing that lasts.
func TestConvergence(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		updates := rapid.SliceOfN(rapid.Custom(someUpdate), 1, 3).Draw(rt, "updates")
		if failures := converge(t, updates); len(failures) > 0 {
			// rapid looks for smaller updates for as long as the error is the same.
			for _, f := range failures {
				rt.Log(f.Text)
			}
			rt.Fatal("the updates went wrong")
		}
	})
}

// A roleUpdate is what somebody did to the role by hand, and the properties that come
// then.
type roleUpdate struct {
	Deleted    bool
	Edits      []string
	Properties properties
}

// converge updates a resource in an account of its own, and returns what was wrong.
func converge(t *testing.T, updates []roleUpdate) []harness.Fault {
	t.Helper()
	var r *harness.Recorder
	harness.InBubble(t, func(t *testing.T) {
		r = &harness.Recorder{TB: t}
		e := newProviderEnv(r, options{}, "AllowFullAccess", "true")
		e.mustCheck(base)
		for i, u := range updates {
			if u.Deleted {
				e.DeleteRolesByHand()
			}
			e.EditRoles(func(role *aws.Role) {
				for _, name := range u.Edits {
					roleEdits()[name](role)
				}
			})
			e.wantConverged(u.Properties, i)
		}
		writes := len(e.Writes())
		e.wantConverged(updates[len(updates)-1].Properties, len(updates))
		// The verifier statement goes in and out.
		if got := e.Writes()[writes:]; slices.ContainsFunc(got, func(op string) bool { return op != "UpdateAssumeRolePolicy" }) {
			e.Errorf("the second time wrote %v", got)
		}
	})
	return r.Faults()
}

// wantConverged updates the resource for the nth time, and compares the role.
func (e *env) wantConverged(p properties, n int) {
	e.Helper()
	s := e.MustApp(p.With(properties{"VerificationTrigger": fmt.Sprint(n)}))
	if diff := cmp.Diff(e.Desired(s, p), harness.Actual(e.TB, e.ExportRole())); diff != "" {
		e.Fatalf("the role after update %d (-want +got):\n%s", n+1, diff)
	}
}

// someUpdate draws one. Tags that no properties named are not the resource's to take
// away: no tag is added by hand.
func someUpdate(rt *rapid.T) roleUpdate {
	return roleUpdate{
		Deleted:    rapid.Bool().Draw(rt, "deleted"),
		Edits:      rapid.SliceOfNDistinct(rapid.SampledFrom(slices.Sorted(maps.Keys(roleEdits()))), 0, 3, rapid.ID[string]).Draw(rt, "edits"),
		Properties: someProperties(rt),
	}
}

// someProperties are valid ones of the role of [base].
func someProperties(rt *rapid.T) properties {
	p := base.With(properties{
		"ExternalId":   rapid.SampledFrom([]string{"external-id-1", "external-id-2"}).Draw(rt, "external id"),
		"AccessMode":   rapid.SampledFrom([]string{"Restricted", "Restricted", "Full"}).Draw(rt, "mode"),
		"Verification": rapid.SampledFrom([]string{"Off", "Off", "Enforce", "Warn"}).Draw(rt, "verification"),
	})
	if prefix := rapid.SampledFrom([]string{"", "a/", "a/b/"}).Draw(rt, "prefix"); prefix != "" {
		p["ObjectPrefix"] = prefix
	}
	keys := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"team", "cost", "Owner"}), 0, 3, rapid.ID[string]).Draw(rt, "tags")
	if len(keys) > 0 {
		var pairs []string
		for _, key := range keys {
			pairs = append(pairs, key, rapid.SampledFrom([]string{"", "x", "y"}).Draw(rt, key))
		}
		p["Tags"] = harness.Tags(pairs...)
	}
	return p
}

// roleEdits are what somebody may do to a role by hand.
func roleEdits() map[string]func(*aws.Role) {
	return map[string]func(*aws.Role){
		"a foreign policy":     func(r *aws.Role) { r.Inline["Foreign"] = anything },
		"another policy":       func(r *aws.Role) { r.Inline["BitmovinExportAccess"] = anything },
		"no policy":            func(r *aws.Role) { clear(r.Inline) },
		"an attached policy":   func(r *aws.Role) { r.Attached = append(r.Attached, administratorAccess) },
		"nothing attached":     func(r *aws.Role) { r.Attached = nil },
		"another trust policy": func(r *aws.Role) { r.Trust = trustAccount },
		"another boundary":     func(r *aws.Role) { r.Boundary = administratorAccess },
		"no boundary":          func(r *aws.Role) { r.Boundary = "" },
		"a tag's value": func(r *aws.Role) {
			if r.Tags["team"] != "" {
				r.Tags["team"] = "by hand"
			}
		},
	}
}
