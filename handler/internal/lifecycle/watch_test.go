package lifecycle

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/customresource"
)

const testStack = "arn:aws:cloudformation:eu-west-1:123456789012:stack/analytics/51af3dc0-da77-11e4-872e-1234567db123"

// An answer is what the stack says of the resource from a time on: a status and an
// id, or that there is none.
type answer struct {
	from       time.Duration
	status, id string
	err        error
}

var (
	errUnlisted = &smithy.GenericAPIError{Code: "ValidationError", Message: "Resource ExportAccess does not exist for stack analytics"}
	errOut      = errors.New("out of order")
)

// A story is a stack with what becomes of its resource.
type story struct {
	stack   types.StackStatus
	begun   time.Time
	answers []answer
}

func (s *story) DescribeStacks(context.Context, *cloudformation.DescribeStacksInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error) {
	if s.stack == "" {
		return nil, errOut
	}
	return &cloudformation.DescribeStacksOutput{Stacks: []types.Stack{{StackStatus: s.stack}}}, nil
}

func (s *story) DescribeStackResource(context.Context, *cloudformation.DescribeStackResourceInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeStackResourceOutput, error) {
	var now answer
	for _, a := range s.answers {
		if a.from <= time.Since(s.begun) {
			now = a
		}
	}
	if now.err != nil {
		return nil, now.err
	}
	return &cloudformation.DescribeStackResourceOutput{StackResourceDetail: &types.StackResourceDetail{
		ResourceStatus: types.ResourceStatus(now.status), PhysicalResourceId: aws.String(now.id),
	}}, nil
}

// request returns an event of the resource ExportAccess, an Update of the role old.
func request(kind cfn.RequestType) *customresource.Request {
	e := cfn.Event{RequestType: kind, StackID: testStack, LogicalResourceID: "ExportAccess"}
	if kind == cfn.RequestUpdate {
		e.PhysicalResourceID = "old"
	}
	return &customresource.Request{Event: e, Log: slog.New(slog.DiscardHandler)}
}

// TestAsk: what counts of what a stack says of a resource, for an event that leads to
// the role new, and how long it is looked at again.
func TestAsk(t *testing.T) {
	t.Parallel()
	const working, complete = "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"
	for name, test := range map[string]struct {
		kind    cfn.RequestType
		stack   types.StackStatus
		answers []answer
		want    State
		waited  time.Duration
	}{
		"the run's own id":      {"Update", working, []answer{{0, working, "new", nil}}, State{Stack: working, Resource: working, After: true}, 0},
		"in another case":       {"Update", working, []answer{{0, working, "NEW", nil}}, State{Stack: working, Resource: working, After: true}, 0},
		"the old id":            {"Update", working, []answer{{0, working, "old", nil}}, State{Stack: working, Resource: working, Before: true}, 0},
		"no id":                 {"Create", working, []answer{{0, "CREATE_IN_PROGRESS", "", nil}}, State{Stack: working, Resource: "CREATE_IN_PROGRESS"}, 0},
		"an id made up":         {"Create", working, []answer{{0, "CREATE_FAILED", "analytics-ExportAccess-1V2L4KQ7X9Z3B", nil}}, State{Stack: working, Resource: "CREATE_FAILED"}, 0},
		"nothing made":          {"Create", working, []answer{{0, "CREATE_FAILED", "ExportAccess-not-created", nil}}, State{Stack: working, Resource: "CREATE_FAILED"}, 0},
		"another id":            {"Create", working, []answer{{0, working, "other", nil}}, State{Stack: working, Resource: working, Replaced: true}, 0},
		"another's id":          {"Update", complete, []answer{{0, complete, "other", nil}}, State{Stack: complete, Resource: complete, Replaced: true}, 0},
		"deleted with its id":   {"Update", complete, []answer{{0, "DELETE_IN_PROGRESS", "new", nil}}, State{Stack: complete, Resource: "DELETE_IN_PROGRESS", After: true}, 0},
		"the cleanup, then new": {"Update", complete, []answer{{0, "DELETE_IN_PROGRESS", "old", nil}, {10 * time.Second, complete, "new", nil}}, State{Stack: complete, Resource: complete, After: true}, 30 * time.Second},
		"the cleanup, then none": {"Update", complete, []answer{{0, "DELETE_IN_PROGRESS", "old", nil}, {10 * time.Second, "", "", errUnlisted}},
			State{Stack: complete, Removed: true}, 30 * time.Second},
		"the cleanup, for long":           {"Update", complete, []answer{{0, "DELETE_IN_PROGRESS", "old", nil}}, State{Stack: complete}, 30 * time.Second},
		"a stack that is deleted decides": {"Update", "DELETE_IN_PROGRESS", []answer{{0, "DELETE_IN_PROGRESS", "old", nil}}, State{Stack: "DELETE_IN_PROGRESS"}, 0},
		"one that rolls back, too": {"Update", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", []answer{{0, "DELETE_IN_PROGRESS", "old", nil}},
			State{Stack: "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"}, 0},
		"an Update's, none":            {"Update", working, []answer{{0, "", "", errUnlisted}}, State{Stack: working, Removed: true}, 5 * time.Second},
		"none for a moment":            {"Update", working, []answer{{0, "", "", errUnlisted}, {time.Second, working, "old", nil}}, State{Stack: working}, 5 * time.Second},
		"none, then no answer":         {"Update", working, []answer{{0, "", "", errUnlisted}, {time.Second, "", "", errOut}}, State{Stack: working}, 5 * time.Second},
		"a Create's, not yet":          {"Create", working, []answer{{0, "", "", errUnlisted}}, State{Stack: working}, 0},
		"nor in a new stack":           {"Create", "CREATE_IN_PROGRESS", []answer{{0, "", "", errUnlisted}}, State{Stack: "CREATE_IN_PROGRESS"}, 0},
		"a Create's, none":             {"Create", complete, []answer{{0, "", "", errUnlisted}}, State{Stack: complete, Removed: true}, 5 * time.Second},
		"of a stack that is not known": {"Create", "", []answer{{0, "", "", errUnlisted}}, State{}, 0},
		"no answer":                    {"Create", working, []answer{{0, "", "", errOut}}, State{Stack: working}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				w := NewWatch(&story{test.stack, begun, test.answers}, request(test.kind), "new")
				if got := w.Ask(t.Context()); got != test.want {
					t.Errorf("got %+v, want %+v", got, test.want)
				}
				if waited := time.Since(begun); waited > test.waited || waited == 0 && test.waited > 0 {
					t.Errorf("waited %v, want at most %v", waited, test.waited)
				}
			})
		})
	}
}

