package main

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

func TestCreate(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := newEnv(t, options{})
		s := e.MustDeploy()

		role := e.ExportRole()
		if diff := cmp.Diff(harness.Decode(t, harness.BitmovinTrust(s.Outputs["ExternalId"])), harness.Decode(t, role.Trust)); diff != "" {
			t.Errorf("trust policy (-want +got):\n%s", diff)
		}
		if len(role.Inline) != 1 || len(role.Attached) != 0 {
			t.Errorf("policies: inline %v, attached %v, want one inline", role.Inline, role.Attached)
		}
		for _, text := range role.Inline {
			if diff := cmp.Diff(harness.Decode(t, harness.Published), harness.Decode(t, text)); diff != "" {
				t.Errorf("policy (-want +got):\n%s", diff)
			}
		}
		if diff := cmp.Diff(clean(), e.Checks(e.Last())); diff != "" {
			t.Errorf("checks (-want +got):\n%s", diff)
		}
		if text := e.Last().Data["Checks"]; strings.ContainsAny(text, " \n") {
			t.Errorf("Checks is not compact: %s", text)
		}
		if got := s.Outputs["AccessVerified"]; got != "true" {
			t.Errorf("AccessVerified = %s, want true", got)
		}
		if got := s.Outputs["RoleArn"]; got != role.ARN() {
			t.Errorf("RoleArn = %s, want %s", got, role.ARN())
		}
		wantTags := map[string]string{"bitmovin-export-access:stack-id": s.ID, "bitmovin-export-access:logical-id": logicalID}
		if diff := cmp.Diff(wantTags, role.Tags); diff != "" {
			t.Errorf("tags (-want +got):\n%s", diff)
		}
		wantWrites := []string{"CreateRole", "PutRolePolicy", "UpdateAssumeRolePolicy"}
		if diff := cmp.Diff(wantWrites, e.Writes()); diff != "" {
			t.Errorf("IAM writes, the tags in the first (-want +got):\n%s", diff)
		}
	})
}

func TestPropagation(t *testing.T) {
	t.Parallel()
	for _, delay := range []time.Duration{5 * time.Second, 15 * time.Second} {
		harness.Run(t, delay.String(), func(t *testing.T) {
			e := newEnv(t, options{Options: aws.Options{Propagation: delay}})
			if got := e.MustDeploy().Outputs["AccessVerified"]; got != "true" {
				t.Errorf("AccessVerified = %s, want true", got)
			}
		})
	}
	harness.Run(t, "for ever", func(t *testing.T) {
		e := newEnv(t, options{Options: aws.Options{Propagation: time.Hour}})
		_, err := e.Deploy()
		if err == nil || !strings.Contains(err.Error(), "has not propagated") {
			t.Errorf("error %v, want one that says the role has not propagated", err)
		}
		e.WantInTime()
	})
}

func invalidProperty(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		properties properties
		words      []string
	}{
		"unknown": {properties{"BucketNames": "x"}, []string{"property BucketNames does not exist, did you mean BucketName?"}},
		"invalid": {properties{"AccessMode": "Half"}, []string{"property AccessMode must be Restricted or Full", `"Half"`}},
		"no name": {properties{"RoleName": "a*"}, []string{"property RoleName must be"}},
		"a path":  {properties{"RoleName": "../x"}, []string{"property RoleName must be"}},
		"foreign": {properties{"RoleName": "ä"}, []string{"property RoleName must be"}},
		"missing": {properties{"BucketName": ""}, []string{"property BucketName is required"}},
	} {
		harness.Run(t, name, func(t *testing.T) {
			e, created := newProviderEnv(t, options{}), 0
			e.OnNth(1, "CREATE_FAILED", func() { created = len(e.Cloud.Calls()) })
			before := len(e.Cloud.Calls())
			s, _ := e.App(base.With(c.properties), nil)
			e.WantStatus(s, "ROLLBACK_COMPLETE")
			e.WantVerdict("Create", "FAILED", logicalID+"-not-created", c.words...)
			e.WantVerdict("Delete", "SUCCESS", logicalID+"-not-created")
			if created != before {
				t.Errorf("the Create made %d calls", created-before)
			}
			if writes := e.Writes(); len(writes) > 0 {
				t.Errorf("IAM was written: %v", writes)
			}
		})
	}
}

func policyFails(t *testing.T) {
	e := newProviderEnv(t, options{})
	e.Cloud.Inject(&aws.Fault{Op: "iam:PutRolePolicy", Status: 409, Code: "LimitExceeded", Message: "too many"})
	s, _ := e.App(base, nil)
	e.WantStatus(s, "ROLLBACK_COMPLETE")
	e.WantVerdict("Create", "FAILED", "bitmovin-export-app", "put policy on role bitmovin-export-app", "LimitExceeded")
	e.WantVerdict("Delete", "SUCCESS", "bitmovin-export-app")
	e.WantNoRoles()
}

func deadlineReached(t *testing.T) {
	// A call that hangs is given up after some minutes; the deadline is to come before.
	e := newProviderEnv(t, options{Timeout: time.Minute})
	e.Cloud.Inject(&aws.Fault{Op: "iam:PutRolePolicy", Hang: true})
	s, _ := e.App(base, nil)
	e.WantStatus(s, "ROLLBACK_COMPLETE")
	e.WantVerdict("Create", "FAILED", "bitmovin-export-app", "timed out during: put policy on role bitmovin-export-app")
	e.WantVerdict("Delete", "SUCCESS", "bitmovin-export-app")
	e.WantInTime()
	e.WantNoRoles()
}

