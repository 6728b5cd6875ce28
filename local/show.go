package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
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

// A check is what the function logs of one.
type check struct{ Message, Name, Verdict, Detail string }

// showChecks shows the table of the attribute Checks, with what was seen, which
// the log tells.
func (s *story) showChecks(attribute string) error {
	verdicts := map[string]string{}
	if err := json.Unmarshal([]byte(attribute), &verdicts); err != nil {
		return fmt.Errorf("decode the attribute Checks: %w", err)
	}
	s.Heading("Checks")
	for line := range strings.Lines(s.stacks.Logs()) {
		var c check
		if json.Unmarshal([]byte(line), &c) != nil || c.Message != "check" {
			continue
		}
		if verdicts[c.Name] != c.Verdict {
			return fmt.Errorf("the check %s is %q in the log and %q in the attribute", c.Name, c.Verdict, verdicts[c.Name])
		}
		delete(verdicts, c.Name)
		s.Row(2, []int{20, 10}, c.Name, c.Verdict, c.Detail)
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

// showHoldings shows how many things of each kind there were and are, and the
// names of those that are left.
func (s *story) showHoldings(before, after []holding) {
	s.Heading("Before  After")
	for i, h := range after {
		s.Row(0, []int{6, 5}, fmt.Sprintf("%6d", len(before[i].names)), fmt.Sprintf("%5d", len(h.names)), h.kind)
		for _, name := range h.names {
			s.Text(15, name)
		}
	}
}
