package access

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/cfn"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/awserr"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/eventual"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/parallel"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/role"
)

// ownedBy reports whether the role carries the tags of the event's resource.
func ownedBy(r *role.Role, e cfn.Event) bool {
	for key, value := range ownerTags(e) {
		if r.Tags[key] != value {
			return false
		}
	}
	return true
}

// ownerOf says whose the role is, as far as its tags tell.
func ownerOf(r *role.Role) string {
	if stack := r.Tags[tagStackID]; stack != "" {
		return fmt.Sprintf("the resource %s of the stack %s", r.Tags[tagLogicalID], stack)
	}
	return "somebody else: it carries no tags of a stack of this provider"
}

// getRoleAndPolicies returns the role with its policies; nil if there is none.
func (a *Access) getRoleAndPolicies(ctx context.Context, e cfn.Event, name string) (*role.Role, error) {
	return a.getRoleWith(ctx, e, name, a.getPolicies)
}

// getRole returns the role of that name without its policies; nil if there is none, as of
// a name that no role can have.
func (a *Access) getRole(ctx context.Context, name string) (*role.Role, error) {
	if !validRoleName(name) {
		return nil, nil
	}
	return a.roles.Get(ctx, name)
}

// getPolicies reads the permissions of the role.
func (a *Access) getPolicies(ctx context.Context, name string) role.Policies {
	ctx, cancel := eventual.WithFraction(ctx, 1)
	defer cancel()
	return a.roles.GetPolicies(ctx, name)
}

// mayWrite reports whether there is a role that the event may change: it is the event's
// own, and one that the provider administers.
func (a *Access) mayWrite(r *role.Role, e cfn.Event) bool {
	return r != nil && ownedBy(r, e) && a.provider.administers(r)
}

// getRoleWith returns the role with what is read of its policies beside it. The
// policies of one that the event may not change do not count: the function may not
// read them. Policies that cannot be read are no reason to know nothing. They may be
// read before the role is there for IAM, or when it is gone: then both are read again.
func (a *Access) getRoleWith(ctx context.Context, e cfn.Event, name string, read func(context.Context, string) role.Policies) (r *role.Role, err error) {
	began := time.Now()
	err = eventual.Repeat(ctx, func(ctx context.Context) (time.Time, error) {
		var p role.Policies
		parallel.Do(ctx,
			func(ctx context.Context) { r, err = a.getRole(ctx, name) },
			func(ctx context.Context) { p = read(ctx, name) },
		)
		switch {
		case err != nil:
			return awserr.OwnDenialUntil(began, err), err
		case !a.mayWrite(r, e):
			return time.Time{}, nil
		case role.IsNotFound(p.Unread):
			r.Policies = p
			return began.Add(eventual.JustMade), nil
		}
		r.Policies = p
		return awserr.OwnDenialUntil(began, p.Unread), nil
	})
	return r, err
}

// getRoleThenPolicies is getRoleAndPolicies for a Create: it expects no role, and so
// asks for policies only if there is one.
func (u *run) getRoleThenPolicies(ctx context.Context, e cfn.Event, name string) (found *role.Role, err error) {
	err = awserr.WhileDenied(ctx, u.began, func(ctx context.Context) (err error) {
		found, err = u.getRole(ctx, name)
		return err
	})
	if err != nil || !u.mayWrite(found, e) {
		return found, err
	}
	found.Policies = u.getPolicies(ctx, name)
	return found, nil
}

// boundaryChanged returns when the content of the provider's boundary was last
// changed: the zero time if it never was. What cannot be read may be as new as the run.
func (u *run) boundaryChanged(ctx context.Context) (changed time.Time) {
	if u.provider.Boundary == "" || !u.verifies() {
		return time.Time{}
	}
	ctx, cancel := eventual.WithFraction(ctx, 1)
	defer cancel()
	err := awserr.WhileOptional(ctx, u.began, func(ctx context.Context) (err error) {
		changed, err = u.roles.PolicyChanged(ctx, u.provider.Boundary)
		return err
	})
	if err != nil {
		u.r.Log.WarnContext(ctx, "the time of the boundary's last change is not known", "boundary", u.provider.Boundary, "error", err)
		return u.began
	}
	return changed
}
