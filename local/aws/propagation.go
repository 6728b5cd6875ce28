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
	old := now.Add(-max(c.options.Propagation, c.options.PolicyPropagation, c.options.ReadLag))
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

// A textKey names a policy that is not a role's: the kind of thing whose policy
// it is, and the thing's name.
type textKey struct{ kind, name string }

func policyKey(arn string) textKey  { return textKey{"policy", arn} }
func bucketKey(name string) textKey { return textKey{"bucket", name} }
func kmsKey(arn string) textKey     { return textKey{"key", arn} }

// A history is when a policy, or the bucket or key that has it, was made, and
// what the policy was until it was changed.
type history struct {
	made time.Time
	past []pastText
}

// A pastText is a policy as it was until a moment.
type pastText struct {
	until time.Time
	text  string
}

// changed is when the policy became what it is.
func (h history) changed() time.Time {
	if len(h.past) == 0 {
		return h.made
	}
	return h.past[len(h.past)-1].until
}

// texts returns all policies that are not roles'.
func (s *State) texts() map[textKey]string {
	texts := map[textKey]string{}
	for arn, p := range s.Policies {
		texts[policyKey(arn)] = p.Document
	}
	for name, b := range s.Buckets {
		texts[bucketKey(name)] = b.Policy
	}
	for arn, k := range s.Keys {
		texts[kmsKey(arn)] = k.Policy
	}
	return texts
}

// rememberTexts keeps what the policies were before a change.
func (c *Cloud) rememberTexts(before map[textKey]string) {
	now, after := time.Now(), c.state.texts()
	for key, text := range after {
		h := c.texts[key]
		switch old, existed := before[key]; {
		case !existed:
			h = history{made: now}
		case old != text:
			h.past = append(h.past, pastText{now, old})
		}
		c.texts[key] = h
	}
	maps.DeleteFunc(c.texts, func(key textKey, _ history) bool { _, left := after[key]; return !left })
}

// inForce returns the policy that authorization goes by, now that it is text.
func (c *Cloud) inForce(key textKey, text string) string {
	then := time.Now().Add(-c.options.PolicyPropagation)
	for _, p := range c.texts[key].past {
		if p.until.After(then) {
			return p.text
		}
	}
	return text
}

// tooNew reports whether a bucket or key is not known yet.
func (c *Cloud) tooNew(key textKey) bool {
	return time.Since(c.texts[key].made) < c.options.NewBucketLag
}
