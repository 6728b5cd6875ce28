package aws_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
)

const (
	bitmovin     = "arn:aws:iam::630681592166:user/bitmovinCustomerS3Access"
	s3FullAccess = "arn:aws:iam::aws:policy/AmazonS3FullAccess"
)

func tags(pairs ...string) []types.Tag {
	var list []types.Tag
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, types.Tag{Key: &pairs[i], Value: &pairs[i+1]})
	}
	return list
}

func newRole(name string) *iam.CreateRoleInput {
	return &iam.CreateRoleInput{RoleName: &name, Path: sdk.String("/bitmovin/"), AssumeRolePolicyDocument: sdk.String(trust(bitmovin, ""))}
}

func TestRole(t *testing.T) {
	t.Parallel()
	c := start(t, aws.Options{})
	client := iamAs(c, admin)
	in := newRole("New")
	in.Tags, in.PermissionsBoundary, in.Description = tags("Stack", "s"), sdk.String(s3FullAccess), sdk.String("d")
	created, err := client.CreateRole(t.Context(), in)
	wantCode(t, err, "")
	got, err := client.GetRole(t.Context(), &iam.GetRoleInput{RoleName: sdk.String("new")})
	wantCode(t, err, "")
	if *created.Role.Arn != *got.Role.Arn || *created.Role.RoleId != *got.Role.RoleId {
		t.Errorf("created %+v, got %+v", created.Role, got.Role)
	}
	document, err := url.PathUnescape(*got.Role.AssumeRolePolicyDocument)
	if err != nil || document != trust(bitmovin, "") {
		t.Errorf("got %s, %v", document, err)
	}
	if *got.Role.Arn != "arn:aws:iam::"+account+":role/bitmovin/New" || *got.Role.PermissionsBoundary.PermissionsBoundaryArn != s3FullAccess ||
		*got.Role.Tags[0].Key != "Stack" || *got.Role.Description != "d" {
		t.Errorf("got %+v", got.Role)
	}
}

// TestRoleErrors asks an existing role, writer, for what IAM refuses.
func TestRoleErrors(t *testing.T) {
	t.Parallel()
	c := start(t, aws.Options{})
	client := iamAs(c, admin)
	role := sdk.String("writer")
	create := func(change func(*iam.CreateRoleInput)) func(context.Context) error {
		return func(ctx context.Context) error {
			in := newRole("other")
			change(in)
			_, err := client.CreateRole(ctx, in)
			return err
		}
	}
	put := func(document string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: role, PolicyName: sdk.String("p"), PolicyDocument: &document})
			return err
		}
	}
	for name, tc := range map[string]struct {
		call func(context.Context) error
		code string
	}{
		"name in another case":   {create(func(in *iam.CreateRoleInput) { in.RoleName = sdk.String("WRITER") }), "EntityAlreadyExists"},
		"name too long":          {create(func(in *iam.CreateRoleInput) { in.RoleName = sdk.String(strings.Repeat("n", 65)) }), "ValidationError"},
		"path without slash":     {create(func(in *iam.CreateRoleInput) { in.Path = sdk.String("/x") }), "ValidationError"},
		"no such boundary":       {create(func(in *iam.CreateRoleInput) { in.PermissionsBoundary = sdk.String("arn:aws:iam::aws:policy/None") }), "NoSuchEntity"},
		"tag keys without case":  {create(func(in *iam.CreateRoleInput) { in.Tags = tags("a", "1", "A", "2") }), "InvalidInput"},
		"tag key of AWS":         {create(func(in *iam.CreateRoleInput) { in.Tags = tags("aws:a", "1") }), "ValidationError"},
		"principal that is gone": {create(func(in *iam.CreateRoleInput) { in.AssumeRolePolicyDocument = sdk.String(trust(admin+"x", "")) }), "MalformedPolicyDocument"},
		"trust too long": {create(func(in *iam.CreateRoleInput) {
			in.AssumeRolePolicyDocument = sdk.String(trust(bitmovin, `,"Sid":"`+strings.Repeat("s", 2048)+`"`))
		}), "LimitExceeded"},
		"trust is no policy":                        {create(func(in *iam.CreateRoleInput) { in.AssumeRolePolicyDocument = sdk.String("{}") }), "MalformedPolicyDocument"},
		"policy is no JSON":                         {put("{"), "MalformedPolicyDocument"},
		"policy of other characters":                {put(allow(`"s3:PutObject"`, `"arn:aws:s3:::exports/年/*"`)), "ValidationError"},
		"policy of all characters that it may have": {put("\t\r\n" + allow(`"s3:PutObject"`, `"arn:aws:s3:::exports/ÿ/\u5e74/*"`)), ""},
		"trust of other characters": {create(func(in *iam.CreateRoleInput) {
			in.AssumeRolePolicyDocument = sdk.String(trust(bitmovin, `,"Condition":{"StringEquals":{"sts:ExternalId":"年"}}`))
		}), "ValidationError"},
		"policy too long": {put(allow(`["s3:`+strings.Repeat("x", 10240)+`"]`, `"*"`)), "LimitExceeded"},
		"no such role": {func(ctx context.Context) error {
			_, err := client.GetRole(ctx, &iam.GetRoleInput{RoleName: sdk.String("none")})
			return err
		}, "NoSuchEntity"},
		"no such inline policy": {func(ctx context.Context) error {
			_, err := client.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: role, PolicyName: sdk.String("none")})
			return err
		}, "NoSuchEntity"},
		"no such attached policy": {func(ctx context.Context) error {
			_, err := client.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: role, PolicyArn: sdk.String(s3FullAccess)})
			return err
		}, "NoSuchEntity"},
		"no such managed policy": {func(ctx context.Context) error {
			_, err := client.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: role, PolicyArn: sdk.String("arn:aws:iam::aws:policy/None")})
			return err
		}, "NoSuchEntity"},
		"delete with policies": {func(ctx context.Context) error {
			_, err := client.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: role})
			return err
		}, "DeleteConflict"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantCode(t, tc.call(t.Context()), tc.code)
		})
	}
}

