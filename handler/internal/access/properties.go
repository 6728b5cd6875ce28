package access

import (
	"strings"
	"unicode"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/lifecycle"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/policy"
)

// The values of AccessMode and Verification.
const (
	restricted = "Restricted"
	full       = "Full"

	enforce = "Enforce"
	warn    = "Warn"
	off     = "Off"
)

// A props is what the author of a stack asks for. Empty fields were not given.
type props struct {
	BucketName, ExternalID, AccessMode, ObjectPrefix, RoleName string
	BucketOwner, KmsKeyARN, Verification                       string
	ProbeWrites                                                bool
	Tags                                                       map[string]string
}

// bucket returns the place that the properties name.
func (p props) bucket(partition string) policy.Bucket {
	return policy.Bucket{Partition: partition, Name: p.BucketName, Prefix: p.ObjectPrefix}
}

var (
	validExternalID = lifecycle.Counted(lifecycle.Matching(`^[\w+=,.@:/-]+$`), 2, 512)
	validRoleName   = lifecycle.Counted(lifecycle.Matching(`^[\w+=,.@-]+$`), 1, maxRoleName)
	// bitmovin in it keeps the prefix off the roles of services, and of those that have nothing to do with Bitmovin.
	validRoleNamePrefix = lifecycle.Counted(lifecycle.Matching(`^[\w+=,.@-]*bitmovin[\w+=,.@-]*-$`), 9, 32)
	validAccount        = lifecycle.Matching(`^\d{12}$`)
	validKey            = lifecycle.Matching(`^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:(key/[\w-]+|alias/[\w/-]+)$`)
	prefixPattern       = lifecycle.Matching(`^[^/*?](?:[^*?])*/$`)
)

// table returns the scalar properties in the order of the documentation.
func table() lifecycle.Table[props] {
	text := lifecycle.Text[props]
	return lifecycle.Table[props]{
		{Name: "BucketName", Allowed: "the name of a general purpose bucket", Required: true,
			// checkBucketName says more than yes or no.
			Set: text(func(p *props) *string { return &p.BucketName }, anything)},
		{Name: "ExternalId", Allowed: "2 to 512 characters of letters, digits and _+=,.@:/-",
			Set: text(func(p *props) *string { return &p.ExternalID }, validExternalID)},
		{Name: "AccessMode", Allowed: "Restricted or Full",
			Set: text(func(p *props) *string { return &p.AccessMode }, lifecycle.OneOf(restricted, full))},
		{Name: "ObjectPrefix", Allowed: "a prefix that ends in / and does not begin with it, without *, ?, ${, control characters and what is beyond U+00FF (ÿ), of at most 512 bytes",
			Set: text(func(p *props) *string { return &p.ObjectPrefix }, validPrefix)},
		{Name: "RoleName", Allowed: "a name that begins with the provider's RoleNamePrefix, of at most 64 letters, digits and _+=,.@-",
			Set: text(func(p *props) *string { return &p.RoleName }, validRoleName)},
		{Name: "BucketOwner", Allowed: "an account id of 12 digits",
			Set: text(func(p *props) *string { return &p.BucketOwner }, validAccount)},
		{Name: "KmsKeyArn", Allowed: "the ARN of a KMS key or alias",
			Set: text(func(p *props) *string { return &p.KmsKeyARN }, validKey)},
		{Name: "Verification", Allowed: "Enforce, Warn or Off",
			Set: text(func(p *props) *string { return &p.Verification }, lifecycle.OneOf(enforce, warn, off))},
		{Name: "ProbeWrites", Allowed: "true or false", Set: func(p *props, s string) bool {
			p.ProbeWrites = s == "true"
			return s == "true" || s == "false"
		}},
		{Name: "VerificationTrigger", Allowed: "any text", Set: func(*props, string) bool { return true }},
	}
}

func anything(string) bool { return true }

// IAM's documents take no character beyond U+00FF:
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html
func validPrefix(s string) bool {
	refused := func(r rune) bool { return r > unicode.MaxLatin1 || unicode.IsControl(r) }
	return prefixPattern(s) && !strings.Contains(s, "${") && !strings.ContainsFunc(s, refused) && len(s) <= 512
}

// decode reads a resource's properties strictly. unknown names those which do
// not exist, apart from err, since a rollback ignores them.
func decode(given map[string]any) (p props, unknown, err error) {
	p = props{AccessMode: restricted, Verification: enforce, ProbeWrites: true}
	unknown, err = table().Decode(given, &p, "Tags")
	if err == nil {
		p.Tags, err = decodeTags(given["Tags"])
	}
	if err == nil {
		err = checkBucketName(p.BucketName)
	}
	return p, unknown, err
}
