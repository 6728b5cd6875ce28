package main

import (
	"context"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"

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

func (i intruder) wantAllDenied() {
	i.Helper()
	i.wantDenied(i.attacksOnBoundary())
	for _, arn := range []string{adminRole, otherRole, i.arn} {
		i.wantDenied(i.attacksOnRole(arn))
	}
	i.wantDenied(i.attacksOnBuckets())
	i.wantDenied(i.attacksBesides())
}

// attacksOnBoundary are attempts to have a role that may do more.
func (i intruder) attacksOnBoundary() []attack {
	own, boundary := sdk.String(nameIn(ownRole)), i.boundary()
	return []attack{
		{"create a role without a boundary", i.create(rolePath, nil)},
		{"create a role with another boundary", i.create(rolePath, sdk.String(houseBoundary))},
		{"create a role at the root", i.create("/", boundary)},
		{"create a role above the path", i.create("/bitmovin/", boundary)},
		{"create a role at a path that begins alike", i.create(strings.TrimSuffix(rolePath, "/")+"-2/", boundary)},
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
		i.action("iam:AddRoleToInstanceProfile", rolesARN[:len(rolesARN)-len("role")]+"instance-profile/any"),
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

// attacksOnRole are attempts to use, change or delete a role that is not below
// the path, or to learn what it may do.
func (i intruder) attacksOnRole(arn string) []attack {
	name := sdk.String(nameIn(arn))
	tag := []types.Tag{{Key: sdk.String("owner"), Value: sdk.String("me")}}
	list := []attack{
		{"put a policy on", i.putPolicy(arn)},
		{"put the boundary on", i.putBoundary(arn, i.boundary())},
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
		{"read a secret", on(i.secrets.GetSecretValue, secretsmanager.GetSecretValueInput{SecretId: sdk.String(oldSecretARN)})},
	}
	here := region + ":" + account + ":"
	for resource, actions := range map[string]string{
		"*":                                    "iam:ListRoles iam:CreateServiceLinkedRole s3:ListAllMyBuckets cloudformation:ListStacks logs:DescribeLogGroups",
		"arn:aws:iam::" + account + ":user/me": "iam:CreateUser iam:CreateAccessKey iam:AttachUserPolicy",
		"arn:aws:iam::" + account + ":policy/bitmovin":      "iam:CreatePolicy",
		"arn:aws:iam::999999999999:role/bitmovin/" + region: "sts:AssumeRole",
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

func (i intruder) create(path string, boundary *string) func(context.Context) error {
	return on(i.iam.CreateRole, iam.CreateRoleInput{
		RoleName: sdk.String("new"), Path: &path, AssumeRolePolicyDocument: sdk.String(trustAccount), PermissionsBoundary: boundary,
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
