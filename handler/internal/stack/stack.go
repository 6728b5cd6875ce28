// Package stack asks CloudFormation whether a stack still wants what an event
// asks for. Events are delivered late and more than once, and a stack goes on
// meanwhile: it rolls back, and deletes what is still being made.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
package stack

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/customresource"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/parallel"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/poll"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/verify"
)

// A State is what CloudFormation says of an event's stack and resource. Empty
// statuses are not known.
type State struct{ Stack, Resource string }

// Cancelled reports whether a Create is not wanted any more: CloudFormation may
// already have sent the Delete that follows it. A resource that was skipped is
// retained: its stack is gone, and it is to stay.
func (s State) Cancelled() bool {
	gone := func(status string) bool {
		return strings.Contains(status, "ROLLBACK") || strings.HasSuffix(status, "_FAILED") || strings.HasPrefix(status, "DELETE_")
	}
	return s.Resource != "DELETE_SKIPPED" && (gone(s.Stack) || gone(s.Resource))
}

// RollingBack reports whether an Update brings back what was before.
func (s State) RollingBack() bool { return strings.Contains(s.Stack, "ROLLBACK") }

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
