package role

import (
	"slices"
	"strings"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/policy"
)

// A Desired is what a role is to be.
type Desired struct {
	Name, ARN string
	Trust     policy.Document
	// Inline is the inline policy named [PolicyName]; nil if there is to be none.
	Inline *policy.Document
	// Attached are the ARNs of the managed policies, all of them.
	Attached []string
	// Boundary is the ARN of the permissions boundary; empty for none.
	Boundary string
	Tags     map[string]string
}

// statements returns those of the own inline policy.
func (d Desired) statements() []policy.Statement {
	if d.Inline == nil {
		return nil
	}
	return d.Inline.Statement
}

// Changes are what a role lacks of its desired state, or has beyond it.
type Changes struct {
	Boundary, Trust, Inline bool
	// Lost: the own policy loses more than a way to allow exports.
	Lost   bool
	Attach []string
	Tag    map[string]string
	Untag  []string
	// RemoveInline and Detach are foreign policies, or ones that are wanted no more.
	RemoveInline, Detach []string
}

// Compare returns what it takes to bring the role to the desired state. Of the
// tags only those of oldTags may go: others may have been added by hand. A
// boundary that the provider does not name stays, for it can only limit.
func (d Desired) Compare(r *Role, oldTags []string) Changes {
	c := Changes{
		Boundary: d.Boundary != "" && r.Boundary != d.Boundary,
		Trust:    !policy.Equal(r.Trust, d.Trust.String()),
		Inline:   d.Inline != nil && !policy.Equal(r.Own, d.Inline.String()),
		Attach:   Without(d.Attached, r.Attached),
		Detach:   Without(r.Attached, d.Attached),
		Tag:      map[string]string{},
	}
	c.Lost = policy.Loses(r.Own, d.statements())
	for _, name := range r.Inline {
		if name != PolicyName || d.Inline == nil {
			c.RemoveInline = append(c.RemoveInline, name)
		}
	}
	for key, value := range d.Tags {
		if there, ok := TagKey(r.Tags, key); !ok || r.Tags[there] != value {
			c.Tag[key] = value
		}
	}
	for _, key := range oldTags {
		_, wanted := TagKey(d.Tags, key)
		if there, ok := TagKey(r.Tags, key); ok && !wanted {
			c.Untag = append(c.Untag, there)
		}
	}
	return c
}

// Takes reports whether the changes take something away that may have allowed, or
// denied, what is checked. The own policy's loss is lost.
func (c Changes) Takes() bool {
	return c.Boundary || c.Lost || len(c.Detach)+len(c.RemoveInline) > 0
}

// Narrows reports whether they take something away that may be all that allows what
// is checked: not full access, beside which the own policy already allows the same.
func (c Changes) Narrows(fullAccess string) bool {
	foreign := func(name string) bool { return name != PolicyName }
	return c.Boundary || c.Lost || slices.ContainsFunc(c.RemoveInline, foreign) || len(Without(c.Detach, []string{fullAccess})) > 0
}

// Permissions reports whether the changes affect what the role may do.
func (c Changes) Permissions() bool {
	return c.Boundary || c.Inline || len(c.Attach)+len(c.Detach)+len(c.RemoveInline) > 0
}

// Names lists the changes for the log.
func (c Changes) Names() []string {
	var names []string
	add := func(changed bool, name string) {
		if changed {
			names = append(names, name)
		}
	}
	add(c.Boundary, "permissions boundary")
	add(c.Trust, "trust policy")
	add(c.Inline, "inline policy")
	add(len(c.Attach) > 0, "attach "+strings.Join(c.Attach, ", "))
	add(len(c.Detach) > 0, "detach "+strings.Join(c.Detach, ", "))
	add(len(c.RemoveInline) > 0, "remove inline "+strings.Join(c.RemoveInline, ", "))
	add(len(c.Tag)+len(c.Untag) > 0, "tags")
	return names
}

// Without returns the elements of a that are not in b.
func Without(a, b []string) []string {
	var left []string
	for _, s := range a {
		if !slices.Contains(b, s) {
			left = append(left, s)
		}
	}
	return left
}

// TagKey returns the key in tags that is IAM's same as key, which compares
// without case.
func TagKey(tags map[string]string, key string) (string, bool) {
	for k := range tags {
		if strings.EqualFold(k, key) {
			return k, true
		}
	}
	return "", false
}
