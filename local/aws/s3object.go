package aws

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// latest returns the version of a key that a request without a version means, or nil.
func (b *Bucket) latest(key string) *Version {
	for _, v := range slices.Backward(b.Versions) {
		if v.Key == key {
			return v
		}
	}
	return nil
}

func (b *Bucket) version(key, id string) *Version {
	for _, v := range b.Versions {
		if v.Key == key && v.VersionID == id {
			return v
		}
	}
	return nil
}

func (b *Bucket) remove(v *Version) {
	b.Versions = slices.DeleteFunc(b.Versions, func(other *Version) bool { return other == v })
}

// add makes v the latest version. Where versioning is not enabled it takes the
// place of the version "null".
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/AddingObjectstoVersionSuspendedBuckets.html
func (c *Cloud) add(b *Bucket, v *Version) {
	v.VersionID = "null"
	if b.Versioning == "Enabled" {
		v.VersionID = c.id("version")
	} else {
		b.remove(b.version(v.Key, "null"))
	}
	b.Versions = append(b.Versions, v)
}

func (c *Cloud) putObject(k *call, b *Bucket) (*reply, error) {
	if err := c.checkACL(k, b); err != nil {
		return nil, err
	}
	if err := k.checkLock(b, "Put Object"); err != nil {
		return nil, err
	}
	key, err := c.encrypt(k, b, "kms:GenerateDataKey")
	if err != nil {
		return nil, err
	}
	if current := b.latest(k.key()); k.http.Header.Get("If-None-Match") == "*" && current != nil && !current.DeleteMarker {
		return nil, fail(http.StatusPreconditionFailed, "PreconditionFailed",
			"At least one of the pre-conditions you specified did not hold")
	}
	v := &Version{
		Key: k.key(), Body: string(k.body), ACL: k.Params.Get("x-amz-acl"), Writer: k.Caller, Owner: k.ownerOf(b), KMSKey: key,
	}
	if b.Lock != nil {
		// https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
		v.RetainUntil = time.Now().AddDate(0, 0, b.Lock.Days)
	}
	c.add(b, v)
	return &reply{http.StatusOK, v.describe(b), nil}, nil
}

// checkLock refuses an upload without a checksum where objects are retained by
// default. The message is as https://github.com/supabase/storage/issues/423 has it.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html
func (k *call) checkLock(b *Bucket, what string) error {
	if b.Lock == nil || k.http.Header.Get("Content-MD5") != "" {
		return nil
	}
	for header := range k.Params {
		if strings.HasPrefix(header, "x-amz-checksum-") {
			return nil
		}
	}
	return fail(http.StatusBadRequest, "InvalidRequest",
		"Content-MD5 OR x-amz-checksum- HTTP header is required for %s requests with Object Lock parameters", what)
}

// identify returns the headers that tell which version a request met or made.
func (v *Version) identify(b *Bucket) http.Header {
	header := http.Header{}
	if b.Versioning != "" {
		header.Set("X-Amz-Version-Id", v.VersionID)
	}
	if v.DeleteMarker {
		header.Set("X-Amz-Delete-Marker", "true")
	}
	return header
}

// describe adds to them what an object's content is like.
func (v *Version) describe(b *Bucket) http.Header {
	header := v.identify(b)
	header.Set("Etag", fmt.Sprintf(`"%x"`, md5.Sum([]byte(v.Body))))
	if v.KMSKey != "" {
		header.Set("X-Amz-Server-Side-Encryption", b.Algorithm)
		header.Set("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", v.KMSKey)
	}
	return header
}

func (c *Cloud) putObjectACL(k *call, b *Bucket) (*reply, error) {
	if !k.Params.Has("x-amz-acl") {
		return nil, NotImplemented("an ACL that is not a canned one")
	}
	// That authorization comes before this is not documented, but what S3 does
	// with every other request.
	// https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-ownership-error-responses.html
	if b.Ownership == "BucketOwnerEnforced" {
		return nil, errNoACLs()
	}
	if err := k.checkPublic(b); err != nil {
		return nil, err
	}
	v, err := c.find(k, b)
	if err != nil {
		return nil, err
	}
	v.ACL = k.Params.Get("x-amz-acl")
	return &reply{http.StatusOK, http.Header{}, nil}, nil
}

func errNoACLs() *Error {
	return fail(http.StatusBadRequest, "AccessControlListNotSupported", "The bucket does not allow ACLs")
}

