package main

import (
	"encoding/json"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
)

const (
	// guestStack is the stack of an author who wants more than the provider gives.
	guestStack = "guest"
	// lookalikeBucket begins with all of AllowedBucketPrefix but its hyphen.
	lookalikeBucket = "my2-analytics-exports"
)

// refused are properties that must fail the resource.
func refused() map[string]properties {
	return map[string]properties{
		"a trusted principal":       {"TrustedPrincipal": adminRole},
		"a trust policy":            {"AssumeRolePolicyDocument": trustAccount},
		"a boundary":                {"PermissionsBoundary": houseBoundary},
		"the provider's variable":   {"PERMISSIONS_BOUNDARY_ARN": houseBoundary},
		"a path":                    {"RolePath": "/"},
		"a policy":                  {"ManagedPolicyArns": []any{administratorAccess}},
		"a path in the name":        {"RoleName": "../administrator"},
		"a path to another role":    {"RoleName": "other/other-role"},
		"an absolute path":          {"RoleName": "/administrator"},
		"an ARN for a name":         {"RoleName": adminRole},
		"a pattern for a name":      {"RoleName": "admin*"},
		"a variable for a name":     {"RoleName": "${aws:username}"},
		"the administrator's role":  {"RoleName": "administrator"},
		"another provider's role":   {"RoleName": "other-role"},
		"a role without boundary":   {"RoleName": "unbounded"},
		"another stack's role":      {"RoleName": nameIn(ownRole)},
		"the same in capitals":      {"RoleName": strings.ToUpper(nameIn(ownRole))},
		"any external id":           {"ExternalId": "*"},
		"a pattern of external ids": {"ExternalId": "external-*"},
		"a variable external id":    {"ExternalId": "${sts:ExternalId}"},
		"a quoted external id":      {"ExternalId": `x"},"StringLike":{"sts:ExternalId":"*`},
		"two external ids":          {"ExternalId": []any{"one", "two"}},
		"all buckets":               {"BucketName": "*"},
		"a pattern of buckets":      {"BucketName": "my-*"},
		"a bucket with a key":       {"BucketName": bucketName + "/../" + privateBucket},
		"two buckets":               {"BucketName": []any{bucketName, privateBucket}},
		"another bucket's ARN":      {"BucketName": "arn:aws:s3:::" + privateBucket},
		"a pattern of prefixes":     {"ObjectPrefix": "exports-*/"},
		"a variable prefix":         {"ObjectPrefix": "${aws:username}/"},
		"an absolute prefix":        {"ObjectPrefix": "/exports/"},
		"all keys":                  {"KmsKeyArn": "arn:aws:kms:" + region + ":" + account + ":key/*"},
		"all aliases":               {"KmsKeyArn": "arn:aws:kms:" + region + ":" + account + ":alias/*"},
		"all access":                {"AccessMode": "Full"},
		"another access":            {"AccessMode": "full "},
		"another owner's tag":       {"Tags": tags("bitmovin-export-access:stack-id", "arn:aws:cloudformation:x")},
		"the same in capitals, tag": {"Tags": tags("Bitmovin-Export-Access:STACK-ID", "x")},
		"a tag of AWS":              {"Tags": tags("aws:cloudformation:stack-id", "x")},
	}
}

// harmless are properties that are taken, and must not reach any further.
func harmless() map[string]properties {
	return map[string]properties{
		"a bucket beyond the prefix":  {"BucketName": privateBucket},
		"a bucket that begins alike":  {"BucketName": lookalikeBucket},
		"another owner":               {"BucketName": privateBucket, "BucketOwner": "999999999999"},
		"a prefix that climbs":        {"ObjectPrefix": "../" + privateBucket + "/"},
		"a prefix with quotes":        {"ObjectPrefix": `"],"Resource":["arn:aws:s3:::` + privateBucket + `/`},
		"a key of others":             {"KmsKeyArn": keyARN},
		"a key of another account":    {"KmsKeyArn": "arn:aws:kms:" + region + ":999999999999:key/1"},
		"a name like the function's":  {"RoleName": "exports-ProviderRole"},
		"a name like a service's":     {"RoleName": "AWSServiceRoleForBitmovin"},
		"tags that a policy may read": {"Tags": tags("owner", "platform")},
		"many words for nothing":      {"ExternalId": "=,.@:/-", "RoleName": "=,.@-"},
	}
}

// TestGuest: no property of a resource makes its role trust another principal,
// leave the boundary, or reach a bucket that the provider does not allow.
func TestGuest(t *testing.T) {
	for name, p := range refused() {
		t.Run("refused/"+name, func(t *testing.T) {
			g := newGuest(t)
			if err := g.deploy(p); err == nil {
				t.Errorf("a resource with %v was made", p)
			}
			g.wantHarmless()
		})
	}
	for name, p := range harmless() {
		t.Run("harmless/"+name, func(t *testing.T) {
			g := newGuest(t)
			if err := g.deploy(p); err != nil {
				t.Errorf("a resource with %v was not made: %v", p, err)
			}
			g.wantHarmless()
			g.wantCapped()
		})
	}
}

// A guest uses the provider of others.
type guest struct {
	*desk
	boundary string
	// before are the roles of others.
	before map[string]aws.Role
	// since is the number of calls before the guest came.
	since int
}

