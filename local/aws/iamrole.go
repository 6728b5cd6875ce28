package aws

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

func (c *Cloud) createRole(k *call, role *Role) (any, error) {
	tags, err := k.tags(nil)
	if err != nil {
		return nil, err
	}
	if len(tags) > 0 {
		// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags_roles.html
		if err := c.allowIAM(k, "TagRole"); err != nil {
			return nil, err
		}
	}
	if err := matches("path", k.path(), rolePath); err != nil {
		return nil, err
	}
	if role != nil {
		return nil, fail(http.StatusConflict, "EntityAlreadyExists", "Role with name %s already exists.", k.Params.Get("RoleName"))
	}
	trust, boundary := k.Params.Get("AssumeRolePolicyDocument"), k.Params.Get("PermissionsBoundary")
	if err := c.checkTrust(trust); err != nil {
		return nil, err
	}
	if boundary != "" {
		if err := c.attachable(k, boundary, "Scope ARN:"); err != nil {
			return nil, err
		}
	}
	role = &Role{
		Account: k.caller.Account, Name: k.Params.Get("RoleName"), ID: c.id("AROA"), Path: k.path(), Trust: trust,
		Inline: map[string]string{}, Boundary: boundary, Tags: tags,
		Description: k.Params.Get("Description"), Created: time.Now(),
	}
	c.state.Roles[RoleKey(role.Account, role.Name)] = role
	return describeRole(role), nil
}

func (c *Cloud) getRole(_ *call, role *Role) (any, error) { return describeRole(role), nil }

// deleteRole follows https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRole.html
func (c *Cloud) deleteRole(_ *call, role *Role) (any, error) {
	conflict := ""
	switch {
	case len(role.InstanceProfiles) > 0:
		conflict = "remove roles from instance profile"
	case len(role.Attached) > 0:
		conflict = "detach all policies"
	case len(role.Inline) > 0:
		conflict = "delete policies"
	default:
		delete(c.state.Roles, RoleKey(role.Account, role.Name))
		return nil, nil
	}
	return nil, fail(http.StatusConflict, "DeleteConflict", "Cannot delete entity, must %s first.", conflict)
}

func (c *Cloud) updateTrust(k *call, role *Role) (any, error) {
	trust := k.Params.Get("PolicyDocument")
	if err := c.checkTrust(trust); err != nil {
		return nil, err
	}
	role.Trust = trust
	return nil, nil
}

func (c *Cloud) tagRole(k *call, role *Role) (any, error) {
	tags, err := k.tags(role.Tags)
	if err == nil {
		role.Tags = tags
	}
	return nil, err
}

func (c *Cloud) untagRole(k *call, role *Role) (any, error) {
	for _, key := range k.list("TagKeys", "") {
		maps.DeleteFunc(role.Tags, func(tag, _ string) bool { return strings.EqualFold(tag, key) })
	}
	return nil, nil
}

func (c *Cloud) putBoundary(k *call, role *Role) (any, error) {
	arn := k.Params.Get("PermissionsBoundary")
	err := c.attachable(k, arn, "Scope ARN:")
	if err == nil {
		role.Boundary = arn
	}
	return nil, err
}

func (c *Cloud) deleteBoundary(_ *call, role *Role) (any, error) {
	role.Boundary = ""
	return nil, nil
}

func (c *Cloud) putRolePolicy(k *call, role *Role) (any, error) {
	name, text := k.Params.Get("PolicyName"), k.Params.Get("PolicyDocument")
	if err := matches("policyName", name, policyName); err != nil {
		return nil, err
	}
	if err := c.state.Check(LayerIdentity, text); err != nil {
		return nil, err
	}
	size := dense(text)
	for other, document := range role.Inline {
		if other != name {
			size += dense(document)
		}
	}
	if size > inlineQuota {
		return nil, fail(http.StatusConflict, "LimitExceeded",
			"Maximum policy size of %d bytes exceeded for role %s", inlineQuota, role.Name)
	}
	if role.Inline == nil {
		role.Inline = map[string]string{}
	}
	role.Inline[name] = text
	return nil, nil
}

func (c *Cloud) getRolePolicy(k *call, role *Role) (any, error) {
	name := k.Params.Get("PolicyName")
	text, ok := role.Inline[name]
	if !ok {
		return nil, fail(http.StatusNotFound, "NoSuchEntity", "The role policy with name %s cannot be found.", name)
	}
	return struct{ RoleName, PolicyName, PolicyDocument string }{role.Name, name, encode(text)}, nil
}

func (c *Cloud) deleteRolePolicy(k *call, role *Role) (any, error) {
	_, err := c.getRolePolicy(k, role)
	if err == nil {
		delete(role.Inline, k.Params.Get("PolicyName"))
	}
	return nil, err
}

func (c *Cloud) attachRolePolicy(k *call, role *Role) (any, error) {
	arn := k.Params.Get("PolicyArn")
	if err := c.attachable(k, arn, "Policy"); err != nil {
		return nil, err
	}
	if slices.Contains(role.Attached, arn) {
		return nil, nil
	}
	if len(role.Attached) >= attachedQuota {
		return nil, fail(http.StatusConflict, "LimitExceeded", "Cannot exceed quota for PoliciesPerRole: %d", attachedQuota)
	}
	role.Attached = append(role.Attached, arn)
	return nil, nil
}

func (c *Cloud) detachRolePolicy(k *call, role *Role) (any, error) {
	i := slices.Index(role.Attached, k.Params.Get("PolicyArn"))
	if i < 0 {
		return nil, fail(http.StatusNotFound, "NoSuchEntity", "Policy %s was not found.", k.Params.Get("PolicyArn"))
	}
	role.Attached = slices.Delete(role.Attached, i, i+1)
	return nil, nil
}

func (c *Cloud) listRolePolicies(k *call, role *Role) (any, error) {
	names, more := k.page(slices.Collect(maps.Keys(role.Inline)))
	return struct {
		page
		PolicyNames []string `xml:"PolicyNames>member"`
	}{more, names}, nil
}

func (c *Cloud) listAttachedRolePolicies(k *call, role *Role) (any, error) {
	type attached struct{ PolicyName, PolicyArn string }
	arns, more := k.page(role.Attached)
	list := make([]attached, len(arns))
	for i, arn := range arns {
		list[i] = attached{baseName(arn), arn}
	}
	return struct {
		page
		AttachedPolicies []attached `xml:"AttachedPolicies>member"`
	}{more, list}, nil
}
