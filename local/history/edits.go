package history

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

const (
	anything      = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	allButPut     = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","NotAction":"s3:PutObject","Resource":"*"}]}`
	trustAccount  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + harness.Account + `"},"Action":"sts:AssumeRole"}]}`
	administrator = "arn:aws:iam::aws:policy/AdministratorAccess"
	policyName    = "BitmovinExportAccess"
	// untags is an edit that makes a role nobody's.
	untags = "no ownership tags"
)

// An edit is what somebody does by hand: to a stack's role, or else to the buckets.
type edit struct {
	role   func(s *aws.State, key string, r *aws.Role)
	bucket func(b *aws.Bucket)
	key    func(k *aws.Key)
}

func edits() map[string]edit {
	role := func(change func(*aws.Role)) edit {
		return edit{role: func(_ *aws.State, _ string, r *aws.Role) { change(r) }}
	}
	bucket := func(change func(*aws.Bucket)) edit { return edit{bucket: change} }
	denies := func(action, below string) edit {
		return bucket(func(b *aws.Bucket) {
			b.Policy = fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":%q,"Resource":"arn:aws:s3:::%s%s",
				"Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::%s:role/bitmovin-export-*"}}}]}`, action, b.Name, below, harness.Account)
		})
	}
	return map[string]edit{
		"another trust policy": role(func(r *aws.Role) { r.Trust = trustAccount }),
		"another policy":       role(func(r *aws.Role) { r.Inline[policyName] = anything }),
		"no policy":            role(func(r *aws.Role) { delete(r.Inline, policyName) }),
		"one more policy":      role(func(r *aws.Role) { r.Inline["More"] = anything }),
		"an attached policy":   role(func(r *aws.Role) { r.Attached = append(r.Attached, administrator) }),
		"no boundary":          role(func(r *aws.Role) { r.Boundary = "" }),
		"another boundary":     role(func(r *aws.Role) { r.Boundary = administrator }),
		untags: role(func(r *aws.Role) {
			maps.DeleteFunc(r.Tags, func(key, _ string) bool { return strings.HasPrefix(key, "bitmovin-export-access:") })
		}),
		"the role deleted": {role: func(s *aws.State, key string, r *aws.Role) {
			if r.Name != shared { // another stack would take the name, and this one be stuck for good
				delete(s.Roles, key)
			}
		}},
		"a bucket policy that denies s3:ListBucket":        denies("s3:ListBucket", ""),
		"a bucket policy that denies s3:GetBucketLocation": denies("s3:GetBucketLocation", ""),
		"a bucket policy that denies s3:PutObject":         denies("s3:PutObject", "/*"),
		"a bucket policy that denies s3:PutObjectAcl":      denies("s3:PutObjectAcl", "/*"),
		"a key that is disabled":                           {key: func(k *aws.Key) { k.State = "Disabled" }},
		"nothing that denies": {
			bucket: func(b *aws.Bucket) { b.Policy = "" }, key: func(k *aws.Key) { k.State = "Enabled" },
		},
		"ACLs":    bucket(func(b *aws.Bucket) { b.Ownership = "BucketOwnerPreferred" }),
		"no ACLs": bucket(func(b *aws.Bucket) { b.Ownership = "BucketOwnerEnforced" }),
	}
}

// edit does by hand what its name says, to the roles of a stack or to the buckets.
func (l *life) edit(name string, stack int) {
	e := edits()[name]
	l.mu.Lock()
	id := l.stacks[stack].id
	l.mu.Unlock()
	l.env.Cloud.Edit(func(s *aws.State) {
		for _, b := range []string{harness.BucketName, otherBucket} {
			if e.bucket != nil {
				e.bucket(s.Buckets[b])
			}
		}
		if k := s.Keys[keyARN]; e.key != nil && k != nil {
			e.key(k)
		}
		for key, r := range maps.Clone(s.Roles) {
			if e.role != nil && id != "" && r.Tags[tagStackID] == id {
				e.role(s, key, r)
			}
		}
	})
	for i, st := range l.stacks {
		if e.role == nil || i == stack {
			l.note(st, name)
		}
	}
}

// note keeps what a hand did to a stack's role or its buckets, and when.
func (l *life) note(st *stack, edit string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	st.edited = time.Now()
	st.edits = append(st.edits, edit)
}
