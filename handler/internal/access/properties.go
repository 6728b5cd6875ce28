package access

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

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

// A properties is what the author of a stack asks for. Empty fields were not given.
type properties struct {
	BucketName, ExternalID, AccessMode, ObjectPrefix, RoleName string
	BucketOwner, KmsKeyARN, Verification                       string
	ProbeWrites                                                bool
	Tags                                                       map[string]string
}

// bucket returns the place that the properties name.
func (p properties) bucket(partition string) policy.Bucket {
	return policy.Bucket{Partition: partition, Name: p.BucketName, Prefix: p.ObjectPrefix}
}

// A property is one row of the table of properties: how its text is checked and
// where it goes.
type property struct {
	name string
	// allowed says what is, for the author.
	allowed string
	// set takes the text; false refuses it.
	set func(p *properties, text string) bool
}

var (
	externalIDPattern = regexp.MustCompile(`^[\w+=,.@:/-]{2,512}$`)
	roleNamePattern   = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)
	accountPattern    = regexp.MustCompile(`^\d{12}$`)
	keyPattern        = regexp.MustCompile(`^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:(key/[\w-]+|alias/[\w/-]+)$`)
	prefixPattern     = regexp.MustCompile(`^[^/*?](?:[^*?])*/$`)
)

// table returns the scalar properties in the order of the documentation.
func table() []property {
	text := func(field func(*properties) *string, valid func(string) bool) func(*properties, string) bool {
		return func(p *properties, s string) bool {
			*field(p) = s
			return s == "" || valid(s)
		}
	}
	one := func(values ...string) func(string) bool {
		return func(s string) bool { return slices.Contains(values, s) }
	}
	return []property{
		{"BucketName", "the name of a general purpose bucket", func(p *properties, s string) bool {
			p.BucketName = s
			return true // checkBucketName says more than yes or no.
		}},
		{"ExternalId", "2 to 512 characters of letters, digits and _+=,.@:/-",
			text(func(p *properties) *string { return &p.ExternalID }, externalIDPattern.MatchString)},
		{"AccessMode", "Restricted or Full",
			text(func(p *properties) *string { return &p.AccessMode }, one(restricted, full))},
		{"ObjectPrefix", "a prefix that ends in / and does not begin with it, without *, ? and ${",
			text(func(p *properties) *string { return &p.ObjectPrefix }, validPrefix)},
		{"RoleName", "1 to 64 characters of letters, digits and _+=,.@-",
			text(func(p *properties) *string { return &p.RoleName }, roleNamePattern.MatchString)},
		{"BucketOwner", "an account id of 12 digits",
			text(func(p *properties) *string { return &p.BucketOwner }, accountPattern.MatchString)},
		{"KmsKeyArn", "the ARN of a KMS key or alias",
			text(func(p *properties) *string { return &p.KmsKeyARN }, keyPattern.MatchString)},
		{"Verification", "Enforce, Warn or Off",
			text(func(p *properties) *string { return &p.Verification }, one(enforce, warn, off))},
		{"ProbeWrites", "true or false", func(p *properties, s string) bool {
			p.ProbeWrites = s != "false"
			return s == "" || s == "true" || s == "false"
		}},
		{"VerificationTrigger", "any text", func(*properties, string) bool { return true }},
	}
}

func validPrefix(s string) bool {
	return prefixPattern.MatchString(s) && !strings.Contains(s, "${") && len(s) <= 512
}

// ignored are properties that are CloudFormation's own.
func ignored(name string) bool { return name == "ServiceToken" || name == "ServiceTimeout" }

// decode reads a resource's properties strictly. unknown is an error that names
// those which do not exist, apart from err, since a rollback to the properties
// of another version of this function ignores them.
func decode(given map[string]any) (p properties, unknown, err error) {
	p = properties{AccessMode: restricted, Verification: enforce, ProbeWrites: true}
	left := maps.Clone(given)
	maps.DeleteFunc(left, func(name string, _ any) bool { return ignored(name) })
	for _, prop := range table() {
		value, ok := left[prop.name]
		delete(left, prop.name)
		if !ok {
			continue
		}
		if err := prop.decode(&p, value); err != nil {
			return p, nil, err
		}
	}
	if p.Tags, err = decodeTags(left["Tags"]); err != nil {
		return p, nil, err
	}
	delete(left, "Tags")
	return p, unknownError(left), checkBucketName(p.BucketName)
}

// decode sets the property from a value of an event, where scalars are strings.
// An empty string is as good as nothing given: it is what a parameter's default
// becomes.
func (prop property) decode(p *properties, value any) error {
	s, ok := value.(string)
	if !ok {
		return fmt.Errorf("property %s must be %s, not %s", prop.name, prop.allowed, kind(value))
	}
	before := *p
	if !prop.set(p, s) {
		return fmt.Errorf("property %s must be %s, not %q", prop.name, prop.allowed, s)
	}
	if s == "" {
		*p = before
	}
	return nil
}

func kind(value any) string {
	switch value.(type) {
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	}
	b, _ := json.Marshal(value)
	return string(b)
}

// unknownError names the properties that are left over, each with the known one
// that is nearest.
func unknownError(left map[string]any) error {
	if len(left) == 0 {
		return nil
	}
	var told []string
	for _, name := range slices.Sorted(maps.Keys(left)) {
		told = append(told, fmt.Sprintf("property %s does not exist, did you mean %s?", name, nearest(name)))
	}
	return fmt.Errorf("%s", strings.Join(told, "; "))
}

// nearest returns the known property with the least edits from name.
func nearest(name string) string {
	names := []string{"Tags"}
	for _, prop := range table() {
		names = append(names, prop.name)
	}
	return slices.MinFunc(names, func(a, b string) int {
		return distance(strings.ToLower(name), strings.ToLower(a)) - distance(strings.ToLower(name), strings.ToLower(b))
	})
}

// distance is the Levenshtein distance of two strings, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
