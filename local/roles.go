package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
)

// exportRoles returns the roles that the function made, each as JSON with the
// field names that IAM gives them:
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_RoleDetail.html
func (d *desk) exportRoles() (list []string) {
	d.cloud.View(func(s *aws.State) {
		for _, key := range slices.Sorted(maps.Keys(s.Roles)) {
			if r := s.Roles[key]; strings.HasPrefix(r.Path, "/bitmovin/") {
				list = append(list, describe(r))
			}
		}
	})
	return list
}

func describe(r *aws.Role) string {
	type policy struct {
		PolicyName     string
		PolicyDocument json.RawMessage
	}
	var inline []policy
	for _, name := range slices.Sorted(maps.Keys(r.Inline)) {
		inline = append(inline, policy{name, json.RawMessage(r.Inline[name])})
	}
	text, err := json.Marshal(struct {
		Arn                      string
		AssumeRolePolicyDocument json.RawMessage
		RolePolicyList           []policy
		AttachedManagedPolicies  []string `json:",omitempty"`
		PermissionsBoundary      string   `json:",omitempty"`
		Tags                     map[string]string
	}{r.ARN(), json.RawMessage(r.Trust), inline, r.Attached, r.Boundary, r.Tags})
	if err != nil {
		return fmt.Sprintf("role %s: %v", r.Name, err)
	}
	return string(text)
}
