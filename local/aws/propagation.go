package aws

import (
	"maps"
	"reflect"
	"slices"
	"time"
)

// A pastRole is a role as it was until a moment; nil if it did not exist.
type pastRole struct {
	until time.Time
	role  *Role
}

// role returns the role of that key as it was lag ago, or nil.
func (c *Cloud) role(key string, lag time.Duration) *Role {
	then := time.Now().Add(-lag)
	for _, p := range c.past[key] {
		if p.until.After(then) {
			return p.role
		}
	}
	return c.state.Roles[key]
}

// remember keeps what a role was before a change that came over HTTP.
func (c *Cloud) remember(key string, before *Role) {
	if reflect.DeepEqual(before, c.state.Roles[key].clone()) {
		return
	}
	now := time.Now()
	old := now.Add(-max(c.options.Propagation, c.options.ReadLag))
	kept := slices.DeleteFunc(c.past[key], func(p pastRole) bool { return p.until.Before(old) })
	c.past[key] = append(kept, pastRole{until: now, role: before})
}

func (r *Role) clone() *Role {
	if r == nil {
		return nil
	}
	role := *r
	role.Inline, role.Tags = maps.Clone(r.Inline), maps.Clone(r.Tags)
	role.Attached, role.InstanceProfiles = slices.Clone(r.Attached), slices.Clone(r.InstanceProfiles)
	return &role
}
