package main

import (
	"strings"
	"testing"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
)

// TestProviderChangesItsBoundary: what docs/operations.md says of a provider that
// gets the organisation's boundary. The roles of other stacks keep the former one,
// and so keep it from being deleted, until their resources are updated.
func TestProviderChangesItsBoundary(t *testing.T) {
	x := newExamples(t, options{}, "")
	stack := manyBuckets("my-videos")[0]
	if err := x.deploy(stack, x.text(stack)); err != nil {
		t.Fatal(err)
	}
	former := x.stack(exampleProvider).Resources["Boundary"].PhysicalID
	x.cloud.Edit(func(s *aws.State) {
		s.Policies[houseBoundary] = &aws.ManagedPolicy{ARN: houseBoundary, Document: `{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`}
	})
	provider := map[string]string{"BucketName": "", "PermissionsBoundaryArn": houseBoundary}
	if _, err := x.deployText(exampleProvider, x.template(), provider); err != nil {
		t.Fatal(err)
	}
	x.checkBoundaries(former)

	again := strings.ReplaceAll(x.text(stack), "ServiceTimeout: 1200", "ServiceTimeout: 1200\n      VerificationTrigger: house boundary")
	if err := x.deploy(stack, again); err != nil {
		t.Fatal(err)
	}
	x.checkBoundaries(houseBoundary)
	x.cloud.View(func(s *aws.State) {
		if s.Policies[former] == nil {
			t.Error("the former boundary was deleted while roles carried it")
		}
	})
}

// checkBoundaries sees that all export roles carry the boundary.
func (x *examples) checkBoundaries(want string) {
	x.Helper()
	roles := x.exportRoles()
	if len(roles) != 2 {
		x.Errorf("there are %d export roles, want 2", len(roles))
	}
	for _, r := range roles {
		if r.Boundary != want {
			x.Errorf("%s has the boundary %s, want %s", r.Name, r.Boundary, want)
		}
	}
}
