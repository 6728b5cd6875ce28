package main

import (
	"encoding/json"
	"maps"
	"path"
	"regexp"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

const (
	// consumerStack is the stack of an author who wants more than the provider gives.
	consumerStack = "consumer"
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
		"another prefix":            {"RoleNamePrefix": "bitmovin-other-"},
		"a policy":                  {"ManagedPolicyArns": []any{administratorAccess}},
		"a path in the name":        {"RoleName": prefix + "../administrator"},
		"a path to another role":    {"RoleName": prefix + "path/" + nameIn(pathRole)},
		"an absolute path":          {"RoleName": "/administrator"},
		"an ARN for a name":         {"RoleName": adminRole},
		"a pattern for a name":      {"RoleName": prefix + "*"},
		"a variable for a name":     {"RoleName": prefix + "${aws:username}"},
		"the administrator's role":  {"RoleName": "administrator"},
		"any name":                  {"RoleName": "exports"},
		"the prefix's beginning":    {"RoleName": "bitmovin"},
		"the prefix in the middle":  {"RoleName": "my-" + prefix + "exports"},
		"the prefix in capitals":    {"RoleName": "Bitmovin-exports"},
		"another provider's role":   {"RoleName": nameIn(otherRole)},
		"a role at a path":          {"RoleName": nameIn(pathRole)},
		"a role without boundary":   {"RoleName": nameIn(unboundedRole)},
		"a role in capitals":        {"RoleName": nameIn(capitalsRole)},
		"that role, in lower case":  {"RoleName": strings.ToLower(nameIn(capitalsRole))},
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
		"another owner's tag":       {"Tags": harness.Tags("bitmovin-export-access:stack-id", "arn:aws:cloudformation:x")},
		"the same in capitals, tag": {"Tags": harness.Tags("Bitmovin-Export-Access:STACK-ID", "x")},
		"a tag of AWS":              {"Tags": harness.Tags("aws:cloudformation:stack-id", "x")},
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
		"a name like the function's":  {"RoleName": prefix + "provider"},
		"a name like a service's":     {"RoleName": prefix + "AWSServiceRoleForBitmovin"},
		"tags that a policy may read": {"Tags": harness.Tags("owner", "platform")},
		"many words for nothing":      {"ExternalId": "=,.@:/-", "RoleName": prefix + "=,.@-"},
	}
}

// TestConsumer: no property of a resource makes its role trust another principal,
// leave the boundary, or reach a bucket that the provider does not allow.
func TestConsumer(t *testing.T) {
	t.Parallel()
	for name, p := range refused() {
		harness.Run(t, "refused/"+name, func(t *testing.T) {
			c := newConsumer(t)
			if err := c.deploy(p); err == nil {
				t.Errorf("a resource with %v was made", p)
			}
			c.wantHarmless()
		})
	}
	for name, p := range harmless() {
		harness.Run(t, "harmless/"+name, func(t *testing.T) {
			c := newConsumer(t)
			if err := c.deploy(p); err != nil {
				t.Errorf("a resource with %v was not made: %v", p, err)
			}
			c.wantHarmless()
			c.wantCapped()
		})
	}
}

// A consumer is the author of a stack that uses the provider of others.
type consumer struct {
	*env
	boundary string
	// before are the roles of others.
	before map[string]aws.Role
	// from is the number of calls before the consumer's first.
	from int
	// forged is the number of events in the stack's name that CloudFormation did not send.
	forged int
}

// newConsumer returns the author of a stack with a harmless resource.
func newConsumer(t *testing.T) *consumer {
	t.Helper()
	e := newIntruderEnv(t, forTeams())
	e.Cloud.Edit(func(s *aws.State) {
		s.Buckets[lookalikeBucket] = &aws.Bucket{Name: lookalikeBucket, Account: account, Region: region}
	})
	c := &consumer{env: e, boundary: *e.boundary(), before: e.Roles(), from: len(e.Cloud.Calls())}
	if err := c.deploy(properties{"Verification": "Enforce"}); err != nil {
		t.Fatal(err)
	}
	return c
}

// deploy makes a resource, with the account's bucket unless the properties say otherwise.
func (c *consumer) deploy(p properties) error {
	c.Helper()
	all := properties{"BucketName": bucketName, "ExternalId": "consumers-id", "Verification": "Off"}.With(p)
	_, err := c.DeployText(consumerStack, all.Template(nil), nil)
	return err
}

