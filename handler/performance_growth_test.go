package main

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// TestGrowth: what a life of the resource calls is the same however much there
// is beside it. Nothing lists an account, or more of the bucket than is its own.
func TestGrowth(t *testing.T) {
	t.Parallel()
	var alone []string
	t.Run("alone", func(t *testing.T) {
		harness.InBubble(t, func(t *testing.T) { alone = newProviderEnv(t, options{}).life(harness.Plain()) })
	})
	for _, g := range growths() {
		harness.Run(t, g.name, func(t *testing.T) {
			e := newProviderEnv(t, options{})
			e.grow(g)
			if diff := cmp.Diff(alone, e.life(g.properties)); diff != "" {
				t.Errorf("calls (-alone +grown):\n%s", diff)
			}
		})
	}
}

// A growth is how much there is.
type growth struct {
	name           string
	roles, objects int
	properties     properties
}

func growths() []growth {
	var tags []any
	for i := range 48 {
		tags = append(tags, map[string]any{"Key": fmt.Sprint("key-", i), "Value": "value"})
	}
	return []growth{
		{name: "10-roles", roles: 10, properties: harness.Plain()},
		{name: "1000-roles", roles: 1_000, properties: harness.Plain()},
		{name: "2500-objects", objects: 2_500, properties: harness.Plain()},
		{name: "48-tags", properties: harness.Plain().With(properties{"Tags": tags})},
	}
}

func (e *env) grow(g growth) {
	e.addRoles(g.roles)
	e.EditBucket(func(b *aws.Bucket) { addObjects(b, g.objects) })
}

// addRoles adds roles of other resources, with tags and policies like the resource's.
func (e *env) addRoles(n int) {
	e.Cloud.Edit(func(s *aws.State) {
		for i := range n {
			name := fmt.Sprint("bitmovin-other-", i)
			key := aws.RoleKey(account, name)
			e.Kept[key] = true
			s.Roles[key] = &aws.Role{
				Account: account, Name: name, Path: "/elsewhere/", Trust: harness.BitmovinTrust("theirs"),
				Inline: map[string]string{"BitmovinExportAccess": harness.Published},
				Tags:   map[string]string{"bitmovin-export-access:stack-id": fmt.Sprint("stack-", i), "bitmovin-export-access:logical-id": logicalID},
			}
		}
	})
}

func addObjects(b *aws.Bucket, n int) {
	for i := range n {
		b.Versions = append(b.Versions, &aws.Version{Key: fmt.Sprintf("exports/%d.csv", i), VersionID: "null"})
	}
}

// life creates, updates and deletes the resource, and returns all calls in the
// order of their names.
func (e *env) life(p properties) []string {
	e.Helper()
	e.MustApp(p)
	e.MustApp(p.With(properties{"ObjectPrefix": "exports/"}))
	e.Delete(appStack)
	return operations(e.Cloud.Calls())
}

// operations returns the names of calls in order, for side by side they come in any.
func operations(calls []aws.Call) []string {
	var ops []string
	for _, c := range calls {
		ops = append(ops, c.Op)
	}
	slices.Sort(ops)
	return ops
}

// TestGrowthOfTheRole: pages of policies that somebody gave to the resource's own
// role cost one call a page, and one for each that has to go.
func TestGrowthOfTheRole(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		const policies, pages = 250, 3
		e := newProviderEnv(t, options{})
		update := func(trigger string) map[string]int {
			from := len(e.Cloud.Calls())
			e.MustApp(harness.Plain().With(properties{"VerificationTrigger": trigger}))
			count := map[string]int{}
			for _, c := range e.Cloud.Calls()[from:] {
				count[c.Op]++
			}
			return count
		}
		e.MustApp(harness.Plain())
		want := update("as made")
		want["iam:ListRolePolicies"] += pages - 1
		want["iam:DeleteRolePolicy"] += policies

		role := e.ExportRole()
		e.Cloud.Edit(func(s *aws.State) {
			inline := s.Roles[aws.RoleKey(account, role.Name)].Inline
			for i := range policies {
				inline[fmt.Sprint("foreign-", i)] = harness.Published
			}
		})
		if diff := cmp.Diff(want, update("spoilt")); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
	})
}
