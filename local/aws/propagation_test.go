package aws_test

import (
	"context"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

const capPolicy = "arn:aws:iam::" + account + ":policy/cap"

// capped gives the writer a boundary, and the bucket a key.
func capped(s *aws.State) {
	s.Policies[capPolicy] = &aws.ManagedPolicy{ARN: capPolicy, Document: allow(`"*"`, `"*"`)}
	writer := s.Roles[aws.RoleKey(account, "writer")]
	writer.Boundary, writer.Inline["KMS"] = capPolicy, allow(`"kms:*"`, `"*"`)
	s.Keys[keyARN] = &aws.Key{ARN: keyARN, State: "Enabled", Policy: keyPolicy("Allow")}
	s.Buckets[bucket].Algorithm, s.Buckets[bucket].KMSKey = "aws:kms", keyARN
}

func keyPolicy(effect string) string {
	return `{"Statement":[{"Effect":"` + effect + `","Principal":{"AWS":"` + account + `"},"Action":"kms:*","Resource":"*"}]}`
}

// TestPolicyPropagation changes policies that are not a role's own, in both
// directions: each goes on as it was for a while.
func TestPolicyPropagation(t *testing.T) {
	t.Parallel()
	const delay = 8 * time.Second
	for name, change := range map[string]func(s *aws.State, effect string){
		"managed policy": func(s *aws.State, effect string) {
			s.Policies[capPolicy].Document = `{"Statement":[{"Effect":"` + effect + `","Action":"*","Resource":"*"}]}`
		},
		"bucket policy": func(s *aws.State, effect string) {
			s.Buckets[bucket].Policy = bucketPolicy(effect, "s3:PutObject", "exports/*")
		},
		"key policy": func(s *aws.State, effect string) { s.Keys[keyARN].Policy = keyPolicy(effect) },
	} {
		harness.Run(t, name, func(t *testing.T) {
			c := startInMemory(t, aws.Options{PolicyPropagation: delay})
			c.Edit(capped)
			write := func() error { return put("")(t.Context(), s3As(c, writer)) }
			wantCode(t, write(), "")
			c.Edit(func(s *aws.State) { change(s, "Deny") })
			wantCode(t, write(), "")
			time.Sleep(delay)
			wantCode(t, write(), "AccessDenied")
			c.Edit(func(s *aws.State) { change(s, "Allow") })
			wantCode(t, write(), "AccessDenied")
			time.Sleep(delay)
			wantCode(t, write(), "")
		})
	}
}

// TestGetPolicy: what tells when the content of a managed policy was changed.
func TestGetPolicy(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		c := startInMemory(t, aws.Options{})
		get := func(arn string) (*iam.GetPolicyOutput, error) {
			return iamAs(c, admin).GetPolicy(t.Context(), &iam.GetPolicyInput{PolicyArn: &arn})
		}
		_, err := get(capPolicy)
		wantCode(t, err, "NoSuchEntity")
		made := time.Now()
		c.Edit(capped)
		want := func(updated time.Time) {
			t.Helper()
			out, err := get(capPolicy)
			wantCode(t, err, "")
			made, updated := made.Truncate(time.Second), updated.Truncate(time.Second)
			if p := out.Policy; !p.CreateDate.Equal(made) || !p.UpdateDate.Equal(updated) || *p.Arn != capPolicy || *p.PolicyName != "cap" || *p.Path != "/" {
				t.Errorf("got %+v, made at %v and updated at %v, want %v and %v", p, p.CreateDate, p.UpdateDate, made, updated)
			}
		}
		want(made)
		time.Sleep(time.Minute)
		c.Edit(func(s *aws.State) { s.Buckets[bucket].Versioning = "Enabled" })
		want(made)
		c.Edit(func(s *aws.State) {
			s.Policies[capPolicy] = &aws.ManagedPolicy{ARN: capPolicy, Document: allow(`"s3:*"`, `"*"`)}
		})
		want(time.Now())
		_, err = iamAs(c, writer).GetPolicy(t.Context(), &iam.GetPolicyInput{PolicyArn: sdk.String(capPolicy)})
		wantCode(t, err, "AccessDenied")
	})
}

