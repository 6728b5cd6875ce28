package access

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-lambda-go/cfn"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/customresource"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/lifecycle"
)

const (
	// maxRoleName is IAM's quota.
	maxRoleName = 64
	// hashLength is the number of base32 digits that end a derived name: 80 bits.
	hashLength = 16
)

// derivedName returns the name of the resource's role where the author gives
// none: the provider's prefix, a readable part and a hash, the same on every attempt,
// and unique to stack and logical id. The hash gives away neither the stack's id nor
// the external id.
func derivedName(prefix string, r *customresource.Request) string {
	head := prefix + lifecycle.StackName(r.StackID) + "-" + r.LogicalResourceID
	head = regexp.MustCompile(`[^\w+=,.@-]`).ReplaceAllString(head, "-")
	return head[:min(len(head), maxRoleName-hashLength-1)] + "-" + nameHash(r.Event)
}

// nameHash returns what ends the resource's derived name.
func nameHash(e cfn.Event) string {
	return strings.ToLower(base32.StdEncoding.EncodeToString(derive("role name", e))[:hashLength])
}

// sameButPrefix reports whether both names are derived for the resource, be it with
// different prefixes.
func sameButPrefix(e cfn.Event, a, b string) bool {
	hash := "-" + nameHash(e)
	return strings.HasSuffix(a, hash) && strings.HasSuffix(b, hash)
}

// derivedNameOf returns the derived name of the resource's role: the one that it has
// where that begins with another prefix of the provider's besides.
func (a *Access) derivedNameOf(r *customresource.Request) string {
	name, id := derivedName(a.provider.RoleNamePrefix, r), r.PhysicalResourceID
	hash := name[len(name)-hashLength-1:] // with its hyphen; to derive it again costs time
	if a.provider.checkName(id) == nil && strings.HasSuffix(id, hash) {
		return id
	}
	return name
}

// pattern returns the pattern of ARNs by which the policies of others may name
// the role. When the stack is deleted and made anew, as it is after a failed Create,
// it has another id. So the pattern leaves open what comes from the id: the hash of a
// derived name, and the end of the default prefix where the provider is in this stack.
func pattern(arn, prefix string, r *customresource.Request, derived bool) string {
	if derived {
		arn = arn[:len(arn)-hashLength] + "*"
	}
	if segment := guidSegment(r.StackID) + "-"; segment != "-" && strings.HasSuffix(prefix, "-"+segment) {
		arn = strings.Replace(arn, "-"+segment, "-*-", 1)
	}
	return arn
}

// guidSegment returns the first segment of the GUID in a stack's id, which the
// template's default prefix ends with.
func guidSegment(stackID string) string {
	guid := stackID[strings.LastIndex(stackID, "/")+1:]
	segment, _, _ := strings.Cut(guid, "-")
	return segment
}

// derivedExternalID returns the external id of a resource whose author gives
// none: a UUID of the custom version 8 (RFC 9562), the same on every attempt.
// It cannot be computed from the role's name or ARN: of the stack's id they hold
// nothing but the segment in the template's default prefix.
func derivedExternalID(r *customresource.Request) string {
	sum := derive("external id", r.Event)
	sum[6] = sum[6]&0x0f | 0x80
	sum[8] = sum[8]&0x3f | 0x80
	h := hex.EncodeToString(sum[:16])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// derivation is how often a hash is repeated. A stack's id is no secret but a
// guess: it is made from the time. Each guess that somebody tries against the
// hash in a role's name, to come by its external id, is to cost them this.
const derivation = 1_000

// derive hashes what identifies a resource, for one purpose, to 32 bytes.
func derive(purpose string, e cfn.Event) []byte {
	sum, err := pbkdf2.Key(sha256.New, e.StackID+"\x00"+e.LogicalResourceID, []byte("bitmovin-export-access "+purpose), derivation, sha256.Size)
	if err != nil {
		panic(fmt.Sprintf("derive the %s: %v", purpose, err)) // refuses short keys in FIPS mode alone
	}
	return sum
}
