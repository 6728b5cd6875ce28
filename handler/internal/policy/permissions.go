package policy

import "strings"

// The four actions that Bitmovin's exports need, each of which is proven by a call.
const (
	GetBucketLocation = "s3:GetBucketLocation"
	ListBucket        = "s3:ListBucket"
	PutObject         = "s3:PutObject"
	PutObjectACL      = "s3:PutObjectAcl"
)

// A Bucket is the place that a role may write to.
type Bucket struct {
	// Partition is aws, aws-cn or aws-us-gov.
	Partition string
	Name      string
	// Prefix limits the objects to those below it; it is empty or ends in "/".
	Prefix string
}

// ARN returns the ARN of the bucket itself.
func (b Bucket) ARN() string { return "arn:" + b.Partition + ":s3:::" + b.Name }

// Objects returns the ARN pattern of the objects below the prefix.
func (b Bucket) Objects() string { return b.ARN() + "/" + b.Prefix + "*" }

// Permissions returns the statements that Bitmovin publishes for restricted access.
func (b Bucket) Permissions() []Statement {
	return []Statement{{
		Sid:      "BitmovinOutputBucketPermissions",
		Effect:   "Allow",
		Action:   Values{ListBucket, GetBucketLocation},
		Resource: Values{b.ARN()},
	}, {
		Sid:      "BitmovinOutputObjectPermissions",
		Effect:   "Allow",
		Action:   Values{PutObject, PutObjectACL},
		Resource: Values{b.Objects()},
	}}
}

// FullAccess returns the ARN of AmazonS3FullAccess in the partition.
func FullAccess(partition string) string {
	return "arn:" + partition + ":iam::aws:policy/AmazonS3FullAccess"
}

// kmsActions are what S3 needs of a customer's key to write: GenerateDataKey
// for every object, Decrypt for those written in parts.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
func kmsActions() Values { return Values{"kms:GenerateDataKey", "kms:Decrypt"} }

// A Key is the customer's KMS key of a bucket's default encryption. The zero
// Key is none: S3's own keys need no permission.
type Key struct {
	// ARN of the key, or of an alias of it.
	ARN string
	// Region of the bucket that uses it.
	Region string
}

// NewKey returns the key that a bucket's default encryption names: by ARN, key
// id or alias. KMS resolves an id or alias without an ARN in the account of
// whoever writes: account is the role's. AWS's own key, aws/s3, and no name at
// all give the zero Key.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-encryption.html
func NewKey(partition, region, account, name string) Key {
	if name == "" || name == "aws/s3" || name == "alias/aws/s3" || strings.HasSuffix(name, ":alias/aws/s3") {
		return Key{}
	}
	if strings.HasPrefix(name, "arn:") {
		return Key{ARN: name, Region: region}
	}
	if !strings.HasPrefix(name, "alias/") {
		name = "key/" + name
	}
	return Key{ARN: "arn:" + partition + ":kms:" + region + ":" + account + ":" + name, Region: region}
}

// Permissions returns the statement that lets a role use the key through S3 in
// the bucket's region, and no other way; none for the zero Key. An alias stands
// for whatever key it names when it is used, so the keys of its account are
// allowed only by that alias.
// https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html
func (k Key) Permissions() []Statement {
	if k.ARN == "" {
		return nil
	}
	s := Statement{
		Sid:       "BitmovinOutputKeyPermissions",
		Effect:    "Allow",
		Action:    kmsActions(),
		Resource:  Values{k.ARN},
		Condition: map[string]Condition{"StringEquals": {"kms:ViaService": k.viaService()}},
	}
	if account, alias, ok := strings.Cut(k.ARN, ":alias/"); ok {
		s.Resource = Values{account + ":key/*"}
		s.Condition["ForAnyValue:StringEquals"] = Condition{"kms:ResourceAliases": {"alias/" + alias}}
	}
	return []Statement{s}
}

// viaService is how KMS names S3 in the key's region. Whether the name ends in
// .cn in China's regions is not documented, so that either is taken there.
// https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
func (k Key) viaService() Values {
	name := "s3." + k.Region + ".amazonaws.com"
	if strings.HasPrefix(k.ARN, "arn:aws-cn:") {
		return Values{name, name + ".cn"}
	}
	return Values{name}
}
