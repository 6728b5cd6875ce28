package main

import (
	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// lifecycles are those of stacks in which the function does everything that it can
// do, and in which nothing may be denied.
func lifecycles() map[string]func(*env) {
	return map[string]func(*env){
		"restricted":             restrictedLifecycle,
		"full":                   fullLifecycle,
		"drift":                  driftLifecycle,
		"leftovers":              leftoversLifecycle,
		"another boundary":       boundaryLifecycle,
		"provider and consumers": providerLifecycle,
		"key":                    keyLifecycle,
		"registration":           registrationLifecycle,
		"ACLs": func(e *env) {
			e.EditBucket(func(b *aws.Bucket) { b.Ownership = "BucketOwnerPreferred" })
			e.MustDeploy()
		},
		"versions": func(e *env) {
			e.EditBucket(func(b *aws.Bucket) { b.Versioning = "Enabled" })
			e.MustDeploy("ObjectPrefix", "exports/")
		},
		"retention": func(e *env) {
			e.EditBucket(func(b *aws.Bucket) {
				b.Versioning, b.LockEnabled, b.Lock = "Enabled", true, &aws.Retention{Mode: "GOVERNANCE", Days: 1}
			})
			e.MustDeploy()
		},
		"another region": func(e *env) {
			e.EditBucket(func(b *aws.Bucket) { b.Region = "us-east-1" })
			e.MustDeploy()
		},
		"no verification at first": func(e *env) {
			e.MustDeploy("Verification", "Off")
			e.MustDeploy()
		},
	}
}

func restrictedLifecycle(e *env) {
	e.MustDeploy()
	e.MustDeploy("ObjectPrefix", "exports/")
	e.MustDeploy("ProbeWrites", "false", "ObjectPrefix", "exports/")
}

func fullLifecycle(e *env) {
	e.MustDeploy("AllowFullAccess", "true", "AccessMode", "Full")
	e.MustDeploy("AllowFullAccess", "true", "AccessMode", "Restricted")
	e.MustDeploy("AllowFullAccess", "true", "AccessMode", "Full", "ObjectPrefix", "exports/")
}

// driftLifecycle corrects what somebody has changed by hand.
func driftLifecycle(e *env) {
	e.MustDeploy()
	e.tamper(e.ExportRole().Name)
	e.MustDeploy("VerificationTrigger", "again")
	e.tamper(e.ExportRole().Name)
}

// tamper changes everything about a role that has to do with security.
func (e *env) tamper(name string) {
	e.Cloud.Edit(func(s *aws.State) {
		r := s.Roles[aws.RoleKey(account, name)]
		r.Boundary = ""
		r.Trust, r.Inline["More"] = trustAccount, anything
		r.Attached = append(r.Attached, administratorAccess)
	})
}

// leftoversLifecycle deletes what a check that was killed has left in the bucket.
func leftoversLifecycle(e *env) {
	for _, prefix := range []string{"", "exports/"} {
		e.MustDeploy("ObjectPrefix", prefix)
		e.leaveMarkers(bucketName, prefix, e.ExportRole().Name)
		e.Delete(stackName)
	}
}

// leaveMarkers puts into a bucket what a check of the role may leave.
func (e *env) leaveMarkers(bucket, prefix, role string) {
	key := prefix + "_bitmovin-access-check/" + role + "-0123456789abcdef"
	e.Cloud.Edit(func(s *aws.State) {
		b := s.Buckets[bucket]
		b.Versions = append(b.Versions, &aws.Version{Key: key, VersionID: "v1"}, &aws.Version{Key: key + ".absent", VersionID: "v2", DeleteMarker: true})
		b.Uploads = append(b.Uploads, &aws.Upload{Key: key, UploadID: "u1"})
	})
}

// boundaryLifecycle changes from the template's boundary to the organisation's.
func boundaryLifecycle(e *env) {
	e.Cloud.Edit(func(s *aws.State) {
		addHouseBoundary(s, `{"Effect":"Allow","Action":["s3:*","kms:*"],"Resource":"*"}`)
	})
	e.MustDeploy()
	e.MustDeploy("PermissionsBoundaryArn", houseBoundary)
}

// keyLifecycle writes with a customer's key, an object and parts of one.
func keyLifecycle(e *env) {
	e.addKey()
	e.EditBucket(func(b *aws.Bucket) { b.Algorithm, b.KMSKey = "aws:kms", keyARN })
	e.MustDeploy()
	e.MustDeploy("ProbeWrites", "false")
}

// registrationLifecycle registers outputs with a Bitmovin API key in a secret that a
// customer's key encrypts.
func registrationLifecycle(e *env) {
	e.addKey()
	e.Cloud.Edit(func(s *aws.State) { s.SecretKeys[secretARN] = keyARN })
	e.MustDeploy("BitmovinApiKeySecretArn", secretARN)
	e.MustDeploy("BitmovinApiKeySecretArn", secretARN, "ObjectPrefix", "exports/")
}

// addKey makes a key whose policy leaves it to the account's own policies.
func (e *env) addKey() {
	e.Cloud.Edit(func(s *aws.State) {
		s.Keys[keyARN] = &aws.Key{ARN: keyARN, State: "Enabled", Policy: policyOf(keyAllows(`"kms:*"`))}
	})
}

// providerLifecycle serves another stack, with each way of checking and removing. It updates
// in place, and then by replacement, which the parameters of the template alone never do.
func providerLifecycle(e *env) {
	e.Provide("AllowedBucketPrefix", "my-")
	p := properties{"BucketName": bucketName}
	e.MustApp(p.With(properties{"Tags": harness.Tags("team", "analytics")}))
	e.MustApp(p)
	e.MustApp(p.With(properties{"ProbeWrites": "false"}))
	e.MustApp(p.With(properties{"ProbeWrites": "false", "RoleName": harness.RoleNamePrefix + "app"}))
	e.leaveMarkers(bucketName, "", e.ExportRole().Name)
	e.Delete(appStack)
}
