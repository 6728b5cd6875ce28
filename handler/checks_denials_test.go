package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
)

// A denied is a case in which the create fails, what it says, and where what it
// says to paste is pasted.
type denied struct {
	name string
	// provider has parameters of the provider, pairs of name and value.
	provider   []string
	properties properties
	deny       func(*aws.State)
	// check is one that fails, and layer what its reason calls the policy.
	check, layer string
	// where is what the reason calls the policy that is to be changed, and at
	// that policy.
	where string
	at    place
}

const (
	allowAll = `{"Effect":"Allow","Action":"*","Resource":"*"}`
	// roles are the sessions of all export roles.
	roles = `"Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/bitmovin/*"}}`
)

// allowBut is a statement that allows all but one action.
func allowBut(action string) string {
	return fmt.Sprintf(`{"Effect":"Allow","NotAction":%q,"Resource":"*"}`, action)
}

// denyOf is a statement that denies an action; to the export roles alone, where
// the policy is for everyone.
func denyOf(action, more string) string {
	return fmt.Sprintf(`{"Effect":"Deny","Action":%q,"Resource":"*"%s}`, action, more)
}

// TestDenialIsMended: the reason of a denial names the action and the layer; what
// it says to paste is pasted where it says, and the next create succeeds.
func TestDenialIsMended(t *testing.T) {
	t.Parallel()
	cases := 0
	for _, tc := range slices.Concat(roleDenials(), functionDenials(), keyDenials()) {
		cases++
		t.Run(tc.name, func(t *testing.T) {
			d := newDenied(t, tc)
			reason := d.mustFail(tc.properties)
			for _, want := range []string{tc.check + ":", tc.layer, tc.where} {
				if want != "" && !strings.Contains(reason, want) {
					t.Errorf("the reason does not tell %q: %s", want, reason)
				}
			}
			if got := d.logged(tc.check); !strings.Contains(reason, got.Fix) || got.Fix == "" || got.Answer == "" {
				t.Errorf("the log tells %+v, the reason %s", got, reason)
			}
			_, cure, _ := strings.Cut(reason, ". To mend ")
			d.mend(cure, tc.at)
			d.mustCheck(tc.properties)
		})
	}
	t.Logf("%d cases", cases)
}

func newDenied(t *testing.T, tc denied) *desk {
	t.Helper()
	if tc.provider == nil {
		d := newChecked(t, options{})
		d.cloud.Edit(tc.deny)
		return d
	}
	// The provider's policies must be there before the provider.
	t.Parallel()
	d := startDesk(t, options{timeout: checkTimeout})
	d.cloud.Edit(tc.deny)
	d.provide(tc.provider...)
	return d
}

