package lifecycle

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/awserr"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/customresource"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/eventual"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/parallel"
)

// A describer is CloudFormation.
type describer interface {
	DescribeStacks(context.Context, *cloudformation.DescribeStacksInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error)
	DescribeStackResource(context.Context, *cloudformation.DescribeStackResourceInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeStackResourceOutput, error)
}

// A Watch follows what becomes of the stack and the resource of one event.
type Watch struct {
	stacks describer
	r      *customresource.Request
	// own is the physical id that the event leads to; empty if it is not known.
	own string
	// began is when the event began to be worked on: the function's own policy may be
	// as new.
	began time.Time
	// listed: the stack has had the resource.
	listed bool
}

// NewWatch returns the Watch of an event that leads to the physical id own, which
// is empty if it is not known yet.
func NewWatch(stacks describer, r *customresource.Request, own string) *Watch {
	return &Watch{stacks: stacks, r: r, own: own, began: time.Now()}
}

// A resource is what a stack says of one. Empty fields are not known.
type resource struct {
	status, id string
	// unlisted: the stack has no such resource.
	unlisted bool
}

// Ask asks for the state of the event's stack and resource, and repeats what is
// denied while the function's own policy may be new. A question that cannot be
// answered is no reason to fail: what is not known is told in the log.
func (w *Watch) Ask(ctx context.Context) State {
	var stack string
	var res resource
	parallel.Do(ctx,
		func(ctx context.Context) { stack = w.askStack(ctx) },
		func(ctx context.Context) { res = w.askResource(ctx, w.began) },
	)
	decided := strings.HasPrefix(stack, "DELETE_") || strings.Contains(stack, "ROLLBACK")
	removed := false
	if !decided {
		res = w.outlast(ctx, res)
		removed = w.removed(stack, res) && w.confirm(ctx)
	}
	w.listed = w.listed || res.status != ""
	s := State{Stack: stack, Resource: res.status, Replaced: w.foreign(res), Before: w.before(res), After: w.after(res), Removed: removed}
	if w.former(res) {
		s.Resource, s.Before = "", false
	}
	return s
}

// GaveUp reports whether Ask gave up what was denied while other calls of the run went
// on and succeeded: the function's own policy is in force only now, and it is worth
// asking again.
func (w *Watch) GaveUp(s State) bool {
	return s.Stack == "" && time.Since(w.began) > eventual.Optional
}

// former reports whether the status is that of what an Update has replaced, which
// is being deleted. What the Update has led to may live, or be removed with it.
func (w *Watch) former(res resource) bool {
	return w.before(res) && strings.HasPrefix(res.status, "DELETE_")
}

// before reports whether the resource has what an Update may replace.
func (w *Watch) before(res resource) bool {
	return w.r.RequestType == cfn.RequestUpdate && same(res.id, w.r.PhysicalResourceID) && !same(res.id, w.own)
}

// after reports whether the resource has what an Update has replaced another by.
func (w *Watch) after(res resource) bool {
	return w.r.RequestType == cfn.RequestUpdate && res.id != "" && same(res.id, w.own) && !same(res.id, w.r.PhysicalResourceID)
}

// outlast looks at the resource until the status is not that of what the Update
// has replaced.
func (w *Watch) outlast(ctx context.Context, res resource) resource {
	if !w.former(res) {
		return res
	}
	res = w.askWhile(ctx, w.former)
	if w.former(res) {
		w.r.Log.WarnContext(ctx, "the resource's status is not known: what an update has replaced is still being deleted")
	}
	return res
}

// removed reports whether a stack that has no such resource has removed it. One
// that is being created may not be there yet.
func (w *Watch) removed(stack string, res resource) bool {
	working := stack == "" || stack == "CREATE_IN_PROGRESS" || stack == "UPDATE_IN_PROGRESS"
	return res.unlisted && (w.r.RequestType == cfn.RequestUpdate || w.listed || !working)
}

// confirm asks once more, after a while, whether the stack has no such resource. A
// clean-up has less time than that.
func (w *Watch) confirm(ctx context.Context) bool {
	pause := eventual.Unlisted
	if deadline, ok := ctx.Deadline(); ok {
		pause = min(pause, time.Until(deadline)/2)
	}
	eventual.Wait(ctx, time.Now().Add(pause))
	return ctx.Err() == nil && w.askResource(ctx, time.Time{}).unlisted
}

