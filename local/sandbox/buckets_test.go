package sandbox

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/bitmovin/bitmovin-export-access/local/bitmovin"
)

// testBuckets has a consumer stack, through the export, for a bucket of each
// kind.
func (s *suite) testBuckets() {
	key := strings.TrimSpace(s.aws("kms", "create-key", "--query", "KeyMetadata.Arn", "--output", "text"))
	kinds := map[string]struct {
		prepare func(name string)
		locked  bool
		prefix  string
		want    map[string]string
	}{
		"plain":     {want: aclsOff},
		"prefixed":  {prefix: "exports/", want: aclsOff},
		"versioned": {prepare: s.version, want: aclsOff},
		"encrypted": {prepare: func(name string) { s.encrypt(name, key) }, want: aclsOff},
		"locked":    {prepare: s.lock, locked: true, want: retained},
	}
	for name, kind := range kinds {
		_, err := s.s3.CreateBucket(s.Context(), &s3.CreateBucketInput{Bucket: &name, ObjectLockEnabledForBucket: &kind.locked})
		if err != nil {
			s.Fatal(err)
		}
		if kind.prepare != nil {
			kind.prepare(name)
		}
		s.create("kind-"+name, s.consumer(), map[string]string{"BucketName": name, "ObjectPrefix": kind.prefix})
	}
	var stacks []string
	for name, kind := range kinds {
		stacks = append(stacks, "kind-"+name)
		s.wantStatus("kind-"+name, "CREATE_COMPLETE")
		s.wantVerified("kind-"+name, kind.want)
		s.wantNoObjects(name)
	}
	s.deleteStacks(stacks...)
	for name := range kinds {
		s.removeBucket(name)
	}
	s.aws("kms", "schedule-key-deletion", "--key-id", key, "--pending-window-in-days", "7")
}

func (s *suite) version(name string) {
	s.Helper()
	_, err := s.s3.PutBucketVersioning(s.Context(), &s3.PutBucketVersioningInput{
		Bucket: &name, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	})
	if err != nil {
		s.Fatal(err)
	}
}

func (s *suite) encrypt(name, key string) {
	s.Helper()
	_, err := s.s3.PutBucketEncryption(s.Context(), &s3.PutBucketEncryptionInput{
		Bucket: &name, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
			Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{
				SSEAlgorithm: types.ServerSideEncryptionAwsKms, KMSMasterKeyID: &key,
			}}},
		},
	})
	if err != nil {
		s.Fatal(err)
	}
}

func (s *suite) lock(name string) {
	s.Helper()
	_, err := s.s3.PutObjectLockConfiguration(s.Context(), &s3.PutObjectLockConfigurationInput{
		Bucket: &name, ObjectLockConfiguration: &types.ObjectLockConfiguration{
			ObjectLockEnabled: types.ObjectLockEnabledEnabled,
			Rule: &types.ObjectLockRule{DefaultRetention: &types.DefaultRetention{
				Mode: types.ObjectLockRetentionModeGovernance, Days: aws.Int32(1),
			}},
		},
	})
	if err != nil {
		s.Fatal(err)
	}
}

func (s *suite) putBucketPolicy(statement map[string]any) {
	s.Helper()
	policy, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{statement}})
	if err != nil {
		s.Fatal(err)
	}
	if _, err := s.s3.PutBucketPolicy(s.Context(), &s3.PutBucketPolicyInput{Bucket: aws.String(bucket), Policy: aws.String(string(policy))}); err != nil {
		s.Fatal(err)
	}
}

// wantNoObjects checks that a check has left neither a version nor an upload.
func (s *suite) wantNoObjects(name string) {
	s.Helper()
	versions, err := s.s3.ListObjectVersions(s.Context(), &s3.ListObjectVersionsInput{Bucket: &name})
	if err != nil {
		s.Fatal(err)
	}
	uploads, err := s.s3.ListMultipartUploads(s.Context(), &s3.ListMultipartUploadsInput{Bucket: &name})
	if err != nil {
		s.Fatal(err)
	}
	if n := len(versions.Versions) + len(versions.DeleteMarkers) + len(uploads.Uploads); n != 0 {
		s.Errorf("the bucket %s has %d objects, delete markers and uploads: %v %v", name, n, versions, uploads)
	}
}

func (s *suite) removeBucket(name string) {
	s.Helper()
	s.wantNoObjects(name)
	if _, err := s.s3.DeleteBucket(s.Context(), &s3.DeleteBucketInput{Bucket: &name}); err != nil {
		s.Fatal(err)
	}
}

// testExamples deploys every example that needs no second account with the AWS
// CLI, in order, and deletes them.
func (s *suite) testExamples() {
	secret := strings.TrimSpace(s.aws("secretsmanager", "create-secret", "--name", "bitmovin-api-key", "--secret-string", apiKey,
		"--query", "ARN", "--output", "text"))
	s.deployProvider("BitmovinApiKeySecretArn=" + secret)
	if _, err := s.s3.CreateBucket(s.Context(), &s3.CreateBucketInput{Bucket: aws.String("my-videos")}); err != nil {
		s.Fatal(err)
	}
	s.deployExamples([][]example{
		{{"bucket-and-access", ""}},
		{{"kms-bucket", "BucketName=my-kms-exports"}, {"kms-access", "BucketName=my-kms-exports"}},
		{{"many-buckets", "LiveBucketName=" + bucket + " VodBucketName=my-videos"}},
		{{"registered-output", "RoleNameSuffix=registered ApiKeySecretArn=" + secret}},
	})
	s.wantRegistered("registered-output")
	s.deleteStacks("registered-output", "many-buckets", "kms-access", "kms-bucket", "bucket-and-access")
	s.deployProvider(`BitmovinApiKeySecretArn='""'`)
	s.aws("secretsmanager", "delete-secret", "--secret-id", secret, "--force-delete-without-recovery")
}