// roleDenials are denials of the role's calls.
func roleDenials() []denied {
	var list []denied
	for _, action := range theActions {
		list = append(list, denied{
			name: "bucket policy denies " + action, check: action, layer: "an explicit Deny in the bucket policy",
			deny:  func(s *aws.State) { s.Buckets[bucketName].Policy = denyRoles(action) },
			where: "the bucket policy of " + bucketName, at: inBucket,
		}, denied{
			name: "boundary lacks " + action, check: action, layer: "nothing allows it in the role's permissions boundary",
			provider: []string{"PermissionsBoundaryArn", houseBoundary},
			deny:     func(s *aws.State) { houseBoundaryOf(s, allowBut(action)) },
			where:    "add to the permissions boundary " + houseBoundary, at: inHouseBoundary,
		})
	}
	const put = "s3:PutObject"
	return append(list, denied{
		name: "boundary denies", check: put, layer: "an explicit Deny in the role's permissions boundary",
		provider: []string{"PermissionsBoundaryArn", houseBoundary},
		deny:     func(s *aws.State) { houseBoundaryOf(s, allowAll, denyOf(put, "")) },
		where:    "the permissions boundary " + houseBoundary, at: inHouseBoundary,
	}, denied{
		name: "SCP denies", check: put, layer: "an explicit Deny in a service control policy (SCP)",
		deny:  func(s *aws.State) { guard(s, aws.LayerSCP, allowAll, denyOf(put, "")) },
		where: "service control policy (SCP)", at: inGuardrail,
	}, denied{
		name: "SCP allows too little", check: put, layer: "nothing allows it in a service control policy (SCP)",
		deny:  func(s *aws.State) { guard(s, aws.LayerSCP, allowBut(put)) },
		where: "add to the organization's service control policy (SCP)", at: inGuardrail,
	}, denied{
		name: "RCP denies", check: put, layer: "an explicit Deny in a resource control policy (RCP)",
		deny:  func(s *aws.State) { guard(s, aws.LayerRCP, denyOf(put, `,"Principal":"*"`)) },
		where: "resource control policy (RCP)", at: inGuardrail,
	}, denied{
		name: "endpoint denies", check: put, layer: "an explicit Deny in a VPC endpoint policy",
		deny: func(s *aws.State) {
			guard(s, aws.LayerVPCEndpoint, `{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}`, denyOf(put, `,"Principal":"*"`))
		},
		where: "the policy of the VPC endpoint that the function's calls pass", at: inGuardrail,
	}, denied{
		name: "endpoint allows too little", check: put, layer: "nothing allows it in a VPC endpoint policy",
		deny: func(s *aws.State) {
			guard(s, aws.LayerVPCEndpoint, `{"Effect":"Allow","Principal":"*","NotAction":["s3:PutObject","s3:PutObjectAcl"],"Resource":"*"}`)
		},
		where: "add to the policy of the VPC endpoint that the function's calls pass", at: inGuardrail,
	}, denied{
		name: "another account's bucket", check: put, layer: "AWS does not say by which policy",
		properties: properties{"BucketOwner": otherAccount},
		deny:       func(s *aws.State) { s.Buckets[bucketName].Account = otherAccount },
		where:      "its owner adds to the bucket policy of " + bucketName, at: inBucket,
	})
}

// functionDenials are denials of sts:AssumeRole to the function.
func functionDenials() []denied {
	const assume = "sts:AssumeRole"
	deny := denyOf(assume, "")
	return []denied{{
		name: "assume, SCP denies", check: assume, layer: "an explicit Deny in a service control policy (SCP)",
		deny:  func(s *aws.State) { guard(s, aws.LayerSCP, allowAll, deny) },
		where: "service control policy (SCP)", at: inGuardrail,
	}, {
		name: "assume, RCP denies", check: assume, layer: "an explicit Deny in a resource control policy (RCP)",
		deny:  func(s *aws.State) { guard(s, aws.LayerRCP, denyOf(assume, `,"Principal":"*"`)) },
		where: "resource control policy (RCP)", at: inGuardrail,
	}, {
		name: "assume, endpoint allows too little", check: assume, layer: "nothing allows it in a VPC endpoint policy",
		deny: func(s *aws.State) {
			guard(s, aws.LayerVPCEndpoint, `{"Effect":"Allow","Principal":"*","NotAction":"sts:AssumeRole","Resource":"*"}`)
		},
		where: "the policy of the VPC endpoint", at: inGuardrail,
	}, {
		name: "assume, the function's boundary lacks it", check: assume, layer: "the permissions boundary of the function's role",
		provider: []string{"FunctionPermissionsBoundaryArn", houseBoundary},
		deny:     func(s *aws.State) { houseBoundaryOf(s, allowBut(assume)) },
		where:    "add to the permissions boundary of the function's role", at: inHouseBoundary,
	}, {
		name: "assume, the function's boundary denies it", check: assume, layer: "the permissions boundary of the function's role",
		provider: []string{"FunctionPermissionsBoundaryArn", houseBoundary},
		deny:     func(s *aws.State) { houseBoundaryOf(s, allowAll, deny) },
		where:    "spare the function's role from the Deny in the permissions boundary of the function's role", at: inHouseBoundary,
	}}
}
