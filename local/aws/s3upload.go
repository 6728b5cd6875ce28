package aws

import (
	"encoding/xml"
	"fmt"
	"hash/crc32"
	"net/http"
	"slices"
)

// upload returns the upload that a call is for, or nil.
func (b *Bucket) upload(k *call) *Upload {
	i := slices.IndexFunc(b.Uploads, func(u *Upload) bool {
		return u.Key == k.key() && u.UploadID == k.Params.Get("uploadId")
	})
	if i < 0 {
		return nil
	}
	return b.Uploads[i]
}

func errNoSuchUpload() *Error {
	return fail(http.StatusNotFound, "NoSuchUpload", "The specified multipart upload does not exist.")
}

// createUpload needs kms:GenerateDataKey alone; kms:Decrypt is for the parts.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html
func (c *Cloud) createUpload(k *call, b *Bucket) (*reply, error) {
	if err := c.checkACL(k, b); err != nil {
		return nil, err
	}
	if _, err := c.encrypt(k, b, "kms:GenerateDataKey"); err != nil {
		return nil, err
	}
	u := &Upload{Key: k.key(), UploadID: c.id("upload"), Initiator: k.Caller}
	b.Uploads = append(b.Uploads, u)
	return xmlReply(http.StatusOK, struct {
		XMLName     xml.Name `xml:"InitiateMultipartUploadResult"`
		Bucket, Key string
		UploadID    string `xml:"UploadId"`
	}{Bucket: b.Name, Key: u.Key, UploadID: u.UploadID})
}

// uploadPart keeps no part: no upload is completed here.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html
func (c *Cloud) uploadPart(k *call, b *Bucket) (*reply, error) {
	u := b.upload(k)
	switch {
	case u == nil:
		return nil, errNoSuchUpload()
	case u.Initiator != k.Caller:
		return nil, fail(http.StatusForbidden, "AccessDenied", "Access Denied")
	}
	if err := k.checkLock(b, "Put Part"); err != nil {
		return nil, err
	}
	if _, err := c.encrypt(k, b, "kms:Decrypt"); err != nil {
		return nil, err
	}
	return &reply{http.StatusOK, http.Header{"Etag": {fmt.Sprintf(`"%x"`, crc32.ChecksumIEEE(k.body))}}, nil}, nil
}

func (c *Cloud) abortUpload(k *call, b *Bucket) (*reply, error) {
	u := b.upload(k)
	if u == nil {
		return nil, errNoSuchUpload()
	}
	b.Uploads = slices.DeleteFunc(b.Uploads, func(other *Upload) bool { return other == u })
	return &reply{http.StatusNoContent, http.Header{}, nil}, nil
}

// aborts tells whether a call aborts an upload that its caller began, which
// needs no permission, but for that of an endpoint.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions
func (k *call) aborts(b *Bucket) bool {
	u := b.upload(k)
	return k.Op == "s3:AbortMultipartUpload" && u != nil && u.Initiator == k.Caller
}
