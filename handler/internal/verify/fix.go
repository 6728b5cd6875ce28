package verify

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/awserr"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/lazy"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/policy"
)

// A subject is who was denied a call, with what it lacks and where.
type subject struct {
	// name for the author, and the pattern of ARNs that a condition names it by.
	name, arn string
	// boundary is how the author knows its permissions boundary.
	boundary string
	// lacks is the statement that allows all that it needs of the kind that was denied.
	lacks policy.Statement
	// resource names the policy of what it was denied on, and grant is the
	// statement for it.
	resource string
	grant    policy.Statement
}

// fix returns what resolves a denial of the role's calls: where to go, and the
// statement or condition to paste there. It gives all permissions of a kind at
// once, so that one paste fixes several checks. The role is named by a
// condition and not as the principal, for it is gone again when the author
// pastes: a policy that names a role which does not exist is refused.
func (p *Probe) fix(d awserr.Denial) string {
	t, key := p.target, p.bucket.Key
	s := subject{
		name: "the role", arn: t.RolePattern, boundary: "of the role",
		lacks: t.Bucket.Needs(), resource: "the bucket policy of " + t.Bucket.Name, grant: policy.BucketGrant(t.Bucket, t.Account, t.RolePattern),
	}
	if t.Boundary != "" {
		s.boundary = t.Boundary
	}
	if d.IsKMS() && p.writersKey {
		return ownersKey
	}
	if d.IsKMS() {
		if key.ARN == "" {
			key = policy.Key{ARN: d.Resource, Region: p.region}
		}
		s.lacks, s.resource = key.Needs(), "the policy of the KMS key "+cmp.Or(d.Resource, key.ARN, "of the bucket")
		s.grant = policy.KeyGrant(t.Bucket.Partition, t.Account, t.RolePattern)
		if d.Layer == awserr.Unknown {
			// Of another account's key KMS tells no more than that one of these is so.
			s.resource += ", which must exist in " + p.region
		}
	}
	switch {
	case d.Layer == awserr.IdentityPolicy && d.Explicit:
		return "somebody put another policy on the role while it was checked: find what did, then try again, which removes that policy"
	case d.Layer == awserr.IdentityPolicy && d.IsKMS() && (d.Resource != key.ARN || t.Key == "" && p.bucket.Key.ARN == ""):
		return "set KmsKeyArn to " + cmp.Or(d.Resource, "the ARN of the KMS key that encrypts the bucket by default")
	case d.Layer == awserr.IdentityPolicy:
		return "the role's own policy was changed while it was checked, or takes longer to be in force: try again (a stack that exists: with another VerificationTrigger)"
	case d.Layer == awserr.Unknown && !d.Explicit && !d.IsKMS() && p.Report.check(CheckBucket).Verdict == NotTested:
		return fmt.Sprintf("set BucketOwner to the account that owns the bucket; if that is not %s, its owner adds to %s: %s", t.Account, s.resource, s.grant)
	}
	return s.fix(d)
}

// fixAssume returns what resolves a denial of sts:AssumeRole, which is the
// function's call.
func (p *Probe) fixAssume(d awserr.Denial) string {
	t := p.target
	s := subject{
		name: "the function's role", arn: lasting(t.Verifier), boundary: "of the function's role",
		lacks: policy.Allow([]string{CheckAssumeRole}, t.RolePattern), resource: "the role's trust policy",
	}
	if d.MayLag() {
		return "try again, for IAM may need longer than usual; if it stays denied, look for what denies sts:AssumeRole to " + t.Verifier
	}
	return s.fix(d)
}

// fixRemoval returns what lets the function take the marker away.
func (p *Probe) fixRemoval(d awserr.Denial) string {
	t := p.target
	return p.fixOwn(d, policy.Allow([]string{"s3:DeleteObject", "s3:DeleteObjectVersion", "s3:AbortMultipartUpload"},
		t.Bucket.ARN()+"/"+t.Bucket.Prefix+markerFolder+"*"))
}

