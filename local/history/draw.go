package history

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// A History is what happens in one account, one step after the other.
type History struct {
	Seed  uint64
	World World
	Steps []Step
}

// A World is what is there before the first step.
type World struct {
	// Propagation, PolicyPropagation and ReadLag are those of the cloud.
	Propagation, PolicyPropagation, ReadLag time.Duration
	// Unnamed and Replaced are those of [cloudformation.Answers].
	Unnamed, Replaced bool
	// Bucket is what is special about the second bucket; empty if nothing is.
	Bucket string
	// IAMRate is how many calls of IAM are served a second; 0 is no limit.
	IAMRate float64
	// Own: the first stack is template.yaml with a bucket, a provider for itself.
	Own bool
}

// A Step is something that somebody does.
type Step struct {
	Kind  Kind
	Stack int
	// Wanted is what a deployed stack is to have.
	Wanted Wanted
	// Edit is what a hand does; Index picks the request that is delivered again.
	Edit  string
	Index int
	// Pause is how long nothing happens, or after how long an operation is cancelled.
	Pause time.Duration
	// Beside: the next step does not wait for this one's end.
	Beside  bool
	Mishaps []Mishap
}

// A Kind is that of a step.
type Kind string

// The kinds of steps.
const (
	Deploy    Kind = "deploy"
	Cancel    Kind = "deploy and cancel"
	Delete    Kind = "delete"
	Provide   Kind = "update the provider"
	ByHand    Kind = "edit by hand"
	Redeliver Kind = "deliver again"
	Wait      Kind = "wait"
)

// shared is a role name that several stacks may want: the first gets it.
const shared = harness.RoleNamePrefix + "shared"

// Wanted is what a stack's resource is to be. The zero value of a field leaves the
// property out.
type Wanted struct {
	Bucket                                     int
	RoleName, ExternalID, Prefix               string
	AccessMode, Verification, ProbeWrites, Tag string
	// Trigger changes nothing but a property that decides nothing.
	Trigger int
	// Fails: a sibling fails once the resource is done. Output: the stack registers
	// an output, which gives the external id. Renamed: the logical id is another.
	// Retained: the resource stays when its stack is deleted.
	Fails, Output, Renamed, Retained bool
}

// A Mishap strikes calls of the function during a step.
type Mishap struct {
	// What happens to the call: one of [mishaps].
	What string
	// Op is the operation that is struck, or the service where it ends in a colon;
	// every call counts where it is empty.
	Op string
	// Skip is how many such calls pass first.
	Skip int
	// For is how long it lasts, where it does.
	For time.Duration
	// Edit is what a hand does at the call.
	Edit string
}

// mishaps are what may happen to a call. All of them pass.
var mishaps = []string{"kill", "kill after", "throttle", "error", "reset", "reset after", "hang", "slow", "outage", "late event", "edit"}

var operations = []string{
	"iam:CreateRole", "iam:GetRole", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy", "iam:DeleteRole", "iam:DeleteRolePolicy",
	"iam:ListRolePolicies", "iam:ListAttachedRolePolicies", "iam:TagRole", "iam:AttachRolePolicy", "iam:GetRolePolicy", "iam:PutRolePermissionsBoundary",
	"sts:AssumeRole", "s3:PutObject", "s3:DeleteObject", "s3:HeadBucket", "s3:ListObjectsV2", "s3:GetBucketEncryption",
	"cloudformation:DescribeStacks", "cloudformation:DescribeStackResource", "secretsmanager:GetSecretValue",
	"bitmovin:create", "bitmovin:get", "bitmovin:list", "bitmovin:customData", "bitmovin:delete",
}

var services = []string{"iam:", "sts:", "s3:", "cloudformation:", "kms:", "secretsmanager:", "bitmovin:"}

// narrows is an edit of the provider: its boundary denies an action, or does so no more.
const narrows = "what its boundary denies"

// Draw draws the history of a seed. Most have one or two mishaps.
func Draw(seed uint64) History {
	d := drawer{rand.New(rand.NewPCG(seed, seed))}
	h := History{Seed: seed, World: World{
		Propagation:       pick(d, 0, 0, time.Second, 5*time.Second, 12*time.Second, 25*time.Second),
		ReadLag:           pick(d, 0, 0, 0, time.Second, 4*time.Second),
		PolicyPropagation: pick(d, 0, 0, 0, 2*time.Second, 8*time.Second, 15*time.Second),
		Unnamed:           d.IntN(2) == 0,
		Replaced:          d.IntN(2) == 0,
		Bucket:            pick(d, "", "versioned", "with ACLs", "with a key"),
		IAMRate:           pick(d, 0, 0, 0, 0, 10, 20.),
		Own:               d.IntN(4) == 0,
	}}
	deployed := make([]Wanted, pick(d, 1, 1, 2, 2, 3))
	for i := range deployed {
		deployed[i].Bucket = d.IntN(2)
	}
	var working []int // the steps in which the function works
	for i := range 2 + d.IntN(7) {
		s := d.step(deployed, h.World.Own)
		h.Steps = append(h.Steps, s)
		if s.Kind == Deploy || s.Kind == Cancel || s.Kind == Delete {
			working = append(working, i)
		}
	}
	for range pick(d, 0, 1, 1, 1, 2, 2, 2, 3, 5) {
		if len(working) == 0 {
			break
		}
		if m := d.mishap(); !m.kills() || h.kills() < 2 { // Lambda delivers an event three times
			s := &h.Steps[pick(d, working...)]
			s.Mishaps = append(s.Mishaps, m)
		}
	}
	return h
}

