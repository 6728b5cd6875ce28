package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// isGone reports whether a resource of a deleted stack is not there any more.
func (a *account) isGone(ctx context.Context, r resource) (bool, error) {
	id := r.PhysicalResourceID
	switch r.ResourceType {
	case "AWS::IAM::Role", "Custom::BitmovinExportAccess":
		return absent(a.aws(ctx, nil, "iam", "get-role", "--role-name", id))
	case "AWS::IAM::ManagedPolicy":
		return absent(a.aws(ctx, nil, "iam", "get-policy", "--policy-arn", id))
	case "AWS::Lambda::Function":
		return absent(a.aws(ctx, nil, "lambda", "get-function", "--function-name", id))
	case "AWS::Lambda::EventInvokeConfig":
		return true, nil // it is a part of the function
	case "AWS::Logs::LogGroup":
		groups, err := a.logGroups(ctx, id)
		return !slices.Contains(groups, id), err
	}
	return false, fmt.Errorf("this test cannot tell whether a %s is gone: teach it", r.ResourceType)
}

// absent reports whether err is AWS's answer that something does not exist.
func absent(err error) (bool, error) {
	switch code, _ := answer(err); code {
	case "NoSuchEntity", "ResourceNotFoundException", "404", "NoSuchBucket":
		return true, nil
	}
	return false, err
}

func (a *account) logGroups(ctx context.Context, prefix string) ([]string, error) {
	var out struct {
		LogGroups []struct{ LogGroupName string }
	}
	err := a.aws(ctx, &out, "logs", "describe-log-groups", "--log-group-name-prefix", prefix)
	var list []string
	for _, g := range out.LogGroups {
		list = append(list, g.LogGroupName)
	}
	return list, err
}

// goneWithin is how long what was deleted may still be seen.
const goneWithin = 5 * time.Minute

// remains returns what of the resources is still there, also after a while.
func (a *account) remains(ctx context.Context, resources []resource) ([]resource, error) {
	limited, cancel := context.WithTimeout(ctx, goneWithin) // of the pauses, so that a look is whole
	defer cancel()
	left := slices.DeleteFunc(slices.Clone(resources), func(r resource) bool { return r.PhysicalResourceID == "" })
	for {
		var still []resource
		for _, r := range left {
			gone, err := a.isGone(ctx, r)
			if err != nil {
				return left, fmt.Errorf("look for %s %s: %w", r.LogicalResourceID, r.PhysicalResourceID, err)
			}
			if !gone {
				still = append(still, r)
			}
		}
		if left = still; len(left) == 0 || !pause(limited, pollEvery) {
			return left, ctx.Err()
		}
	}
}

// clean removes whatever a run with these names has made and is still there, and
// tells each thing that it removes.
func (a *account) clean(ctx context.Context, n names, tell func(string)) error {
	var errs []error
	for _, name := range n.stacks() {
		errs = append(errs, a.removeStack(ctx, name, tell))
	}
	for _, name := range n.buckets() {
		errs = append(errs, a.removeBucket(ctx, name, tell))
	}
	return errors.Join(errs...)
}

// removeStack deletes a stack, with what it leaves.
func (a *account) removeStack(ctx context.Context, name string, tell func(string)) error {
	s, err := a.describe(ctx, name)
	if err != nil || s == nil {
		return err
	}
	tell("deleting the stack " + name + ", which is " + s.StackStatus)
	if s.StackStatus == "UPDATE_IN_PROGRESS" {
		_ = a.aws(ctx, nil, "cloudformation", "cancel-update-stack", "--stack-name", name) // it may just have ended
	}
	if s.StackStatus != "CREATE_IN_PROGRESS" { // which can be deleted at once
		if s, err = a.waitUntilDone(ctx, s.StackID); err != nil || s == nil {
			return err
		}
	}
	resources, err := a.resources(ctx, s.StackID)
	if err != nil {
		return err
	}
	// A deletion that failed may succeed the second time.
	for range 2 {
		if err := a.aws(ctx, nil, "cloudformation", "delete-stack", "--stack-name", s.StackID); err != nil {
			return err
		}
		if s, err = a.waitUntilDone(ctx, s.StackID); err != nil {
			return err
		}
		if s == nil {
			return a.removeLeft(ctx, resources, tell)
		}
	}
	return fmt.Errorf("the stack %s is left: it is %s: %s", name, s.StackStatus, s.StackStatusReason)
}

// removeLeft removes those resources of a deleted stack that are still there.
func (a *account) removeLeft(ctx context.Context, resources []resource, tell func(string)) error {
	left, err := a.remains(ctx, resources)
	for _, r := range left {
		tell("deleting what its stack has left: " + r.ResourceType + " " + r.PhysicalResourceID)
		err = errors.Join(err, a.remove(ctx, r))
	}
	return err
}

// remove deletes a resource that its stack has left.
func (a *account) remove(ctx context.Context, r resource) error {
	id := r.PhysicalResourceID
	switch r.ResourceType {
	case "AWS::IAM::Role", "Custom::BitmovinExportAccess":
		return a.removeRole(ctx, id)
	case "AWS::IAM::ManagedPolicy":
		return a.aws(ctx, nil, "iam", "delete-policy", "--policy-arn", id)
	case "AWS::Lambda::Function":
		return a.aws(ctx, nil, "lambda", "delete-function", "--function-name", id)
	case "AWS::Logs::LogGroup":
		return a.aws(ctx, nil, "logs", "delete-log-group", "--log-group-name", id)
	}
	return fmt.Errorf("%s %s is left", r.ResourceType, id)
}

func (a *account) removeRole(ctx context.Context, name string) error {
	policies, err := a.inlinePolicies(ctx, name)
	if err != nil {
		return err
	}
	for _, policy := range policies {
		if err := a.aws(ctx, nil, "iam", "delete-role-policy", "--role-name", name, "--policy-name", policy); err != nil {
			return err
		}
	}
	return a.aws(ctx, nil, "iam", "delete-role", "--role-name", name)
}

// removeBucket empties and deletes a bucket, which must be the caller's.
func (a *account) removeBucket(ctx context.Context, name string, tell func(string)) error {
	gone, err := absent(a.aws(ctx, nil, "s3api", "head-bucket", "--bucket", name, "--expected-bucket-owner", a.number))
	if gone || err != nil {
		return err
	}
	tell("deleting the bucket " + name)
	// A policy that denies could be in the way.
	if err := a.aws(ctx, nil, "s3api", "delete-bucket-policy", "--bucket", name); err != nil {
		return err
	}
	_, err = a.run(ctx, "aws", "s3", "rb", "s3://"+name, "--force")
	return err
}

// list joins resources for a message.
func list(resources []resource) string {
	var text []string
	for _, r := range resources {
		text = append(text, r.ResourceType+" "+r.PhysicalResourceID)
	}
	return strings.Join(text, ", ")
}
