package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// The names begin with this, so that a caller's policy can be about them alone.
// It is short, for CloudFormation leaves 24 characters of a stack's name in the
// names that it makes when they get too long.
const namePrefix = "bitmovin-acceptance-"

// names are those of all that a run makes itself, from its id.
type names struct{ id, stack, express, bucket, code, roles string }

func namesOf(id string) names {
	name := namePrefix + id
	return names{
		id: id, stack: name, express: name + "-express", bucket: name, code: name + "-code",
		// The template's RoleNamePrefix has no room for every id.
		roles: fmt.Sprintf("%s%08x-", namePrefix, crc32.ChecksumIEEE([]byte(id))),
	}
}

func (n names) stacks() []string { return []string{n.stack, n.express} }

func (n names) buckets() []string { return []string{n.bucket, n.code} }

// An account is where a run happens, as the caller's credentials reach it.
type account struct {
	*toolbox
	number, caller string
	// local: this is an AWS on a machine of the caller's, and no account.
	local bool
	// loopback: it is on this machine.
	loopback bool
}

// noAccount is the number that the local ones have; AWS gives it to nobody.
const noAccount = "000000000000"

// findAccount asks who the caller is, and where.
func findAccount(ctx context.Context, b *toolbox) (*account, error) {
	for _, tool := range []string{"aws", "sam"} {
		if _, err := b.firstLine(ctx, tool, "--version"); err != nil {
			return nil, fmt.Errorf("the AWS CLI and the SAM CLI are needed on PATH: %w", err)
		}
	}
	a := &account{toolbox: b}
	endpoint := a.endpoint(ctx)
	if u, err := url.Parse(endpoint); err == nil {
		a.loopback = slices.Contains([]string{"127.0.0.1", "localhost", "::1"}, u.Hostname())
	}
	if b.region = a.findRegion(ctx); b.region == "" {
		return nil, errors.New("no region is configured: set AWS_REGION")
	}
	var caller struct{ Account, Arn string }
	if err := a.aws(ctx, &caller, "sts", "get-caller-identity"); err != nil {
		return nil, fmt.Errorf("ask who the caller is: %w", err)
	}
	a.number, a.caller = caller.Account, caller.Arn
	a.local = endpoint != "" || a.number == noAccount
	return a, nil
}

// nobodys reports that nothing here can be anybody's account, so that nobody has to
// be asked. An endpoint on this machine alone does not say so.
func (a *account) nobodys() bool { return a.loopback && a.number == noAccount }

// endpoint is that of another AWS than AWS's, from the environment or the profile. One
// of a single service, such as AWS_ENDPOINT_URL_DYNAMODB, leaves all others AWS's.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
func (a *account) endpoint(ctx context.Context) string {
	if strings.EqualFold(os.Getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"), "true") {
		return ""
	}
	if value := os.Getenv("AWS_ENDPOINT_URL"); value != "" {
		return value
	}
	configured, err := a.run(ctx, "aws", "configure", "get", "endpoint_url")
	if err != nil {
		return "" // it is not set
	}
	return strings.TrimSpace(configured)
}

func (a *account) findRegion(ctx context.Context) string {
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		if region := os.Getenv(name); region != "" {
			return region
		}
	}
	configured, err := a.run(ctx, "aws", "configure", "get", "region")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(configured)
}

// A stack is what CloudFormation says of one.
type stack struct {
	StackID           string `json:"StackId"`
	StackStatus       string
	StackStatusReason string
	Outputs           []struct{ OutputKey, OutputValue string }
}

func (s stack) output(name string) string {
	for _, o := range s.Outputs {
		if o.OutputKey == name {
			return o.OutputValue
		}
	}
	return ""
}

func (s stack) inProgress() bool {
	return strings.HasSuffix(s.StackStatus, "_IN_PROGRESS") && s.StackStatus != "REVIEW_IN_PROGRESS"
}

