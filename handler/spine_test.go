package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
)

// published is the policy that Bitmovin publishes, for the desk's bucket.
const published = `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "BitmovinOutputBucketPermissions",
      "Effect": "Allow",
      "Action": ["s3:ListBucket", "s3:GetBucketLocation"],
      "Resource": "arn:aws:s3:::my-analytics-exports"
    },
    {
      "Sid": "BitmovinOutputObjectPermissions",
      "Effect": "Allow",
      "Action": ["s3:PutObject", "s3:PutObjectAcl"],
      "Resource": "arn:aws:s3:::my-analytics-exports/*"
    }
  ]
}`

// publishedBelow is the published policy for a prefix in the bucket.
func publishedBelow(prefix string) string {
	return strings.Replace(published, bucketName+"/*", bucketName+"/"+prefix+"*", 1)
}

// bitmovinTrust is Bitmovin's statement alone.
func bitmovinTrust(externalID string) string {
	return fmt.Sprintf(`{
  "Version": "2012-10-17",
  "Statement": [{
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::630681592166:user/bitmovinCustomerS3Access"},
    "Action": "sts:AssumeRole",
    "Condition": {"StringEquals": {"sts:ExternalId": %q}}
  }]
}`, externalID)
}

func TestCreate(t *testing.T) {
	d := newDesk(t, options{})
	s := d.mustDeploy()

	role := d.exportRole()
	if diff := cmp.Diff(decode(t, bitmovinTrust(s.Outputs["ExternalId"])), decode(t, role.Trust)); diff != "" {
		t.Errorf("trust policy (-want +got):\n%s", diff)
	}
	if len(role.Inline) != 1 || len(role.Attached) != 0 {
		t.Errorf("policies: inline %v, attached %v, want one inline", role.Inline, role.Attached)
	}
	for _, text := range role.Inline {
		if diff := cmp.Diff(decode(t, published), decode(t, text)); diff != "" {
			t.Errorf("policy (-want +got):\n%s", diff)
		}
	}
	want := map[string]string{
		"Bucket": "PASS", "sts:AssumeRole": "PASS", "s3:GetBucketLocation": "PASS", "s3:ListBucket": "PASS",
		"s3:PutObject": "PASS", "s3:PutObjectAcl": "PASS", "NoReadAccess": "PASS", "NoDeleteAccess": "PASS",
		"TrustPolicy": "PASS", "Encryption": "PASS", "ObjectOwnership": "WARN", "ObjectLock": "PASS",
	}
	if diff := cmp.Diff(want, d.checks(d.last())); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
	if got := s.Outputs["AccessVerified"]; got != "true" {
		t.Errorf("AccessVerified = %s, want true", got)
	}
	if got := s.Outputs["RoleArn"]; got != role.ARN() {
		t.Errorf("RoleArn = %s, want %s", got, role.ARN())
	}
	wantTags := map[string]string{"bitmovin-export-access:stack-id": s.ID, "bitmovin-export-access:logical-id": logicalID}
	if diff := cmp.Diff(wantTags, role.Tags); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	wantWrites := []string{"CreateRole", "PutRolePolicy", "UpdateAssumeRolePolicy"}
	if diff := cmp.Diff(wantWrites, d.writes()); diff != "" {
		t.Errorf("IAM writes, the tags in the first (-want +got):\n%s", diff)
	}
}

// TestDenied: a bucket policy that denies an action fails the stack with the
// action, the layer and what to paste; and nothing is left.
func TestDenied(t *testing.T) {
	for _, action := range []string{"s3:GetBucketLocation", "s3:ListBucket", "s3:PutObject", "s3:PutObjectAcl"} {
		t.Run(action, func(t *testing.T) {
			d := newDesk(t, options{})
			d.editBucket(func(b *aws.Bucket) { b.Policy = denyRoles(action) })
			s, err := d.deploy()
			if err == nil {
				t.Fatal("the stack was created")
			}
			if s.Status != "ROLLBACK_COMPLETE" {
				t.Errorf("stack is %s, want ROLLBACK_COMPLETE", s.Status)
			}
			for _, want := range []string{action, "explicit Deny in the bucket policy", `{"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::` + account + `:role/bitmovin/`} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("reason does not name %q: %v", want, err)
				}
			}
			if roles := d.exportRoles(); len(roles) != 0 {
				t.Errorf("roles are left: %v", roles)
			}
		})
	}
}

