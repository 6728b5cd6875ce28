package access

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/awserr"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/eventual"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/parallel"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/policy"
)

// write makes a call that writes the role. What was just seen or made may still not be
// there for IAM; one that is gone is never made again.
// Where somebody has edited the boundary meanwhile, it is what denies the call.
func (u *run) write(ctx context.Context, call func(context.Context) error) error {
	return eventual.Repeat(ctx, func(ctx context.Context) (time.Time, error) {
		err := call(ctx)
		if !awserr.Denied(err) && !isNotFound(err) {
			return time.Time{}, err
		}
		seen, lookErr := u.getRole(ctx, u.want.name)
		switch {
		case lookErr == nil && seen == nil:
			return u.current.createdAt.Add(eventual.JustMade), err
		case lookErr == nil && awserr.Denied(err) && u.restoreBoundary(ctx, seen):
			err = call(ctx)
		}
		if isNotFound(err) {
			return u.current.readAt.Add(eventual.JustMade), err
		}
		return awserr.OwnDenialUntil(eventual.Later(u.began, u.current.createdAt), err), err
	})
}

// writeRole makes the role, or puts right the boundary and the trust of the one
// that is there: what decides about security comes before any permission. With
// open, the trust policy lets the function in, for the check that follows; opened
// reports whether it does.
func (u *run) writeRole(ctx context.Context, open bool) (opened bool, err error) {
	u.wrote = true
	if u.current == nil {
		u.made = true
		exists, err := u.create(ctx, open)
		if err != nil || !exists {
			return open && err == nil, err
		}
	}
	changes := u.changes()
	if names := changes.names(); len(names) > 0 {
		u.r.Log.InfoContext(ctx, "role differs from what is wanted", "role", u.current.name, "differences", names)
	}
	if changes.boundary {
		if err := u.tolerate(u.write(ctx, u.putBoundary)); err != nil {
			return false, err
		}
	}
	if open {
		if err := u.openTrust(ctx); err == nil || !u.rollback {
			return err == nil, err
		}
		u.skipChecks()
	}
	if open || changes.trust {
		err = u.tolerate(u.closeTrust(ctx, nil))
	}
	return false, err
}

// changes returns what it takes to bring the role to its desired state. Seconds
// after the update that is rolled back, reads may still show the role as it was
// before it; so a rollback writes all that the update may have changed.
func (u *run) changes() changes {
	if u.rollback {
		former, _, _ := decode(u.r.OldResourceProperties) // what cannot be read asked for nothing
		c := u.want.compareWithFormer(former, u.current, policy.FullAccess(u.r.Partition))
		c.lost = c.lost || former.KmsKeyARN != u.props.KmsKeyARN
		return c
	}
	return u.want.compare(u.current, oldTagKeys(u.r.Event))
}

// differs reports whether the role is not what is wanted, apart from what a run
// that was killed has left in its trust policy.
func (u *run) differs() bool {
	found := *u.current
	_, found.trust = policy.CutVerifier(found.trust, u.provider.Verifier)
	return len(u.want.compare(&found, oldTagKeys(u.r.Event)).names()) > 0
}

// create makes the role with tags and boundary in the one call. It reports
// whether there is one of that name already: an attempt whose answer was lost
// has made it, or another run has.
func (u *run) create(ctx context.Context, open bool) (exists bool, err error) {
	u.report()
	trust := u.want.trust
	if open {
		trust, u.opened = u.openedTrust(), true
	}
	in := &iam.CreateRoleInput{
		RoleName:                 &u.want.name,
		AssumeRolePolicyDocument: aws.String(trust.String()),
		Tags:                     sdkTags(u.want.tags),
		Description:              aws.String("Lets Bitmovin write exports to the bucket " + u.props.BucketName),
	}
	if u.want.boundary != "" {
		in.PermissionsBoundary = &u.want.boundary
	}
	err = eventual.Repeat(ctx, func(ctx context.Context) (time.Time, error) {
		_, err := u.iam.CreateRole(ctx, in)
		// The function's own role, which the trust policy names, may be too new for
		// IAM to know: then the document is malformed to it. So may the boundary be.
		var malformed *types.MalformedPolicyDocumentException
		if errors.As(err, &malformed) || isNotFound(err) {
			return u.began.Add(eventual.JustMade), err
		}
		return awserr.OwnDenialUntil(u.began, err), err
	})
	var taken *types.EntityAlreadyExistsException
	if errors.As(err, &taken) {
		return true, u.loadExisting(ctx)
	}
	if err != nil {
		return false, fmt.Errorf("create role %s: %w", u.want.name, err)
	}
	now := time.Now()
	u.current = &role{name: u.want.name, arn: u.want.arn, createdAt: now, readAt: now, trust: trust.String(), boundary: u.want.boundary, tags: u.want.tags}
	return false, nil
}

