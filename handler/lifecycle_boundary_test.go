package main

import (
	"strings"
	"testing"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// TestProviderChangesItsBoundary: what docs/operations.md says of a provider that
// gets the organisation's boundary. The roles of other stacks keep the former one,
// and so keep it from being deleted, until their resources are updated.
func TestProviderChangesItsBoundary(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		x := newExamples(t, "")
		stack := manyBuckets("my-videos")[0]
		if err := x.deploy(stack, x.text(stack)); err != nil {
			t.Fatal(err)
		}
		former := x.Stack(exampleProvider).Resources["Boundary"].PhysicalID
		x.Cloud.Edit(func(s *aws.State) {
			addHouseBoundary(s, `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`)
		})
		provider := map[string]string{"BucketName": "", "PermissionsBoundaryArn": houseBoundary}
		if _, err := x.DeployText(exampleProvider, x.Template(), provider); err != nil {
			t.Fatal(err)
		}
		x.wantBoundary(former)

		again := strings.ReplaceAll(x.text(stack), "ServiceTimeout: 1200", "ServiceTimeout: 1200\n      VerificationTrigger: house boundary")
		if err := x.deploy(stack, again); err != nil {
			t.Fatal(err)
		}
		x.wantBoundary(houseBoundary)
		x.Cloud.View(func(s *aws.State) {
			if s.Policies[former] == nil {
				t.Error("the former boundary was deleted while roles had it")
			}
		})
	})
}

// wantBoundary checks that all export roles have the boundary.
func (x *examples) wantBoundary(want string) {
	x.Helper()
	roles := x.ExportRoles()
	if len(roles) != 2 {
		x.Errorf("there are %d export roles, want 2", len(roles))
	}
	for _, r := range roles {
		if r.Boundary != want {
			x.Errorf("%s has the boundary %s, want %s", r.Name, r.Boundary, want)
		}
	}
}