// kills is how many mishaps of the history kill the function.
func (h History) kills() (n int) {
	for _, s := range h.Steps {
		for _, m := range s.Mishaps {
			if m.kills() {
				n++
			}
		}
	}
	return n
}

func (m Mishap) kills() bool { return strings.HasPrefix(m.What, "kill") }

type drawer struct{ *rand.Rand }

func pick[T any](d drawer, from ...T) T { return from[d.IntN(len(from))] }

// step draws a step, for stacks of which the latest wish is known: most deployments
// change one or two things.
func (d drawer) step(deployed []Wanted, ownFirst bool) Step {
	n := d.IntN(len(deployed))
	own := ownFirst && n == 0
	s := Step{Stack: n, Beside: len(deployed) > 1 && d.IntN(4) == 0}
	switch d.IntN(20) {
	case 0, 1:
		s.Kind, deployed[n] = Delete, Wanted{Bucket: d.IntN(2)}
	case 2:
		s.Kind, s.Beside = Provide, d.IntN(2) == 0
		s.Edit = pick(d, "its prefix of buckets", "its boundary", narrows, "nothing")
	case 3, 4:
		s.Kind, s.Beside = ByHand, false
		if s.Edit = pick(d, editNames()...); own && s.Edit == untags {
			s.Edit = "another policy" // the role would keep the stack's boundary, which only a hand could help
		}
	case 5:
		s.Kind, s.Index, s.Beside = Redeliver, d.IntN(100), false
	case 6:
		s.Kind, s.Pause, s.Beside = Wait, time.Duration(1+d.IntN(300))*time.Second, false
	case 7, 8:
		s.Kind, s.Pause = Cancel, time.Duration(d.IntN(1+d.IntN(20_000)))*time.Millisecond // most operations take seconds
		s.Wanted = d.change(deployed[n])
	default:
		s.Kind, s.Wanted = Deploy, d.change(deployed[n])
	}
	if s.Kind == Deploy && !s.Wanted.Fails {
		deployed[n] = s.Wanted
	}
	return s
}

// change draws one or two changes of what a stack has.
func (d drawer) change(w Wanted) Wanted {
	w.Fails = d.IntN(6) == 0
	for range 1 + d.IntN(2) {
		switch d.IntN(13) {
		case 0:
			w.Bucket = d.IntN(2)
		case 1, 2:
			w.RoleName = pick(d, "", "", "a", "b", "B", shared, shared, shared, harness.Bystander)
		case 3:
			w.ExternalID = pick(d, "", "external-id-1", "external-id-2")
		case 4, 5:
			w.Prefix = pick(d, "", "a/", "a/b/")
		case 6:
			w.AccessMode = pick(d, "", "Restricted", "Full")
		case 7:
			w.Verification = pick(d, "", "", "Enforce", "Warn", "Off")
		case 8:
			w.ProbeWrites = pick(d, "", "true", "false")
		case 9:
			w.Tag = pick(d, "", "x", "y")
		case 10:
			w.Output = !w.Output
		case 11:
			w.Renamed = !w.Renamed
		case 12:
			w.Retained = !w.Retained
		}
	}
	w.Trigger = d.IntN(3)
	return w
}

func (d drawer) mishap() Mishap {
	m := Mishap{What: pick(d, mishaps...), Skip: d.IntN(28)} // an update makes as many calls
	if d.IntN(3) == 0 {
		m.Op, m.Skip = pick(d, operations...), pick(d, 0, 0, 0, 1, 2)
	}
	switch m.What {
	case "outage":
		m.Op, m.Skip, m.For = pick(d, services...), 0, time.Duration(1+d.IntN(60))*time.Second
	case "late event":
		m.Op, m.Skip, m.For = "", 0, time.Duration(1+d.IntN(400))*time.Second
	case "slow":
		if m.For = time.Duration(1+d.IntN(20)) * time.Second; strings.HasPrefix(m.Op, "bitmovin:") {
			m.For = min(m.For, 8*time.Second) // what an output is made of that nobody waits for is not promised
		}
	case "edit":
		m.Edit = pick(d, editNames()...)
	}
	return m
}

func editNames() []string {
	return slices.Sorted(maps.Keys(edits()))
}
