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
	if diff := cmp.Diff(clean(), d.checks(d.last())); diff != "" {
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

// denyRoles is a bucket policy that denies an action to the export roles.
func denyRoles(action string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"House","Effect":"Deny","Principal":"*","Action":%q,
		"Resource":["arn:aws:s3:::%s","arn:aws:s3:::%[2]s/*"],
		"Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/bitmovin/*"}}}]}`, action, bucketName)
}

func TestPropagation(t *testing.T) {
	for _, delay := range []time.Duration{5 * time.Second, 15 * time.Second} {
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
