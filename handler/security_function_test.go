package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// TestIntruderInFunction: whoever has the function's credentials gets no
// permissions beyond the boundary, and reaches nothing of the customer's.
func TestIntruderInFunction(t *testing.T) {
	t.Parallel()
	harness.Run(t, "for one bucket", func(t *testing.T) {
		i := newIntruderEnv(t, forBucket).asFunction()
		i.wantAllDenied()
		other := "arn:aws:cloudformation:" + region + ":" + account + ":stack/other/1234"
		i.wantDenied([]attack{
			{"attach AmazonS3FullAccess", i.attach(ownRole, fullAccess)},
			i.action("cloudformation:DescribeStacks", other),
			i.action("cloudformation:DescribeStackResource", other),
			i.action("s3:ListBucket", "arn:aws:s3:::"+bucketName+"-2"),
			i.action("s3:DeleteObject", "arn:aws:s3:::"+bucketName+"-2/_bitmovin-access-check/x"),
		})
	})
	harness.Run(t, "for teams", func(t *testing.T) {
		i := newIntruderEnv(t, forTeams()).asFunction()
		i.wantAllDenied()
		i.wantDenied([]attack{{"attach AmazonS3FullAccess", i.attach(ownRole, fullAccess)}})
	})
	harness.Run(t, "for teams in Full", func(t *testing.T) {
		i := newIntruderEnv(t, forTeams("AllowFullAccess", "true")).asFunction()
		i.wantAllDenied()
		i.mustDo(i.attach(ownRole, fullAccess))
	})
	harness.Run(t, "with an API key", func(t *testing.T) {
		i := newIntruderEnv(t, forTeams("BitmovinApiKeySecretArn", secretARN)).asFunction()
		i.wantAllDenied()
		i.mustDo(on(i.secrets.GetSecretValue, secretsmanager.GetSecretValueInput{SecretId: sdk.String(secretARN)}))
		of := func(secret string) map[string][]string {
			return map[string][]string{"kms:EncryptionContext:SecretARN": {secret}}
		}
		i.wantDenied([]attack{
			i.action("kms:Decrypt", keyARN, via("secretsmanager")),
			i.action("kms:Decrypt", keyARN, via("secretsmanager"), of(oldSecretARN)),
			i.action("kms:Decrypt", keyARN, via("s3"), of(secretARN)),
			i.action("kms:Decrypt", keyARN, of(secretARN)),
		})
	})
}

// TestProvidersApart: no function reaches the roles of another provider, in the same region
// or in another, whose prefix does not begin with its own. The prefixes of two stacks that
// give none are apart.
func TestProvidersApart(t *testing.T) {
	t.Parallel()
	for name, prefixes := range map[string][2]string{
		"derived":             {"", ""},
		"one derived":         {"bitmovin-team-", ""},
		"given":               {"bitmovin-a-", "bitmovin-b-"},
		"one ends as another": {"bitmovin-a-", "my-bitmovin-a-"},
	} {
		for _, elsewhere := range []string{region, "us-east-1"} {
			harness.Run(t, name+", "+elsewhere, func(t *testing.T) {
				here := newEnv(t, options{})
				providers := []*env{here, {here.In(elsewhere)}}
				var roles []aws.Role
				for i, e := range providers {
					s, err := e.DeployText(fmt.Sprint("provider-", i), e.Template(), harness.Parameters("RoleNamePrefix", prefixes[i]))
					if err != nil {
						t.Fatal(err)
					}
					roles = append(roles, e.Roles()[aws.RoleKey(account, s.Resources[logicalID].PhysicalID)])
				}
				here.Cloud.Edit(func(s *aws.State) {
					for _, r := range roles {
						s.Roles[aws.RoleKey(account, r.Name)].Trust = trustAccount // else it is what denies
					}
				})
				for i, e := range providers {
					function := e.as(e.functionOf(fmt.Sprint("provider-", i)))
					function.wantDenied(function.attacksOnRole(roles[1-i].ARN(), &roles[i].Boundary))
				}
			})
		}
	}
}