// fixReading returns what lets the function read what decides on the exports of
// another account's bucket.
func (p *Probe) fixReading(d awserr.Denial) string {
	return p.fixOwn(d, policy.Allow([]string{"s3:GetEncryptionConfiguration", "s3:GetBucketOwnershipControls"}, p.target.Bucket.ARN()))
}

// fixOwn returns what resolves a denial of a call of the function's own to the bucket.
func (p *Probe) fixOwn(d awserr.Denial, lacks policy.Statement) string {
	t := p.target
	s := subject{
		name: "the function's role", arn: lasting(t.Verifier), boundary: "of the function's role",
		lacks: lacks, resource: "the bucket policy of " + t.Bucket.Name,
	}
	s.grant = policy.Grant(s.lacks, t.Bucket.Partition, t.Account, s.arn)
	return s.fix(d)
}

// madeUp is the end of the names that CloudFormation makes up.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
var madeUp = lazy.Pattern(`-[0-9A-Za-z]{12,13}$`)

// lasting returns the pattern by which others may name the function's role: what
// CloudFormation made up of its name is another when its stack is made anew.
func lasting(arn string) string {
	if end := madeUp().FindString(arn); end != "" && strings.ToLower(end[2:]) != end[2:] {
		return strings.TrimSuffix(arn, end) + "-*"
	}
	return arn
}

// fix returns what resolves a denial by a policy of somebody else's.
func (s subject) fix(d awserr.Denial) string {
	if d.Explicit {
		return fmt.Sprintf("exempt %s from the Deny statement in %s: add to its Condition %s", s.name, s.holder(d.Layer), policy.Exempt(s.arn))
	}
	switch d.Layer {
	case awserr.IdentityPolicy, awserr.Boundary, awserr.SessionPolicy:
		return fmt.Sprintf("add to %s: %s", s.holder(d.Layer), s.lacks)
	case awserr.SCP:
		// Where an SCP's Allow may not name resources, it must name all.
		// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_syntax.html
		return fmt.Sprintf("add to %s, at each level that the account is below: %s", s.holder(d.Layer), policy.Allow(s.lacks.Action, "*"))
	case awserr.RCP:
		return "attach RCPFullAWSAccess again to what the account that owns the resource is below"
	case awserr.EndpointPolicy:
		return fmt.Sprintf("add to %s: %s", s.holder(d.Layer), policy.EndpointGrant(s.lacks, s.arn))
	default:
		return fmt.Sprintf("add to %s: %s", s.resource, s.grant)
	}
}

// holder names the policy of a layer, as its owner knows it.
func (s subject) holder(l awserr.Layer) string {
	switch l {
	case awserr.ResourcePolicy, awserr.TrustPolicy:
		return s.resource
	case awserr.IdentityPolicy:
		return "the policies of " + s.name
	case awserr.Boundary:
		return "the permissions boundary " + s.boundary
	case awserr.SessionPolicy:
		return "the session policy (the check gives its session none)"
	case awserr.SCP:
		return "the organization's service control policy (SCP)"
	case awserr.RCP:
		return "the organization's resource control policy (RCP)"
	case awserr.EndpointPolicy:
		return "the policy of the VPC endpoint that the function's calls pass (Bitmovin's do not)"
	default:
		return "the policy that has it"
	}
}

// keyStates are the steps that repair a key which nobody can use as it is.
// https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
func keyStates() map[string]string {
	return map[string]string{
		"KMS.DisabledException":        "enable the KMS key of the bucket's default encryption",
		"KMS.KMSInvalidStateException": "cancel the deletion of the KMS key of the bucket's default encryption, and enable it, or let the bucket use another key",
		"KMS.NotFoundException":        "let the bucket's default encryption use a KMS key that exists in the bucket's region",
	}
}

// fixOf returns what resolves a refusal that is no denial, if that is known.
func (p *Probe) fixOf(err error) string {
	fix := keyStates()[awserr.Code(err)]
	if fix != "" && p.writersKey {
		return ownersKey
	}
	return fix
}
