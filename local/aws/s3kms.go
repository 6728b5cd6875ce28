package aws

import (
	"net/http"
	"slices"
	"strings"
)

// encrypt checks that the caller may use the key of the bucket's default
// encryption, and returns its ARN; empty if S3 or AWS manages the key, which
// asks no one for permission.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
func (c *Cloud) encrypt(k *call, b *Bucket, action string) (string, error) {
	if !strings.HasPrefix(b.Algorithm, "aws:kms") || b.KMSKey == "" ||
		b.KMSKey == "alias/aws/s3" || strings.HasSuffix(b.KMSKey, ":alias/aws/s3") {
		return "", nil
	}
	key := c.key(k, b)
	if err := c.useKey(k, b, key, action); err != nil {
		return "", err
	}
	return key.ARN, nil
}

// key finds the key that a bucket names. What is not an ARN is looked up in the
// account of the caller, not of the bucket.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-bucket-encryption.html
func (c *Cloud) key(k *call, b *Bucket) *Key {
	arn := b.KMSKey
	if !strings.HasPrefix(arn, "arn:") {
		if !strings.HasPrefix(arn, "alias/") {
			arn = "key/" + arn
		}
		arn = "arn:aws:kms:" + b.Region + ":" + k.caller.Account + ":" + arn
	}
	for _, key := range c.state.Keys {
		place := strings.TrimSuffix(key.ARN, key.ARN[strings.LastIndex(key.ARN, ":")+1:])
		alias, isAlias := strings.CutPrefix(arn, place)
		if key.ARN == arn || isAlias && slices.Contains(key.Aliases, alias) {
			return key
		}
	}
	return nil
}

// useKey decides on what S3 does with a key in the caller's name.
// https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html
func (c *Cloud) useKey(k *call, b *Bucket, key *Key, action string) error {
	if key == nil {
		return fail(http.StatusBadRequest, "KMS.NotFoundException", "Key '%s' does not exist", b.KMSKey)
	}
	policy, err := parseDocument(LayerKey, key.Policy)
	if err != nil {
		return NotImplemented("the policy of key %s: %v", key.ARN, err)
	}
	account, _ := splitARN(key.ARN)
	r := request{
		Action: action, Resource: key.ARN, ResourceAccount: account, ResourcePolicy: policy,
		Context: map[string][]string{
			"aws:ViaAWSService":                {"true"},
			"kms:ViaService":                   {"s3." + b.Region + ".amazonaws.com"},
			"kms:EncryptionContext:aws:s3:arn": {k.Resource},
			"kms:EncryptionContextKeys":        {"aws:s3:arn"},
		},
	}
	if len(key.Aliases) > 0 {
		r.Context["kms:ResourceAliases"] = key.Aliases
	}
	if err := c.allow(k, r); err != nil {
		return err
	}
	switch key.State {
	case "Disabled":
		return fail(http.StatusBadRequest, "KMS.DisabledException", "%s is disabled.", key.ARN)
	case "PendingDeletion":
		return fail(http.StatusBadRequest, "KMS.KMSInvalidStateException", "%s is pending deletion.", key.ARN)
	}
	return nil
}
