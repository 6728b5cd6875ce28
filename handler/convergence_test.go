package main

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
)

// TestConvergence: whatever the properties, in whatever order they come, and
// whatever is done to the role by hand between them, the role is what the latest
// ones ask for; and to ask for them again writes nothing that lasts.
func TestConvergence(t *testing.T) {
	d := newChecked(t, options{timeout: ample}, "AllowFullAccess", "true")
	d.mustCheck(base)
	updates := 0
	apply := func(rt *rapid.T, p properties) (want, got roleState) {
		updates++
		s, err := d.app(p.with(properties{"VerificationTrigger": fmt.Sprint(updates)}), nil)
		if err != nil {
			rt.Fatalf("%v: %v", p, err)
		}
		return d.desired(s, p), d.actual(d.exportRole())
	}
	rapid.Check(t, func(rt *rapid.T) {
		d.vanish()
		var p properties
		for range rapid.IntRange(1, 3).Draw(rt, "updates") {
			// Tags that no properties named are not the resource's to take away.
			d.cloud.Edit(func(s *aws.State) {
				if r := s.Roles[exportsRole]; r != nil {
					drift(rt)(r)
				}
			})
			p = someProperties(rt)
			want, got := apply(rt, p)
			if diff := cmp.Diff(want, got); diff != "" {
				rt.Fatalf("the role (-want +got):\n%s", diff)
			}
		}
		writes := len(d.writes())
		want, got := apply(rt, p)
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("the role after the second time (-want +got):\n%s", diff)
		}
		// The verifier statement goes in and out.
		if got := d.writes()[writes:]; slices.ContainsFunc(got, func(op string) bool { return op != "UpdateAssumeRolePolicy" }) {
			rt.Fatalf("the second time wrote %v", got)
		}
	})
}

// someProperties are valid ones of the role of [base].
func someProperties(rt *rapid.T) properties {
	p := base.with(properties{
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
		p["Tags"] = tags(pairs...)
	}
	return p
}

// drift is something that somebody does to a role by hand. It may be nothing. A
// tag that no properties named is not among it: it would stay.
func drift(rt *rapid.T) func(*aws.Role) {
	edits := map[string]func(*aws.Role){
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
	names := rapid.SliceOfNDistinct(rapid.SampledFrom(slices.Sorted(maps.Keys(edits))), 0, 3, rapid.ID[string]).Draw(rt, "edits")
	return func(r *aws.Role) {
		for _, name := range names {
			edits[name](r)
		}
	}
}