// denyRoles is a bucket policy that denies an action to the export roles.
func denyRoles(action string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"House","Effect":"Deny","Principal":"*","Action":%q,
		"Resource":["arn:aws:s3:::%s","arn:aws:s3:::%[2]s/*"],
		"Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/bitmovin/*"}}}]}`, action, bucketName)
}

func TestMissingBucket(t *testing.T) {
	d := newDesk(t, options{})
	d.cloud.Edit(func(s *aws.State) { delete(s.Buckets, bucketName) })
	_, err := d.deploy()
	if err == nil || !strings.Contains(err.Error(), bucketName+" does not exist") {
		t.Errorf("error %v, want one that says the bucket does not exist", err)
	}
	if writes := d.writes(); len(writes) != 0 {
		t.Errorf("IAM was written: %v", writes)
	}
}

func TestPropagation(t *testing.T) {
	for _, delay := range []time.Duration{0, 5 * time.Second, 15 * time.Second} {
		t.Run(delay.String(), func(t *testing.T) {
			d := newDesk(t, options{Options: aws.Options{Propagation: delay}})
			if got := d.mustDeploy().Outputs["AccessVerified"]; got != "true" {
				t.Errorf("AccessVerified = %s, want true", got)
			}
		})
	}
	t.Run("for ever", func(t *testing.T) {
		d := newDesk(t, options{Options: aws.Options{Propagation: time.Hour}, timeout: 12 * time.Second})
		_, err := d.deploy()
		if err == nil || !strings.Contains(err.Error(), "has not propagated") {
			t.Errorf("error %v, want one that says the role has not propagated", err)
		}
		for _, a := range d.engine.Requests()[0].Invocation.Wait() {
			if a.TimedOut {
				t.Error("the function ran into its deadline")
			}
		}
	})
}

func TestUpdate(t *testing.T) {
	t.Run("in place", func(t *testing.T) {
		d := newDesk(t, options{})
		id := d.mustDeploy().Resources[logicalID].PhysicalID
		s := d.mustDeploy("ObjectPrefix", "analytics/")
		if got := s.Resources[logicalID].PhysicalID; got != id {
			t.Errorf("physical id %s, want %s as before", got, id)
		}
		if got := s.Outputs["AccessVerified"]; got != "true" {
			t.Errorf("AccessVerified = %s, want true", got)
		}
		for _, text := range d.exportRole().Inline {
			if !strings.Contains(text, `arn:aws:s3:::`+bucketName+`/analytics/*`) {
				t.Errorf("policy %s has no prefix", text)
			}
		}
	})
	t.Run("of nothing", func(t *testing.T) {
		d := newDesk(t, options{})
		d.mustDeploy()
		before := d.exportRole()
		since := len(d.writes())
		d.mustDeploy("VerificationTrigger", "again")
		if diff := cmp.Diff(before, d.exportRole()); diff != "" {
			t.Errorf("the role changed (-before +after):\n%s", diff)
		}
		want := []string{"UpdateAssumeRolePolicy", "UpdateAssumeRolePolicy"}
		if diff := cmp.Diff(want, d.writes()[since:]); diff != "" {
			t.Errorf("IAM writes, the verifier statement in and out (-want +got):\n%s", diff)
		}
	})
	t.Run("replacing", func(t *testing.T) {
		d := newDesk(t, options{})
		d.mustDeploy("RoleName", "before")
		s := d.mustDeploy("RoleName", "after")
		if got := s.Resources[logicalID].PhysicalID; got != "after" {
			t.Errorf("physical id %s, want after", got)
		}
		if got := d.exportRole().Name; got != "after" {
			t.Errorf("role %s is there, want after", got)
		}
	})
	t.Run("that a bucket policy breaks", func(t *testing.T) {
		d := newDesk(t, options{})
		d.mustDeploy()
		before := d.exportRole()
		d.editBucket(func(b *aws.Bucket) { b.Policy = denyRoles("s3:PutObject") })
		s, err := d.deploy("ObjectPrefix", "analytics/")
		if err == nil || s.Status != "UPDATE_ROLLBACK_COMPLETE" {
			t.Fatalf("stack is %s (%v), want UPDATE_ROLLBACK_COMPLETE", s.Status, err)
		}
		if diff := cmp.Diff(before, d.exportRole()); diff != "" {
			t.Errorf("the role was not restored (-before +after):\n%s", diff)
		}
	})
}

func TestDeleteLeavesForeignRole(t *testing.T) {
	d := newDesk(t, options{})
	foreign := &aws.Role{Account: account, Name: "taken", Path: "/", Trust: bitmovinTrust("theirs")}
	d.leaves[aws.RoleKey(account, "taken")] = true
	d.cloud.Edit(func(s *aws.State) { s.Roles[aws.RoleKey(account, "taken")] = foreign })
	s, err := d.deploy("RoleName", "taken")
	if err == nil || !strings.Contains(err.Error(), "is taken by") {
		t.Errorf("error %v, want one that says whose the name is", err)
	}
	if s.Status != "ROLLBACK_COMPLETE" {
		t.Errorf("stack is %s, want ROLLBACK_COMPLETE", s.Status)
	}
	if writes := d.writes(); len(writes) != 0 {
		t.Errorf("IAM was written: %v", writes)
	}
}

// TestMalformedRoleName: a name that no role can have fails the resource, and
// does not strand its stack.
func TestMalformedRoleName(t *testing.T) {
	for _, name := range []string{"a*", "../x", "ä"} {
		t.Run(name, func(t *testing.T) {
			d := newApp(t)
			s, err := d.app(properties{"BucketName": bucketName, "RoleName": name}, nil)
			if err == nil || !strings.Contains(err.Error(), "property RoleName must be") || s.Status != "ROLLBACK_COMPLETE" {
				t.Errorf("stack is %s (%v), want ROLLBACK_COMPLETE for RoleName", s.Status, err)
			}
		})
	}
}
