package aws

import (
	"encoding/json"
	"slices"
)

// ownerOf returns the account that owns the object which a call writes.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
func (k *call) ownerOf(b *Bucket) string {
	if b.Ownership == "BucketOwnerEnforced" ||
		b.Ownership == "BucketOwnerPreferred" && k.Params.Get("x-amz-acl") == "bucket-owner-full-control" {
		return b.Account
	}
	return k.caller.Account
}

// foreignObject returns the object that a call is for if it is there and another
// account than the bucket's owns it, or nil.
func (k *call) foreignObject(b *Bucket) *Version {
	if !slices.Contains([]string{"s3:GetObject", "s3:HeadObject", "s3:PutObjectAcl"}, k.Op) {
		return nil
	}
	v := b.latest(k.key())
	if k.Params.Has("versionId") {
		v = b.version(k.key(), k.Params.Get("versionId"))
	}
	if v == nil || v.Owner == "" || v.Owner == b.Account {
		return nil
	}
	return v
}

// decidedByObject makes a request one on an object that another account than the
// bucket's owns: its ACL decides, and the bucket's policy can only deny.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-auth-workflow-object-operation.html
func (r *request) decidedByObject(k *call, b *Bucket, v *Version) error {
	r.ResourceAccount = v.Owner
	if v.grants(r.Action, k.caller.Account == b.Account) {
		r.ResourceAccount = k.caller.Account
	}
	if r.ResourcePolicy == nil {
		return nil
	}
	text, err := denials(r.ResourcePolicy.text)
	r.ResourcePolicy = nil
	if err == nil && text != "" {
		r.ResourcePolicy, err = parseDocument(LayerResource, text)
	}
	if err != nil {
		return NotImplemented("the policy of bucket %s: %v", b.Name, err)
	}
	return nil
}

// grants tells whether the object's canned ACL lets other accounts than its
// owner's do something: the bucket's, or any.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl
func (v *Version) grants(action string, bucketOwner bool) bool {
	reads := action == "s3:GetObject" || action == "s3:GetObjectVersion"
	switch v.ACL {
	case "bucket-owner-full-control":
		return bucketOwner
	case "bucket-owner-read":
		return bucketOwner && reads
	case "public-read", "public-read-write", "authenticated-read":
		return reads
	default:
		return false
	}
}

// denials returns what a policy denies, as a policy; empty if it denies nothing.
func denials(policy string) (string, error) {
	var d struct {
		Version   string `json:",omitempty"`
		Statement json.RawMessage
	}
	if err := json.Unmarshal([]byte(policy), &d); err != nil {
		return "", err
	}
	var denying []json.RawMessage
	for _, s := range values(d.Statement) {
		var statement struct{ Effect string }
		if err := json.Unmarshal(s, &statement); err != nil {
			return "", err
		}
		if statement.Effect == "Deny" {
			denying = append(denying, s)
		}
	}
	if len(denying) == 0 {
		return "", nil
	}
	var err error
	if d.Statement, err = json.Marshal(denying); err != nil {
		return "", err
	}
	text, err := json.Marshal(d)
	return string(text), err
}