// wantHarmless checks that no call since the consumer's first has given anything to
// anyone, that none tried to change a role of others, and that these are as they
// were.
func (c *consumer) wantHarmless() {
	c.Helper()
	others := c.Roles()
	maps.DeleteFunc(others, func(key string, _ aws.Role) bool {
		_, before := c.before[key]
		return !before
	})
	if diff := cmp.Diff(c.before, others); diff != "" {
		c.Errorf("the roles of others (-before +after):\n%s", diff)
	}
	for _, call := range c.Cloud.Calls()[c.from:] {
		_, op, _ := strings.Cut(call.Op, ":")
		for _, r := range others {
			if call.Resource == r.ARN() && !strings.HasPrefix(op, "Get") && !strings.HasPrefix(op, "List") {
				c.Errorf("%s of another's role %s: %s", call.Op, r.ARN(), call.Code)
			}
		}
		if call.Status < 400 {
			c.wantHarmlessCall(call)
		}
	}
}

func (c *consumer) wantHarmlessCall(call aws.Call) {
	c.Helper()
	for param, values := range call.Params {
		switch {
		case param == "AssumeRolePolicyDocument", call.Op == "iam:UpdateAssumeRolePolicy" && param == "PolicyDocument":
			c.wantTrust(values[0], call.Start)
		case param == "PermissionsBoundary" && values[0] != c.boundary:
			c.Errorf("%s: the boundary is %s", call.Op, values[0])
		}
	}
	switch call.Op {
	case "iam:CreateRole":
		name := call.Params.Get("RoleName")
		if call.Params.Get("PermissionsBoundary") == "" || call.Params.Has("Path") || !strings.HasPrefix(name, prefix) {
			c.Errorf("a role without the boundary, at a path or of another prefix: %v", call.Params)
		}
	case "iam:AttachRolePolicy":
		c.Errorf("a managed policy was attached: %v", call.Params)
	case "s3:PutObject", "s3:CreateMultipartUpload", "s3:DeleteObject":
		if !strings.Contains(call.Resource, "_bitmovin-access-check/") {
			c.Errorf("%s of %s", call.Op, call.Resource)
		}
	}
}

// exactID is an external id that stands for itself alone.
var exactID = regexp.MustCompile(`^[^*?$]{2,}$`)

// wantTrust checks that a trust policy that is put at a time lets in nobody but
// Bitmovin and, for minutes, the function, each with the external id.
func (c *consumer) wantTrust(text string, put time.Time) {
	c.Helper()
	for _, s := range statements(text) {
		who, ids := s.Principal["AWS"], s.Condition["StringEquals"]["sts:ExternalId"]
		ok := len(s.Principal) == 1 && len(who) == 1 && len(ids) == 1 && exactID.MatchString(ids[0])
		until := s.Condition["DateLessThan"]["aws:CurrentTime"]
		switch {
		case ok && who[0] == bitmovinUser && len(s.Condition) == 1:
		case ok && strings.Contains(path.Base(who[0]), "-ProviderRole-") && len(until) == 1 && isSoon(until[0], put):
		default:
			c.Errorf("a trust policy lets in others: %s", text)
		}
	}
}

// isSoon reports whether the time in a text is within what a function may run for.
func isSoon(text string, from time.Time) bool {
	until, err := time.Parse(time.RFC3339, text)
	return err == nil && until.Sub(from) <= 15*time.Minute
}

// wantCapped checks that Bitmovin cannot do more with the consumer's role than with
// any other.
func (c *consumer) wantCapped() {
	c.Helper()
	s, err := c.Engine.Stack(consumerStack)
	if err != nil {
		c.Fatal(err)
	}
	role := s.Resources[logicalID].Attributes
	var request struct{ ExternalID string }
	if err := json.Unmarshal([]byte(role["OutputRequest"]), &request); err != nil {
		c.Fatal(err)
	}
	i := c.as(bitmovinUser).assume(role["RoleArn"], request.ExternalID)
	for _, name := range []string{privateBucket, lookalikeBucket} {
		i.wantDenied([]attack{
			{"list " + name, on(i.s3.ListObjectsV2, s3.ListObjectsV2Input{Bucket: &name})},
			{"find " + name, on(i.s3.GetBucketLocation, s3.GetBucketLocationInput{Bucket: &name})},
			{"write to " + name, on(i.s3.PutObject, s3.PutObjectInput{Bucket: &name, Key: sdk.String(customersKey), Body: strings.NewReader("")})},
		})
	}
	i.wantDenied(i.attacksBeyondTheFour())
}