// TestNewBucket: a bucket or key that was just made is not known yet.
func TestNewBucket(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		const delay = 5 * time.Second
		c := startInMemory(t, aws.Options{NewBucketLag: delay})
		write := func() error { return put("")(t.Context(), s3As(c, writer)) }
		wantCode(t, write(), "NoSuchBucket")
		time.Sleep(delay)
		wantCode(t, write(), "")
		c.Edit(capped)
		wantCode(t, write(), "KMS.NotFoundException")
		time.Sleep(delay)
		wantCode(t, write(), "")
		c.Edit(func(s *aws.State) { s.Keys[keyARN].State = "Creating" })
		wantCode(t, write(), "KMS.KMSInvalidStateException")
	})
}

// TestRemovedThingsLag: what was taken from a role still allows, and a role that
// was deleted is still shown.
func TestRemovedThingsLag(t *testing.T) {
	t.Parallel()
	const delay = 12 * time.Second
	name := sdk.String("writer")
	harness.Run(t, "a detached policy", func(t *testing.T) {
		c := startInMemory(t, aws.Options{Propagation: delay})
		c.Edit(func(s *aws.State) {
			r := s.Roles[aws.RoleKey(account, "writer")]
			r.Attached = append(r.Attached, s3FullAccess)
			s.Buckets[bucket].Versions = []*aws.Version{{Key: "old", VersionID: "null", Body: "old"}}
		})
		_, err := iamAs(c, admin).DetachRolePolicy(t.Context(), &iam.DetachRolePolicyInput{RoleName: name, PolicyArn: sdk.String(s3FullAccess)})
		wantCode(t, err, "")
		read := func() error { return getObject("old")(t.Context(), s3As(c, writer)) }
		wantCode(t, read(), "")
		time.Sleep(delay)
		wantCode(t, read(), "AccessDenied")
	})
	harness.Run(t, "a detached policy, and STS knows the role at once", func(t *testing.T) {
		c := startInMemory(t, aws.Options{PolicyPropagation: delay})
		wantCode(t, create(newRole("fresh"))(t.Context(), iamAs(c, admin)), "")
		fresh := "arn:aws:iam::" + account + ":role/bitmovin/fresh"
		_, err := iamAs(c, admin).AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: sdk.String("fresh"), PolicyArn: sdk.String(s3FullAccess)})
		wantCode(t, err, "")
		write := func() error { return put("")(t.Context(), s3As(c, fresh)) }
		wantCode(t, write(), "AccessDenied")
		time.Sleep(delay)
		wantCode(t, write(), "")
		_, err = iamAs(c, admin).DetachRolePolicy(t.Context(), &iam.DetachRolePolicyInput{RoleName: sdk.String("fresh"), PolicyArn: sdk.String(s3FullAccess)})
		wantCode(t, err, "")
		wantCode(t, write(), "")
		time.Sleep(delay)
		wantCode(t, write(), "AccessDenied")
	})
	harness.Run(t, "a deleted role", func(t *testing.T) {
		c := startInMemory(t, aws.Options{ReadLag: delay})
		wantCode(t, create(newRole("fresh"))(t.Context(), iamAs(c, admin)), "")
		time.Sleep(delay)
		_, err := iamAs(c, admin).DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: sdk.String("fresh")})
		wantCode(t, err, "")
		look := func(ctx context.Context) error { return get("fresh")(ctx, iamAs(c, admin)) }
		wantCode(t, look(t.Context()), "")
		time.Sleep(delay)
		wantCode(t, look(t.Context()), "NoSuchEntity")
	})
	harness.Run(t, "a deleted role, whose boundary was deleted after it", func(t *testing.T) {
		c := startInMemory(t, aws.Options{Propagation: delay})
		c.Edit(capped)
		client := s3As(c, writer)
		c.Edit(func(s *aws.State) { s.Roles[aws.RoleKey(account, "writer")].Inline = nil })
		_, err := iamAs(c, admin).DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: sdk.String("writer")})
		wantCode(t, err, "")
		c.Edit(func(s *aws.State) { delete(s.Policies, capPolicy) })
		wantCode(t, put("")(t.Context(), client), "AccessDenied")
	})
}
