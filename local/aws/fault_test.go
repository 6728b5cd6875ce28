package aws_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

func assume(t *testing.T, c *aws.Cloud) error {
	t.Helper()
	_, err := stsAs(c, admin).AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: sdk.String(writer), RoleSessionName: sdk.String("check"), ExternalId: sdk.String("external"),
	})
	return err
}

// TestPropagation changes things over HTTP and by hand, and looks before and
// after the delay.
func TestPropagation(t *testing.T) {
	t.Parallel()
	const delay = time.Second
	name := sdk.String("writer")
	for label, tc := range map[string]struct {
		options       aws.Options
		change        func(ctx context.Context, c *aws.Cloud) error
		look          func(t *testing.T, c *aws.Cloud) error
		before, after string
	}{
		"trust": {
			aws.Options{Propagation: delay},
			func(ctx context.Context, c *aws.Cloud) error {
				_, err := iamAs(c, admin).UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: name, PolicyDocument: sdk.String(trust(bitmovin, ""))})
				return err
			}, assume, "", "AccessDenied",
		},
		"inline policy": {
			aws.Options{Propagation: delay},
			func(ctx context.Context, c *aws.Cloud) error {
				_, err := iamAs(c, admin).DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: name, PolicyName: sdk.String("Object")})
				return err
			},
			func(t *testing.T, c *aws.Cloud) error { t.Helper(); return put("")(t.Context(), s3As(c, writer)) }, "", "AccessDenied",
		},
		"by hand": {
			aws.Options{Propagation: delay},
			func(ctx context.Context, c *aws.Cloud) error {
				_, err := iamAs(c, admin).TagRole(ctx, &iam.TagRoleInput{RoleName: name, Tags: tags("a", "b")})
				c.Edit(func(s *aws.State) { s.Roles[aws.RoleKey(account, "writer")].Trust = trust(bitmovin, "") })
				return err
			}, assume, "AccessDenied", "AccessDenied",
		},
		"another thing by hand": {
			aws.Options{Propagation: delay},
			func(ctx context.Context, c *aws.Cloud) error {
				_, err := iamAs(c, admin).DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: name, PolicyName: sdk.String("Object")})
				c.Edit(func(s *aws.State) { s.Buckets[bucket].Versioning = "Enabled" })
				return err
			},
			func(t *testing.T, c *aws.Cloud) error { t.Helper(); return put("")(t.Context(), s3As(c, writer)) }, "", "AccessDenied",
		},
		"new role": {
			aws.Options{Propagation: delay},
			func(ctx context.Context, c *aws.Cloud) error {
				in := newRole("fresh")
				in.AssumeRolePolicyDocument = sdk.String(trust(admin, ""))
				return create(in)(ctx, iamAs(c, admin))
			},
			func(t *testing.T, c *aws.Cloud) error {
				t.Helper()
				_, err := stsAs(c, admin).AssumeRole(t.Context(), &sts.AssumeRoleInput{
					RoleArn: sdk.String("arn:aws:iam::" + account + ":role/bitmovin/fresh"), RoleSessionName: sdk.String("check"),
				})
				return err
			}, "AccessDenied", "",
		},
		"IAM's own reads": {
			aws.Options{ReadLag: delay},
			func(ctx context.Context, c *aws.Cloud) error { return create(newRole("fresh"))(ctx, iamAs(c, admin)) },
			func(t *testing.T, c *aws.Cloud) error { t.Helper(); return get("fresh")(t.Context(), iamAs(c, admin)) }, "NoSuchEntity", "",
		},
	} {
		harness.Run(t, label, func(t *testing.T) {
			c := startInMemory(t, tc.options)
			wantCode(t, tc.change(t.Context(), c), "")
			wantCode(t, tc.look(t, c), tc.before)
			time.Sleep(delay)
			wantCode(t, tc.look(t, c), tc.after)
		})
	}
}