// TestRoleLife walks a role through its changes.
func TestRoleLife(t *testing.T) {
	t.Parallel()
	c := start(t, aws.Options{})
	client, ctx, name := iamAs(c, admin), t.Context(), sdk.String("life")
	_, err := client.CreateRole(ctx, newRole(*name))
	wantCode(t, err, "")
	_, err = client.TagRole(ctx, &iam.TagRoleInput{RoleName: name, Tags: tags("Department", "a", "x", "y")})
	wantCode(t, err, "")
	_, err = client.TagRole(ctx, &iam.TagRoleInput{RoleName: name, Tags: tags("department", "b")})
	wantCode(t, err, "")
	_, err = client.UntagRole(ctx, &iam.UntagRoleInput{RoleName: name, TagKeys: []string{"X"}})
	wantCode(t, err, "")
	_, err = client.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: name, PolicyDocument: sdk.String(trust(admin, ""))})
	wantCode(t, err, "")
	_, err = client.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: name, PermissionsBoundary: sdk.String(s3FullAccess)})
	wantCode(t, err, "")
	for _, policy := range []string{"b", "a", "c"} {
		_, err = client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: name, PolicyName: &policy, PolicyDocument: sdk.String(allow(`"s3:*"`, `"*"`))})
		wantCode(t, err, "")
	}
	_, err = client.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: name, PolicyArn: sdk.String(s3FullAccess)})
	wantCode(t, err, "")
	want := &aws.Role{
		Account: account, Name: *name, Path: "/bitmovin/", Trust: trust(admin, ""), Boundary: s3FullAccess, Attached: []string{s3FullAccess},
		Inline: map[string]string{"a": allow(`"s3:*"`, `"*"`), "b": allow(`"s3:*"`, `"*"`), "c": allow(`"s3:*"`, `"*"`)},
		Tags:   map[string]string{"department": "b"},
	}
	c.View(func(s *aws.State) {
		got := *s.Roles[aws.RoleKey(account, *name)]
		got.ID, got.Created = "", time.Time{}
		if diff := cmp.Diff(want, &got); diff != "" {
			t.Error(diff)
		}
	})

	var names []string
	pages := iam.NewListRolePoliciesPaginator(client, &iam.ListRolePoliciesInput{RoleName: name, MaxItems: sdk.Int32(2)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		wantCode(t, err, "")
		names = append(names, page.PolicyNames...)
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, names); diff != "" {
		t.Error(diff)
	}
	attached, err := client.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: name})
	wantCode(t, err, "")
	if len(attached.AttachedPolicies) != 1 || *attached.AttachedPolicies[0].PolicyName != "AmazonS3FullAccess" {
		t.Errorf("got %+v", attached.AttachedPolicies)
	}
	for _, policy := range names {
		_, err = client.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: name, PolicyName: &policy})
		wantCode(t, err, "")
	}
	_, err = client.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name})
	wantCode(t, err, "DeleteConflict")
	_, err = client.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: name, PolicyArn: sdk.String(s3FullAccess)})
	wantCode(t, err, "")
	_, err = client.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name})
	wantCode(t, err, "")
}

