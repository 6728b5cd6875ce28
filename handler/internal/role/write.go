package role

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/parallel"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/policy"
)

// An api is what is called of IAM.
type api interface {
	iam.GetRoleAPIClient
	iam.ListRolePoliciesAPIClient
	iam.ListAttachedRolePoliciesAPIClient
	iam.GetPolicyAPIClient
	GetRolePolicy(context.Context, *iam.GetRolePolicyInput, ...func(*iam.Options)) (*iam.GetRolePolicyOutput, error)
	CreateRole(context.Context, *iam.CreateRoleInput, ...func(*iam.Options)) (*iam.CreateRoleOutput, error)
	DeleteRole(context.Context, *iam.DeleteRoleInput, ...func(*iam.Options)) (*iam.DeleteRoleOutput, error)
	UpdateAssumeRolePolicy(context.Context, *iam.UpdateAssumeRolePolicyInput, ...func(*iam.Options)) (*iam.UpdateAssumeRolePolicyOutput, error)
	PutRolePermissionsBoundary(context.Context, *iam.PutRolePermissionsBoundaryInput, ...func(*iam.Options)) (*iam.PutRolePermissionsBoundaryOutput, error)
	PutRolePolicy(context.Context, *iam.PutRolePolicyInput, ...func(*iam.Options)) (*iam.PutRolePolicyOutput, error)
	DeleteRolePolicy(context.Context, *iam.DeleteRolePolicyInput, ...func(*iam.Options)) (*iam.DeleteRolePolicyOutput, error)
	AttachRolePolicy(context.Context, *iam.AttachRolePolicyInput, ...func(*iam.Options)) (*iam.AttachRolePolicyOutput, error)
	DetachRolePolicy(context.Context, *iam.DetachRolePolicyInput, ...func(*iam.Options)) (*iam.DetachRolePolicyOutput, error)
	TagRole(context.Context, *iam.TagRoleInput, ...func(*iam.Options)) (*iam.TagRoleOutput, error)
	UntagRole(context.Context, *iam.UntagRoleInput, ...func(*iam.Options)) (*iam.UntagRoleOutput, error)
}

// A Client reads and writes roles.
type Client struct{ iam api }

// NewClient returns a Client whose calls are made with cfg.
func NewClient(cfg aws.Config) *Client { return &Client{iam.NewFromConfig(cfg)} }

// Create makes a role at the path /, with tags and boundary in the one call, and with a
// trust policy that may let in more than the desired one. It has no permissions yet.
func (c *Client) Create(ctx context.Context, d Desired, trust policy.Document, description string) error {
	in := &iam.CreateRoleInput{
		RoleName: &d.Name, AssumeRolePolicyDocument: aws.String(trust.String()), Tags: sdkTags(d.Tags), Description: &description,
	}
	if d.Boundary != "" {
		in.PermissionsBoundary = &d.Boundary
	}
	_, err := c.iam.CreateRole(ctx, in)
	return wrap(err, "create role %s", d.Name)
}

// PutTrust writes the trust policy.
func (c *Client) PutTrust(ctx context.Context, name, trust string) error {
	_, err := c.iam.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: &name, PolicyDocument: &trust})
	return wrap(err, "update the trust policy of role %s", name)
}

// PutBoundary puts the permissions boundary of that ARN on a role.
func (c *Client) PutBoundary(ctx context.Context, name, arn string) error {
	_, err := c.iam.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: &name, PermissionsBoundary: &arn})
	return wrap(err, "put permissions boundary on role %s", name)
}

// putPolicy writes the inline policy named [PolicyName].
func (c *Client) putPolicy(ctx context.Context, name string, document policy.Document) error {
	_, err := c.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{
		RoleName: &name, PolicyName: aws.String(PolicyName), PolicyDocument: aws.String(document.String()),
	})
	return wrap(err, "put policy on role %s", name)
}

// attach attaches a managed policy.
func (c *Client) attach(ctx context.Context, name, arn string) error {
	_, err := c.iam.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: &name, PolicyArn: &arn})
	return wrap(err, "attach %s to role %s", arn, name)
}

// tag sets tags.
func (c *Client) tag(ctx context.Context, name string, tags map[string]string) error {
	_, err := c.iam.TagRole(ctx, &iam.TagRoleInput{RoleName: &name, Tags: sdkTags(tags)})
	return wrap(err, "tag role %s", name)
}

// untag takes tags away.
func (c *Client) untag(ctx context.Context, name string, keys []string) error {
	_, err := c.iam.UntagRole(ctx, &iam.UntagRoleInput{RoleName: &name, TagKeys: keys})
	return wrap(err, "untag role %s", name)
}

// deletePolicy deletes an inline policy of a role. One that is gone is deleted.
func (c *Client) deletePolicy(ctx context.Context, name, policy string) error {
	_, err := c.iam.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &name, PolicyName: &policy})
	if IsNotFound(err) {
		return nil
	}
	return wrap(err, "delete policy %s of role %s", policy, name)
}

// detach detaches a managed policy from a role. One that is gone is detached.
func (c *Client) detach(ctx context.Context, name, arn string) error {
	_, err := c.iam.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: &name, PolicyArn: &arn})
	if IsNotFound(err) {
		return nil
	}
	return wrap(err, "detach %s from role %s", arn, name)
}

// Writes returns the calls that bring the permissions and tags of a role to what is desired:
// what is granted first, then what is taken away, so that an export under way keeps one or
// the other.
func (c *Client) Writes(d Desired, changes Changes) (grants, removals []func(context.Context) error) {
	if changes.Inline {
		grants = append(grants, func(ctx context.Context) error { return c.putPolicy(ctx, d.Name, *d.Inline) })
	}
	for _, arn := range changes.Attach {
		grants = append(grants, func(ctx context.Context) error { return c.attach(ctx, d.Name, arn) })
	}
	if len(changes.Tag) > 0 {
		grants = append(grants, func(ctx context.Context) error { return c.tag(ctx, d.Name, changes.Tag) })
	}
	if len(changes.Untag) > 0 {
		removals = append(removals, func(ctx context.Context) error { return c.untag(ctx, d.Name, changes.Untag) })
	}
	for _, name := range changes.RemoveInline {
		removals = append(removals, func(ctx context.Context) error { return c.deletePolicy(ctx, d.Name, name) })
	}
	for _, arn := range changes.Detach {
		removals = append(removals, func(ctx context.Context) error { return c.detach(ctx, d.Name, arn) })
	}
	return grants, removals
}

// Strip takes all permissions from the role, without which IAM does not delete it.
func (c *Client) Strip(ctx context.Context, r *Role) error {
	_, removals := c.Writes(Desired{Name: r.Name}, Changes{RemoveInline: r.Inline, Detach: r.Attached})
	return parallel.Try(ctx, removals...)
}

// Delete deletes a role that has no permissions any more.
func (c *Client) Delete(ctx context.Context, name string) error {
	_, err := c.iam.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: &name})
	var conflict *types.DeleteConflictException
	if errors.As(err, &conflict) {
		return fmt.Errorf("delete role %s, which something still uses (take it out of its instance profile, then delete again): %w", name, err)
	}
	return wrap(err, "delete role %s", name)
}

// wrap adds to an error what was being done; nil stays nil.
func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}

// sdkTags returns the tags in IAM's form, in the order of their keys.
func sdkTags(tags map[string]string) []types.Tag {
	var list []types.Tag
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
	}
	return list
}

func tagMap(list []types.Tag) map[string]string {
	tags := make(map[string]string, len(list))
	for _, tag := range list {
		tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return tags
}
