package main

import (
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// TestRefusedNames: the template takes no prefix that could stand for the names of others,
// and no name that an export cannot have.
func TestRefusedNames(t *testing.T) {
	t.Parallel()
	for parameter, values := range map[string][]string{
		"RoleNamePrefix": {
			"*", "*bitmovin-", "bitmovin-*-", "bitmovin-?-", "${aws:username}-bitmovin-", "bitmovin/export-", "/bitmovin-", " bitmovin-",
			"bitmovin", "bitmovin-export", "export-", "bit-movin-", "BITMOVIN-", "bitmovin-" + strings.Repeat("x", 23) + "-",
		},
		"ProviderName": {"bitmovin export", "bitmovin:export", "${AWS::StackName}", "a_b", strings.Repeat("x", 129)},
	} {
		harness.Run(t, parameter, func(t *testing.T) {
			e := newEnv(t, options{})
			for _, value := range values {
				p := map[string]string{"BucketName": "", parameter: value}
				if _, err := e.DeployText(providerStack, e.Template(), p); err == nil || !strings.Contains(err.Error(), parameter) {
					t.Errorf("%s %q came to %v, want it refused", parameter, value, err)
				}
			}
		})
	}
}

// TestPrefixStandsForItself: whatever the prefix, and although the stack's name and so the
// name of the function's own role begins with it, the function reaches neither its own role nor one at a
// path, nor one with the prefix further on in its name.
func TestPrefixStandsForItself(t *testing.T) {
	t.Parallel()
	for prefix, stack := range map[string]string{
		"bitmovin-":                       "bitmovin-provider",
		"bitmovin-export-":                "bitmovin-export",
		"team-bitmovin-":                  "team-bitmovin-provider",
		"team_+=,.@-bitmovin-exports-eu-": providerStack,
	} {
		harness.Run(t, prefix, func(t *testing.T) {
			e := newEnv(t, options{})
			s, err := e.DeployText(stack, e.Template(), harness.Parameters("RoleNamePrefix", prefix))
			if err != nil {
				t.Fatal(err)
			}
			own := e.Roles()[aws.RoleKey(account, s.Resources[logicalID].PhysicalID)]
			if own.ARN() != rolesARN+prefix+"access" || s.Outputs["AccessVerified"] != "true" {
				t.Errorf("the role is %s, verified: %s", own.ARN(), s.Outputs["AccessVerified"])
			}
			function := e.as(e.functionOf(stack))
			for _, arn := range []string{function.arn, rolesARN + prefix + "path/role", rolesARN + "x" + prefix + "role"} {
				if arn != function.arn {
					e.addAdministrator(arn)
				}
				function.wantDenied(function.attacksOnRole(arn, &own.Boundary))
			}
		})
	}
}

// addAdministrator adds a role that may do anything in its account, and trusts this one.
func (e *env) addAdministrator(arn string) {
	name, owner := nameIn(arn), strings.Split(arn, ":")[4]
	_, path, _ := strings.Cut(strings.TrimSuffix(arn, name), ":role")
	key := aws.RoleKey(owner, name)
	e.Kept[key] = true
	e.Cloud.Edit(func(s *aws.State) {
		s.Roles[key] = &aws.Role{
			Account: owner, Name: name, Path: path, Trust: trustAccount,
			Inline: map[string]string{"All": anything}, Attached: []string{administratorAccess}, Tags: map[string]string{"owner": "platform"},
		}
	})
}

// TestRoleOfOthersWithThePrefix: with the function's credentials one gets all that a role of others
// may do whose name begins with the prefix, as docs/security.md says.
func TestRoleOfOthersWithThePrefix(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		f := newIntruderEnv(t, forTeams()).asFunction()
		trust := strings.Replace(trustAccount, `"`+account+`"`, `"`+f.arn+`"`, 1)
		f.mustDo(on(f.iam.UpdateAssumeRolePolicy, iam.UpdateAssumeRolePolicyInput{
			RoleName: sdk.String(nameIn(unboundedRole)), PolicyDocument: &trust,
		}))
		i := f.assume(unboundedRole, "")
		i.mustDo(on(i.iam.GetRolePolicy, iam.GetRolePolicyInput{RoleName: sdk.String(nameIn(adminRole)), PolicyName: sdk.String("All")}))
	})
}
