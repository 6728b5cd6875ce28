package lifecycle

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-lambda-go/cfn"
)

// ErrSuperseded ends a request whose stack went another way while it was worked on.
var ErrSuperseded = errors.New("the stack went on without this request")

// A State is what CloudFormation says of an event's stack and resource. Empty
// statuses are not known.
type State struct {
	Stack, Resource string
	// Replaced: the resource has a physical id that the event neither names nor
	// leads to, and so the status is that of another incarnation. Of one that is being
	// created it is the id of a Create that failed before.
	Replaced bool
	// Before: the resource has the physical id that the event is to replace.
	Before bool
	// After: the resource has the physical id that an Update has led to, in place of the
	// one that it names: the stack has had the answer, and deletes what that id stands for.
	After bool
	// Removed: the stack has no such resource any more.
	Removed bool
}

// A Standing is what has become, for its stack, of a Create or Update that is
// being worked on.
type Standing int

// The standings.
const (
	// Awaited: the stack waits for the answer, or has had it.
	Awaited Standing = iota
	// GivenUp: the stack is removing the resource, or will. Its Delete may have
	// come before this request has made anything.
	GivenUp
	// Gone: the stack has removed what the event asks for, or replaced it. It may
	// have retained it: only what this request has made is to go.
	Gone
	// Overtaken: the stack has gone on to another state of the resource.
	Overtaken
)

// Standing tells that of a Create or Update. A rollback is the Update that brings
// back what was before, while the stack rolls back: no rollback overtakes it, and
// nothing replaces what it brings back. One that the stack has not waited for is an
// Update that asked too late to know that it is to be rolled back.
func (s State) Standing(kind cfn.RequestType, rollback bool) Standing {
	switch {
	case s.Resource == "DELETE_SKIPPED":
		return Overtaken // its stack is gone, and it is to stay
	case kind == cfn.RequestCreate && s.Replaced && s.Resource == "CREATE_IN_PROGRESS":
		return State{Stack: s.Stack, Resource: s.Resource}.standingOfCreate()
	case s.Replaced && !rollback:
		return s.standingOfReplaced()
	case kind == cfn.RequestCreate:
		return s.standingOfCreate()
	case strings.HasPrefix(s.Resource, "DELETE_"):
		return GivenUp
	case strings.HasPrefix(s.Stack, "DELETE_") && s.Answered() && !s.Replaced && !s.Before:
		return Awaited // its Delete is yet to come, with its id; or it is to be retained
	case strings.HasPrefix(s.Stack, "DELETE_"):
		return GivenUp
	case s.Removed, rollback && s.Before && s.Stack != "" && !s.RollingBack():
		return Gone
	case strings.Contains(s.Stack, "ROLLBACK") && !rollback:
		return Overtaken
	case s.After && !s.Answered() && !rollback:
		return Overtaken // a later Update is being worked on
	}
	return Awaited
}

// standingOfReplaced is that of a request whose resource is another incarnation
// now. While that one changes, the change may lead back to what the event asks for.
func (s State) standingOfReplaced() Standing {
	switch {
	case strings.HasPrefix(s.Stack, "DELETE_"):
		return GivenUp
	case s.Answered():
		return Gone
	}
	return Overtaken
}

// standingOfCreate goes by the resource: a stack may roll back, or have failed,
// around one that is complete.
func (s State) standingOfCreate() Standing {
	switch {
	case s.Resource == "CREATE_COMPLETE":
		return Awaited
	case strings.HasPrefix(s.Resource, "DELETE_"), s.Resource == "CREATE_FAILED":
		return GivenUp
	case s.Resource != "" && s.Resource != "CREATE_IN_PROGRESS":
		return Overtaken
	case strings.Contains(s.Stack, "ROLLBACK"), strings.HasSuffix(s.Stack, "_FAILED"), strings.HasPrefix(s.Stack, "DELETE_"):
		return GivenUp
	case s.Removed:
		return Gone
	}
	return Awaited
}

// Superseded is the error of a request about something, such as a role by its name, that
// the stack does not wait for any more.
func (s State) Superseded(about string) error {
	resource := s.Resource
	switch {
	case s.Removed:
		resource = "removed"
	case s.Replaced:
		resource += " with another id"
	}
	return fmt.Errorf("%s: %w: the stack is %s, the resource %s", about, ErrSuperseded, s.Stack, resource)
}

// RollingBack reports whether an Update that the stack waits for brings back
// what was before.
func (s State) RollingBack() bool { return s.Stack == "UPDATE_ROLLBACK_IN_PROGRESS" }

// Answered reports whether the resource waits for no answer: what asks is a late
// delivery of an event that was answered long ago.
func (s State) Answered() bool { return strings.HasSuffix(s.Resource, "_COMPLETE") }
