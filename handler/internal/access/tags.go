package access

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/aws/aws-lambda-go/cfn"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/lazy"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/lifecycle"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/role"
)

// The tags by which a role is known to be of one stack and resource.
const (
	tagPrefix    = "bitmovin-export-access:"
	tagStackID   = tagPrefix + "stack-id"
	tagLogicalID = tagPrefix + "logical-id"
)

// maxTags is IAM's quota of 50 a role, less the provider's own.
const maxTags = 48

// What IAM allows in tags.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html#id_tags_rules
var (
	validTagKey   = lifecycle.Counted(isTagText, 1, 128)
	validTagValue = lifecycle.Counted(isTagText, 0, 256)
)

// reservedKey matches the keys that are AWS's or this package's, whatever the
// case: letters of other scripts that fold to those of a prefix count too.
var reservedKey = lazy.Pattern(`(?i)^(aws|` + strings.TrimSuffix(tagPrefix, ":") + `):`)

// ownerTags are the tags that a role of the event's resource carries.
func ownerTags(e cfn.Event) map[string]string {
	return map[string]string{tagStackID: e.StackID, tagLogicalID: e.LogicalResourceID}
}

// decodeTags reads the property Tags, a list of Key and Value.
func decodeTags(value any) (map[string]string, error) {
	if value == nil || value == "" {
		return nil, nil
	}
	list, ok := value.([]any)
	if !ok || len(list) > maxTags {
		return nil, fmt.Errorf("property Tags must be a list of at most %d objects with Key and Value", maxTags)
	}
	tags := make(map[string]string, len(list))
	for i, item := range list {
		key, value, err := decodeTag(item)
		if err != nil {
			return nil, fmt.Errorf("property Tags, item %d: %w", i+1, err)
		}
		if _, twice := role.TagKey(tags, key); twice {
			return nil, fmt.Errorf("property Tags, item %d: the key %q stands twice (keys compare without case)", i+1, key)
		}
		tags[key] = value
	}
	return tags, nil
}

func decodeTag(item any) (key, value string, err error) {
	tag, ok := item.(map[string]any)
	if !ok {
		return "", "", errors.New("must be an object with Key and Value")
	}
	for name := range tag {
		if name != "Key" && name != "Value" {
			return "", "", fmt.Errorf("must have Key and Value alone, not %q", name)
		}
	}
	key, keyOK := tag["Key"].(string)
	value, valueOK := tag["Value"].(string)
	switch {
	case !keyOK || !valueOK:
		return "", "", errors.New("must have a Key and a Value, both text")
	case !validTagKey(key) || !validTagValue(value):
		return "", "", fmt.Errorf("the tag %q must be letters, digits, spaces and _.:/=+-@, at most 128 in the key and 256 in the value", key)
	case reservedKey().MatchString(key):
		return "", "", fmt.Errorf("the prefix of the key %q is reserved", key)
	}
	return key, value, nil
}

// isTagText reports whether IAM allows all characters of a text: letters, numbers
// and spaces of any script, and a few signs. It is no pattern: one with all those
// letters takes a tenth of a millisecond of every cold start.
func isTagText(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		return !unicode.In(r, unicode.L, unicode.N, unicode.Z) && !strings.ContainsRune("_.:/=+-@", r)
	})
}

// oldTagKeys returns the keys of the tags that an event's old properties named,
// of which an Update may take away those that are wanted no more. Whatever
// cannot be read names none.
func oldTagKeys(e cfn.Event) []string {
	old, err := decodeTags(e.OldResourceProperties["Tags"])
	if err != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(old))
}