func killedAndRetried(t *testing.T) {
	e := newProviderEnv(t, options{})
	e.Cloud.Inject(&aws.Fault{Op: "iam:CreateRole", Times: 1, After: true, Do: e.Kill, Reset: true})
	s := e.MustApp(base)
	e.WantVerdict("Create", "SUCCESS", "bitmovin-export-app")
	e.WantRole(s, base)
	attempts := e.Latest("Create").Invocation.Wait()
	if len(attempts) != 2 || !attempts[0].Killed || attempts[1].Err != "" {
		t.Errorf("the attempts are %+v, want one that was killed and one that succeeded", attempts)
	}
	// The answer of CreateRole was lost, and it was not called again.
	want := []string{"UpdateAssumeRolePolicy", "PutRolePolicy", "UpdateAssumeRolePolicy"}
	if diff := cmp.Diff(want, e.Writes()); diff != "" {
		t.Errorf("IAM writes that were answered (-want +got):\n%s", diff)
	}
}

func lateCreate(t *testing.T) {
	e := newProviderEnv(t, options{})
	e.MustApp(base)
	e.Delete(appStack)
	writes := len(e.Writes())
	if v := e.Deliver(e.Latest("Create").Event); v.Status != "FAILED" || !strings.Contains(v.Reason, "the stack went on without this request") {
		t.Errorf("the late Create is %+v, want FAILED", v)
	}
	e.WantNoRoles()
	if got := e.Writes()[writes:]; len(got) > 0 {
		t.Errorf("IAM was written: %v", got)
	}
}

func defaultExternalID(t *testing.T) {
	e := newProviderEnv(t, options{})
	e.MustApp(harness.Plain())
	v := e.VerdictOf(e.Latest("Create"))
	id, role := v.Data["ExternalId"], e.ExportRole()
	for _, part := range strings.Split(id, "-") {
		if len(part) >= 8 && strings.Contains(role.ARN(), part) {
			t.Errorf("the external id %s has a part of %s", id, role.ARN())
		}
	}
	for _, change := range []properties{{"ObjectPrefix": "exports/"}, {"Tags": harness.Tags("team", "data")}, {"RoleName": "bitmovin-export-named"}} {
		e.MustApp(harness.Plain().With(change))
		if v := e.VerdictOf(e.Latest("Update")); v.Data["ExternalId"] != id {
			t.Errorf("%v: the external id is %s, before it was %s", change, v.Data["ExternalId"], id)
		}
		if !strings.Contains(e.ExportRole().Trust, `"`+id+`"`) {
			t.Errorf("%v: the trust policy does not ask for it: %s", change, e.ExportRole().Trust)
		}
	}
}

func busy(t *testing.T) {
	e := newProviderEnv(t, options{})
	for _, op := range []string{"CreateRole", "PutRolePolicy", "UpdateAssumeRolePolicy", "DeleteRolePolicy", "DeleteRole"} {
		for _, code := range []string{"ConcurrentModification", "EntityTemporarilyUnmodifiable"} {
			e.Cloud.Inject(&aws.Fault{Op: "iam:" + op, Times: 1, Status: 409, Code: code})
		}
	}
	e.WantRole(e.MustApp(base), base)
	e.Delete(appStack)
	refused := map[string]int{}
	for _, c := range e.Cloud.Calls() {
		refused[c.Code]++
	}
	if refused["ConcurrentModification"] != 5 || refused["EntityTemporarilyUnmodifiable"] != 5 {
		t.Errorf("calls by the code of their answer: %v", refused)
	}
}

func readsLag(t *testing.T) {
	e := newProviderEnv(t, options{Options: aws.Options{ReadLag: 3 * time.Second}})
	e.WantRole(e.MustApp(base), base)
	e.WantVerdict("Create", "SUCCESS", "bitmovin-export-app")
	p := base.With(properties{"ObjectPrefix": "exports/"})
	e.WantRole(e.MustApp(p), p)
	e.Delete(appStack)
	e.WantVerdict("Delete", "SUCCESS", "bitmovin-export-app")
}

func credentialsExpired(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault *aws.Fault
		id    string
	}{
		"expired credentials": {&aws.Fault{Status: 403, Code: "ExpiredToken", Message: "The security token included in the request is expired"}, logicalID + "-not-created"},
		"a disabled region":   {&aws.Fault{Op: "sts:AssumeRole", Status: 403, Code: "RegionDisabledException", Message: "STS is not activated in this region"}, "bitmovin-export-app"},
	} {
		harness.Run(t, name, func(t *testing.T) {
			e := newProviderEnv(t, options{})
			from := len(e.Cloud.Calls())
			var over atomic.Bool
			f := c.fault
			f.Match = func(aws.Call) bool { return !over.Load() }
			e.OnNth(1, "CREATE_FAILED", func() { over.Store(true) })
			e.Cloud.Inject(f)
			s, _ := e.App(base, nil)
			e.WantStatus(s, "ROLLBACK_COMPLETE")
			e.WantVerdict("Create", "FAILED", c.id, f.Code, f.Message)
			made := map[string]int{}
			for _, c := range e.Cloud.Calls()[from:] {
				if c.Code == f.Code {
					made[fmt.Sprint(c.Op, c.Params.Get("RoleName"))]++
				}
			}
			for op, n := range made {
				if n > 1 {
					t.Errorf("%s was made %d times", op, n)
				}
			}
			e.WantNoRoles()
		})
	}
}
