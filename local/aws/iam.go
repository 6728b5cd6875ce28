package aws

import (
	"cmp"
	"net/http"
	"slices"
)

// An iamOperation is one on a role, authorized as the action of its name.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
type iamOperation struct {
	run func(c *Cloud, k *call, role *Role) (any, error)
	// params are the parameters that are known beside RoleName.
	params string
	// read operations lag by Options.ReadLag.
	read bool
}

var iamOperations = map[string]iamOperation{
	"GetRole":                       {(*Cloud).getRole, "", true},
	"CreateRole":                    {(*Cloud).createRole, "Path AssumeRolePolicyDocument Description PermissionsBoundary Tags", false},
	"DeleteRole":                    {(*Cloud).deleteRole, "", false},
	"UpdateAssumeRolePolicy":        {(*Cloud).updateTrust, "PolicyDocument", false},
	"TagRole":                       {(*Cloud).tagRole, "Tags", false},
	"UntagRole":                     {(*Cloud).untagRole, "TagKeys", false},
	"PutRolePolicy":                 {(*Cloud).putRolePolicy, "PolicyName PolicyDocument", false},
	"GetRolePolicy":                 {(*Cloud).getRolePolicy, "PolicyName", true},
	"DeleteRolePolicy":              {(*Cloud).deleteRolePolicy, "PolicyName", false},
	"ListRolePolicies":              {(*Cloud).listRolePolicies, "Marker MaxItems", true},
	"AttachRolePolicy":              {(*Cloud).attachRolePolicy, "PolicyArn", false},
	"DetachRolePolicy":              {(*Cloud).detachRolePolicy, "PolicyArn", false},
	"ListAttachedRolePolicies":      {(*Cloud).listAttachedRolePolicies, "Marker MaxItems", true},
	"PutRolePermissionsBoundary":    {(*Cloud).putBoundary, "PermissionsBoundary", false},
	"DeleteRolePermissionsBoundary": {(*Cloud).deleteBoundary, "", false},
}

// boundedActions have the condition key iam:PermissionsBoundary.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
var boundedActions = []string{
	"CreateRole", "PutRolePolicy", "DeleteRolePolicy", "AttachRolePolicy", "DetachRolePolicy",
	"PutRolePermissionsBoundary", "DeleteRolePermissionsBoundary",
}

func (c *Cloud) iam(k *call) (*reply, error) {
	if k.op() == "GetPolicy" {
		return k.queryReply(c.getPolicy(k))
	}
	op, ok := iamOperations[k.op()]
	if !ok {
		return nil, NotImplemented("%s", k.Op)
	}
	if err := k.known("RoleName " + op.params); err != nil {
		return nil, err
	}
	name := k.Params.Get("RoleName")
	if err := matches("roleName", name, roleName); err != nil {
		return nil, err
	}
	if err := c.allowIAM(k, k.op()); err != nil {
		return nil, err
	}
	key := RoleKey(k.caller.Account, name)
	role := c.state.Roles[key]
	if op.read {
		role = c.role(key, c.options.ReadLag)
	}
	if role == nil && k.op() != "CreateRole" {
		return nil, fail(http.StatusNotFound, "NoSuchEntity", "The role with name %s cannot be found.", name)
	}
	before := c.state.Roles[key].clone()
	answer, err := k.queryReply(op.run(c, k, role))
	c.remember(key, before)
	return answer, err
}

// named returns the role that a call is for; if it does not exist, or is yet to
// be made, a role with the ARN that it would have.
func (c *Cloud) named(k *call) *Role {
	account, _ := splitARN(k.Caller)
	name := k.Params.Get("RoleName")
	role := c.state.Roles[RoleKey(account, name)]
	if role == nil || k.op() == "CreateRole" {
		role = &Role{Account: account, Path: k.path(), Name: name}
	}
	return role
}

// allowIAM decides on an action on the role that a call is for.
func (c *Cloud) allowIAM(k *call, action string) error {
	role := c.named(k)
	k.Resource = role.ARN()
	return c.allow(k, request{Action: "iam:" + action, Resource: k.Resource, Context: k.iamContext(action, role)})
}

func (k *call) path() string { return cmp.Or(k.Params.Get("Path"), "/") }

// iamContext gathers IAM's own condition keys.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
func (k *call) iamContext(action string, role *Role) map[string][]string {
	context := map[string][]string{}
	role.tagContext(context)
	if arn := k.Params.Get("PolicyArn"); arn != "" {
		context["iam:PolicyARN"] = []string{arn}
	}
	// The boundary that a call sets is the one that counts.
	boundary := cmp.Or(k.Params.Get("PermissionsBoundary"), role.Boundary)
	if boundary != "" && slices.Contains(boundedActions, action) {
		context["iam:PermissionsBoundary"] = []string{boundary}
	}
	keys := slices.Concat(k.list("Tags", "Key"), k.list("TagKeys", ""))
	if len(keys) > 0 {
		context["aws:TagKeys"] = keys
	}
	for i, value := range k.list("Tags", "Value") {
		context["aws:RequestTag/"+keys[i]] = []string{value}
	}
	return context
}

func (r *Role) tagContext(context map[string][]string) {
	for tag, value := range r.Tags {
		context["aws:ResourceTag/"+tag], context["iam:ResourceTag/"+tag] = []string{value}, []string{value}
	}
}
