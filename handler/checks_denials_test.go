package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// A denial is a case in which the create fails: what denies, what the reason says, and
// the policy into which that is pasted which it says to paste.
type denial struct {
	name string
	// provider has parameters of the provider, pairs of name and value.
	provider   []string
	properties properties
	deny       func(*aws.State)
	// check is one that fails, and layer what the reason calls the policy that denies.
	check, layer string
	// where is what the reason calls the policy that is to be changed, and at finds it.
	where string
	at    policyIn
}

const (
	allowAll = `{"Effect":"Allow","Action":"*","Resource":"*"}`
	// exportRolesOnly restricts a statement to the sessions of all export roles.
	exportRolesOnly = `"Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/bitmovin-export-*"}}`
)

// allowBut is a statement that allows all but one action.
func allowBut(action string) string {
	return fmt.Sprintf(`{"Effect":"Allow","NotAction":%q,"Resource":"*"}`, action)
}

// denyOf is a statement that denies an action, with more JSON in it.
func denyOf(action, more string) string {
	return fmt.Sprintf(`{"Effect":"Deny","Action":%q,"Resource":"*"%s}`, action, more)
}

// TestDenialIsFixed: the reason of a denial names the action and the kind of policy
// that denies it. With what it says to paste pasted where it says, the next create
// succeeds.
func TestDenialIsFixed(t *testing.T) {
	t.Parallel()
	for _, tc := range slices.Concat(roleDenials(), functionDenials(), keyDenials()) {
		harness.Run(t, tc.name, func(t *testing.T) {
			e := newEnv(t, options{})
			e.Cloud.Edit(tc.deny) // first, for the provider may name what it adds
			e.Provide(tc.provider...)
			reason := e.mustFail(tc.properties)
			for _, want := range []string{tc.check + ":", tc.layer, tc.where} {
				if want != "" && !strings.Contains(reason, want) {
					t.Errorf("the reason does not tell %q: %s", want, reason)
				}
			}
			if got := e.logged(tc.check); !strings.Contains(reason, got.Fix) || got.Fix == "" || got.Answer == "" {
				t.Errorf("the log says %+v, the reason %s", got, reason)
			}
			_, fix, _ := strings.Cut(reason, ". Fix for ")
			e.applyFix(fix, tc.at)
			e.mustCheck(tc.properties)
		})
	}
}

