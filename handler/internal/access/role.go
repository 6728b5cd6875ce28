package access

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/awserr"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/eventual"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/parallel"
)

// A role is what IAM says of a role.
type role struct {
	name, arn string
	// id is another one when a role of the name is made again.
	id string
	// trust is the trust policy, decoded from its URL encoding.
	trust    string
	boundary string
	// createdAt is when it was made, readAt when it was read.
	createdAt, readAt time.Time
	tags              map[string]string
	policies
}

// policies are the permissions of a role.
type policies struct {
	// inline are the names of the inline policies.
	inline []string
	// own is the text of the one that this package writes; empty if there is none.
	own string
	// attached are the ARNs of the attached policies.
	attached []string
	// unread is why they are not all known.
	unread error
}

// ownedBy reports whether the role carries the tags of the event's resource.
func (r *role) ownedBy(e cfn.Event) bool {
	for key, value := range ownerTags(e) {
		if r.tags[key] != value {
			return false
		}
	}
	return true
}

// owner says whose the role is, as far as its tags tell.
func (r *role) owner() string {
	if stack := r.tags[tagStackID]; stack != "" {
		return fmt.Sprintf("the resource %s of the stack %s", r.tags[tagLogicalID], stack)
	}
	return "somebody else: it carries no tags of a stack of this provider"
}

// getRole returns the role of that name at whatever path, without its policies;
// nil if there is none, as of a name that no role can have.
func (a *Access) getRole(ctx context.Context, name string) (*role, error) {
	if !validRoleName(name) {
		return nil, nil
	}
	out, err := a.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get role %s: %w", name, err)
	}
	trust, err := url.PathUnescape(aws.ToString(out.Role.AssumeRolePolicyDocument))
	if err != nil {
		return nil, fmt.Errorf("decode the trust policy of role %s: %w", name, err)
	}
	r := &role{
		name: aws.ToString(out.Role.RoleName), arn: aws.ToString(out.Role.Arn), id: aws.ToString(out.Role.RoleId), trust: trust,
		createdAt: aws.ToTime(out.Role.CreateDate), readAt: time.Now(), tags: tagMap(out.Role.Tags),
	}
	if b := out.Role.PermissionsBoundary; b != nil {
		r.boundary = aws.ToString(b.PermissionsBoundaryArn)
	}
	return r, nil
}

// getRoleAndPolicies returns the role with its policies; nil if there is none.
func (a *Access) getRoleAndPolicies(ctx context.Context, e cfn.Event, name string) (*role, error) {
	return a.getRoleWith(ctx, e, name, a.getPolicies)
}

// mayWrite reports whether there is a role that the event may change: it is the event's
// own, and one that the provider administers.
func (a *Access) mayWrite(r *role, e cfn.Event) bool {
	return r != nil && r.ownedBy(e) && a.provider.administers(r)
}

// getRoleWith returns the role with what is read of its policies beside it. The
// policies of one that the event may not change do not count: the function may not
// read them. Policies that cannot be read are no reason to know nothing. They may be
// read before the role is there for IAM, or when it is gone: then both are read again.
func (a *Access) getRoleWith(ctx context.Context, e cfn.Event, name string, read func(context.Context, string) policies) (r *role, err error) {
	began := time.Now()
	err = eventual.Repeat(ctx, func(ctx context.Context) (time.Time, error) {
		var p policies
		parallel.Do(ctx,
			func(ctx context.Context) { r, err = a.getRole(ctx, name) },
			func(ctx context.Context) { p = read(ctx, name) },
		)
		switch {
		case err != nil:
			return awserr.OwnDenialUntil(began, err), err
		case !a.mayWrite(r, e):
			return time.Time{}, nil
		case isNotFound(p.unread):
			r.policies = p
			return began.Add(eventual.JustMade), nil
		}
		r.policies = p
		return awserr.OwnDenialUntil(began, p.unread), nil
	})
	return r, err
}