// foreign reports whether the resource has another's physical id than the event's. An
// id that is made up is nobody's; where the resource was complete once, it has the id that
// its Create reported, whatever that looks like.
func (w *Watch) foreign(res resource) bool {
	if res.id == "" || w.own == "" || same(res.id, w.own) || !res.completed() && MadeUp(w.r, res.id) {
		return false
	}
	return w.r.RequestType == cfn.RequestCreate || !same(res.id, w.r.PhysicalResourceID)
}

// MadeUp reports whether a physical id of an event's resource stands for nothing: its
// Create made nothing, or was not answered. CloudFormation's own then begins with the
// names of the stack and the resource.
func MadeUp(r *customresource.Request, id string) bool {
	return r.MadeNothing(id) || strings.HasPrefix(id, StackName(r.StackID)+"-"+r.LogicalResourceID+"-")
}

// Uses reports whether the stack's resource lives and has the physical id.
func (w *Watch) Uses(ctx context.Context, id string) bool {
	return w.askResource(ctx, time.Time{}).lives(id)
}

// UsesOnceCreated is [Watch.Uses] for an id that a Create may have yet to report: it
// waits for one that is under way.
func (w *Watch) UsesOnceCreated(ctx context.Context, id string) bool {
	creating := func(res resource) bool { return res.status == "CREATE_IN_PROGRESS" }
	return w.askWhile(ctx, creating).lives(id)
}

// askWhile asks for the resource, and again while that is so, for as long as the status
// may be another incarnation's.
func (w *Watch) askWhile(ctx context.Context, so func(resource) bool) (res resource) {
	began := time.Now()
	_ = eventual.Repeat(ctx, func(ctx context.Context) (until time.Time, _ error) {
		if res = w.askResource(ctx, time.Time{}); so(res) {
			until = began.Add(eventual.OtherIncarnation)
		}
		return until, nil
	})
	return res
}

// lives reports whether the resource lives and has the physical id.
func (r resource) lives(id string) bool {
	return same(r.id, id) && r.completed()
}

// completed reports whether the resource lives, and was complete once.
func (r resource) completed() bool {
	return r.status == "CREATE_COMPLETE" || strings.HasPrefix(r.status, "UPDATE_")
}

func (w *Watch) askStack(ctx context.Context) (status string) {
	err := awserr.WhileOptional(ctx, w.began, func(ctx context.Context) error {
		out, err := w.stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &w.r.StackID})
		if err == nil && len(out.Stacks) > 0 {
			status = string(out.Stacks[0].StackStatus)
		}
		return err
	})
	if err != nil {
		w.r.Log.WarnContext(ctx, "the stack's status is not known", "error", err)
	}
	return status
}

func (w *Watch) askResource(ctx context.Context, began time.Time) (res resource) {
	err := awserr.WhileOptional(ctx, began, func(ctx context.Context) error {
		out, err := w.stacks.DescribeStackResource(ctx, &cloudformation.DescribeStackResourceInput{
			StackName: &w.r.StackID, LogicalResourceId: &w.r.LogicalResourceID,
		})
		if err == nil && out.StackResourceDetail != nil {
			d := out.StackResourceDetail
			res = resource{status: string(d.ResourceStatus), id: aws.ToString(d.PhysicalResourceId)}
		}
		return err
	})
	switch {
	case awserr.UnlistedResource(err):
		return resource{unlisted: true}
	case err != nil:
		w.r.Log.WarnContext(ctx, "the resource's status is not known", "error", err)
	}
	return res
}

// same reports whether two physical ids name one thing: IAM's names differ by more
// than case.
func same(a, b string) bool { return strings.EqualFold(a, b) }

// StackName returns the name in a stack's id,
// arn:aws:cloudformation:<region>:<account>:stack/<name>/<guid>.
func StackName(id string) string {
	if parts := strings.Split(id, "/"); len(parts) == 3 {
		return parts[1]
	}
	return ""
}
