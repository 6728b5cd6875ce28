// Package stack asks CloudFormation whether a stack still wants what an event
// asks for. Events are delivered late and more than once, and a stack goes on
// meanwhile: it rolls back, and deletes what is still being made.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
package stack

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/customresource"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/parallel"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/poll"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/verify"
)

// A State is what CloudFormation says of an event's stack and resource. Empty
// statuses are not known.
type State struct{ Stack, Resource string }

// A Standing is what has become, for its stack, of a Create or Update that is
// being worked on.
type Standing int

// The standings.
const (
	// Awaited: the stack waits for the answer, or has had it.
	Awaited Standing = iota
	// GivenUp: the stack has removed the resource, or will. Its Delete may have
	// come before this request has made anything.
	GivenUp
	// Overtaken: the stack has gone on to another state of the resource.
	Overtaken
)

// Standing tells that of a Create or Update. A rollback is the Update that brings
// back what was before, while the stack rolls back: no rollback overtakes it.
func (s State) Standing(kind cfn.RequestType, rollback bool) Standing {
	switch {
	case s.Resource == "DELETE_SKIPPED":
		return Overtaken // its stack is gone, and it is to stay
	case kind == cfn.RequestCreate:
		return s.standingOfCreate()
	case strings.HasPrefix(s.Resource, "DELETE_"), strings.HasPrefix(s.Stack, "DELETE_"):
		return GivenUp
	case strings.Contains(s.Stack, "ROLLBACK") && !rollback:
		return Overtaken
	}
	return Awaited
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
	}
	return Awaited
}

// RollingBack reports whether an Update that the stack waits for brings back
// what was before.
func (s State) RollingBack() bool { return s.Stack == "UPDATE_ROLLBACK_IN_PROGRESS" }

// Answered reports whether the resource waits for no answer: what asks is a late
// delivery of an event that was answered long ago.
func (s State) Answered() bool { return strings.HasSuffix(s.Resource, "_COMPLETE") }

// A describer is CloudFormation.
type describer interface {
	DescribeStacks(context.Context, *cloudformation.DescribeStacksInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error)
	DescribeStackResource(context.Context, *cloudformation.DescribeStackResourceInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeStackResourceOutput, error)
}

// Ask asks for the state of the event's stack and resource, and repeats what is
// denied until patience ends. A question that cannot be answered is no reason
// to fail: what is not known is told in the log.
func Ask(ctx context.Context, stacks describer, r *customresource.Request, patience time.Time) (s State) {
	parallel.Do(ctx, func(ctx context.Context) {
		err := poll.WhileError(ctx, patience, verify.Denied, func(ctx context.Context) error {
			out, err := stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &r.StackID})
			if err == nil && len(out.Stacks) > 0 {
				s.Stack = string(out.Stacks[0].StackStatus)
			}
			return err
		})
		if err != nil {
			r.Log.WarnContext(ctx, "the stack's status is not known", "error", err)
		}
	}, func(ctx context.Context) {
		err := poll.WhileError(ctx, patience, verify.Denied, func(ctx context.Context) error {
			out, err := stacks.DescribeStackResource(ctx, &cloudformation.DescribeStackResourceInput{
				StackName: &r.StackID, LogicalResourceId: &r.LogicalResourceID,
			})
			if err == nil && out.StackResourceDetail != nil {
				s.Resource = string(out.StackResourceDetail.ResourceStatus)
			}
			return err
		})
		if err != nil {
			r.Log.WarnContext(ctx, "the resource's status is not known", "error", err)
		}
	})
	return s
}
