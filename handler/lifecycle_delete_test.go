package main

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

func cancelledCreate(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]properties{"named": base, "derived name": harness.Plain()} {
		for _, id := range []string{"app-ExportAccess-1V2L4KQ7X9Z3B", "no/role's:name", logicalID + "-not-created"} {
			harness.Run(t, name+", "+id, func(t *testing.T) { deletedWhileCreated(t, p, id) })
		}
		harness.Run(t, name, func(t *testing.T) {
			e, o := killedCreate(t, p)
			o.Cancel()
			s, _ := o.Wait(t.Context())
			e.WantStatus(s, "ROLLBACK_COMPLETE")
			id := e.Latest("Delete").PhysicalResourceID
			if e.WantVerdict("Delete", "SUCCESS", id); !strings.HasPrefix(id, "app-ExportAccess-") {
				t.Errorf("the Delete's id is %s, want an invented one", id)
			}
			e.WantNoRoles()
		})
	}
}

// killedCreate returns the environment and the operation of a Create that was killed once
// it had made the role, and waits for its next delivery.
func killedCreate(t *testing.T, p properties) (*env, *cloudformation.Operation) {
	t.Helper()
	e := newProviderEnv(t, options{})
	made := newSignal()
	e.Cloud.Inject(&aws.Fault{Op: "iam:CreateRole", Times: 1, After: true, Reset: true, Do: func() { e.Kill(); made.send() }})
	e.Track(appStack)
	o, err := e.Engine.Start(appStack, p.Template(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	made.wait()
	return e, o
}

// deletedWhileCreated has a Delete with an id that is no role's come while a Create that
// was killed waits for its next delivery.
func deletedWhileCreated(t *testing.T, p properties, id string) {
	t.Helper()
	e, o := killedCreate(t, p)
	event := e.Latest("Create").Event
	event.RequestType, event.PhysicalResourceID = "Delete", id
	if v := e.Deliver(event); v.Status != "SUCCESS" || v.PhysicalResourceId != id {
		t.Errorf("the Delete is %+v, want SUCCESS for the invented id", v)
	}
	e.WantNoRoles()
	o.Cancel()
	s, _ := o.Wait(t.Context())
	e.WantStatus(s, "ROLLBACK_COMPLETE")
}

func deletedTwice(t *testing.T) {
	t.Parallel()
	harness.Run(t, "twice", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.MustApp(base)
		e.Delete(appStack)
		if v := e.Deliver(e.Latest("Delete").Event); v.Status != "SUCCESS" || v.PhysicalResourceId != "bitmovin-export-app" {
			t.Errorf("the second Delete is %+v, want SUCCESS for bitmovin-export-app", v)
		}
	})
	harness.Run(t, "gone already", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.MustApp(base)
		e.DeleteRolesByHand()
		e.Delete(appStack)
		e.WantVerdict("Delete", "SUCCESS", "bitmovin-export-app")
	})
	harness.Run(t, "goes while its policies are read, which takes a while", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.MustApp(base)
		e.Cloud.Inject(&aws.Fault{Op: "iam:GetRole", Times: 1, After: true, Do: e.DeleteRolesByHand})
		e.Cloud.Inject(&aws.Fault{Op: "iam:ListRolePolicies", Times: 6, Code: "Throttling", Message: "Rate exceeded"})
		e.Delete(appStack)
		e.WantVerdict("Delete", "SUCCESS", "bitmovin-export-app")
	})
}

// TestDeletedBeforeItIsSeen: IAM does not show the role yet, and is slow to say so.
func TestDeletedBeforeItIsSeen(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := newProviderEnv(t, options{Options: aws.Options{ReadLag: 4 * time.Second}})
		time.Sleep(e.Lag())
		e.MustApp(base.With(properties{"Verification": "Off"}))
		e.Cloud.Inject(&aws.Fault{Op: "iam:ListRolePolicies", Skip: 1, Times: 1, Hang: true})
		e.Delete(appStack)
		e.WantVerdict("Delete", "SUCCESS", "bitmovin-export-app")
		e.WantNoRoles()
	})
}

func strippedAndDeleted(t *testing.T) {
	t.Parallel()
	harness.Run(t, "policies", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.MustApp(base)
		e.EditRoles(func(r *aws.Role) {
			r.Inline["More"] = anything
			r.Attached = append(r.Attached, administratorAccess)
		})
		e.Delete(appStack)
		e.WantVerdict("Delete", "SUCCESS", "bitmovin-export-app")
		e.WantNoRoles()
	})
	harness.Run(t, "instance profile", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		s := e.MustApp(base)
		e.EditRoles(func(r *aws.Role) { r.InstanceProfiles = []string{"web"} })
		if _, err := e.Engine.Delete(t.Context(), appStack); err == nil {
			t.Error("the stack was deleted")
		}
		e.WantStatus(e.Stack(s.ID), "DELETE_FAILED")
		e.WantVerdict("Delete", "FAILED", "bitmovin-export-app", "take it out of its instance profile, then delete again")
		e.EditRoles(func(r *aws.Role) { r.InstanceProfiles = nil })
		e.Delete(appStack)
		e.WantNoRoles()
	})
}

func untaggedByHand(t *testing.T) {
	e := newProviderEnv(t, options{})
	e.MustApp(base)
	e.EditRoles(func(r *aws.Role) { clear(r.Tags) })
	before := e.Roles()[exportsRole]
	e.leaveMarkers(bucketName, "", "bitmovin-export-app")
	e.Delete(appStack)
	e.WantNoMarkers()
	e.WantVerdict("Delete", "SUCCESS", "bitmovin-export-app")
	if diff := cmp.Diff(before, e.Roles()[exportsRole]); diff != "" {
		t.Errorf("the role was touched (-before +after):\n%s", diff)
	}
	e.WantLogged("role is not this resource's and is left alone")
	e.DeleteRolesByHand() // or its boundary keeps the provider
}

func oldProperties(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(map[string]any){
		"none":            func(p map[string]any) { clear(p) },
		"another version": func(p map[string]any) { p["BucketName"], p["Expiry"] = []any{"x"}, map[string]any{"y": 1} },
		"a bad name":      func(p map[string]any) { p["RoleName"] = "*" },
	} {
		harness.Run(t, name, func(t *testing.T) {
			e := newProviderEnv(t, options{})
			e.MustApp(base)
			event := e.Latest("Create").Event
			event.RequestType, event.PhysicalResourceID = "Delete", "bitmovin-export-app"
			event.ResourceProperties = maps.Clone(event.ResourceProperties)
			change(event.ResourceProperties)
			e.OnNth(1, "DELETE_IN_PROGRESS", func() {
				if v := e.Deliver(event); v.Status != "SUCCESS" || v.PhysicalResourceId != "bitmovin-export-app" {
					t.Errorf("the Delete is %+v, want SUCCESS for bitmovin-export-app", v)
				}
				e.WantNoRoles()
			})
			e.Delete(appStack)
		})
	}
}
