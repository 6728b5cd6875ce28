package aws

import (
	"encoding/xml"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// An s3Operation is authorized as its action on the bucket, or on the object if
// the path has a key.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
type s3Operation struct {
	name, action string
	run          func(c *Cloud, k *call, b *Bucket) (*reply, error)
}

// s3Operations holds the operations by method, kind of resource and subresource.
var s3Operations = map[string]s3Operation{
	"HEAD bucket":                    {"HeadBucket", "s3:ListBucket", headBucket},
	"GET bucket list-type":           {"ListObjectsV2", "s3:ListBucket", listObjects},
	"GET bucket versions":            {"ListObjectVersions", "s3:ListBucketVersions", listVersions},
	"GET bucket uploads":             {"ListMultipartUploads", "s3:ListBucketMultipartUploads", listUploads},
	"GET bucket location":            {"GetBucketLocation", "s3:GetBucketLocation", configuration((*Bucket).location)},
	"GET bucket encryption":          {"GetBucketEncryption", "s3:GetEncryptionConfiguration", configuration((*Bucket).encryption)},
	"GET bucket ownershipControls":   {"GetBucketOwnershipControls", "s3:GetBucketOwnershipControls", configuration((*Bucket).ownershipControls)},
	"GET bucket object-lock":         {"GetObjectLockConfiguration", "s3:GetBucketObjectLockConfiguration", configuration((*Bucket).objectLock)},
	"GET bucket versioning":          {"GetBucketVersioning", "s3:GetBucketVersioning", configuration((*Bucket).versioning)},
	"GET bucket publicAccessBlock":   {"GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock", configuration((*Bucket).publicAccessBlock)},
	"PUT object":                     {"PutObject", "s3:PutObject", (*Cloud).putObject},
	"PUT object acl":                 {"PutObjectAcl", "s3:PutObjectAcl", (*Cloud).putObjectACL},
	"GET object":                     {"GetObject", "s3:GetObject", (*Cloud).getObject},
	"HEAD object":                    {"HeadObject", "s3:GetObject", (*Cloud).getObject},
	"DELETE object":                  {"DeleteObject", "s3:DeleteObject", (*Cloud).deleteObject},
	"POST object uploads":            {"CreateMultipartUpload", "s3:PutObject", (*Cloud).createUpload},
	"PUT object partNumber uploadId": {"UploadPart", "s3:PutObject", (*Cloud).uploadPart},
	"DELETE object uploadId":         {"AbortMultipartUpload", "s3:AbortMultipartUpload", (*Cloud).abortUpload},
}

// s3Params do not choose the operation, and s3Headers are understood, or no
// matter. Whatever else a request carries is refused, a body in signed chunks
// among it: over HTTP the SDK for Go sends none.
var (
	s3Params = []string{
		"x-id", "prefix", "max-keys", "max-uploads", "continuation-token",
		"key-marker", "version-id-marker", "upload-id-marker", "versionId",
	}
	s3Headers = []string{
		"x-amz-acl", "x-amz-expected-bucket-owner", "x-amz-content-sha256", "x-amz-date", "x-amz-user-agent",
		"x-amz-sdk-checksum-algorithm", "x-amz-checksum-crc32", "x-amz-checksum-mode",
	}
)

// nameS3 names the operation of a path-style request.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html#path-style-access
func (k *call) nameS3() {
	k.Params = k.http.URL.Query()
	route := []string{k.http.Method, "bucket"}
	if k.key() != "" {
		route[1] = "object"
	}
	for _, param := range slices.Sorted(maps.Keys(k.Params)) {
		if !slices.Contains(s3Params, param) {
			route = append(route, param)
		}
	}
	k.route = strings.Join(route, " ")
	k.Op = "s3:" + k.route
	if op, ok := s3Operations[k.route]; ok {
		k.Op = "s3:" + op.name
	}
	k.Resource = "arn:aws:s3:::" + k.bucketName()
	if k.key() != "" {
		k.Resource += "/" + k.key()
	}
	for name := range k.http.Header {
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, "x-amz-") && lower != "x-amz-security-token" {
			k.Params.Set(lower, k.http.Header.Get(name))
		}
	}
}