// TestPrefixOfAnothers: where a provider's prefix begins another's, the permissions of its
// function cover the other's roles, as docs/security.md says. No event makes it touch them.
func TestPrefixOfAnothers(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := newProviderEnv(t, options{}, "RoleNamePrefix", "bitmovin-a-")
		_, err := e.DeployText("other", e.Template(), harness.Parameters("RoleNamePrefix", "bitmovin-a-b-"))
		if err != nil {
			t.Fatal(err)
		}
		theirs := e.ExportRole()
		if _, err := e.App(properties{"BucketName": bucketName, "RoleName": theirs.Name}, nil); err == nil || !strings.Contains(err.Error(), "is taken by") {
			t.Errorf("a resource with another provider's role came to %v", err)
		}
		if v := e.Deliver(e.deletion(theirs.Name)); v.Status != "SUCCESS" {
			t.Errorf("the Delete is %+v, want SUCCESS", v)
		}
		if diff := cmp.Diff(theirs, e.ExportRole()); diff != "" {
			t.Errorf("the other provider's role was touched (-before +after):\n%s", diff)
		}
	})
}

func (i intruder) wantAllDenied() {
	i.Helper()
	i.wantDenied(i.attacksOnBoundary())
	for _, arn := range []string{adminRole, otherRole, capitalsRole, pathRole, i.arn} {
		i.wantDenied(i.attacksOnRole(arn, i.boundary()))
	}
	i.wantDenied(i.attacksOnBuckets())
	i.wantDenied(i.attacksBesides())
}

// attacksOnBoundary are attempts to have a role that may do more.
func (i intruder) attacksOnBoundary() []attack {
	own, boundary := sdk.String(nameIn(ownRole)), i.boundary()
	return []attack{
		{"create a role without a boundary", i.create("/", prefix+"new", nil)},
		{"create a role with another boundary", i.create("/", prefix+"new", sdk.String(houseBoundary))},
		{"create a role of any name", i.create("/", "new", boundary)},
		{"create a role with the prefix in capitals", i.create("/", strings.ToUpper(prefix)+"new", boundary)},
		{"create a role with the prefix's beginning", i.create("/", strings.TrimSuffix(prefix, "-"), boundary)},
		{"create a role at a path", i.create("/"+prefix+"path/", prefix+"new", boundary)},
		{"create a role where the function's is", i.create("/bitmovin-provider/", prefix+"new", boundary)},
		{"attach AdministratorAccess", i.attach(ownRole, administratorAccess)},
		{"attach to a role without the boundary", i.attach(unboundedRole, fullAccess)},
		{"put a policy on a role without the boundary", i.putPolicy(unboundedRole)},
		{"put another boundary", i.putBoundary(ownRole, sdk.String(houseBoundary))},
		{"delete the boundary", on(i.iam.DeleteRolePermissionsBoundary, iam.DeleteRolePermissionsBoundaryInput{RoleName: own})},
		i.action("iam:CreatePolicyVersion", *boundary),
		i.action("iam:SetDefaultPolicyVersion", *boundary),
		i.action("iam:DeletePolicy", *boundary),
		i.action("iam:UpdateRole", ownRole),
		i.action("iam:PassRole", ownRole),
		i.action("iam:AddRoleToInstanceProfile", rolesARN[:len(rolesARN)-len("role/")]+"instance-profile/any"),
	}
}

// boundary is the ARN of the provider's boundary.
func (e *env) boundary() *string {
	for _, r := range e.ExportRoles() {
		if r.ARN() == ownRole {
			return &r.Boundary
		}
	}
	e.Fatalf("the role %s is not there", ownRole)
	return nil
}

