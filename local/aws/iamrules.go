package aws

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Quotas and patterns are of
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const (
	trustQuota    = 2048
	inlineQuota   = 10240
	attachedQuota = 10
	tagQuota      = 50
)

var (
	roleName   = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)
	policyName = regexp.MustCompile(`^[\w+=,.@-]{1,128}$`)
	rolePath   = regexp.MustCompile(`^(/|/[!-~]{1,510}/)$`)
	tagKey     = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}$`)
	tagValue   = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$`)
)

func matches(param, value string, pattern *regexp.Regexp) error {
	if !pattern.MatchString(value) {
		return invalid(param, value, "Member must satisfy regular expression pattern: "+pattern.String())
	}
	return nil
}

// tags returns the tags that a role has once it gets those of the request. A
// key replaces one that differs in case only; a request may not have both.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html#id_tags_rules
func (k *call) tags(old map[string]string) (map[string]string, error) {
	tags, seen := maps.Clone(old), map[string]bool{}
	if tags == nil {
		tags = map[string]string{}
	}
	values := k.list("Tags", "Value")
	for i, key := range k.list("Tags", "Key") {
		lower := strings.ToLower(key)
		if seen[lower] {
			return nil, fail(http.StatusBadRequest, "InvalidInput",
				"Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		if !tagKey.MatchString(key) || !tagValue.MatchString(values[i]) || strings.HasPrefix(lower, "aws:") {
			return nil, invalid("tags", key+"="+values[i], "Member must satisfy regular expression pattern: "+tagKey.String())
		}
		seen[lower] = true
		maps.DeleteFunc(tags, func(tag, _ string) bool { return strings.EqualFold(tag, key) })
		tags[key] = values[i]
	}
	if len(tags) > tagQuota {
		return nil, fail(http.StatusConflict, "LimitExceeded", "Cannot exceed quota for TagsPerRole: %d", tagQuota)
	}
	return tags, nil
}

// checkTrust follows https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAssumeRolePolicy.html
func (c *Cloud) checkTrust(text string) error {
	if dense(text) > trustQuota {
		return fail(http.StatusConflict, "LimitExceeded", "Cannot exceed quota for ACLSizePerRole: %d", trustQuota)
	}
	return c.state.Check(LayerTrust, text)
}

// dense counts the characters of a policy as its quota does.
func dense(text string) int {
	n := 0
	for _, r := range text {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}

func (c *Cloud) attachable(k *call, arn, what string) error {
	if owner, _ := splitARN(arn); c.state.Policies[arn] == nil || owner != "aws" && owner != k.caller.Account {
		return fail(http.StatusNotFound, "NoSuchEntity", "%s %s does not exist or is not attachable.", what, arn)
	}
	return nil
}

// A page is the end of a part of a list.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRolePolicies.html
type page struct {
	IsTruncated bool
	Marker      string `xml:",omitempty"`
}

// page returns the part of the names that a request asks for.
func (k *call) page(names []string) ([]string, page) {
	size := 100
	if n, err := strconv.Atoi(k.Params.Get("MaxItems")); err == nil && n > 0 {
		size = n
	}
	names = slices.Sorted(slices.Values(names))
	i, found := slices.BinarySearch(names, k.Params.Get("Marker"))
	if found {
		i++
	}
	names = names[i:]
	if len(names) <= size {
		return names, page{}
	}
	return names[:size], page{true, names[size-1]}
}

type tag struct{ Key, Value string }

type boundary struct{ PermissionsBoundaryType, PermissionsBoundaryArn string }

type roleDescription struct {
	Path, RoleName, RoleId, Arn, CreateDate, AssumeRolePolicyDocument string //nolint:revive // AWS's names
	Description                                                       string `xml:",omitempty"`
	MaxSessionDuration                                                int
	PermissionsBoundary                                               *boundary
	Tags                                                              []tag `xml:"Tags>member"`
}

// describeRole is the result of CreateRole and GetRole.
func describeRole(r *Role) any {
	d := roleDescription{
		Path: r.Path, RoleName: r.Name, RoleId: r.ID, Arn: r.ARN(), CreateDate: r.Created.UTC().Format(time.RFC3339),
		AssumeRolePolicyDocument: encode(r.Trust), Description: r.Description, MaxSessionDuration: 3600,
	}
	for _, key := range slices.Sorted(maps.Keys(r.Tags)) {
		d.Tags = append(d.Tags, tag{key, r.Tags[key]})
	}
	if r.Boundary != "" {
		d.PermissionsBoundary = &boundary{"Policy", r.Boundary}
	}
	return struct{ Role roleDescription }{d}
}

// encode is how IAM returns policies: URL-encoded by RFC 3986.
func encode(policy string) string { return strings.ReplaceAll(url.QueryEscape(policy), "+", "%20") }
