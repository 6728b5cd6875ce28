package role

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/parallel"
)

// Get returns the role of that name at whatever path, without its policies; nil if there
// is none.
func (c *Client) Get(ctx context.Context, name string) (*Role, error) {
	out, err := c.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
	if IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get role %s: %w", name, err)
	}
	trust, err := url.PathUnescape(aws.ToString(out.Role.AssumeRolePolicyDocument))
	if err != nil {
		return nil, fmt.Errorf("decode the trust policy of role %s: %w", name, err)
	}
	r := &Role{
		Name: aws.ToString(out.Role.RoleName), ARN: aws.ToString(out.Role.Arn), ID: aws.ToString(out.Role.RoleId), Trust: trust,
		CreatedAt: aws.ToTime(out.Role.CreateDate), ReadAt: time.Now(), Tags: tagMap(out.Role.Tags),
	}
	if b := out.Role.PermissionsBoundary; b != nil {
		r.Boundary = aws.ToString(b.PermissionsBoundaryArn)
	}
	return r, nil
}

// GetPolicies reads the permissions of the role.
func (c *Client) GetPolicies(ctx context.Context, name string) Policies {
	var p Policies
	var own string
	var err error
	parallel.Do(ctx,
		func(ctx context.Context) { p = c.ListPolicies(ctx, name) },
		func(ctx context.Context) { own, err = c.ownPolicy(ctx, name) },
	)
	p.Own, p.Unread = own, errors.Join(p.Unread, err)
	return p
}

// ListPolicies reads the names of the role's policies, each page of them.
func (c *Client) ListPolicies(ctx context.Context, name string) (p Policies) {
	p.Unread = parallel.Try(ctx, func(ctx context.Context) error {
		pages := iam.NewListRolePoliciesPaginator(c.iam, &iam.ListRolePoliciesInput{RoleName: &name})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return fmt.Errorf("list policies of role %s: %w", name, err)
			}
			p.Inline = append(p.Inline, page.PolicyNames...)
		}
		return nil
	}, func(ctx context.Context) error {
		pages := iam.NewListAttachedRolePoliciesPaginator(c.iam, &iam.ListAttachedRolePoliciesInput{RoleName: &name})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return fmt.Errorf("list attached policies of role %s: %w", name, err)
			}
			for _, policy := range page.AttachedPolicies {
				p.Attached = append(p.Attached, aws.ToString(policy.PolicyArn))
			}
		}
		return nil
	})
	return p
}

// ownPolicy reads the inline policy named [PolicyName]; empty if there is none.
func (c *Client) ownPolicy(ctx context.Context, name string) (string, error) {
	out, err := c.iam.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &name, PolicyName: aws.String(PolicyName)})
	if IsNotFound(err) {
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

// PolicyChanged returns when the content of a managed policy was last changed: the zero
// time if it never was.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_Policy.html
func (c *Client) PolicyChanged(ctx context.Context, arn string) (time.Time, error) {
	out, err := c.iam.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &arn})
	if err != nil {
		return time.Time{}, fmt.Errorf("get policy %s: %w", arn, err)
	}
	made, changed := aws.ToTime(out.Policy.CreateDate), aws.ToTime(out.Policy.UpdateDate)
	if changed.Equal(made) {
		return time.Time{}, nil
	}
	return changed, nil
}
