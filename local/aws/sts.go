package aws

import (
	"net/http"
	"regexp"
	"strconv"
	"time"
)

var (
	sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	externalID  = regexp.MustCompile(`^[\w+=,.@:/-]{2,1000}[\w+=,.@:/-]{0,224}$`)
)

func (c *Cloud) sts(k *call) (*reply, error) {
	switch k.op() {
	case "AssumeRole":
		return k.queryReply(c.assumeRole(k))
	case "GetCallerIdentity":
		// It needs no permission, and none can be denied.
		// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
		return k.queryReply(struct{ Account, Arn string }{k.caller.Account, k.Caller}, nil)
	}
	return nil, NotImplemented("%s", k.Op)
}

// assumeRole follows https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
func (c *Cloud) assumeRole(k *call) (any, error) {
	if err := k.known("RoleArn RoleSessionName ExternalId DurationSeconds"); err != nil {
		return nil, err
	}
	duration, err := k.sessionDuration()
	if err != nil {
		return nil, err
	}
	arn := k.Params.Get("RoleArn")
	account, resource := splitARN(arn)
	role := c.role(RoleKey(account, baseName(resource)), c.options.Propagation)
	if role == nil || role.ARN() != arn {
		// A role that does not exist is not told from one that may not be assumed.
		k.Actions = append(k.Actions, k.Op)
		return nil, fail(http.StatusForbidden, "AccessDenied",
			"User: %s is not authorized to perform: sts:AssumeRole on resource: %s", k.Caller, arn)
	}
	if err := c.allowAssume(k, role); err != nil {
		return nil, err
	}
	s := role.session(k.Params.Get("RoleSessionName"))
	s.expires = time.Now().Add(duration)
	return assumed(c.issue(s)), nil
}

func (c *Cloud) allowAssume(k *call, role *Role) error {
	trust, err := parseDocument(LayerTrust, role.Trust)
	if err != nil {
		return NotImplemented("trust policy of %s: %v", role.ARN(), err)
	}
	context := map[string][]string{"sts:RoleSessionName": {k.Params.Get("RoleSessionName")}}
	if id := k.Params.Get("ExternalId"); id != "" {
		context["sts:ExternalId"] = []string{id}
	}
	role.tagContext(context)
	return c.allow(k, request{
		Action: k.Op, Resource: role.ARN(), ResourceAccount: role.Account, ResourcePolicy: trust, Context: context,
	})
}

// sessionDuration checks the parameters that need no role. A role is made with
// the default maximum of an hour, which also binds a role that assumes a role.
func (k *call) sessionDuration() (time.Duration, error) {
	seconds := 3600
	if text := k.Params.Get("DurationSeconds"); text != "" {
		var err error
		if seconds, err = strconv.Atoi(text); err != nil || seconds < 900 {
			return 0, invalid("durationSeconds", text, "Member must have value greater than or equal to 900")
		}
	}
	if seconds > 3600 {
		return 0, fail(http.StatusBadRequest, "ValidationError",
			"The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	if err := matches("roleSessionName", k.Params.Get("RoleSessionName"), sessionName); err != nil {
		return 0, err
	}
	if k.Params.Has("ExternalId") {
		if err := matches("externalId", k.Params.Get("ExternalId"), externalID); err != nil {
			return 0, err
		}
	}
	return time.Duration(seconds) * time.Second, nil
}

// assumed is the result of AssumeRole.
func assumed(s *session) any {
	type credentials struct{ AccessKeyId, SecretAccessKey, SessionToken, Expiration string } //nolint:revive // AWS's names
	type user struct{ AssumedRoleId, Arn string }                                            //nolint:revive // AWS's names
	return struct {
		Credentials     credentials
		AssumedRoleUser user
	}{
		credentials{s.AccessKeyID, s.SecretAccessKey, s.SessionToken, s.expires.UTC().Format(time.RFC3339)},
		user{s.roleID + ":" + baseName(s.arn), s.arn},
	}
}

// invalid is IAM's and STS's answer to a parameter that breaks a constraint.
func invalid(param, value, constraint string) *Error {
	return fail(http.StatusBadRequest, "ValidationError",
		"1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: %s", value, param, constraint)
}
