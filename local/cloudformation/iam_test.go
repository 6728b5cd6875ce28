package cloudformation_test

import (
	"strings"
	"testing"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

const attaching = `
Parameters: {About: {Type: String, Default: one}, Description: {Type: String, Default: one}}
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: the-role
      Description: !Ref Description
      AssumeRolePolicyDocument:
        Version: 2012-10-17
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: sts:AssumeRole}]
  Policy:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      Description: !Ref About
      Roles: [!Ref Role]
      PolicyDocument: {Version: 2012-10-17, Statement: [{Effect: Allow, Action: 's3:*', Resource: '*'}]}
`

// TestPolicyNamesItsRoles: a policy that names a role is attached to it as long
// as it is there, whatever becomes of the role meanwhile.
func TestPolicyNamesItsRoles(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := start(t)
		attached := func() (list []string) {
			e.cloud.View(func(s *aws.State) { list = s.Roles[aws.RoleKey("111122223333", "the-role")].Attached })
			return list
		}
		first := e.deploy("app", attaching, nil).Resources["Policy"].PhysicalID
		e.deploy("app", attaching, map[string]string{"Description": "two"})
		if got := attached(); len(got) != 1 || got[0] != first {
			t.Errorf("after an update of the role %q are attached, want %s", got, first)
		}
		second := e.deploy("app", attaching, map[string]string{"Description": "two", "About": "two"}).Resources["Policy"].PhysicalID
		if got := attached(); len(got) != 1 || got[0] != second || second == first {
			t.Errorf("after a replacement of %s %q are attached, want %s", first, got, second)
		}
		alone, _, _ := strings.Cut(attaching, "  Policy:")
		e.deploy("app", alone, map[string]string{"Description": "two"})
		if got := attached(); len(got) != 0 {
			t.Errorf("after the policy's deletion %q are attached", got)
		}
	})
}