// attacksOnRole are attempts to use, change or delete a role that is not of the
// prefix, or has a path, or to learn what it may do.
func (i intruder) attacksOnRole(arn string, boundary *string) []attack {
	name := sdk.String(nameIn(arn))
	tag := []types.Tag{{Key: sdk.String("owner"), Value: sdk.String("me")}}
	list := []attack{
		{"put a policy on", i.putPolicy(arn)},
		{"put the boundary on", i.putBoundary(arn, boundary)},
		{"attach a policy to", i.attach(arn, fullAccess)},
		{"assume", on(i.sts.AssumeRole, sts.AssumeRoleInput{RoleArn: &arn, RoleSessionName: sdk.String("intruder")})},
		{"change the trust of", on(i.iam.UpdateAssumeRolePolicy, iam.UpdateAssumeRolePolicyInput{RoleName: name, PolicyDocument: sdk.String(trustAccount)})},
		{"tag", on(i.iam.TagRole, iam.TagRoleInput{RoleName: name, Tags: tag})},
		{"untag", on(i.iam.UntagRole, iam.UntagRoleInput{RoleName: name, TagKeys: []string{"owner"}})},
		{"read a policy of", on(i.iam.GetRolePolicy, iam.GetRolePolicyInput{RoleName: name, PolicyName: sdk.String("All")})},
		{"list the policies of", on(i.iam.ListRolePolicies, iam.ListRolePoliciesInput{RoleName: name})},
		{"list the attached policies of", on(i.iam.ListAttachedRolePolicies, iam.ListAttachedRolePoliciesInput{RoleName: name})},
		{"delete a policy of", on(i.iam.DeleteRolePolicy, iam.DeleteRolePolicyInput{RoleName: name, PolicyName: sdk.String("All")})},
		{"detach a policy from", on(i.iam.DetachRolePolicy, iam.DetachRolePolicyInput{RoleName: name, PolicyArn: sdk.String(administratorAccess)})},
		{"delete", on(i.iam.DeleteRole, iam.DeleteRoleInput{RoleName: name})},
		i.action("iam:PassRole", arn),
	}
	for n := range list {
		list[n].name += " " + arn
	}
	return list
}

// attacksOnBuckets are attempts to read, write or delete customers' objects, or
// to change a bucket.
func (i intruder) attacksOnBuckets() []attack {
	var list []attack
	for _, name := range []string{bucketName, privateBucket} {
		bucket, key := sdk.String(name), sdk.String(customersKey)
		list = append(list,
			attack{"read", on(i.s3.GetObject, s3.GetObjectInput{Bucket: bucket, Key: key})},
			attack{"look at", on(i.s3.HeadObject, s3.HeadObjectInput{Bucket: bucket, Key: key})},
			attack{"write", on(i.s3.PutObject, s3.PutObjectInput{Bucket: bucket, Key: key, Body: strings.NewReader("")})},
			attack{"write a marker", on(i.s3.PutObject, s3.PutObjectInput{Bucket: bucket, Key: sdk.String("_bitmovin-access-check/x"), Body: strings.NewReader("")})},
			attack{"read a marker", on(i.s3.GetObject, s3.GetObjectInput{Bucket: bucket, Key: sdk.String("_bitmovin-access-check/x")})},
			attack{"set the ACL", on(i.s3.PutObjectAcl, s3.PutObjectAclInput{Bucket: bucket, Key: key, ACL: "public-read"})},
			attack{"delete", on(i.s3.DeleteObject, s3.DeleteObjectInput{Bucket: bucket, Key: key})},
			attack{"delete for good", on(i.s3.DeleteObject, s3.DeleteObjectInput{Bucket: bucket, Key: key, VersionId: sdk.String("null")})},
			attack{"delete what looks like a marker", on(i.s3.DeleteObject, s3.DeleteObjectInput{Bucket: bucket, Key: sdk.String("my_bitmovin-access-check/x")})},
			attack{"begin an upload", on(i.s3.CreateMultipartUpload, s3.CreateMultipartUploadInput{Bucket: bucket, Key: key})},
			attack{"abort an upload", on(i.s3.AbortMultipartUpload, s3.AbortMultipartUploadInput{Bucket: bucket, Key: key, UploadId: sdk.String("u1")})},
			attack{"list all versions", on(i.s3.ListObjectVersions, s3.ListObjectVersionsInput{Bucket: bucket})},
			attack{"list versions", on(i.s3.ListObjectVersions, s3.ListObjectVersionsInput{Bucket: bucket, Prefix: key})},
		)
		for _, action := range []string{
			"GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy", "PutBucketAcl", "PutBucketPublicAccessBlock", "PutBucketOwnershipControls",
			"PutEncryptionConfiguration", "PutBucketVersioning", "PutLifecycleConfiguration", "PutReplicationConfiguration",
			"PutBucketNotification", "DeleteBucket", "CreateBucket",
		} {
			list = append(list, i.action("s3:"+action, "arn:aws:s3:::"+name))
		}
		for _, action := range []string{"GetObjectVersion", "GetObjectAcl", "PutObjectTagging", "BypassGovernanceRetention", "RestoreObject"} {
			list = append(list, i.action("s3:"+action, "arn:aws:s3:::"+name+"/"+customersKey))
		}
	}
	return append(list,
		attack{"find the other bucket", on(i.s3.HeadBucket, s3.HeadBucketInput{Bucket: sdk.String(privateBucket)})},
		attack{"delete the other bucket's marker", on(i.s3.DeleteObject, s3.DeleteObjectInput{
			Bucket: sdk.String(privateBucket), Key: sdk.String("_bitmovin-access-check/x"),
		})},
	)
}

