package role

import (
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/awserr"
)

// PolicyName is the name of the one inline policy that the provider writes.
const PolicyName = "BitmovinExportAccess"

// A Role is what IAM says of one.
type Role struct {
	Name, ARN string
	// ID is another one when a role of the name is made again.
	ID string
	// Trust is the trust policy, decoded from its URL encoding.
	Trust    string
	Boundary string
	// CreatedAt is when it was made, ReadAt when it was read.
	CreatedAt, ReadAt time.Time
	Tags              map[string]string
	Policies
}

// Policies are the permissions of a role.
type Policies struct {
	// Inline are the names of the inline policies.
	Inline []string
	// Own is the text of the one named [PolicyName]; empty if there is none.
	Own string
	// Attached are the ARNs of the attached policies.
	Attached []string
	// Unread is why they are not all known.
	Unread error
}

// IsNotFound goes by the code: CreateRole, which misses a boundary, has no type for it.
func IsNotFound(err error) bool {
	return awserr.HasCode(err, (&types.NoSuchEntityException{}).ErrorCode())
}

// IsTaken reports whether a role could not be made because there is one of the name.
func IsTaken(err error) bool {
	var taken *types.EntityAlreadyExistsException
	return errors.As(err, &taken)
}

// IsMalformed reports whether IAM refused a policy document, such as one that names a
// principal which IAM does not know.
func IsMalformed(err error) bool {
	var malformed *types.MalformedPolicyDocumentException
	return errors.As(err, &malformed)
}

// SameName reports whether two role names are one to IAM.
func SameName(a, b string) bool { return strings.EqualFold(a, b) }
