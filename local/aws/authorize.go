package aws

import (
	"cmp"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// allow decides on one action of a call, and returns the 403 if it is denied.
func (c *Cloud) allow(k *call, r request) error {
	k.Actions = append(k.Actions, r.Action)
	r.Caller = k.caller
	r.ResourceAccount = cmp.Or(r.ResourceAccount, k.caller.Account)
	guardrails, err := c.guardrails(k, r)
	if err != nil {
		return err
	}
	r.Guardrails = guardrails
	r.Context = k.global(r.Context)
	d, err := decide(r)
	if err != nil {
		return NotImplemented("what decides on %s: %v", r.Action, err)
	}
	if c.options.OnDecision != nil {
		if err := c.tell(r, d); err != nil {
			return err
		}
	}
	if !d.Allowed {
		return fail(http.StatusForbidden, "AccessDenied", "%s", d.message(r))
	}
	return nil
}

// allowed tells whether an action would be allowed, for the answers that depend on it.
func (c *Cloud) allowed(k *call, r request) bool {
	quiet := *k
	quiet.Call = &Call{Region: k.Region}
	err := c.allow(&quiet, r)
	c.note(err)
	return err == nil
}

// guardrails picks what binds a call: an SCP and an endpoint's policy by the
// caller's account, an RCP by the resource's, for the services that have RCPs.
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html
func (c *Cloud) guardrails(k *call, r request) ([]*document, error) {
	var documents []*document
	service, _, _ := strings.Cut(r.Action, ":")
	for _, g := range c.state.Guardrails {
		bound := g.Account == k.caller.Account
		if g.Layer == LayerRCP {
			bound = g.Account == r.ResourceAccount && slices.Contains([]string{"s3", "sts", "kms"}, service)
		}
		if !bound {
			continue
		}
		d, err := parseDocument(g.Layer, g.Policy)
		if err != nil {
			return nil, NotImplemented("%s of %s: %v", g.Layer, g.Account, err)
		}
		documents = append(documents, d)
	}
	return documents, nil
}

// global adds the condition keys that every call has.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
func (k *call) global(own map[string][]string) map[string][]string {
	host, _, _ := net.SplitHostPort(k.http.RemoteAddr)
	all := map[string][]string{
		"aws:currenttime":     {time.Now().UTC().Format(time.RFC3339)},
		"aws:requestedregion": {k.Region},
		// The desk has no TLS; the caller that it stands for has.
		"aws:securetransport": {"true"},
		"aws:sourceip":        {host},
	}
	for key, values := range own {
		all[strings.ToLower(key)] = values
	}
	return all
}

// documentText is of what characters IAM takes a policy.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html
var documentText = regexp.MustCompile(`^[\x09\x0A\x0D\x20-\x{FF}]+$`)

// Check returns the [*Error] with which IAM refuses to store a policy that is
// malformed, or that names a user or role which does not exist.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
func (s *State) Check(layer Layer, policy string) error {
	if layer != LayerResource && layer != LayerKey {
		if err := matches("policyDocument", policy, documentText); err != nil {
			return err
		}
	}
	d, err := parseDocument(layer, policy)
	if err != nil {
		return fail(http.StatusBadRequest, "MalformedPolicyDocument", "%v", err)
	}
	for _, arn := range d.principalARNs() {
		if !s.exists(arn) {
			return fail(http.StatusBadRequest, "MalformedPolicyDocument", `Invalid principal in policy: "AWS":"%s"`, arn)
		}
	}
	return nil
}

func (s *State) exists(arn string) bool {
	account, resource := splitARN(arn)
	if session, ok := strings.CutPrefix(resource, "assumed-role/"); ok {
		name, _, _ := strings.Cut(session, "/")
		return s.Roles[RoleKey(account, name)] != nil
	}
	role := s.Roles[RoleKey(account, baseName(resource))]
	return s.Users[arn] != nil || role != nil && role.ARN() == arn
}