// deployProvider deploys the provider as README tells, with a parameter.
func (s *suite) deployProvider(parameter string) {
	s.Helper()
	out, err := s.tryInput("y\n", "make", "deploy", "CONFIG_ENV=provider", "PARAMETERS="+parameter)
	if err != nil {
		s.Fatal(err)
	}
	if !strings.Contains(out, "Successfully created/updated stack") {
		s.Errorf("make deploy:\n%s", out)
	}
}

// An example is a file of examples/ with its parameters.
type example struct{ file, parameters string }

// deployExamples deploys groups of examples side by side, for the AWS CLI looks
// only every half a minute whether a stack is there; within a group one comes
// after the other. No example must be left out.
func (s *suite) deployExamples(groups [][]example) {
	s.Helper()
	left := s.exampleFiles()
	delete(left, "cross-account-bucket") // needs a second account
	delete(left, "cross-account-access") // needs a second account
	done := make(chan error)
	for _, group := range groups {
		go func() {
			var err error
			for _, x := range group {
				args := []string{"cloudformation", "deploy", "--stack-name", x.file, "--template-file", "examples/" + x.file + ".yaml"}
				if x.parameters != "" {
					args = append(append(args, "--parameter-overrides"), strings.Fields(x.parameters)...)
				}
				_, failed := s.tryInput("", "aws", args...)
				err = errors.Join(err, failed)
			}
			done <- err
		}()
	}
	for range groups {
		if err := <-done; err != nil {
			s.Error(err)
		}
	}
	for _, group := range groups {
		for _, x := range group {
			delete(left, x.file)
			s.wantStatus(x.file, "CREATE_COMPLETE")
			if verified, ok := s.outputs(x.file)["AccessVerified"]; ok && verified != "true" {
				s.Errorf("%s: AccessVerified = %s, want true", x.file, verified)
			}
		}
	}
	for file := range left {
		s.Errorf("examples/%s.yaml was not deployed", file)
	}
}

func (s *suite) exampleFiles() map[string]bool {
	s.Helper()
	entries, err := os.ReadDir(filepath.Join(s.dir, "examples"))
	if err != nil {
		s.Fatal(err)
	}
	files := map[string]bool{}
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".yaml"); ok {
			files[name] = true
		}
	}
	return files
}

// wantRegistered checks that Bitmovin has the output of a stack, with the role.
func (s *suite) wantRegistered(stack string) {
	s.Helper()
	s.api.View(func(state *bitmovin.State) {
		if len(state.Outputs) != 1 {
			s.Fatalf("Bitmovin has %d outputs, want one", len(state.Outputs))
		}
		output := state.Outputs[0]
		if id := s.outputs(stack)["OutputId"]; output.ID != id || !regexp.MustCompile(`:role/bitmovin-export-[0-9a-f]{8}-registered$`).MatchString(output.RoleARN) {
			s.Errorf("Bitmovin has the output %+v, the stack %s", output, id)
		}
	})
}

// removeRetained removes what the examples keep, and what this test made.
func (s *suite) removeRetained() {
	s.Helper()
	for _, name := range s.inventory()["buckets"] {
		if !strings.HasPrefix(name, managedStack) {
			s.removeBucket(name)
		}
	}
	for _, key := range strings.Fields(s.aws("kms", "list-keys", "--query", "Keys[].KeyId", "--output", "text")) {
		state := s.aws("kms", "describe-key", "--key-id", key, "--query", "KeyMetadata.[KeyState, KeyManager]", "--output", "text")
		if strings.HasPrefix(state, "Enabled") && strings.Contains(state, "CUSTOMER") {
			s.aws("kms", "schedule-key-deletion", "--key-id", key, "--pending-window-in-days", "7")
		}
	}
}

// removeManaged removes the stack that SAM made for its uploads.
func (s *suite) removeManaged() {
	s.Helper()
	name := aws.String(s.physicalID(managedStack, "SamCliSourceBucket"))
	out, err := s.s3.ListObjectVersions(s.Context(), &s3.ListObjectVersionsInput{Bucket: name})
	if err != nil {
		s.Fatal(err)
	}
	var left []types.ObjectIdentifier
	for _, v := range out.Versions {
		left = append(left, types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
	}
	for _, m := range out.DeleteMarkers {
		left = append(left, types.ObjectIdentifier{Key: m.Key, VersionId: m.VersionId})
	}
	if _, err := s.s3.DeleteObjects(s.Context(), &s3.DeleteObjectsInput{Bucket: name, Delete: &types.Delete{Objects: left}}); err != nil {
		s.Fatal(err)
	}
	s.deleteStacks(managedStack)
}