// attacksBesides are attempts on what else is in the account.
func (i intruder) attacksBesides() []attack {
	list := []attack{
		{"assume a role of another account", on(i.sts.AssumeRole, sts.AssumeRoleInput{RoleArn: sdk.String(strangersRole), RoleSessionName: sdk.String("intruder")})},
		{"read a secret", on(i.secrets.GetSecretValue, secretsmanager.GetSecretValueInput{SecretId: sdk.String(oldSecretARN)})},
	}
	here := region + ":" + account + ":"
	for resource, actions := range map[string]string{
		"*":                                    "iam:ListRoles iam:CreateServiceLinkedRole s3:ListAllMyBuckets cloudformation:ListStacks logs:DescribeLogGroups",
		"arn:aws:iam::" + account + ":user/me": "iam:CreateUser iam:CreateAccessKey iam:AttachUserPolicy",
		"arn:aws:iam::" + account + ":policy/bitmovin": "iam:CreatePolicy",
		oldSecretARN: "secretsmanager:DescribeSecret secretsmanager:PutSecretValue",
		"arn:aws:ssm:" + here + "parameter/other":             "ssm:GetParameter",
		"arn:aws:lambda:" + here + "function:" + stackName:    "lambda:InvokeFunction lambda:UpdateFunctionCode lambda:UpdateFunctionConfiguration lambda:AddPermission",
		"arn:aws:cloudformation:" + here + "stack/other/1234": "cloudformation:UpdateStack cloudformation:DeleteStack cloudformation:GetTemplate",
		"arn:aws:logs:" + here + "log-group:/other:*":         "logs:CreateLogGroup logs:DeleteLogGroup logs:CreateLogStream logs:PutLogEvents logs:GetLogEvents",
		keyARN: "kms:Decrypt kms:GenerateDataKey kms:CreateGrant kms:PutKeyPolicy",
	} {
		for action := range strings.FieldsSeq(actions) {
			list = append(list, i.action(action, resource))
		}
	}
	// Its own log group would come back with the last lines of a deletion.
	i.Cloud.View(func(s *aws.State) {
		for name := range s.LogGroups {
			list = append(list, i.action("logs:CreateLogGroup", "arn:aws:logs:"+here+"log-group:"+name+":*"))
		}
	})
	return list
}

func (i intruder) create(path, name string, boundary *string) func(context.Context) error {
	return on(i.iam.CreateRole, iam.CreateRoleInput{
		RoleName: &name, Path: &path, AssumeRolePolicyDocument: sdk.String(trustAccount), PermissionsBoundary: boundary,
	})
}

func (i intruder) attach(role, policy string) func(context.Context) error {
	return on(i.iam.AttachRolePolicy, iam.AttachRolePolicyInput{RoleName: sdk.String(nameIn(role)), PolicyArn: &policy})
}

func (i intruder) putPolicy(role string) func(context.Context) error {
	return on(i.iam.PutRolePolicy, iam.PutRolePolicyInput{
		RoleName: sdk.String(nameIn(role)), PolicyName: sdk.String("More"), PolicyDocument: sdk.String(anything),
	})
}

func (i intruder) putBoundary(role string, boundary *string) func(context.Context) error {
	return on(i.iam.PutRolePermissionsBoundary, iam.PutRolePermissionsBoundaryInput{RoleName: sdk.String(nameIn(role)), PermissionsBoundary: boundary})
}
