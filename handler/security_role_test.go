package main

import (
	"context"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// TestIntruderInRole: whoever holds an export role does the four actions on the
// bucket and nothing else, whatever is attached to the role.
func TestIntruderInRole(t *testing.T) {
	t.Parallel()
	harness.Run(t, "as it is made", func(t *testing.T) {
		i := newIntruderEnv(t, forTeams()).as(bitmovinUser).assume(ownRole, "external-id")
		i.wantTheFour()
		i.wantDenied(i.attacksBeyondTheFour())
	})
	harness.Run(t, "with AdministratorAccess", func(t *testing.T) {
		e := newIntruderEnv(t, forTeams())
		e.Cloud.Edit(func(s *aws.State) {
			r := s.Roles[aws.RoleKey(account, nameIn(ownRole))]
			r.Attached, r.Inline["All"] = append(r.Attached, administratorAccess), anything
			s.Buckets[bucketName].Policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + ownRole + `"},
				"Action":["s3:GetObject","s3:DeleteObject"],"Resource":"arn:aws:s3:::` + bucketName + `/*"}]}`
		})
		i := e.as(bitmovinUser).assume(ownRole, "external-id")
		i.wantTheFour()
		i.wantDenied(i.attacksBeyondTheFour())
	})
	harness.Run(t, "made by an intruder in the function", func(t *testing.T) {
		made := rolesARN + prefix + "new"
		f := newIntruderEnv(t, forTeams()).asFunction()
		f.mustDo(f.create("/", nameIn(made), f.boundary()), f.putPolicy(made))
		i := f.assume(made, "")
		i.wantTheFour()
		i.wantDenied(i.attacksBeyondTheFour())
		f.mustDo(
			on(f.iam.DeleteRolePolicy, iam.DeleteRolePolicyInput{RoleName: sdk.String(nameIn(made)), PolicyName: sdk.String("More")}),
			on(f.iam.DeleteRole, iam.DeleteRoleInput{RoleName: sdk.String(nameIn(made))}),
		)
	})
	harness.Run(t, "without its external id", func(t *testing.T) {
		e := newIntruderEnv(t, forTeams())
		assume := func(i intruder, id *string) func(context.Context) error {
			return on(i.sts.AssumeRole, sts.AssumeRoleInput{RoleArn: sdk.String(ownRole), RoleSessionName: sdk.String("intruder"), ExternalId: id})
		}
		bitmovin, function := e.as(bitmovinUser), e.asFunction()
		bitmovin.wantDenied([]attack{
			{"assume without an external id", assume(bitmovin, nil)},
			{"assume with another external id", assume(bitmovin, sdk.String("external-id-2"))},
			{"assume with a pattern", assume(bitmovin, sdk.String("external-i/"))},
		})
		function.wantDenied([]attack{{"assume when nothing is checked", assume(function, sdk.String("external-id"))}})
	})
}

// mustDo makes calls that are allowed.
func (i intruder) mustDo(calls ...func(context.Context) error) {
	i.Helper()
	for _, call := range calls {
		if err := call(i.Context()); err != nil {
			i.Fatal(err)
		}
	}
}

// wantTheFour checks that the session can do what an export does.
func (i intruder) wantTheFour() {
	i.Helper()
	bucket := sdk.String(bucketName)
	i.mustDo(
		on(i.s3.GetBucketLocation, s3.GetBucketLocationInput{Bucket: bucket}),
		on(i.s3.ListObjectsV2, s3.ListObjectsV2Input{Bucket: bucket}),
		on(i.s3.PutObject, s3.PutObjectInput{
			Bucket: bucket, Key: sdk.String("export.csv"), ACL: "bucket-owner-full-control", Body: strings.NewReader(""),
		}),
	)
}

// attacksBeyondTheFour are attempts to do anything but what an export does.
func (i intruder) attacksBeyondTheFour() []attack {
	bucket, private, key := sdk.String(bucketName), sdk.String(privateBucket), sdk.String(customersKey)
	list := []attack{
		{"read", on(i.s3.GetObject, s3.GetObjectInput{Bucket: bucket, Key: key})},
		{"look at", on(i.s3.HeadObject, s3.HeadObjectInput{Bucket: bucket, Key: key})},
		{"delete", on(i.s3.DeleteObject, s3.DeleteObjectInput{Bucket: bucket, Key: key})},
		{"delete for good", on(i.s3.DeleteObject, s3.DeleteObjectInput{Bucket: bucket, Key: key, VersionId: sdk.String("null")})},
		{"list versions", on(i.s3.ListObjectVersions, s3.ListObjectVersionsInput{Bucket: bucket})},
		{"list uploads", on(i.s3.ListMultipartUploads, s3.ListMultipartUploadsInput{Bucket: bucket})},
		{"write elsewhere", on(i.s3.PutObject, s3.PutObjectInput{Bucket: private, Key: key, Body: strings.NewReader("")})},
		{"list elsewhere", on(i.s3.ListObjectsV2, s3.ListObjectsV2Input{Bucket: private})},
		{"read elsewhere", on(i.s3.GetObject, s3.GetObjectInput{Bucket: private, Key: key})},
		{"assume another role", on(i.sts.AssumeRole, sts.AssumeRoleInput{RoleArn: sdk.String(adminRole), RoleSessionName: sdk.String("intruder")})},
		{"get its own role", on(i.iam.GetRole, iam.GetRoleInput{RoleName: sdk.String(nameIn(i.arn))})},
		{"put a policy on its own role", i.putPolicy(i.arn)},
		{"attach to its own role", i.attach(i.arn, administratorAccess)},
		{"delete its own boundary", on(i.iam.DeleteRolePermissionsBoundary, iam.DeleteRolePermissionsBoundaryInput{RoleName: sdk.String(nameIn(i.arn))})},
	}
	for _, action := range []string{
		"PutBucketPolicy", "DeleteBucketPolicy", "GetBucketPolicy", "PutBucketAcl", "PutBucketPublicAccessBlock", "PutLifecycleConfiguration",
		"PutReplicationConfiguration", "PutEncryptionConfiguration", "DeleteBucket", "CreateBucket",
	} {
		list = append(list, i.action("s3:"+action, "arn:aws:s3:::"+bucketName))
	}
	for _, action := range []string{"GetObjectVersion", "GetObjectAcl", "PutObjectTagging", "DeleteObjectTagging", "BypassGovernanceRetention"} {
		list = append(list, i.action("s3:"+action, "arn:aws:s3:::"+bucketName+"/"+customersKey))
	}
	return append(list, i.attacksOnKeys()...)
}

// attacksOnKeys are attempts to use a key, whose policy leaves it to the
// account's policies, other than S3 does to write.
func (i intruder) attacksOnKeys() []attack {
	return []attack{
		i.action("kms:Decrypt", keyARN),
		i.action("kms:GenerateDataKey", keyARN),
		i.action("kms:Decrypt", keyARN, via("secretsmanager")),
		i.action("kms:GenerateDataKey", keyARN, via("s3-object-lambda")),
		i.action("kms:Encrypt", keyARN, via("s3")),
		i.action("kms:CreateGrant", keyARN, via("s3")),
		i.action("kms:PutKeyPolicy", keyARN),
	}
}