// checkACL checks the ACL header of an upload.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
func (c *Cloud) checkACL(k *call, b *Bucket) error {
	if !k.Params.Has("x-amz-acl") {
		return nil
	}
	if err := c.allowS3(k, b, "s3:PutObjectAcl"); err != nil {
		return err
	}
	if b.Ownership == "BucketOwnerEnforced" && k.Params.Get("x-amz-acl") != "bucket-owner-full-control" {
		return errNoACLs()
	}
	return k.checkPublic(b)
}

// checkPublic follows https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
// and https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl
func (k *call) checkPublic(b *Bucket) error {
	switch acl := k.Params.Get("x-amz-acl"); acl {
	case "private", "aws-exec-read", "bucket-owner-read", "bucket-owner-full-control":
		return nil
	case "public-read", "public-read-write", "authenticated-read":
		if b.BlockPublicACLs {
			return fail(http.StatusForbidden, "AccessDenied",
				`User: %s is not authorized to perform: s3:PutObjectAcl on resource: "%s" because public access control `+
					`lists (ACLs) are blocked by the BlockPublicAcls block public access setting.`, k.Caller, k.Resource)
		}
		return nil
	default:
		return fail(http.StatusBadRequest, "InvalidArgument", "%s is not a canned ACL", acl)
	}
}

// find returns the version that a request is for. That a key is absent is told
// only to who may list the bucket.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
func (c *Cloud) find(k *call, b *Bucket) (*Version, error) {
	v, code := b.latest(k.key()), "NoSuchKey"
	if k.Params.Has("versionId") {
		v, code = b.version(k.key(), k.Params.Get("versionId")), "NoSuchVersion"
	}
	switch {
	case v != nil && !v.DeleteMarker:
		return v, nil
	case v != nil && code == "NoSuchVersion":
		return nil, fail(http.StatusMethodNotAllowed, "MethodNotAllowed",
			"The specified method is not allowed against this resource.")
	}
	r, err := c.s3Request(k, b, "s3:ListBucket")
	if err != nil {
		return nil, err
	}
	r.Resource, r.Context = "arn:aws:s3:::"+b.Name, nil
	if !c.allowed(k, r) {
		return nil, fail(http.StatusForbidden, "AccessDenied", "Access Denied")
	}
	return nil, fail(http.StatusNotFound, code, "The specified key or version does not exist.")
}

// getObject also answers HeadObject, whose body is not sent.
func (c *Cloud) getObject(k *call, b *Bucket) (*reply, error) {
	v, err := c.find(k, b)
	if err != nil {
		return nil, err
	}
	if v.KMSKey != "" {
		if err := c.useKey(k, b, v.KMSKey, "kms:Decrypt"); err != nil {
			return nil, err
		}
	}
	header := v.describe(b)
	header.Set("Content-Length", strconv.Itoa(len(v.Body)))
	if k.Params.Get("x-amz-checksum-mode") == "ENABLED" {
		sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(v.Body)))
		header.Set("X-Amz-Checksum-Crc32", base64.StdEncoding.EncodeToString(sum))
	}
	return &reply{http.StatusOK, header, []byte(v.Body)}, nil
}

// deleteObject follows https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeletingObjectVersions.html
func (c *Cloud) deleteObject(k *call, b *Bucket) (*reply, error) {
	if k.Params.Has("versionId") {
		return c.deleteVersion(b, b.version(k.key(), k.Params.Get("versionId")))
	}
	if b.Versioning == "" {
		b.remove(b.latest(k.key()))
		return &reply{http.StatusNoContent, http.Header{}, nil}, nil
	}
	marker := &Version{Key: k.key(), DeleteMarker: true, Writer: k.Caller}
	c.add(b, marker)
	return &reply{http.StatusNoContent, marker.identify(b), nil}, nil
}

func (c *Cloud) deleteVersion(b *Bucket, v *Version) (*reply, error) {
	switch {
	case b.MFADelete:
		// https://docs.aws.amazon.com/AmazonS3/latest/userguide/MultiFactorAuthenticationDelete.html
		return nil, fail(http.StatusForbidden, "AccessDenied", "Mfa Authentication must be used for this request")
	case v == nil:
		return &reply{http.StatusNoContent, http.Header{}, nil}, nil
	case time.Now().Before(v.RetainUntil):
		// https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html
		return nil, fail(http.StatusForbidden, "AccessDenied", "Access Denied because object protected by object lock.")
	}
	b.remove(v)
	return &reply{http.StatusNoContent, v.identify(b), nil}, nil
}
