package access

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/customresource"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/parallel"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/poll"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/verify"
)

// delete removes the role that the event's physical id names. CloudFormation
// invents the id when it cancels a Create, and it may do so before that Create
// has made the role: so the role that the properties give is looked for too,
// for a while.
func (a *Access) delete(ctx context.Context, r *customresource.Request) error {
	name := nameOf(r)
	if sameName(name, r.PhysicalResourceID) {
		return a.remove(ctx, r, r.PhysicalResourceID)
	}
	return parallel.Try(ctx, func(ctx context.Context) error {
		if !roleNamePattern.MatchString(r.PhysicalResourceID) {
			return nil
		}
		return a.remove(ctx, r, r.PhysicalResourceID)
	}, func(ctx context.Context) error {
		err := poll.While(ctx, time.Now().Add(verify.Settling), func(ctx context.Context) (bool, error) {
			found, err := a.getRole(ctx, name)
			return found == nil && err == nil, err
		})
		if err != nil {
			return err
		}
		return a.remove(ctx, r, name)
	})
}

// nameOf returns the role's name that the event's properties give. Properties
// of another version, or none, are no reason to fail a Delete.
func nameOf(r *customresource.Request) string {
	if name, ok := r.ResourceProperties["RoleName"].(string); ok && name != "" {
		return name
	}
	return derivedName(r)
}

// remove deletes the role if it is the event's own, with its policies and what
// an interrupted check left in the bucket, and sees that it is gone.
func (a *Access) remove(ctx context.Context, r *customresource.Request, name string) error {
	return poll.While(ctx, time.Now().Add(readLag), func(ctx context.Context) (again bool, err error) {
		found, err := a.getRoleAndPolicies(ctx, r.Event, name)
		switch {
		case err != nil:
			return false, err
		case found == nil:
			a.removeLeftovers(ctx, r, name)
			return false, nil
		case !found.ownedBy(r.Event):
			r.Log.WarnContext(ctx, "role is not this resource's and is left alone", "role", found.arn, "owner", found.owner())
			return false, nil
		}
		if err := a.strip(ctx, found); err != nil {
			return false, err
		}
		if again, err := a.deleteRole(ctx, r, name); err != nil {
			return again, err
		}
		still, err := a.getRole(ctx, name)
		if still != nil {
			err = fmt.Errorf("role %s is still there after it was deleted", name)
		}
		return still != nil, err
	})
}

// strip takes all permissions from the role, without which IAM does not delete it.
func (a *Access) strip(ctx context.Context, found *role) error {
	var calls []func(context.Context) error
	for _, policy := range found.inline {
		calls = append(calls, func(ctx context.Context) error { return a.deletePolicy(ctx, found.name, policy) })
	}
	for _, arn := range found.attached {
		calls = append(calls, func(ctx context.Context) error { return a.detach(ctx, found.name, arn) })
	}
	return parallel.Try(ctx, calls...)
}

// deleteRole deletes the role beside what an interrupted check left. It is
// worth another try where a policy may have been added meanwhile.
func (a *Access) deleteRole(ctx context.Context, r *customresource.Request, name string) (again bool, err error) {
	parallel.Do(ctx, func(ctx context.Context) {
		_, err = a.iam.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: &name})
	}, func(ctx context.Context) { a.removeLeftovers(ctx, r, name) })
	var conflict *types.DeleteConflictException
	switch {
	case isNotFound(err):
		return false, nil
	case errors.As(err, &conflict):
		return true, fmt.Errorf("delete role %s, which something still uses (take it out of its instance profile, then delete again): %w", name, err)
	}
	return false, wrap(err, "delete role %s", name)
}

// removeLeftovers takes away what an interrupted check of the role left in the
// bucket, as far as the properties tell which one. It never fails a Delete.
func (a *Access) removeLeftovers(ctx context.Context, r *customresource.Request, name string) {
	p, _, err := decode(r.ResourceProperties)
	if err != nil {
		return
	}
	if p.BucketOwner == "" {
		p.BucketOwner = r.AccountID
	}
	ctx, cancel := context.WithTimeout(ctx, 2*verify.Settling)
	defer cancel()
	probe := verify.New(a.cfg, verify.Target{Bucket: p.bucket(r.Partition), Owner: p.BucketOwner, RoleName: name})
	if err := probe.RemoveLeftovers(ctx); err != nil {
		r.Log.WarnContext(ctx, "the bucket could not be searched for what a check may have left", "bucket", p.BucketName, "error", err)
	}
}
