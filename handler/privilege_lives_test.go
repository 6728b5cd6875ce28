package main

import (
	"github.com/bitmovin/bitmovin-export-access/local/aws"
)

const (
	keyARN = "arn:aws:kms:" + region + ":" + account + ":key/1234abcd-12ab-34cd-56ef-1234567890ab"
	// houseBoundary is the ARN of an organisation's own boundary.
	houseBoundary       = "arn:aws:iam::" + account + ":policy/house"
	administratorAccess = "arn:aws:iam::aws:policy/AdministratorAccess"
)

// lives are those of stacks in which the function does everything that it
// can do, and in which nothing may be denied.
func lives() map[string]func(*desk) {
	return map[string]func(*desk){
		"restricted":             restrictedLife,
		"full":                   fullLife,
		"drift":                  driftLife,
		"leftovers":              leftoversLife,
		"another boundary":       boundaryLife,
		"provider and consumers": providerLife,
		"key":                    keyLife,
		"registration":           registrationLife,
		"ACLs": func(d *desk) {
			d.editBucket(func(b *aws.Bucket) { b.Ownership = "BucketOwnerPreferred" })
			d.mustDeploy()
		},
		"versions": func(d *desk) {
			d.editBucket(func(b *aws.Bucket) { b.Versioning = "Enabled" })
			d.mustDeploy("ObjectPrefix", "exports/")
		},
		"retention": func(d *desk) {
			d.editBucket(func(b *aws.Bucket) {
				b.Versioning, b.LockEnabled, b.Lock = "Enabled", true, &aws.Retention{Mode: "GOVERNANCE", Days: 1}
			})
			d.mustDeploy()
		},
		"another region": func(d *desk) {
			d.editBucket(func(b *aws.Bucket) { b.Region = "us-east-1" })
			d.mustDeploy()
		},
		"no verification": func(d *desk) { d.mustDeploy("Verification", "Off") },
	}
}

// restrictedLife updates in place, and then by replacement.
func restrictedLife(d *desk) {
	d.mustDeploy()
	d.mustDeploy("ObjectPrefix", "exports/")
	d.mustDeploy("ProbeWrites", "false", "ObjectPrefix", "exports/")
	d.mustDeploy("RoleName", "exports-for-bitmovin", "ProbeWrites", "false")
}

func fullLife(d *desk) {
	d.mustDeploy("AllowFullAccess", "true", "AccessMode", "Full")
	d.mustDeploy("AllowFullAccess", "true", "AccessMode", "Restricted")
	d.mustDeploy("AllowFullAccess", "true", "AccessMode", "Full", "ObjectPrefix", "exports/")
}

// driftLife puts right what somebody has changed by hand.
func driftLife(d *desk) {
	d.mustDeploy()
	d.spoil(d.exportRole().Name)
	d.mustDeploy("VerificationTrigger", "again")
	d.spoil(d.exportRole().Name)
}

// spoil changes everything about a role that has to do with security.
func (d *desk) spoil(name string) {
	d.cloud.Edit(func(s *aws.State) {
		r := s.Roles[aws.RoleKey(account, name)]
		r.Boundary = ""
		r.Trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"sts:AssumeRole"}]}`
		r.Inline["More"] = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
		r.Attached = append(r.Attached, administratorAccess)
	})
}

// leftoversLife deletes what a check that was killed has left in the bucket.
func leftoversLife(d *desk) {
	for _, prefix := range []string{"", "exports/"} {
		d.mustDeploy("ObjectPrefix", prefix)
		d.leave(prefix, d.exportRole().Name)
		d.delete(stackName)
	}
}

// leave puts into the bucket what a check of the role may leave.
func (d *desk) leave(prefix, role string) {
	key := prefix + "_bitmovin-access-check/" + role + "-0123456789abcdef"
	d.editBucket(func(b *aws.Bucket) {
		b.Versions = append(b.Versions, &aws.Version{Key: key, VersionID: "v1"}, &aws.Version{Key: key + ".absent", VersionID: "v2", DeleteMarker: true})
		b.Uploads = append(b.Uploads, &aws.Upload{Key: key, UploadID: "u1"})
	})
}

// boundaryLife changes from the template's boundary to the organisation's.
func boundaryLife(d *desk) {
	d.cloud.Edit(func(s *aws.State) {
		s.Policies[houseBoundary] = &aws.ManagedPolicy{ARN: houseBoundary, Document: `{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Action":["s3:*","kms:*"],"Resource":"*"}]}`}
	})
	d.mustDeploy()
	d.mustDeploy("PermissionsBoundaryArn", houseBoundary)
}

// keyLife writes with a customer's key, an object and parts of one.
func keyLife(d *desk) {
	d.addKey()
	d.editBucket(func(b *aws.Bucket) { b.Algorithm, b.KMSKey = "aws:kms", keyARN })
	d.mustDeploy()
	d.mustDeploy("ProbeWrites", "false")
}

// registrationLife registers outputs with a Bitmovin API key in a secret that a
// customer's key encrypts.
func registrationLife(d *desk) {
	d.addKey()
	d.addSecrets()
	d.cloud.Edit(func(s *aws.State) { s.SecretKeys[secretARN] = keyARN })
	d.mustDeploy("BitmovinApiKeySecretArn", secretARN)
	d.mustDeploy("BitmovinApiKeySecretArn", secretARN, "ObjectPrefix", "exports/")
}

// addKey makes a key whose policy leaves it to the account's own policies.
func (d *desk) addKey() {
	d.cloud.Edit(func(s *aws.State) {
		s.Keys[keyARN] = &aws.Key{ARN: keyARN, State: "Enabled", Policy: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
			"Principal":{"AWS":"arn:aws:iam::` + account + `:root"},"Action":"kms:*","Resource":"*"}]}`}
	})
}

// providerLife serves another stack, with each way of checking and removing.
func providerLife(d *desk) {
	d.provide("AllowedBucketPrefix", "my-")
	p := properties{"BucketName": bucketName}
	d.mustApp(p.with(properties{"Tags": tags("team", "analytics")}))
	d.mustApp(p)
	d.mustApp(p.with(properties{"ProbeWrites": "false"}))
	d.leave("", d.exportRole().Name)
	d.delete(appStack)
}