// describe returns a stack, by its name or id; nil if it is not there.
func (a *account) describe(ctx context.Context, name string) (*stack, error) {
	var out struct{ Stacks []stack }
	err := a.aws(ctx, &out, "cloudformation", "describe-stacks", "--stack-name", name)
	if code, message := answer(err); code == "ValidationError" && strings.Contains(message, "does not exist") {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if len(out.Stacks) != 1 {
		return nil, fmt.Errorf("describe stack %s: %d stacks", name, len(out.Stacks))
	}
	if out.Stacks[0].StackStatus == "DELETE_COMPLETE" {
		return nil, nil
	}
	return &out.Stacks[0], nil
}

// A resource is what a stack has of one.
type resource struct {
	LogicalResourceID  string `json:"LogicalResourceId"`
	PhysicalResourceID string `json:"PhysicalResourceId"`
	ResourceType       string
	ResourceStatus     string
}

func (a *account) resources(ctx context.Context, stackName string) ([]resource, error) {
	var out struct{ StackResources []resource }
	err := a.aws(ctx, &out, "cloudformation", "describe-stack-resources", "--stack-name", stackName)
	return out.StackResources, err
}

// physicalID returns a resource's, or an error if the stack has none.
func (a *account) physicalID(ctx context.Context, stackName, logical string) (string, error) {
	list, err := a.resources(ctx, stackName)
	if err != nil {
		return "", err
	}
	for _, r := range list {
		if r.LogicalResourceID == logical && r.PhysicalResourceID != "" {
			return r.PhysicalResourceID, nil
		}
	}
	return "", fmt.Errorf("the stack %s has no %s", stackName, logical)
}

// An event is one of a stack, as CloudFormation tells it.
type event struct {
	LogicalResourceID    string `json:"LogicalResourceId"`
	ResourceStatus       string
	ResourceStatusReason string
}

// failures returns the events of a stack's last operation that tell a failure,
// the last first.
func (a *account) failures(ctx context.Context, stackName string) ([]event, error) {
	var out struct{ StackEvents []event }
	err := a.aws(ctx, &out, "cloudformation", "describe-stack-events", "--stack-name", stackName)
	return failuresOf(stackName, out.StackEvents), err
}

// failuresOf goes through events, the last first, until the operation's begin.
func failuresOf(stackName string, events []event) []event {
	var failed []event
	for _, e := range events {
		begins := slices.Contains([]string{"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"}, e.ResourceStatus)
		if e.LogicalResourceID == stackName && begins {
			break
		}
		if strings.HasSuffix(e.ResourceStatus, "_FAILED") {
			failed = append(failed, e)
		}
	}
	return failed
}

// A role is what IAM has of one.
type role struct {
	Trust    any            `json:"trust"`
	Inline   map[string]any `json:"inline"`
	Boundary string         `json:"boundary"`
}

// role reads a role.
func (a *account) role(ctx context.Context, name string) (role, error) {
	var got struct {
		Role struct {
			AssumeRolePolicyDocument any
			PermissionsBoundary      struct{ PermissionsBoundaryArn string }
		}
	}
	if err := a.aws(ctx, &got, "iam", "get-role", "--role-name", name); err != nil {
		return role{}, err
	}
	r := role{Trust: got.Role.AssumeRolePolicyDocument, Inline: map[string]any{}, Boundary: got.Role.PermissionsBoundary.PermissionsBoundaryArn}
	policies, err := a.inlinePolicies(ctx, name)
	if err != nil {
		return role{}, err
	}
	for _, policy := range policies {
		var document struct{ PolicyDocument any }
		if err := a.aws(ctx, &document, "iam", "get-role-policy", "--role-name", name, "--policy-name", policy); err != nil {
			return role{}, err
		}
		r.Inline[policy] = document.PolicyDocument
	}
	return r, nil
}

func (a *account) inlinePolicies(ctx context.Context, roleName string) ([]string, error) {
	var out struct{ PolicyNames []string }
	err := a.aws(ctx, &out, "iam", "list-role-policies", "--role-name", roleName)
	return out.PolicyNames, err
}

// wantFree checks that nothing has the names of a run: what has would be changed by it,
// and be removed at its end.
func (a *account) wantFree(ctx context.Context, n names) error {
	for _, name := range n.stacks() {
		if s, err := a.describe(ctx, name); err != nil || s != nil {
			return errors.Join(err, fmt.Errorf("the stack %s must not be there yet; if a killed run left it: make test-aws CLEAN=%s", name, n.id))
		}
	}
	for _, name := range n.buckets() {
		gone, err := absent(a.aws(ctx, nil, "s3api", "head-bucket", "--bucket", name))
		if err != nil || !gone {
			return errors.Join(err, fmt.Errorf("the bucket %s must not be there yet; if a killed run left it: make test-aws CLEAN=%s", name, n.id))
		}
	}
	return nil
}

func (a *account) makeBucket(ctx context.Context, name string) error {
	args := []string{"s3api", "create-bucket", "--bucket", name}
	if a.region != "us-east-1" { // which S3 does not want to be named
		args = append(args, "--create-bucket-configuration", "LocationConstraint="+a.region)
	}
	return a.aws(ctx, nil, args...)
}

// putBucketPolicy sets a bucket's policy to one statement.
func (a *account) putBucketPolicy(ctx context.Context, bucket string, statement map[string]any) error {
	policy, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{statement}})
	if err != nil {
		return fmt.Errorf("encode a bucket policy: %w", err)
	}
	return a.aws(ctx, nil, "s3api", "put-bucket-policy", "--bucket", bucket, "--policy", string(policy))
}

// left returns what is left in a bucket: objects, versions and uploads.
func (a *account) left(ctx context.Context, bucket string) ([]string, error) {
	type keyed struct{ Key string }
	var versions struct{ Versions, DeleteMarkers []keyed }
	var uploads struct{ Uploads []keyed }
	if err := a.aws(ctx, &versions, "s3api", "list-object-versions", "--bucket", bucket); err != nil {
		return nil, err
	}
	if err := a.aws(ctx, &uploads, "s3api", "list-multipart-uploads", "--bucket", bucket); err != nil {
		return nil, err
	}
	var keys []string
	for _, k := range slices.Concat(versions.Versions, versions.DeleteMarkers, uploads.Uploads) {
		keys = append(keys, k.Key)
	}
	return keys, nil
}

// pollEvery is the pause between two looks at what takes its time.
const pollEvery = 3 * time.Second

// waitUntilDone waits until nothing of a stack is in progress; nil if it is gone.
func (a *account) waitUntilDone(ctx context.Context, name string) (*stack, error) {
	for {
		s, err := a.describe(ctx, name)
		if err != nil || s == nil || !s.inProgress() {
			return s, err
		}
		if !pause(ctx, pollEvery) {
			return nil, fmt.Errorf("wait for stack %s, which is %s: %w", name, s.StackStatus, ctx.Err())
		}
	}
}
