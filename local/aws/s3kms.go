package aws

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
)

// encrypt checks that the caller may use the key of the bucket's default
// encryption, and returns its ARN; empty if S3 manages the key.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
func (c *Cloud) encrypt(k *call, b *Bucket, action string) (string, error) {
	if !strings.HasPrefix(b.Algorithm, "aws:kms") {
		return "", nil
	}
	arn := c.keyARN(k, b)
	return arn, c.useKey(k, b, arn, action)
}

// managedKey is AWS's own key in every account, aws/s3, as an ARN ends in it.
const managedKey = ":key/aws-s3"

// keyARN finds the key that a bucket names. What is not an ARN, no name at all
// among it, is looked up in the account of the caller, not of the bucket.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_ServerSideEncryptionByDefault.html
func (c *Cloud) keyARN(k *call, b *Bucket) string {
	arn := cmp.Or(b.KMSKey, "alias/aws/s3")
	if !strings.HasPrefix(arn, "arn:") {
		if !strings.HasPrefix(arn, "alias/") {
			arn = "key/" + arn
		}
		arn = "arn:aws:kms:" + b.Region + ":" + k.caller.Account + ":" + arn
	}
	if place, managed := strings.CutSuffix(arn, ":alias/aws/s3"); managed {
		return place + managedKey
	}
	for _, key := range c.state.Keys {
		place := strings.TrimSuffix(key.ARN, key.ARN[strings.LastIndex(key.ARN, ":")+1:])
		alias, isAlias := strings.CutPrefix(arn, place)
		if isAlias && slices.Contains(key.Aliases, alias) {
			return key.ARN
		}
	}
	return arn
}

// useKey decides on what S3 does with a key in the caller's name. AWS's own key
// asks nobody of its account for permission; others cannot use it, for its policy
// cannot be changed.
// https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html
// https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#aws-managed-cmk
func (c *Cloud) useKey(k *call, b *Bucket, arn, action string) error {
	account, _ := splitARN(arn)
	r := request{
		Action: action, Resource: arn, ResourceAccount: account,
		Context: map[string][]string{
			"aws:ViaAWSService":                {"true"},
			"kms:ViaService":                   {"s3." + b.Region + ".amazonaws.com"},
			"kms:EncryptionContext:aws:s3:arn": {k.Resource},
			"kms:EncryptionContextKeys":        {"aws:s3:arn"},
		},
	}
	if strings.HasSuffix(arn, managedKey) {
		if r.Caller = k.caller; account != k.caller.Account {
			return fail(http.StatusForbidden, "AccessDenied", "%s", decision{Layer: LayerKey}.message(r))
		}
		return nil
	}
	key := c.state.Keys[arn]
	if key == nil || c.tooNew(kmsKey(arn)) {
		return fail(http.StatusBadRequest, "KMS.NotFoundException", "Key '%s' does not exist", arn)
	}
	policy, err := parseDocument(LayerKey, c.inForce(kmsKey(arn), key.Policy))
	if err != nil {
		return NotImplemented("the policy of key %s: %v", key.ARN, err)
	}
	r.ResourcePolicy = policy
	if len(key.Aliases) > 0 {
		r.Context["kms:ResourceAliases"] = key.Aliases
	}
	if err := c.allow(k, r); err != nil {
		return err
	}
	return key.usable()
}

// usable follows https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
func (k *Key) usable() error {
	switch k.State {
	case "Enabled":
		return nil
	case "Disabled":
		return fail(http.StatusBadRequest, "KMS.DisabledException", "%s is disabled.", k.ARN)
	case "PendingDeletion":
		return fail(http.StatusBadRequest, "KMS.KMSInvalidStateException", "%s is pending deletion.", k.ARN)
	}
	return fail(http.StatusBadRequest, "KMS.KMSInvalidStateException", "%s is in the state %s.", k.ARN, k.State)
}