// newGuest is a scene with an innocent resource of the guest's.
func newGuest(t *testing.T) *guest {
	t.Helper()
	d := newScene(t, forTeams())
	d.cloud.Edit(func(s *aws.State) {
		s.Buckets[lookalikeBucket] = &aws.Bucket{Name: lookalikeBucket, Account: account, Region: region}
	})
	g := &guest{d, *d.boundary(), d.roles(), len(d.cloud.Calls())}
	if err := g.deploy(properties{"Verification": "Enforce"}); err != nil {
		t.Fatal(err)
	}
	return g
}

// roles returns copies of all roles.
func (d *desk) roles() map[string]aws.Role {
	roles := map[string]aws.Role{}
	d.cloud.View(func(s *aws.State) {
		for key, r := range s.Roles {
			role := *r
			role.Inline, role.Tags = maps.Clone(r.Inline), maps.Clone(r.Tags)
			role.Attached = slices.Clone(r.Attached)
			roles[key] = role
		}
	})
	return roles
}

// deploy makes a resource, in the desk's bucket unless the properties say otherwise.
func (g *guest) deploy(p properties) error {
	g.Helper()
	all := properties{"BucketName": bucketName, "ExternalId": "guests-id", "Verification": "Off"}.with(p)
	_, err := g.deployText(guestStack, all.template(nil), nil)
	return err
}

// wantHarmless sees that no call since the guest came has given anything to
// anyone, that none was tried on the roles of others, and that these are as
// they were.
func (g *guest) wantHarmless() {
	g.Helper()
	others := g.roles()
	maps.DeleteFunc(others, func(key string, _ aws.Role) bool {
		_, before := g.before[key]
		return !before
	})
	if diff := cmp.Diff(g.before, others); diff != "" {
		g.Errorf("the roles of others (-before +after):\n%s", diff)
	}
	for _, call := range g.cloud.Calls()[g.since:] {
		_, op, _ := strings.Cut(call.Op, ":")
		for _, r := range others {
			if call.Resource == r.ARN() && !strings.HasPrefix(op, "Get") && !strings.HasPrefix(op, "List") {
				g.Errorf("%s of another's role %s: %s", call.Op, r.ARN(), call.Code)
			}
		}
		if call.Status < 400 {
			g.wantHarmlessCall(call)
		}
	}
}

func (g *guest) wantHarmlessCall(call aws.Call) {
	g.Helper()
	for param, values := range call.Params {
		switch {
		case param == "AssumeRolePolicyDocument", call.Op == "iam:UpdateAssumeRolePolicy" && param == "PolicyDocument":
			g.wantTrust(values[0])
		case param == "PermissionsBoundary" && values[0] != g.boundary:
			g.Errorf("%s: the boundary is %s", call.Op, values[0])
		}
	}
	switch call.Op {
	case "iam:CreateRole":
		if call.Params.Get("PermissionsBoundary") == "" || call.Params.Get("Path") != rolePath {
			g.Errorf("a role without the boundary, or not below the path: %v", call.Params)
		}
	case "iam:AttachRolePolicy":
		g.Errorf("a managed policy was attached: %v", call.Params)
	case "s3:PutObject", "s3:CreateMultipartUpload", "s3:DeleteObject":
		if !strings.Contains(call.Resource, "_bitmovin-access-check/") {
			g.Errorf("%s of %s", call.Op, call.Resource)
		}
	}
}

// exactID is an external id that stands for itself alone.
var exactID = regexp.MustCompile(`^[^*?$]{2,}$`)

// wantTrust sees that a trust policy lets in nobody but Bitmovin and, for
// minutes, the function, each with the external id.
func (g *guest) wantTrust(text string) {
	g.Helper()
	for _, s := range statements(text) {
		who, ids := s.Principal["AWS"], s.Condition["StringEquals"]["sts:ExternalId"]
		ok := len(s.Principal) == 1 && len(who) == 1 && len(ids) == 1 && exactID.MatchString(ids[0])
		until := s.Condition["DateLessThan"]["aws:CurrentTime"]
		switch {
		case ok && who[0] == bitmovinUser && len(s.Condition) == 1:
		case ok && strings.Contains(path.Base(who[0]), "-ProviderRole-") && len(until) == 1 && soon(until[0]):
		default:
			g.Errorf("a trust policy lets in others: %s", text)
		}
	}
}

// soon reports whether a time is within what a function may run for.
func soon(text string) bool {
	until, err := time.Parse(time.RFC3339, text)
	return err == nil && time.Until(until) <= 15*time.Minute
}

// wantCapped sees that Bitmovin cannot do more with the guest's role than with
// any other.
func (g *guest) wantCapped() {
	g.Helper()
	s, err := g.engine.Stack(guestStack)
	if err != nil {
		g.Fatal(err)
	}
	role := s.Resources[logicalID].Attributes
	var request struct{ ExternalID string }
	if err := json.Unmarshal([]byte(role["OutputRequest"]), &request); err != nil {
		g.Fatal(err)
	}
	i := g.as(bitmovinUser).assume(role["RoleArn"], request.ExternalID)
	for _, name := range []string{privateBucket, lookalikeBucket} {
		i.wantDenied([]attack{
			{"list " + name, on(i.s3.ListObjectsV2, s3.ListObjectsV2Input{Bucket: &name})},
			{"find " + name, on(i.s3.GetBucketLocation, s3.GetBucketLocationInput{Bucket: &name})},
			{"write to " + name, on(i.s3.PutObject, s3.PutObjectInput{Bucket: &name, Key: sdk.String(customersKey), Body: strings.NewReader("")})},
		})
	}
	i.wantDenied(i.attacksBeyondTheFour())
}
