package history

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Shrink takes away from a history what it can do without: what is left still fails. It
// ends, for every history that it tries has less in it.
func Shrink(h History, fails func(History) bool) History {
	for smaller := true; smaller; {
		smaller = false
		for _, candidate := range h.smaller() {
			if fails(candidate) {
				h, smaller = candidate, true
				break
			}
		}
	}
	return h
}

// smaller returns the histories that lack one thing.
func (h History) smaller() []History {
	var all []History
	add := func(change func(*History)) {
		c := h
		c.Steps = slices.Clone(h.Steps)
		change(&c)
		all = append(all, c)
	}
	// without lets a part of the history lack each field that it has.
	without := func(part func(*History) reflect.Value) {
		for i := range part(&h).NumField() {
			if !part(&h).Field(i).IsZero() {
				add(func(c *History) { part(c).Field(i).SetZero() })
			}
		}
	}
	for i := range h.Steps {
		add(func(c *History) { c.Steps = slices.Delete(c.Steps, i, i+1) })
	}
	for i, s := range h.Steps {
		for j := range s.Mishaps {
			add(func(c *History) { c.Steps[i].Mishaps = slices.Delete(slices.Clone(s.Mishaps), j, j+1) })
		}
		without(func(c *History) reflect.Value { return reflect.ValueOf(&c.Steps[i].Wanted).Elem() })
		if s.Kind == Cancel {
			add(func(c *History) { c.Steps[i].Kind = Deploy })
		}
		if s.Beside {
			add(func(c *History) { c.Steps[i].Beside = false })
		}
	}
	without(func(c *History) reflect.Value { return reflect.ValueOf(&c.World).Elem() })
	return all
}

// String tells a history in words.
func (h History) String() string {
	var b strings.Builder
	w := h.World
	fmt.Fprintf(&b, "seed %d: changes are in force after %v, of policies after %v, and seen after %v; the second bucket is %s", h.Seed, w.Propagation, w.PolicyPropagation, w.ReadLag, cmp.Or(w.Bucket, "plain"))
	if w.Unnamed {
		b.WriteString("; a resource is not listed before it has an id")
	}
	if w.Replaced {
		b.WriteString("; what is cleaned up is listed")
	}
	if w.IAMRate > 0 {
		fmt.Fprintf(&b, "; IAM serves %v calls a second", w.IAMRate)
	}
	if w.Own {
		b.WriteString("; app-0 is template.yaml with a bucket")
	}
	b.WriteString("\n")
	for i, s := range h.Steps {
		fmt.Fprintf(&b, "  %d. %s\n", i+1, s)
	}
	return b.String()
}

func (s Step) String() string {
	var text string
	switch s.Kind {
	case Deploy:
		text = fmt.Sprintf("deploy app-%d with %s", s.Stack, s.Wanted)
	case Cancel:
		text = fmt.Sprintf("deploy app-%d with %s, and cancel that after %v", s.Stack, s.Wanted, s.Pause)
	case Delete:
		text = fmt.Sprintf("delete app-%d", s.Stack)
	case Provide, ByHand:
		text = fmt.Sprintf("%s: %s (app-%d)", s.Kind, s.Edit, s.Stack)
	case Redeliver:
		text = fmt.Sprintf("deliver request %d again", s.Index)
	case Wait:
		text = fmt.Sprintf("wait %v", s.Pause)
	}
	for _, m := range s.Mishaps {
		text += "; " + m.String()
	}
	if s.Beside {
		text += "; beside the next step"
	}
	return text
}

func (m Mishap) String() string {
	text := m.What
	switch {
	case m.Op != "":
		text += fmt.Sprintf(" at %s, after %d of them", m.Op, m.Skip)
	case m.What != "late event":
		text += fmt.Sprintf(" at the call after %d others", m.Skip)
	}
	if m.For > 0 {
		text += fmt.Sprintf(", for %v", m.For)
	}
	if m.Edit != "" {
		text += ": " + m.Edit
	}
	return text
}

func (w Wanted) String() string {
	var parts []string
	for name, value := range map[string]string{
		"RoleName": w.RoleName, "ExternalId": w.ExternalID, "ObjectPrefix": w.Prefix, "AccessMode": w.AccessMode,
		"Verification": w.Verification, "ProbeWrites": w.ProbeWrites, "tag": w.Tag,
	} {
		if value != "" {
			parts = append(parts, name+" "+value)
		}
	}
	for name, is := range map[string]bool{"an output": w.Output, "another logical id": w.Renamed, "a failing sibling": w.Fails, "retained": w.Retained} {
		if is {
			parts = append(parts, name)
		}
	}
	if w.Trigger > 0 {
		parts = append(parts, fmt.Sprint("trigger ", w.Trigger))
	}
	slices.Sort(parts)
	return strings.Join(append([]string{w.bucket()}, parts...), ", ")
}
