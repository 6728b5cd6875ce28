package verify

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/policy"
)

// cure returns what mends a denial: where to go, and the statement or condition
// to paste there. The role is named by a condition and not as the principal,
// for it is gone again when the author pastes: a policy that names a role which
// does not exist is refused.
func (p *Probe) cure(a checkedAction, d denial) string {
	t := p.target
	if d.ofKey() {
		a = checkedAction{d.action, p.bucket.Key.ARN}
	}
	exempt := policy.Exempt(t.RoleARN)
	switch {
	case d.ofKey() && d.layer == layerIdentity && p.bucket.Key.ARN == "":
		return "set KmsKeyArn to the key that encrypts the bucket by default"
	case d.ofKey() && !d.explicit && d.layer != layerBoundary && d.layer != layerSCP && d.layer != layerEndpoint:
		return "add to the key's policy: " + policy.KeyGrant(t.Bucket.Partition, t.Account, t.RoleARN).String()
	case d.explicit && d.layer != layerUnknown:
		return fmt.Sprintf("exempt the role from the Deny in %s, in its Condition: %s", p.holder(a, d.layer), exempt)
	case d.layer == layerBoundary:
		return fmt.Sprintf("add to the permissions boundary %s: %s", t.Boundary, policy.Allow([]string{a.name}, a.resource))
	case d.layer == layerSCP, d.layer == layerRCP, d.layer == layerEndpoint:
		return fmt.Sprintf("let %s allow: %s", p.holder(a, d.layer), policy.Allow([]string{a.name}, a.resource))
	case a.name == CheckAssumeRole:
		return "give " + t.RoleARN + " more time with another try; if it stays denied, look for a Deny of sts:AssumeRole on the function's role"
	case d.layer == layerIdentity && t.Owner == t.Account:
		return "the role's own policy was changed or has not propagated: change VerificationTrigger to write and check it again"
	default:
		return "add to the bucket policy: " + policy.BucketGrant(t.Bucket, t.Account, t.RoleARN).String()
	}
}

// holder names the policy of a layer, as its owner knows it.
func (p *Probe) holder(a checkedAction, l Layer) string {
	switch l {
	case layerResource:
		if strings.HasPrefix(a.name, "kms:") {
			return "the key policy of " + a.resource
		}
		return "the bucket policy of " + p.target.Bucket.Name
	case layerBoundary:
		return "the permissions boundary " + p.target.Boundary
	default:
		return "the " + string(l)
	}
}

// keyStates are the steps that mend a key which nobody can use as it is.
// https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
func keyStates() map[string]string {
	return map[string]string{
		"KMS.DisabledException":        "enable the KMS key of the bucket's default encryption",
		"KMS.KMSInvalidStateException": "cancel the deletion of the KMS key of the bucket's default encryption, and enable it, or let the bucket use another key",
		"KMS.NotFoundException":        "let the bucket's default encryption use a KMS key that exists in the bucket's region",
	}
}

// cureOf returns what mends a refusal that is no denial, if that is known.
func cureOf(err error) string {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return ""
	}
	return keyStates()[api.ErrorCode()]
}

// reportKeyState records a refusal that is the state of the bucket's KMS key.
func (p *Probe) reportKeyState(err error) {
	if fix := cureOf(err); fix != "" {
		p.Report.Set(CheckEncryption, Fail, "fails: "+short(err), fix)
	}
}