// roleDenials are denials of the role's calls.
func roleDenials() []denial {
	var list []denial
	for _, action := range exportActions {
		list = append(list, denial{
			name: "bucket policy denies " + action, check: action, layer: "an explicit Deny in the bucket policy",
			deny:  func(s *aws.State) { s.Buckets[bucketName].Policy = denyRoles(action) },
			where: "the bucket policy of " + bucketName, at: bucketPolicy,
		}, denial{
			name: "boundary lacks " + action, check: action, layer: "nothing allows it in the role's permissions boundary",
			provider: []string{"PermissionsBoundaryArn", houseBoundary},
			deny:     func(s *aws.State) { addHouseBoundary(s, allowBut(action)) },
			where:    "add to the permissions boundary " + houseBoundary, at: houseBoundaryPolicy,
		})
	}
	const put = "s3:PutObject"
	return append(list, denial{
		name: "boundary denies", check: put, layer: "an explicit Deny in the role's permissions boundary",
		provider: []string{"PermissionsBoundaryArn", houseBoundary},
		deny:     func(s *aws.State) { addHouseBoundary(s, allowAll, denyOf(put, "")) },
		where:    "the permissions boundary " + houseBoundary, at: houseBoundaryPolicy,
	}, denial{
		name: "SCP denies", check: put, layer: "an explicit Deny in a service control policy (SCP)",
		deny:  func(s *aws.State) { setGuardrail(s, aws.LayerSCP, allowAll, denyOf(put, "")) },
		where: "service control policy (SCP)", at: guardrailPolicy,
	}, denial{
		name: "SCP allows too little", check: put, layer: "nothing allows it in a service control policy (SCP)",
		deny:  func(s *aws.State) { setGuardrail(s, aws.LayerSCP, allowBut(put)) },
		where: "add to the organization's service control policy (SCP)", at: guardrailPolicy,
	}, denial{
		name: "RCP denies", check: put, layer: "an explicit Deny in a resource control policy (RCP)",
		deny:  func(s *aws.State) { setGuardrail(s, aws.LayerRCP, denyOf(put, `,"Principal":"*"`)) },
		where: "resource control policy (RCP)", at: guardrailPolicy,
	}, denial{
		name: "endpoint denies", check: put, layer: "an explicit Deny in a VPC endpoint policy",
		deny: func(s *aws.State) {
			setGuardrail(s, aws.LayerVPCEndpoint, `{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}`, denyOf(put, `,"Principal":"*"`))
		},
		where: "the policy of the VPC endpoint that the function's calls pass", at: guardrailPolicy,
	}, denial{
		name: "endpoint allows too little", check: put, layer: "nothing allows it in a VPC endpoint policy",
		deny: func(s *aws.State) {
			setGuardrail(s, aws.LayerVPCEndpoint, `{"Effect":"Allow","Principal":"*","NotAction":["s3:PutObject","s3:PutObjectAcl"],"Resource":"*"}`)
		},
		where: "add to the policy of the VPC endpoint that the function's calls pass", at: guardrailPolicy,
	}, denial{
		name: "another account's bucket", check: put, layer: "AWS does not say by which policy",
		properties: properties{"BucketOwner": otherAccount},
		deny:       func(s *aws.State) { s.Buckets[bucketName].Account = otherAccount },
		where:      "its owner adds to the bucket policy of " + bucketName, at: bucketPolicy,
	})
}

// functionDenials are denials of sts:AssumeRole to the function.
func functionDenials() []denial {
	const assume = "sts:AssumeRole"
	deny := denyOf(assume, "")
	return []denial{{
		name: "assume, SCP denies", check: assume, layer: "an explicit Deny in a service control policy (SCP)",
		deny:  func(s *aws.State) { setGuardrail(s, aws.LayerSCP, allowAll, deny) },
		where: "service control policy (SCP)", at: guardrailPolicy,
	}, {
		name: "assume, RCP denies", check: assume, layer: "an explicit Deny in a resource control policy (RCP)",
		deny:  func(s *aws.State) { setGuardrail(s, aws.LayerRCP, denyOf(assume, `,"Principal":"*"`)) },
		where: "resource control policy (RCP)", at: guardrailPolicy,
	}, {
		name: "assume, endpoint allows too little", check: assume, layer: "nothing allows it in a VPC endpoint policy",
		deny: func(s *aws.State) {
			setGuardrail(s, aws.LayerVPCEndpoint, `{"Effect":"Allow","Principal":"*","NotAction":"sts:AssumeRole","Resource":"*"}`)
		},
		where: "the policy of the VPC endpoint", at: guardrailPolicy,
	}, {
		name: "assume, the function's boundary lacks it", check: assume, layer: "the permissions boundary of the function's role",
		provider: []string{"FunctionPermissionsBoundaryArn", houseBoundary},
		deny:     func(s *aws.State) { addHouseBoundary(s, allowBut(assume)) },
		where:    "add to the permissions boundary of the function's role", at: houseBoundaryPolicy,
	}, {
		name: "assume, the function's boundary denies it", check: assume, layer: "the permissions boundary of the function's role",
		provider: []string{"FunctionPermissionsBoundaryArn", houseBoundary},
		deny:     func(s *aws.State) { addHouseBoundary(s, allowAll, deny) },
		where:    "exempt the function's role from the Deny statement in the permissions boundary of the function's role", at: houseBoundaryPolicy,
	}}
}