// loadExisting reads the role that was there when it was to be made, and refuses one
// that the event may not change.
func (u *run) loadExisting(ctx context.Context) error {
	taken := time.Now()
	err := eventual.Repeat(ctx, func(ctx context.Context) (until time.Time, err error) {
		if u.current, err = u.getRoleAndPolicies(ctx, u.r.Event, u.want.name); err == nil && u.current == nil {
			until = taken.Add(eventual.JustMade)
		}
		return until, err
	})
	if err == nil && u.current == nil {
		err = fmt.Errorf("create role %s: IAM says both that it exists and that it does not", u.want.name)
	}
	if err != nil {
		return err
	}
	if !u.mayWrite(u.current, u.r.Event) {
		u.wrote, u.opened = false, false
		u.r.Report(u.r.PhysicalResourceID)
		return u.validate(nil)
	}
	u.rename(u.current.name)
	u.report()
	return u.validate(nil)
}

// writePermissions writes the permissions and tags: what is granted first, then what is
// taken away, so that an export under way keeps one or the other.
func (u *run) writePermissions(ctx context.Context) error {
	c := u.changes()
	var grants, removals []func(context.Context) error
	if c.inline {
		grants = append(grants, u.putPolicy)
	}
	for _, arn := range c.attach {
		grants = append(grants, func(ctx context.Context) error { return u.attach(ctx, arn) })
	}
	if len(c.tag) > 0 {
		grants = append(grants, func(ctx context.Context) error { return u.tag(ctx, c.tag) })
	}
	if len(c.untag) > 0 {
		removals = append(removals, func(ctx context.Context) error { return u.untag(ctx, c.untag) })
	}
	for _, name := range c.removeInline {
		removals = append(removals, func(ctx context.Context) error { return u.deletePolicy(ctx, u.want.name, name) })
	}
	for _, arn := range c.detach {
		removals = append(removals, func(ctx context.Context) error { return u.detach(ctx, u.want.name, arn) })
	}
	if err := u.writeAll(ctx, grants); err != nil {
		return err
	}
	err := u.writeAll(ctx, removals)
	u.permissionsWrittenAt = time.Now()
	return err
}

// writeAll makes calls that write the role side by side.
func (u *run) writeAll(ctx context.Context, calls []func(context.Context) error) error {
	for i, call := range calls {
		calls[i] = func(ctx context.Context) error { return u.tolerate(u.write(ctx, call)) }
	}
	return parallel.Try(ctx, calls...)
}

func (u *run) putBoundary(ctx context.Context) error {
	_, err := u.iam.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: &u.want.name, PermissionsBoundary: &u.want.boundary})
	return wrap(err, "put permissions boundary on role %s", u.want.name)
}

// restoreBoundary puts back the boundary, without which the function may give the
// role no permission, where the role has another. It reports whether it did.
func (u *run) restoreBoundary(ctx context.Context, seen *role) bool {
	if !seen.ownedBy(u.r.Event) || !u.want.compare(seen, nil).boundary {
		return false
	}
	u.r.Log.WarnContext(ctx, "the permissions boundary was changed meanwhile and is put back", "role", u.want.name, "boundary", seen.boundary)
	if u.putBoundary(ctx) != nil {
		return false
	}
	u.boundaryRestored.set(time.Now())
	return true
}

// A moment is a time that calls side by side may set; zero until one does.
type moment struct {
	mu sync.Mutex
	at time.Time
}

func (m *moment) set(at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at = at
}

func (m *moment) get() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at
}

func (u *run) putPolicy(ctx context.Context) error {
	_, err := u.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{
		RoleName: &u.want.name, PolicyName: aws.String(policyName), PolicyDocument: aws.String(u.want.inline.String()),
	})
	return wrap(err, "put policy on role %s", u.want.name)
}

func (u *run) attach(ctx context.Context, arn string) error {
	_, err := u.iam.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: &u.want.name, PolicyArn: &arn})
	return wrap(err, "attach %s to role %s", arn, u.want.name)
}

func (u *run) tag(ctx context.Context, tags map[string]string) error {
	_, err := u.iam.TagRole(ctx, &iam.TagRoleInput{RoleName: &u.want.name, Tags: sdkTags(tags)})
	return wrap(err, "tag role %s", u.want.name)
}

func (u *run) untag(ctx context.Context, keys []string) error {
	_, err := u.iam.UntagRole(ctx, &iam.UntagRoleInput{RoleName: &u.want.name, TagKeys: keys})
	return wrap(err, "untag role %s", u.want.name)
}

// wrap adds to an error what was being done; nil stays nil.
func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}

// deletePolicy deletes an inline policy of a role. One that is gone is deleted.
func (a *Access) deletePolicy(ctx context.Context, role, name string) error {
	_, err := a.iam.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &role, PolicyName: &name})
	if isNotFound(err) {
		return nil
	}
	return wrap(err, "delete policy %s of role %s", name, role)
}

// detach detaches a managed policy from a role. One that is gone is detached.
func (a *Access) detach(ctx context.Context, role, arn string) error {
	_, err := a.iam.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: &role, PolicyArn: &arn})
	if isNotFound(err) {
		return nil
	}
	return wrap(err, "detach %s from role %s", arn, role)
}
