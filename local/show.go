package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/bitmovin"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
	"github.com/bitmovin/bitmovin-export-access/local/console"
)

// showEvent shows a line of a stack's history, and below it the reason.
func (s *story) showEvent(e cloudformation.Event) {
	const status = 18 // fits all that a resource has; some of a stack's are wider
	cells := []string{e.Time.Format("15:04:05"), e.Status, e.LogicalID, e.Type}
	if len(e.Status) > status {
		cells = cells[:3]
	}
	s.Row(0, []int{8, status, 16}, cells...)
	s.Text(4, e.Reason)
}

// showChecks shows the table of the attribute Checks, with what was seen, which
// the log tells.
func (s *story) showChecks(attribute string) error {
	verdicts := map[string]string{}
	if err := json.Unmarshal([]byte(attribute), &verdicts); err != nil {
		return fmt.Errorf("decode the attribute Checks: %w", err)
	}
	s.Heading("Checks")
	for line := range strings.Lines(s.stacks.Logs()) {
		var check struct{ Message, Name, Verdict, Detail string }
		if json.Unmarshal([]byte(line), &check) != nil || check.Message != "check" {
			continue
		}
		if verdicts[check.Name] != check.Verdict {
			return fmt.Errorf("the check %s is %q in the log and %q in the attribute", check.Name, check.Verdict, verdicts[check.Name])
		}
		delete(verdicts, check.Name)
		s.Row(2, []int{20, 10}, check.Name, check.Verdict, check.Detail)
	}
	if len(verdicts) > 0 {
		return fmt.Errorf("the log does not tell of the checks %v", slices.Sorted(maps.Keys(verdicts)))
	}
	return nil
}

// showOutputs shows outputs of a stack.
func (s *story) showOutputs(stack *cloudformation.Stack, names ...string) {
	s.Heading("Outputs")
	for _, name := range names {
		s.Text(2, name+": "+stack.Outputs[name])
	}
}

// showInventory shows how many things of each kind there were and are.
func (s *story) showInventory(before, after []itemCount) {
	s.Heading("Before  After")
	for i, h := range after {
		s.Row(0, []int{6, 5}, fmt.Sprintf("%6d", before[i].count), fmt.Sprintf("%5d", h.count), h.kind)
	}
}

// showRoles shows the roles that the function made.
func showRoles(c *console.Console, s *aws.State) {
	roles := slices.DeleteFunc(slices.Sorted(maps.Keys(s.Roles)), func(key string) bool {
		return s.Roles[key].Path != "/"
	})
	c.Heading(fmt.Sprintf("Roles: %d", len(roles)))
	for _, key := range roles {
		r := s.Roles[key]
		c.Text(0, r.ARN())
		c.Text(2, "trust policy: "+r.Trust)
		for _, name := range slices.Sorted(maps.Keys(r.Inline)) {
			c.Text(2, "policy "+name+": "+r.Inline[name])
		}
	}
}

// showRegistered shows the outputs that Bitmovin has, if there are any.
func showRegistered(c *console.Console, s *bitmovin.State) {
	if len(s.Outputs) == 0 {
		return
	}
	c.Heading(fmt.Sprintf("Outputs at Bitmovin: %d", len(s.Outputs)))
	for _, o := range s.Outputs {
		c.Text(0, o.ID)
		c.Text(2, "bucket: "+o.BucketName)
		c.Text(2, "role: "+o.RoleARN)
		c.Text(2, "external id: "+o.ExternalID)
		c.Text(2, "custom data: "+string(o.CustomData))
	}
}
