package main

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// What an intruder finds in the account.
const (
	rolesARN = "arn:aws:iam::" + account + ":role/"
	// prefix is the provider's: the shortest, with which the path of its function's own
	// role begins, too.
	prefix = "bitmovin-"
	// ownRole is the role that the provider made: template.yaml has the name.
	ownRole = rolesARN + prefix + "access"
	// adminRole administers the account, and trusts all of it.
	adminRole = rolesARN + "administrator"
	// otherRole is a role of another provider, of that one's prefix.
	otherRole = rolesARN + "team-bitmovin-other-role"
	// capitalsRole differs from the provider's roles in the case of its prefix, and
	// pathRole has a path.
	capitalsRole = rolesARN + "Bitmovin-other-role"
	pathRole     = rolesARN + prefix + "path/" + prefix + "other-role-2"
	// unboundedRole has the provider's prefix, and somebody has made it without a boundary.
	unboundedRole = rolesARN + prefix + "unbounded"
	// strangersRole is another account's, and trusts this one.
	strangersRole = "arn:aws:iam::" + otherAccount + ":role/" + prefix + "foreign"
	bitmovinUser  = "arn:aws:iam::630681592166:user/bitmovinCustomerS3Access"
	fullAccess    = "arn:aws:iam::aws:policy/AmazonS3FullAccess"
	// privateBucket does not begin with AllowedBucketPrefix.
	privateBucket = "private-data"
	// customersKey is an object's in every bucket.
	customersKey = "exports/2026/customers.csv"
)

// newIntruderEnv returns an account in which a provider has made ownRole, with what
// an intruder is after.
func newIntruderEnv(t *testing.T, deploy func(*env)) *env {
	t.Helper()
	e := newEnv(t, options{})
	deploy(e)
	e.addKey()
	e.AddAPIKeys()
	for _, arn := range []string{adminRole, otherRole, capitalsRole, pathRole, unboundedRole, strangersRole} {
		e.addAdministrator(arn)
	}
	e.Cloud.Edit(func(s *aws.State) {
		addHouseBoundary(s, allowAll)
		s.Buckets[privateBucket] = &aws.Bucket{Name: privateBucket, Account: account, Region: region, Ownership: "BucketOwnerEnforced"}
		for _, name := range []string{bucketName, privateBucket} {
			s.Buckets[name].Versions = []*aws.Version{{Key: customersKey, VersionID: "null", Body: "data"}}
		}
	})
	return e
}

// forBucket deploys a provider of the one bucket.
func forBucket(e *env) {
	p := harness.Parameters("RoleNamePrefix", prefix, "ExternalId", "external-id")
	if _, err := e.DeployText(providerStack, e.Template(), p); err != nil {
		e.Fatal(err)
	}
}

// forTeams deploys a provider, with the parameters, of the buckets that begin
// with "my-", and the stack of a team.
func forTeams(pairs ...string) func(*env) {
	return func(e *env) {
		e.Provide(append(pairs, "RoleNamePrefix", prefix, "AllowedBucketPrefix", "my-")...)
		e.MustApp(properties{"BucketName": bucketName, "RoleName": nameIn(ownRole), "ExternalId": "external-id"})
	}
}

// nameIn returns the name in an ARN.
func nameIn(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

// An intruder holds somebody's credentials.
type intruder struct {
	*env
	// arn of the user or role whose they are.
	arn     string
	iam     *iam.Client
	s3      *s3.Client
	sts     *sts.Client
	secrets *secretsmanager.Client
}

// as has the credentials of a user, or of a session of a role.
func (e *env) as(arn string) intruder {
	e.Helper()
	return e.intruder(arn, e.Cloud.Config(arn, region))
}

func (e *env) intruder(arn string, cfg sdk.Config) intruder {
	return intruder{
		e, arn, iam.NewFromConfig(cfg), s3.NewFromConfig(cfg), sts.NewFromConfig(cfg), secretsmanager.NewFromConfig(cfg),
	}
}

// asFunction has the credentials of the function.
func (e *env) asFunction() intruder {
	e.Helper()
	return e.as(e.functionOf(providerStack))
}

// functionOf returns the ARN of the role of a stack's function.
func (e *env) functionOf(stack string) (arn string) {
	e.Helper()
	name := e.Stack(stack).Resources["ProviderRole"].PhysicalID
	e.Cloud.View(func(s *aws.State) { arn = s.Roles[aws.RoleKey(account, name)].ARN() })
	return arn
}

// assume has the credentials of the role, which the intruder assumes.
func (i intruder) assume(arn, externalID string) intruder {
	i.Helper()
	in := sts.AssumeRoleInput{RoleArn: &arn, RoleSessionName: sdk.String("intruder")}
	if externalID != "" {
		in.ExternalId = &externalID
	}
	out, err := i.sts.AssumeRole(i.Context(), &in)
	if err != nil {
		i.Fatal(err)
	}
	cfg, c := i.Cloud.Config(arn, region), out.Credentials
	cfg.Credentials = credentials.NewStaticCredentialsProvider(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
	return i.intruder(arn, cfg)
}

// An attack is a call that must be denied.
type attack struct {
	name string
	call func(context.Context) error
}

// on is a call of the SDK with its input, yet to be made.
func on[In, Out, Options any](call func(context.Context, *In, ...func(*Options)) (*Out, error), in In) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := call(ctx, &in)
		return err
	}
}

// action is an attack by an action on a resource that local/aws has no call for,
// with the condition keys that go with it.
func (i intruder) action(action, resource string, keys ...map[string][]string) attack {
	all := map[string][]string{}
	for _, k := range keys {
		maps.Copy(all, k)
	}
	return attack{action, func(context.Context) error { return i.Cloud.Simulate(i.arn, action, resource, all) }}
}

// via is the condition key of what a service asks of KMS in the caller's name.
func via(service string) map[string][]string {
	return map[string][]string{"kms:ViaService": {service + "." + region + ".amazonaws.com"}}
}

// wantDenied makes the calls and checks that the policies deny each of them.
func (i intruder) wantDenied(attacks []attack) {
	i.Helper()
	for _, a := range attacks {
		before := len(i.Cloud.Calls())
		if err := a.call(i.Context()); !isDenied(err) {
			i.Errorf("%s, as %s: %v, want it denied", a.name, i.arn, err)
		}
		for _, call := range i.Cloud.Calls()[before:] {
			if len(call.Actions) == 0 {
				i.Errorf("%s, as %s: no policy was asked", a.name, i.arn)
			}
		}
	}
}

// isDenied reports whether a call was denied. The answer to a HEAD has no code
// but the status.
func isDenied(err error) bool {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return slices.Contains([]string{"AccessDenied", "AccessDeniedException", "Forbidden"}, api.ErrorCode())
	}
	simulated, ok := errors.AsType[*aws.Error](err)
	return ok && simulated.Code == "AccessDenied"
}