func (k *call) bucketName() string {
	name, _, _ := strings.Cut(strings.TrimPrefix(k.http.URL.Path, "/"), "/")
	return name
}

func (k *call) key() string {
	_, key, _ := strings.Cut(strings.TrimPrefix(k.http.URL.Path, "/"), "/")
	return key
}

func (c *Cloud) s3(k *call) (*reply, error) {
	op, ok := s3Operations[k.route]
	if !ok {
		return nil, NotImplemented("%s", k.Op)
	}
	for param := range k.Params {
		if strings.HasPrefix(param, "x-amz-") && !slices.Contains(s3Headers, param) {
			return nil, NotImplemented("%s of %s", param, k.Op)
		}
	}
	b := c.state.Buckets[k.bucketName()]
	if b == nil || c.tooNew(bucketKey(b.Name)) {
		return nil, fail(http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist")
	}
	answer, err := c.onBucket(k, b, op)
	header := http.Header{"X-Amz-Bucket-Region": {b.Region}}
	if err != nil {
		e := *asError(err)
		if e.Code == wrongOptInRegion && k.http.Method != http.MethodHead {
			return nil, &e
		}
		e.header = header
		return nil, &e
	}
	maps.Copy(answer.header, header)
	return answer, nil
}

// onBucket checks what holds for every operation on a bucket, and runs it.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
func (c *Cloud) onBucket(k *call, b *Bucket, op s3Operation) (*reply, error) {
	if k.Region != b.Region {
		return nil, errOtherRegion(k.Region, b.Region)
	}
	if owner := k.Params.Get("x-amz-expected-bucket-owner"); owner != "" && owner != b.Account {
		return nil, fail(http.StatusForbidden, "AccessDenied", "Access Denied")
	}
	action := op.action
	if k.Params.Has("versionId") {
		action = strings.Replace(action, "Object", "ObjectVersion", 1)
	}
	if err := c.allowS3(k, b, action); err != nil {
		return nil, err
	}
	return op.run(c, k, b)
}

func (c *Cloud) allowS3(k *call, b *Bucket, action string) error {
	r, err := c.s3Request(k, b, action)
	if err != nil {
		return err
	}
	if v := k.foreignObject(b); v != nil {
		if err := r.decidedByObject(k, b, v); err != nil {
			return err
		}
	}
	return c.allow(k, r)
}

// s3Request is a request for an action on what a call is for, with the
// condition keys of
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
func (c *Cloud) s3Request(k *call, b *Bucket, action string) (request, error) {
	r := request{
		Action: action, Resource: k.Resource, ResourceAccount: b.Account, ByDefault: k.aborts(b), Context: map[string][]string{},
	}
	keys := map[string]string{"versionId": "s3:VersionId", "x-amz-acl": "s3:x-amz-acl"}
	if action == "s3:ListBucket" || action == "s3:ListBucketVersions" {
		keys = map[string]string{"prefix": "s3:prefix", "max-keys": "s3:max-keys"}
	}
	for param, key := range keys {
		if k.Params.Has(param) {
			r.Context[key] = []string{k.Params.Get(param)}
		}
	}
	if action == "s3:PutObject" {
		k.creationContext(r.Context)
	}
	text := c.inForce(bucketKey(b.Name), b.Policy)
	if text == "" {
		return r, nil
	}
	policy, err := parseDocument(LayerResource, text)
	if err != nil {
		return r, NotImplemented("the policy of bucket %s: %v", b.Name, err)
	}
	r.ResourcePolicy = policy
	return r, nil
}

// creationContext adds what tells the creation of an object from a part of an upload,
// which takes no conditions.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
func (k *call) creationContext(context map[string][]string) {
	switch k.Op {
	case "s3:PutObject":
		context["s3:ObjectCreationOperation"] = []string{"true"}
		if match := k.http.Header.Get("If-None-Match"); match != "" {
			context["s3:if-none-match"] = []string{match}
		}
	case "s3:CreateMultipartUpload", "s3:UploadPart":
		context["s3:ObjectCreationOperation"] = []string{"false"}
	}
}

func headBucket(*Cloud, *call, *Bucket) (*reply, error) {
	return &reply{status: http.StatusOK, header: http.Header{}}, nil
}

// configuration serves a read of a part of the bucket's configuration.
func configuration(read func(*Bucket) (any, error)) func(*Cloud, *call, *Bucket) (*reply, error) {
	return func(_ *Cloud, _ *call, b *Bucket) (*reply, error) {
		value, err := read(b)
		if err != nil {
			return nil, err
		}
		return xmlReply(http.StatusOK, value)
	}
}

// location follows https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html
func (b *Bucket) location() (any, error) {
	constraint := map[string]string{"us-east-1": "", "eu-west-1": "EU"}
	region, old := constraint[b.Region]
	if !old {
		region = b.Region
	}
	return struct {
		XMLName xml.Name `xml:"LocationConstraint"`
		Region  string   `xml:",chardata"`
	}{Region: region}, nil
}

// encryption is never absent: a bucket without a choice has SSE-S3.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-encryption-faq.html
func (b *Bucket) encryption() (any, error) {
	type rule struct {
		SSEAlgorithm   string `xml:"ApplyServerSideEncryptionByDefault>SSEAlgorithm"`
		KMSMasterKeyID string `xml:"ApplyServerSideEncryptionByDefault>KMSMasterKeyID,omitempty"`
	}
	algorithm := b.Algorithm
	if algorithm == "" {
		algorithm = "AES256"
	}
	return struct {
		XMLName xml.Name `xml:"ServerSideEncryptionConfiguration"`
		Rule    rule
	}{Rule: rule{algorithm, b.KMSKey}}, nil
}

func (b *Bucket) ownershipControls() (any, error) {
	if b.Ownership == "" {
		return nil, fail(http.StatusNotFound, "OwnershipControlsNotFoundError", "The bucket ownership controls were not found")
	}
	return struct {
		XMLName   xml.Name `xml:"OwnershipControls"`
		Ownership string   `xml:"Rule>ObjectOwnership"`
	}{Ownership: b.Ownership}, nil
}

func (b *Bucket) objectLock() (any, error) {
	if !b.LockEnabled {
		return nil, fail(http.StatusNotFound, "ObjectLockConfigurationNotFoundError",
			"Object Lock configuration does not exist for this bucket")
	}
	type rule struct{ DefaultRetention *Retention }
	answer := struct {
		XMLName           xml.Name `xml:"ObjectLockConfiguration"`
		ObjectLockEnabled string
		Rule              *rule
	}{ObjectLockEnabled: "Enabled"}
	if b.Lock != nil {
		answer.Rule = &rule{b.Lock}
	}
	return answer, nil
}

func (b *Bucket) versioning() (any, error) {
	answer := struct {
		XMLName   xml.Name `xml:"VersioningConfiguration"`
		Status    string   `xml:",omitempty"`
		MFADelete string   `xml:"MfaDelete,omitempty"`
	}{Status: b.Versioning}
	if b.MFADelete {
		answer.MFADelete = "Enabled"
	}
	return answer, nil
}

// publicAccessBlock is all of the four settings, as new buckets have it, or nothing.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
func (b *Bucket) publicAccessBlock() (any, error) {
	if !b.BlockPublicACLs {
		return nil, fail(http.StatusNotFound, "NoSuchPublicAccessBlockConfiguration",
			"The public access block configuration was not found")
	}
	return struct {
		XMLName                                                                     xml.Name `xml:"PublicAccessBlockConfiguration"`
		BlockPublicAcls, IgnorePublicAcls, BlockPublicPolicy, RestrictPublicBuckets bool
	}{BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true}, nil
}