// A Create of a resource that the stack had, and has no more, is not one that is
// not listed yet.
func TestAskAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := NewWatch(&story{"UPDATE_IN_PROGRESS", time.Now(), []answer{{0, "CREATE_IN_PROGRESS", "", nil}, {time.Second, "", "", errUnlisted}}}, request("Create"), "new")
		if got := w.Ask(t.Context()); got.Removed {
			t.Errorf("while it is created: got %+v", got)
		}
		time.Sleep(time.Second)
		if got := w.Ask(t.Context()); !got.Removed {
			t.Errorf("once it is gone: got %+v, want it removed", got)
		}
	})
}

// An event of which it is not known where it leads to takes every status for its
// own, but for that of what it may have replaced.
func TestAskWithoutOwnID(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := NewWatch(&story{"UPDATE_COMPLETE", time.Now(), []answer{{0, "DELETE_IN_PROGRESS", "old", nil}, {time.Second, "UPDATE_COMPLETE", "other", nil}}}, request("Update"), "")
		if got, want := w.Ask(t.Context()), (State{Stack: "UPDATE_COMPLETE", Resource: "UPDATE_COMPLETE"}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

func TestUses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		answer answer
		want   bool
	}{
		{answer{0, "CREATE_COMPLETE", "new", nil}, true},
		{answer{0, "CREATE_COMPLETE", "New", nil}, true},
		{answer{0, "UPDATE_COMPLETE", "new", nil}, true},
		{answer{0, "UPDATE_IN_PROGRESS", "new", nil}, true},
		{answer{0, "UPDATE_COMPLETE", "other", nil}, false},
		{answer{0, "CREATE_IN_PROGRESS", "", nil}, false},
		{answer{0, "CREATE_FAILED", "new", nil}, false},
		{answer{0, "DELETE_IN_PROGRESS", "new", nil}, false},
		{answer{0, "DELETE_FAILED", "new", nil}, false},
		{answer{0, "", "", errUnlisted}, false},
		{answer{0, "", "", errOut}, false},
	} {
		w := NewWatch(&story{answers: []answer{test.answer}}, request("Delete"), "")
		if got := w.Uses(t.Context(), "new"); got != test.want {
			t.Errorf("%+v: got %t", test.answer, got)
		}
	}
}

// An id that a Create has yet to report is known when that is over.
func TestUsesOnceCreated(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		answers []answer
		want    bool
	}{
		{[]answer{{0, "CREATE_IN_PROGRESS", "", nil}, {20 * time.Second, "CREATE_COMPLETE", "new", nil}}, true},
		{[]answer{{0, "CREATE_IN_PROGRESS", "", nil}, {20 * time.Second, "CREATE_COMPLETE", "other", nil}}, false},
		{[]answer{{0, "CREATE_IN_PROGRESS", "", nil}, {20 * time.Second, "DELETE_IN_PROGRESS", "new", nil}}, false},
		{[]answer{{0, "CREATE_IN_PROGRESS", "", nil}}, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			w := NewWatch(&story{stack: "CREATE_IN_PROGRESS", begun: began, answers: test.answers}, request("Delete"), "")
			if got := w.UsesOnceCreated(t.Context(), "new"); got != test.want {
				t.Errorf("%+v: got %t", test.answers, got)
			}
			if waited := time.Since(began); waited > 40*time.Second {
				t.Errorf("waited %v", waited)
			}
		})
	}
}

func TestStackName(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		testStack: "analytics",
		"":        "",
		"arn:aws:cloudformation:eu-west-1:123456789012:stack/name": "",
		"a/b/c/d": "",
	} {
		if got := StackName(id); got != want {
			t.Errorf("StackName(%q) = %q, want %q", id, got, want)
		}
	}
}
