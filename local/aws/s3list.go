package aws

import (
	"cmp"
	"encoding/xml"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// A listed thing is an object, a version of it or an upload.
type listed struct {
	Key       string
	VersionID string `xml:"VersionId,omitempty"`
	UploadID  string `xml:"UploadId,omitempty"`
	IsLatest  bool   `xml:",omitempty"`
	Size      int    `xml:",omitempty"`
}

func (l listed) id() string { return l.VersionID + l.UploadID }

// part cuts out of a list what a request asks for: the keys with its prefix,
// after its markers, no more than its limit.
func (k *call) part(all []listed, keyMarker, idMarker, limit string) (list []listed, more bool) {
	prefix, marker, id := k.Params.Get("prefix"), k.Params.Get(keyMarker), k.Params.Get(idMarker)
	all = slices.DeleteFunc(all, func(l listed) bool {
		return !strings.HasPrefix(l.Key, prefix) || l.Key < marker || l.Key == marker && id == ""
	})
	slices.SortStableFunc(all, func(a, b listed) int { return cmp.Compare(a.Key, b.Key) })
	all = all[1+slices.IndexFunc(all, func(l listed) bool { return l.Key == marker && l.id() == id }):]
	size := 1000
	if n, err := strconv.Atoi(k.Params.Get(limit)); err == nil {
		size = min(n, size)
	}
	if len(all) <= size {
		return all, false
	}
	return all[:size], true
}

// listObjects follows https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
func listObjects(_ *Cloud, k *call, b *Bucket) (*reply, error) {
	var all []listed
	for _, v := range b.Versions {
		if !v.DeleteMarker && v == b.latest(v.Key) {
			all = append(all, listed{Key: v.Key, Size: len(v.Body)})
		}
	}
	list, more := k.part(all, "continuation-token", "", "max-keys")
	answer := struct {
		XMLName                             xml.Name `xml:"ListBucketResult"`
		Name, Prefix, NextContinuationToken string
		IsTruncated                         bool
		KeyCount                            int
		Contents                            []listed
	}{Name: b.Name, Prefix: k.Params.Get("prefix"), IsTruncated: more, KeyCount: len(list), Contents: list}
	if more {
		answer.NextContinuationToken = list[len(list)-1].Key
	}
	return xmlReply(http.StatusOK, answer)
}

// listVersions lists the newest version of a key first.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html
func listVersions(_ *Cloud, k *call, b *Bucket) (*reply, error) {
	var all []listed
	markers := map[string]bool{}
	for _, v := range slices.Backward(b.Versions) {
		all = append(all, listed{Key: v.Key, VersionID: v.VersionID, IsLatest: v == b.latest(v.Key), Size: len(v.Body)})
		markers[v.Key+v.VersionID] = v.DeleteMarker
	}
	list, more := k.part(all, "key-marker", "version-id-marker", "max-keys")
	answer := struct {
		XMLName                            xml.Name `xml:"ListVersionsResult"`
		Name, Prefix                       string
		IsTruncated                        bool
		NextKeyMarker, NextVersionIdMarker string `xml:",omitempty"` //nolint:revive // AWS's name
		Version, DeleteMarker              []listed
	}{Name: b.Name, Prefix: k.Params.Get("prefix"), IsTruncated: more}
	for _, l := range list {
		if markers[l.Key+l.VersionID] {
			answer.DeleteMarker = append(answer.DeleteMarker, l)
		} else {
			answer.Version = append(answer.Version, l)
		}
		if more {
			answer.NextKeyMarker, answer.NextVersionIdMarker = l.Key, l.VersionID
		}
	}
	return xmlReply(http.StatusOK, answer)
}

// listUploads follows https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
func listUploads(_ *Cloud, k *call, b *Bucket) (*reply, error) {
	var all []listed
	for _, u := range b.Uploads {
		all = append(all, listed{Key: u.Key, UploadID: u.UploadID})
	}
	list, more := k.part(all, "key-marker", "upload-id-marker", "max-uploads")
	answer := struct {
		XMLName                           xml.Name `xml:"ListMultipartUploadsResult"`
		Bucket, Prefix                    string
		IsTruncated                       bool
		NextKeyMarker, NextUploadIdMarker string `xml:",omitempty"` //nolint:revive // AWS's name
		Upload                            []listed
	}{Bucket: b.Name, Prefix: k.Params.Get("prefix"), IsTruncated: more, Upload: list}
	if more {
		last := list[len(list)-1]
		answer.NextKeyMarker, answer.NextUploadIdMarker = last.Key, last.UploadID
	}
	return xmlReply(http.StatusOK, answer)
}
