package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

func foreignRole(t *testing.T) {
	t.Parallel()
	for path, tagged := range map[string]map[string]string{
		"/": nil, "/bitmovin-other/": {"bitmovin-export-access:stack-id": "arn:aws:cloudformation:eu-west-1:123456789012:stack/other/1", "bitmovin-export-access:logical-id": logicalID},
	} {
		harness.Run(t, path, func(t *testing.T) {
			e := newProviderEnv(t, options{})
			e.Kept[exportsRole] = true
			e.Cloud.Edit(func(s *aws.State) {
				s.Roles[exportsRole] = &aws.Role{Account: account, Name: "bitmovin-export-App", Path: path, Trust: harness.BitmovinTrust("theirs"), Tags: tagged}
			})
			before := e.Roles()[exportsRole]
			s, _ := e.App(base, nil)
			e.WantStatus(s, "ROLLBACK_COMPLETE")
			whose := "somebody else"
			if tagged != nil {
				whose = "stack/other/1"
			}
			e.WantVerdict("Create", "FAILED", logicalID+"-not-created", "the role name bitmovin-export-App is taken by "+before.ARN(), whose)
			e.WantVerdict("Delete", "SUCCESS", logicalID+"-not-created")
			if writes := e.Writes(); len(writes) > 0 {
				t.Errorf("IAM was written: %v", writes)
			}
			if diff := cmp.Diff(before, e.Roles()[exportsRole]); diff != "" {
				t.Errorf("the role was touched (-before +after):\n%s", diff)
			}
		})
	}
}

func anotherStacksRole(t *testing.T) {
	e := newProviderEnv(t, options{})
	first := e.MustApp(base)
	before := e.ExportRole()
	s, err := e.DeployText("other", base.Template(nil), nil)
	if err == nil || !strings.Contains(err.Error(), "owned by the resource "+logicalID+" of the stack "+first.ID) {
		t.Errorf("the second stack came to %v", err)
	}
	e.WantStatus(s, "ROLLBACK_COMPLETE")
	if diff := cmp.Diff(before, e.ExportRole()); diff != "" {
		t.Errorf("the first stack's role was touched (-before +after):\n%s", diff)
	}
}

func driftPutRight(t *testing.T) {
	e := newProviderEnv(t, options{})
	e.MustApp(base)
	e.EditRoles(func(r *aws.Role) {
		r.Trust, r.Boundary = trustAccount, administratorAccess
		r.Inline["BitmovinExportAccess"], r.Inline["More"] = anything, anything
		r.Attached = append(r.Attached, administratorAccess)
	})
	writes := len(e.Writes())
	s := e.MustApp(base.With(properties{"VerificationTrigger": "again"}))
	e.WantVerdict("Update", "SUCCESS", "bitmovin-export-app")
	e.WantRole(s, base)
	if got := e.Writes()[writes]; got != "PutRolePermissionsBoundary" {
		t.Errorf("the first write is %s, want that of the boundary", got)
	}
	for _, want := range []string{`"permissions boundary"`, `"trust policy"`, `"inline policy"`, `"remove inline More"`, "detach " + administratorAccess} {
		e.WantLogged(want)
	}
}

func twoStacks(t *testing.T) {
	e := newProviderEnv(t, options{})
	e.MustApp(harness.Plain())
	if _, err := e.DeployText("other", harness.Plain().Template(nil), nil); err != nil {
		t.Fatal(err)
	}
	if roles := e.ExportRoles(); len(roles) != 2 || roles[0].Trust == roles[1].Trust {
		t.Fatalf("the roles are %+v, want two with external ids of their own", roles)
	}
	e.Delete("other")
	before := e.ExportRole()
	e.MustApp(harness.Plain().With(properties{"VerificationTrigger": "again"}))
	e.WantVerdict("Update", "SUCCESS", before.Name)
	if diff := cmp.Diff(before, e.ExportRole()); diff != "" {
		t.Errorf("the first stack's role changed (-before +after):\n%s", diff)
	}
}

// TestTagsTakenAway: a role whose tags somebody takes away is nobody's, so that an Update
// and its rollback fail; the reason says what to do, and then the rollback can be continued.
func TestTagsTakenAway(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.MustApp(base)
		owner := e.ExportRole().Tags
		e.EditRoles(func(r *aws.Role) { r.Tags = nil })
		s, _ := e.App(again(base), nil)
		e.WantStatus(s, "UPDATE_ROLLBACK_FAILED")
		v := e.WantVerdict("Update", "FAILED", "bitmovin-export-app", "the role name bitmovin-export-app is taken by", "somebody else")
		for key, value := range owner {
			if !strings.Contains(v.Reason, key+" "+value) {
				t.Errorf("the reason does not say %s %s: %s", key, value, v.Reason)
			}
		}
		e.EditRoles(func(r *aws.Role) { r.Tags = owner })
		s, err := e.tryToContinue(s)
		if err != nil {
			t.Error(err)
		}
		e.WantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
		e.WantRole(s, base)
	})
}