// TestIAMAuthorization calls as a role with one statement.
func TestIAMAuthorization(t *testing.T) {
	t.Parallel()
	tagged := newRole("new")
	tagged.Tags, tagged.PermissionsBoundary = tags("stack", "s"), sdk.String(s3FullAccess)
	for name, tc := range map[string]struct {
		statement string
		call      func(context.Context, *iam.Client) error
		code      string
	}{
		"create with the boundary, without iam:TagRole": {
			`"Action":"iam:CreateRole","Resource":"arn:aws:iam::*:role/bitmovin/*"`, create(tagged), "AccessDenied",
		},
		"create with the boundary and tags": {
			`"Action":["iam:CreateRole"],"Resource":"arn:aws:iam::*:role/bitmovin/*","Condition":{"ArnEquals":{"iam:PermissionsBoundary":"` + s3FullAccess +
				`"}}},{"Effect":"Allow","Action":"iam:TagRole","Resource":"*","Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":"stack"},"StringEquals":{"aws:RequestTag/stack":"s"}}`,
			create(tagged), "",
		},
		"create without the boundary that is demanded": {
			`"Action":"iam:CreateRole","Resource":"*","Condition":{"ArnEquals":{"iam:PermissionsBoundary":"` + s3FullAccess + `"}}`, create(newRole("new")), "AccessDenied",
		},
		"create beside a role at another path": {
			`"Action":"iam:CreateRole","Resource":"arn:aws:iam::*:role/bitmovin/*"`, create(newRole("admin")), "EntityAlreadyExists",
		},
		"GetRole on the real path":  {`"Action":"iam:GetRole","Resource":"arn:aws:iam::*:role/bitmovin/*"`, get("writer"), ""},
		"GetRole without the path":  {`"Action":"iam:GetRole","Resource":"arn:aws:iam::*:role/writer"`, get("writer"), "AccessDenied"},
		"GetRole of a missing role": {`"Action":"iam:GetRole","Resource":"arn:aws:iam::*:role/none"`, get("none"), "NoSuchEntity"},
		"missing role on a path":    {`"Action":"iam:GetRole","Resource":"arn:aws:iam::*:role/bitmovin/*"`, get("none"), "AccessDenied"},
		"attach only one policy": {
			`"Action":"iam:AttachRolePolicy","Resource":"*","Condition":{"ArnEquals":{"iam:PolicyARN":"` + s3FullAccess + `"}}`, attach(s3FullAccess), "",
		},
		"attach another policy": {
			`"Action":"iam:AttachRolePolicy","Resource":"*","Condition":{"ArnEquals":{"iam:PolicyARN":"` + s3FullAccess + `"}}`,
			attach("arn:aws:iam::aws:policy/AdministratorAccess"), "AccessDenied",
		},
		"by the role's tag": {
			`"Action":"iam:GetRole","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/stack":"s"}}`, get("writer"), "AccessDenied",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := start(t, aws.Options{})
			c.Edit(func(s *aws.State) {
				s.Roles[aws.RoleKey(account, "caller")] = &aws.Role{
					Account: account, Name: "caller", Path: "/", Trust: trust(account, ""),
					Inline: map[string]string{"p": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` + tc.statement + `}]}`},
				}
			})
			wantCode(t, tc.call(t.Context(), iamAs(c, "arn:aws:iam::"+account+":role/caller")), tc.code)
		})
	}
}

func create(in *iam.CreateRoleInput) func(context.Context, *iam.Client) error {
	return func(ctx context.Context, client *iam.Client) error {
		_, err := client.CreateRole(ctx, in)
		return err
	}
}

func get(name string) func(context.Context, *iam.Client) error {
	return func(ctx context.Context, client *iam.Client) error {
		_, err := client.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
		return err
	}
}

func attach(arn string) func(context.Context, *iam.Client) error {
	return func(ctx context.Context, client *iam.Client) error {
		_, err := client.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: sdk.String("writer"), PolicyArn: &arn})
		return err
	}
}

func TestAssumeRole(t *testing.T) {
	t.Parallel()
	c := start(t, aws.Options{})
	for name, tc := range map[string]struct {
		caller, role, id, session string
		seconds                   int32
		code                      string
	}{
		"trusted with the external id":    {admin, writer, "external", "check", 900, ""},
		"without the external id":         {admin, writer, "", "check", 900, "AccessDenied"},
		"with another external id":        {admin, writer, "extern", "check", 900, "AccessDenied"},
		"not trusted":                     {bitmovin, writer, "external", "check", 900, "AccessDenied"},
		"a role that does not exist":      {admin, writer + "x", "external", "check", 900, "AccessDenied"},
		"a role by its name without path": {admin, "arn:aws:iam::" + account + ":role/writer", "external", "check", 900, "AccessDenied"},
		"too short":                       {admin, writer, "external", "check", 899, "ValidationError"},
		"longer than the role's maximum":  {admin, writer, "external", "check", 3601, "ValidationError"},
		"session name":                    {admin, writer, "external", "check it", 900, "ValidationError"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := &sts.AssumeRoleInput{RoleArn: &tc.role, RoleSessionName: &tc.session, DurationSeconds: &tc.seconds}
			if tc.id != "" {
				in.ExternalId = &tc.id
			}
			out, err := stsAs(c, tc.caller).AssumeRole(t.Context(), in)
			wantCode(t, err, tc.code)
			if err != nil {
				return
			}
			if want := "arn:aws:sts::" + account + ":assumed-role/writer/check"; *out.AssumedRoleUser.Arn != want {
				t.Errorf("got %s, want %s", *out.AssumedRoleUser.Arn, want)
			}
			if left := time.Until(*out.Credentials.Expiration); left > 15*time.Minute || left < 14*time.Minute {
				t.Errorf("got a session of %v", left)
			}
		})
	}
}