// getRoleThenPolicies is getRoleAndPolicies for a Create: it expects no role, and so
// asks for policies only if there is one.
func (u *run) getRoleThenPolicies(ctx context.Context, e cfn.Event, name string) (found *role, err error) {
	err = awserr.WhileDenied(ctx, u.began, func(ctx context.Context) (err error) {
		found, err = u.getRole(ctx, name)
		return err
	})
	if err != nil || !u.mayWrite(found, e) {
		return found, err
	}
	found.policies = u.getPolicies(ctx, name)
	return found, nil
}

// getPolicies reads the permissions of the role.
func (a *Access) getPolicies(ctx context.Context, name string) policies {
	ctx, cancel := eventual.WithFraction(ctx, 1)
	defer cancel()
	var p policies
	var own string
	var err error
	parallel.Do(ctx,
		func(ctx context.Context) { p = a.listPolicies(ctx, name) },
		func(ctx context.Context) { own, err = a.ownPolicy(ctx, name) },
	)
	p.own, p.unread = own, errors.Join(p.unread, err)
	return p
}

// listPolicies reads the names of the role's policies, each page of them.
func (a *Access) listPolicies(ctx context.Context, name string) (p policies) {
	p.unread = parallel.Try(ctx, func(ctx context.Context) error {
		pages := iam.NewListRolePoliciesPaginator(a.iam, &iam.ListRolePoliciesInput{RoleName: &name})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return fmt.Errorf("list policies of role %s: %w", name, err)
			}
			p.inline = append(p.inline, page.PolicyNames...)
		}
		return nil
	}, func(ctx context.Context) error {
		pages := iam.NewListAttachedRolePoliciesPaginator(a.iam, &iam.ListAttachedRolePoliciesInput{RoleName: &name})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return fmt.Errorf("list attached policies of role %s: %w", name, err)
			}
			for _, policy := range page.AttachedPolicies {
				p.attached = append(p.attached, aws.ToString(policy.PolicyArn))
			}
		}
		return nil
	})
	return p
}

// ownPolicy reads the inline policy that this package writes; empty if there is none.
func (a *Access) ownPolicy(ctx context.Context, name string) (string, error) {
	out, err := a.iam.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &name, PolicyName: aws.String(policyName)})
	if isNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("get policy of role %s: %w", name, err)
	}
	text, err := url.PathUnescape(aws.ToString(out.PolicyDocument))
	if err != nil {
		return "", fmt.Errorf("decode the policy of role %s: %w", name, err)
	}
	return text, nil
}

// boundaryChanged returns when the content of the provider's boundary was last
// changed: the zero time if it never was. What cannot be read may be as new as the run.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_Policy.html
func (u *run) boundaryChanged(ctx context.Context) time.Time {
	if u.provider.Boundary == "" || !u.verifies() {
		return time.Time{}
	}
	ctx, cancel := eventual.WithFraction(ctx, 1)
	defer cancel()
	var out *iam.GetPolicyOutput
	err := awserr.WhileOptional(ctx, u.began, func(ctx context.Context) (err error) {
		out, err = u.iam.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &u.provider.Boundary})
		return err
	})
	if err != nil {
		u.r.Log.WarnContext(ctx, "the time of the boundary's last change is not known", "boundary", u.provider.Boundary, "error", err)
		return u.began
	}
	made, changed := aws.ToTime(out.Policy.CreateDate), aws.ToTime(out.Policy.UpdateDate)
	if changed.Equal(made) {
		return time.Time{}
	}
	return changed
}

// isNotFound goes by the code: CreateRole, which misses a boundary, has no type for it.
func isNotFound(err error) bool {
	return awserr.HasCode(err, (&types.NoSuchEntityException{}).ErrorCode())
}

// sameName reports whether two role names are one to IAM.
func sameName(a, b string) bool { return strings.EqualFold(a, b) }