func TestIAMRate(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		c := startInMemory(t, aws.Options{IAMRate: 0.2})
		for _, want := range []string{"", "Throttling", "Throttling"} {
			wantCode(t, get("writer")(t.Context(), iamAs(c, admin)), want)
		}
		time.Sleep(5 * time.Second)
		for _, want := range []string{"", "Throttling"} {
			wantCode(t, get("writer")(t.Context(), iamAs(c, admin)), want)
		}
	})
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault *aws.Fault
		// codes of three creations; "lost" is no answer at all.
		codes []string
		made  bool
	}{
		"error before":     {&aws.Fault{Op: "iam:CreateRole", Times: 1, Status: 400, Code: "Throttling"}, []string{"Throttling", "", "EntityAlreadyExists"}, true},
		"error after":      {&aws.Fault{Op: "iam:CreateRole", Times: 1, After: true, Status: 500, Code: "ServiceFailure"}, []string{"ServiceFailure", "EntityAlreadyExists", "EntityAlreadyExists"}, true},
		"skip":             {&aws.Fault{Skip: 1, Times: 1, Status: 500, Code: "ServiceFailure"}, []string{"", "ServiceFailure", "EntityAlreadyExists"}, true},
		"always":           {&aws.Fault{Status: 403, Code: "AccessDenied"}, []string{"AccessDenied", "AccessDenied", "AccessDenied"}, false},
		"another call":     {&aws.Fault{Op: "iam:GetRole", Code: "AccessDenied"}, []string{"", "EntityAlreadyExists", "EntityAlreadyExists"}, true},
		"reset before":     {&aws.Fault{Times: 1, Reset: true}, []string{"lost", "", "EntityAlreadyExists"}, true},
		"reset after":      {&aws.Fault{Times: 1, After: true, Reset: true}, []string{"lost", "EntityAlreadyExists", "EntityAlreadyExists"}, true},
		"hang":             {&aws.Fault{Hang: true}, []string{"lost", "lost", "lost"}, false},
		"match by result":  {&aws.Fault{After: true, Match: func(k aws.Call) bool { return k.Code == "EntityAlreadyExists" }, Code: "Other"}, []string{"", "Other", "Other"}, true},
		"match by request": {&aws.Fault{Match: func(k aws.Call) bool { return strings.HasSuffix(k.Resource, ":role/bitmovin/fresh") && k.Caller != "" }, Code: "Other"}, []string{"Other", "Other", "Other"}, false},
	} {
		harness.Run(t, name, func(t *testing.T) {
			c := startInMemory(t, aws.Options{})
			tc.fault.Do = func() { c.View(func(*aws.State) {}) } // it may look, and edit
			c.Inject(tc.fault)
			for _, want := range tc.codes {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				err := create(newRole("fresh"))(ctx, iamAs(c, admin))
				cancel()
				if want != "lost" {
					wantCode(t, err, want)
				} else if api := smithy.APIError(nil); err == nil || errors.As(err, &api) {
					t.Errorf("got %v, want no answer", err)
				}
			}
			c.View(func(s *aws.State) {
				if made := s.Roles[aws.RoleKey(account, "fresh")] != nil; made != tc.made {
					t.Errorf("made: %t, want %t", made, tc.made)
				}
			})
		})
	}
}

type stacks struct{}

func (stacks) Resource(r aws.Request) (string, error) {
	if r.Op != "DescribeStacks" {
		return "", aws.NotImplemented("cloudformation:%s", r.Op)
	}
	return "arn:aws:cloudformation:" + r.Region + ":" + r.Account + ":stack/" + r.Params.Get("StackName") + "/guid", nil
}

func (stacks) Serve(r aws.Request) (any, error) {
	if r.Params.Get("StackName") == "none" {
		return nil, &aws.Error{Status: 400, Code: "ValidationError", Message: "Stack with id none does not exist"}
	}
	type stack struct{ StackName, StackStatus string }
	return struct {
		Stacks []stack `xml:"Stacks>member"`
	}{[]stack{{r.Params.Get("StackName"), "CREATE_IN_PROGRESS"}}}, nil
}

func TestHandle(t *testing.T) {
	t.Parallel()
	c := start(t, aws.Options{})
	c.Handle("cloudformation", account, region, stacks{})
	for name, tc := range map[string]struct{ caller, stack, code string }{
		"allowed":       {admin, "s", ""},
		"denied":        {writer, "s", "AccessDenied"},
		"its own error": {admin, "none", "ValidationError"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := cloudformation.NewFromConfig(c.Config(tc.caller, region))
			out, err := client.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: &tc.stack})
			wantCode(t, err, tc.code)
			if err == nil && out.Stacks[0].StackStatus != "CREATE_IN_PROGRESS" {
				t.Errorf("got %+v", out.Stacks)
			}
		})
	}
	_, err := cloudformation.NewFromConfig(c.Config(admin, region)).ListStacks(t.Context(), nil)
	wantCode(t, err, "NotImplemented")
}
