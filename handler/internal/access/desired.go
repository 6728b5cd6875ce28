package access

import (
	"maps"
	"slices"
	"strings"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/customresource"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/policy"
)

// policyName is the name of the one inline policy of a role.
const policyName = "BitmovinExportAccess"

// A desired is the state that Create and Update bring a role to.
type desired struct {
	name, arn string
	trust     policy.Document
	// inline is the own inline policy; nil if there is to be none.
	inline *policy.Document
	// attached are the ARNs of the managed policies, all of them.
	attached []string
	boundary string
	tags     map[string]string
}

// newDesired returns the state that the properties ask for, as yet without
// permissions: these depend on the bucket.
func newDesired(r *customresource.Request, pv Provider, p props) desired {
	d := desired{
		name:     p.RoleName,
		arn:      "arn:" + r.Partition + ":iam::" + r.AccountID + ":role/" + p.RoleName,
		trust:    policy.Trust(pv.TrustedPrincipal, p.ExternalID),
		boundary: pv.Boundary,
		tags:     ownerTags(r.Event),
	}
	maps.Copy(d.tags, p.Tags)
	return d
}

// allow sets the permissions that the properties ask for, on a bucket that is
// encrypted with the key by default.
func (d *desired) allow(p props, partition string, key policy.Key) {
	statements := key.Permissions()
	if p.AccessMode == full {
		d.attached = []string{policy.FullAccess(partition)}
	} else {
		statements = append(p.bucket(partition).Permissions(), statements...)
	}
	if len(statements) > 0 {
		doc := policy.New(statements...)
		d.inline = &doc
	}
}

// statements returns those of the own inline policy.
func (d desired) statements() []policy.Statement {
	if d.inline == nil {
		return nil
	}
	return d.inline.Statement
}

// A changes is what a role lacks of its desired state, or has beyond it.
type changes struct {
	boundary, trust, inline bool
	// lost: the own policy loses more than a way to allow exports.
	lost   bool
	attach []string
	tag    map[string]string
	untag  []string
	// removeInline and detach are foreign policies, or ones that are wanted no more.
	removeInline, detach []string
}

// compare returns what it takes to bring the role to the desired state. Of the
// tags only those of oldTags may go: others may have been added by hand. A
// boundary that the provider does not name stays, for it can only limit.
func (d desired) compare(r *role, oldTags []string) changes {
	c := changes{
		boundary: d.boundary != "" && r.boundary != d.boundary,
		trust:    !policy.Equal(r.trust, d.trust.String()),
		inline:   d.inline != nil && !policy.Equal(r.own, d.inline.String()),
		attach:   without(d.attached, r.attached),
		detach:   without(r.attached, d.attached),
		tag:      map[string]string{},
	}
	c.lost = policy.Loses(r.own, d.statements())
	for _, name := range r.inline {
		if name != policyName || d.inline == nil {
			c.removeInline = append(c.removeInline, name)
		}
	}
	for key, value := range d.tags {
		if there, ok := tagKey(r.tags, key); !ok || r.tags[there] != value {
			c.tag[key] = value
		}
	}
	for _, key := range oldTags {
		_, wanted := tagKey(d.tags, key)
		if there, ok := tagKey(r.tags, key); ok && !wanted {
			c.untag = append(c.untag, there)
		}
	}
	return c
}

// compareWithFormer returns the changes that bring back the desired state from the one
// that the former properties asked for, whatever the role seems to have.
func (d desired) compareWithFormer(former props, r *role, fullAccess string) changes {
	c := d.compare(r, nil)
	c.trust, c.inline, c.attach = true, d.inline != nil, d.attached
	if d.inline == nil && !slices.Contains(c.removeInline, policyName) {
		c.removeInline = append(c.removeInline, policyName)
	}
	if former.AccessMode == full && !slices.Contains(slices.Concat(d.attached, c.detach), fullAccess) {
		c.detach = append(c.detach, fullAccess)
	}
	for key, value := range d.tags {
		if there, ok := tagKey(former.Tags, key); !reservedKey().MatchString(key) && (!ok || former.Tags[there] != value) {
			c.tag[key] = value
		}
	}
	for key := range former.Tags {
		if _, wanted := tagKey(d.tags, key); !wanted {
			c.untag = append(c.untag, key)
		}
	}
	return c
}

// takes reports whether the changes take something away that may have allowed, or
// denied, what is checked. The own policy's loss is lost.
func (c changes) takes() bool {
	return c.boundary || c.lost || len(c.detach)+len(c.removeInline) > 0
}

// narrows reports whether they take something away that may be all that allows what
// is checked: not full access, beside which the own policy already allows the same.
func (c changes) narrows(fullAccess string) bool {
	foreign := func(name string) bool { return name != policyName }
	return c.boundary || c.lost || slices.ContainsFunc(c.removeInline, foreign) || len(without(c.detach, []string{fullAccess})) > 0
}

// permissions reports whether the changes affect what the role may do.
func (c changes) permissions() bool {
	return c.boundary || c.inline || len(c.attach)+len(c.detach)+len(c.removeInline) > 0
}

// names lists the changes for the log.
func (c changes) names() []string {
	var names []string
	add := func(changed bool, name string) {
		if changed {
			names = append(names, name)
		}
	}
	add(c.boundary, "permissions boundary")
	add(c.trust, "trust policy")
	add(c.inline, "inline policy")
	add(len(c.attach) > 0, "attach "+strings.Join(c.attach, ", "))
	add(len(c.detach) > 0, "detach "+strings.Join(c.detach, ", "))
	add(len(c.removeInline) > 0, "remove inline "+strings.Join(c.removeInline, ", "))
	add(len(c.tag)+len(c.untag) > 0, "tags")
	return names
}

// without returns the elements of a that are not in b.
func without(a, b []string) []string {
	var left []string
	for _, s := range a {
		if !slices.Contains(b, s) {
			left = append(left, s)
		}
	}
	return left
}
