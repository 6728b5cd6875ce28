package aws

import (
	"strings"
	"time"
)

// State is everything that the cloud holds. Tests and local/cloudformation read
// and change it through [Cloud.View] and [Cloud.Edit]; the function only ever
// reaches it over HTTP.
type State struct {
	// Roles by [RoleKey]: IAM compares the names of an account's roles without
	// case and whatever their path.
	Roles map[string]*Role
	// Users by ARN. A policy may name only users and roles that exist.
	Users map[string]*User
	// Policies are the managed policies, AWS's own and customers', by ARN.
	Policies map[string]*ManagedPolicy
	// Buckets by name, unique in a partition.
	Buckets map[string]*Bucket
	// Keys are the KMS keys by ARN.
	Keys map[string]*Key
	// Secrets are the secrets of Secrets Manager by ARN, with their text.
	Secrets map[string]string
	// SecretKeys are the ARNs of the customer's keys that encrypt secrets, by the
	// secret's ARN. AWS's own key, which encrypts the others, asks for nothing.
	SecretKeys map[string]string
	// LogGroups by name.
	LogGroups map[string]*LogGroup
	// Guardrails bind whole accounts: SCPs, RCPs and VPC endpoint policies.
	Guardrails []Guardrail
}

// A Role is an IAM role.
type Role struct {
	Account, Name string
	// ID is given to the role when it is made.
	ID string
	// Path begins and ends with a slash.
	Path string
	// Trust is the trust policy, as JSON.
	Trust string
	// Inline holds the inline policies' JSON by name.
	Inline map[string]string
	// Attached holds the ARNs of the attached managed policies.
	Attached []string
	// Boundary is the ARN of the permissions boundary, or empty.
	Boundary string
	// Tags of the role. Their keys compare without case.
	Tags map[string]string
	// InstanceProfiles that hold the role keep it from being deleted.
	InstanceProfiles []string
	Description      string
	Created          time.Time
}

// ARN returns the role's ARN.
func (r *Role) ARN() string { return "arn:aws:iam::" + r.Account + ":role" + r.Path + r.Name }

// RoleKey is the key of a role in [State.Roles].
func RoleKey(account, name string) string { return account + "/" + strings.ToLower(name) }

// A User is an IAM user.
type User struct {
	ARN string
	// Inline holds the inline policies' JSON by name.
	Inline map[string]string
}

// A ManagedPolicy is an IAM managed policy, with the content of its default version.
type ManagedPolicy struct{ ARN, Document string }

// A Bucket is an S3 bucket.
type Bucket struct {
	Name, Account, Region string
	// Policy is the bucket policy's JSON, or empty.
	Policy string
	// Ownership is BucketOwnerEnforced (ACLs disabled: the default of new
	// buckets), BucketOwnerPreferred or ObjectWriter.
	Ownership       string
	BlockPublicACLs bool
	// Versioning is empty (never enabled), Enabled or Suspended.
	Versioning string
	MFADelete  bool
	// Algorithm of the default encryption is AES256, aws:kms or aws:kms:dsse;
	// KMSKey is a key's ARN, key id, alias ARN or alias name, or empty for S3's own.
	Algorithm, KMSKey string
	// Lock is the object lock's default retention; LockEnabled without it
	// protects nothing by itself.
	LockEnabled bool
	Lock        *Retention
	// Versions of all objects, the oldest first. An unversioned object has one
	// version with the id "null".
	Versions []*Version
	// Uploads are the multipart uploads that were neither completed nor aborted.
	Uploads []*Upload
	Tags    map[string]string
}

// Retention is the default retention of a bucket with object lock.
type Retention struct {
	// Mode is GOVERNANCE or COMPLIANCE.
	Mode string
	Days int
}

// A Version is one version of an object, or a delete marker.
type Version struct {
	Key, VersionID string
	DeleteMarker   bool
	Body           string
	// ACL is the canned ACL that was last set on it.
	ACL string
	// Writer is the ARN of the principal that wrote it.
	Writer string
	// Owner is the account that owns it; empty is the bucket's.
	Owner string
	// KMSKey is the ARN of the KMS key that encrypts it, or empty.
	KMSKey string
	// RetainUntil is when the object lock lets it be deleted; zero if it is not locked.
	RetainUntil time.Time
}

// An Upload is a multipart upload under way. Its initiator is the ARN of a user
// or session.
type Upload struct{ Key, UploadID, Initiator string }

// A Key is a KMS key.
type Key struct {
	ARN string
	// Policy is the key policy's JSON.
	Policy string
	// State is Enabled, Disabled, PendingDeletion, or one in which a key is not
	// ready, such as Creating.
	State string
	// Aliases by name, "alias/…".
	Aliases []string
}

// A LogGroup of CloudWatch Logs.
type LogGroup struct {
	Name      string
	Retention int
}

// A Guardrail binds every call that an account makes or that reaches it.
type Guardrail struct {
	// Layer is [LayerSCP], [LayerRCP] or [LayerVPCEndpoint].
	Layer Layer
	// Account that is bound: the caller's for an SCP or an endpoint, the
	// resource's for an RCP.
	Account string
	// Policy is its JSON.
	Policy string
}
