package cloudformation

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
)

// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-role.html
type roleProperties struct {
	RoleName                 string   `yaml:"RoleName"`
	Path                     string   `yaml:"Path"`
	Description              string   `yaml:"Description"`
	AssumeRolePolicyDocument any      `yaml:"AssumeRolePolicyDocument"`
	ManagedPolicyArns        []string `yaml:"ManagedPolicyArns"`
	PermissionsBoundary      string   `yaml:"PermissionsBoundary"`
	Policies                 []struct {
		PolicyName     string `yaml:"PolicyName"`
		PolicyDocument any    `yaml:"PolicyDocument"`
	} `yaml:"Policies"`
	Tags []tag `yaml:"Tags"`
}

func role(t task) (outcome, error) {
	var p roleProperties
	if err := t.read(&p); err != nil {
		return outcome{}, err
	}
	name, arn := t.name(p.RoleName, 64), ""
	err := t.edit(func(s *aws.State) error {
		next, err := p.desired(s)
		if err != nil {
			return err
		}
		id := aws.RoleKey(t.engine.options.Account, name)
		now := s.Roles[id]
		switch {
		case t.physicalID == "" && now != nil:
			return fmt.Errorf("role with name %s already exists", name)
		case t.physicalID == "":
			now = &aws.Role{Account: t.engine.options.Account, Name: name, Created: time.Now()}
		case now == nil:
			return fmt.Errorf("the role with name %s cannot be found", name)
		}
		next.Account, next.Name, next.ID = now.Account, now.Name, now.ID
		next.Created, next.InstanceProfiles = now.Created, now.InstanceProfiles
		next.Attached = slices.Concat(next.Attached, t.attachedByOthers(now))
		s.Roles[id], arn = next, next.ARN()
		return nil
	})
	if err != nil {
		return outcome{}, err
	}
	return outcome{name, map[string]string{"Arn": arn}}, nil
}

// desired returns the role without its identity.
func (p roleProperties) desired(s *aws.State) (*aws.Role, error) {
	trust, err := document(p.AssumeRolePolicyDocument)
	if err != nil {
		return nil, err
	}
	if err := s.Check(aws.LayerTrust, trust); err != nil {
		return nil, fmt.Errorf("trust policy: %w", err)
	}
	for _, arn := range slices.Concat(p.ManagedPolicyArns, []string{p.PermissionsBoundary}) {
		if arn != "" && s.Policies[arn] == nil {
			return nil, fmt.Errorf("policy %s does not exist or is not attachable", arn)
		}
	}
	r := &aws.Role{
		Path: "/", Trust: trust, Inline: map[string]string{}, Attached: p.ManagedPolicyArns,
		Boundary: p.PermissionsBoundary, Tags: tags(p.Tags), Description: p.Description,
	}
	if p.Path != "" {
		r.Path = p.Path
	}
	for _, policy := range p.Policies {
		if r.Inline[policy.PolicyName], err = document(policy.PolicyDocument); err != nil {
			return nil, err
		}
		if err := s.Check(aws.LayerIdentity, r.Inline[policy.PolicyName]); err != nil {
			return nil, fmt.Errorf("policy %s: %w", policy.PolicyName, err)
		}
	}
	return r, nil
}

// attachedByOthers are the policies of a role that its own properties do not name.
func (t task) attachedByOthers(r *aws.Role) []string {
	own, _ := t.old["ManagedPolicyArns"].([]any)
	return slices.DeleteFunc(slices.Clone(r.Attached), func(arn string) bool { return slices.Contains(own, any(arn)) })
}

func removeRole(t task) error {
	return t.edit(func(s *aws.State) error {
		id := aws.RoleKey(t.engine.options.Account, t.physicalID)
		if r := s.Roles[id]; r != nil && len(r.InstanceProfiles) > 0 {
			return errors.New("cannot delete entity, must remove roles from instance profile first")
		}
		delete(s.Roles, id)
		return nil
	})
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-managedpolicy.html
type managedPolicyProperties struct {
	ManagedPolicyName string   `yaml:"ManagedPolicyName"`
	Path              string   `yaml:"Path"`
	Description       string   `yaml:"Description"`
	PolicyDocument    any      `yaml:"PolicyDocument"`
	Roles             []string `yaml:"Roles"`
}

func managedPolicy(t task) (outcome, error) {
	var p managedPolicyProperties
	if err := t.read(&p); err != nil {
		return outcome{}, err
	}
	if t.physicalID != "" && !reflect.DeepEqual(t.old["Roles"], t.properties["Roles"]) {
		return outcome{}, errors.New("a change of Roles is not known here")
	}
	text, err := document(p.PolicyDocument)
	if err != nil {
		return outcome{}, err
	}
	arn := t.physicalID
	if arn == "" {
		arn = "arn:aws:iam::" + t.engine.options.Account + ":policy/" + strings.TrimPrefix(p.Path, "/") + t.name(p.ManagedPolicyName, 128)
	}
	err = t.edit(func(s *aws.State) error {
		if t.physicalID == "" && s.Policies[arn] != nil {
			return fmt.Errorf("a policy called %s already exists", arn)
		}
		if err := s.Check(aws.LayerIdentity, text); err != nil {
			return fmt.Errorf("policy document: %w", err)
		}
		s.Policies[arn] = &aws.ManagedPolicy{ARN: arn, Document: text}
		return t.attach(s, arn, p.Roles)
	})
	return outcome{arn, map[string]string{"PolicyArn": arn}}, err
}

func (t task) attach(s *aws.State, arn string, roles []string) error {
	for _, name := range roles {
		r := s.Roles[aws.RoleKey(t.engine.options.Account, name)]
		if r == nil {
			return fmt.Errorf("the role with name %s cannot be found", name)
		}
		if !slices.Contains(r.Attached, arn) {
			r.Attached = append(r.Attached, arn)
		}
	}
	return nil
}

// removeManagedPolicy detaches the policy from the roles that it names. One that
// is in use besides, as a boundary too, cannot be deleted.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeletePolicy.html
// https://github.com/gruntwork-io/cloud-nuke/issues/972
func removeManagedPolicy(t task) error {
	var p managedPolicyProperties
	if err := t.read(&p); err != nil {
		return err
	}
	return t.edit(func(s *aws.State) error {
		for _, r := range s.Roles {
			if slices.Contains(p.Roles, r.Name) {
				r.Attached = slices.DeleteFunc(r.Attached, func(arn string) bool { return arn == t.physicalID })
			}
			if r.Boundary == t.physicalID || slices.Contains(r.Attached, t.physicalID) {
				return errors.New("cannot delete a policy attached to entities")
			}
		}
		delete(s.Policies, t.physicalID)
		return nil
	})
}
