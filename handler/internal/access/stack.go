package access

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/customresource"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/parallel"
)

// A stackState is what CloudFormation says of an event's stack and resource.
// Empty statuses are not known.
type stackState struct{ stack, resource string }

// cancelled reports whether a Create is not wanted any more: CloudFormation may
// already have sent the Delete that follows it.
func (s stackState) cancelled() bool {
	return s.rollingBack() ||
		strings.HasSuffix(s.stack, "_FAILED") || strings.HasPrefix(s.stack, "DELETE_") ||
		strings.HasSuffix(s.resource, "_FAILED") || strings.HasPrefix(s.resource, "DELETE_")
}

// rollingBack reports whether an Update brings back what was before.
func (s stackState) rollingBack() bool { return strings.Contains(s.stack, "ROLLBACK") }

// askStack asks for the state of the event's stack and resource. A question
// that cannot be answered is no reason to fail: what is not known is told in
// the log.
func (a *Access) askStack(ctx context.Context, r *customresource.Request, patience time.Time) (s stackState) {
	parallel.Do(ctx, func(ctx context.Context) {
		err := patiently(ctx, patience, func(ctx context.Context) error {
			out, err := a.stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &r.StackID})
			if err == nil && len(out.Stacks) > 0 {
				s.stack = string(out.Stacks[0].StackStatus)
			}
			return err
		})
		if err != nil {
			r.Log.WarnContext(ctx, "the stack's status is not known", "error", err)
		}
	}, func(ctx context.Context) {
		if r.RequestType != cfn.RequestCreate {
			return
		}
		err := patiently(ctx, patience, func(ctx context.Context) error {
			out, err := a.stacks.DescribeStackResource(ctx, &cloudformation.DescribeStackResourceInput{StackName: &r.StackID, LogicalResourceId: &r.LogicalResourceID})
			if err == nil && out.StackResourceDetail != nil {
				s.resource = string(out.StackResourceDetail.ResourceStatus)
			}
			return err
		})
		if err != nil {
			r.Log.WarnContext(ctx, "the resource's status is not known", "error", err)
		}
	})
	return s
}
