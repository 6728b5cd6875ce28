package access

import (
	"maps"
	"slices"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/customresource"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/policy"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/role"
)

// newDesired returns the state that the properties ask for, as yet without
// permissions: these depend on the bucket.
func newDesired(r *customresource.Request, pv Provider, p props) role.Desired {
	d := role.Desired{
		Name:     p.RoleName,
		ARN:      "arn:" + r.Partition + ":iam::" + r.AccountID + ":role/" + p.RoleName,
		Trust:    policy.Trust(pv.TrustedPrincipal, p.ExternalID),
		Boundary: pv.Boundary,
		Tags:     ownerTags(r.Event),
	}
	maps.Copy(d.Tags, p.Tags)
	return d
}

// setPermissions sets those that the properties ask for, on a bucket that is encrypted
// with the key by default.
func setPermissions(d *role.Desired, p props, partition string, key policy.Key) {
	statements := key.Permissions()
	if p.AccessMode == full {
		d.Attached = []string{policy.FullAccess(partition)}
	} else {
		statements = append(p.bucket(partition).Permissions(), statements...)
	}
	if len(statements) > 0 {
		doc := policy.New(statements...)
		d.Inline = &doc
	}
}

// compareWithFormer returns the changes that bring back the desired state from the one
// that the former properties asked for, whatever the role seems to have.
func compareWithFormer(d role.Desired, former props, r *role.Role, fullAccess string) role.Changes {
	c := d.Compare(r, nil)
	c.Trust, c.Inline, c.Attach = true, d.Inline != nil, d.Attached
	if d.Inline == nil && !slices.Contains(c.RemoveInline, role.PolicyName) {
		c.RemoveInline = append(c.RemoveInline, role.PolicyName)
	}
	if former.AccessMode == full && !slices.Contains(slices.Concat(d.Attached, c.Detach), fullAccess) {
		c.Detach = append(c.Detach, fullAccess)
	}
	for key, value := range d.Tags {
		if there, ok := role.TagKey(former.Tags, key); !reservedKey().MatchString(key) && (!ok || former.Tags[there] != value) {
			c.Tag[key] = value
		}
	}
	for key := range former.Tags {
		if _, wanted := role.TagKey(d.Tags, key); !wanted {
			c.Untag = append(c.Untag, key)
		}
	}
	return c
}
