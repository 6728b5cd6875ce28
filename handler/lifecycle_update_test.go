package main

import (
	"maps"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

func updatedInPlace(t *testing.T) {
	e := newProviderEnv(t, options{}, "AllowFullAccess", "true")
	p := base
	e.mustCheck(p)
	for _, change := range []properties{
		{"ObjectPrefix": "exports/"}, {"ExternalId": "external-id-2"}, {"Tags": harness.Tags("team", "data")}, {"Tags": harness.Tags("TEAM", "video", "cost", "1")},
		{"AccessMode": "Full"}, {"AccessMode": "Restricted"}, {"ObjectPrefix": ""},
	} {
		p = p.With(change)
		s, err := e.check(p)
		if err != nil {
			t.Fatalf("%v: %v", change, err)
		}
		e.WantVerdict("Update", "SUCCESS", "bitmovin-export-app")
		e.WantRole(s, p)
	}
	e.Cloud.Edit(func(s *aws.State) { encrypt(s, keyARN, keyAllows(`"kms:*"`)) })
	e.mustCheck(p.With(properties{"KmsKeyArn": keyARN}))
	e.WantVerdict("Update", "SUCCESS", "bitmovin-export-app")
	if text := e.ExportRole().Inline["BitmovinExportAccess"]; !strings.Contains(text, `"`+keyARN+`"`) {
		t.Errorf("the policy does not name the key: %s", text)
	}
}

func updatedForNothing(t *testing.T) {
	e := newProviderEnv(t, options{})
	e.MustApp(base)
	before, writes := e.ExportRole(), len(e.Writes())
	e.MustApp(base.With(properties{"ServiceTimeout": "600"}))
	e.WantVerdict("Update", "SUCCESS", "bitmovin-export-app")
	if diff := cmp.Diff(before, e.ExportRole()); diff != "" {
		t.Errorf("the role changed (-before +after):\n%s", diff)
	}
	want := []string{"UpdateAssumeRolePolicy", "UpdateAssumeRolePolicy"}
	if diff := cmp.Diff(want, e.Writes()[writes:]); diff != "" {
		t.Errorf("IAM writes, the verifier statement in and out (-want +got):\n%s", diff)
	}
}

func replaced(t *testing.T) {
	e := newProviderEnv(t, options{})
	var until aws.Role
	e.OnNth(1, "UPDATE_COMPLETE", func() { until = e.Roles()[exportsRole] })
	e.MustApp(base)
	before := e.ExportRole()
	s := e.MustApp(base.With(replacing))
	e.WantVerdict("Update", "SUCCESS", "bitmovin-export-app-2")
	e.WantVerdict("Delete", "SUCCESS", "bitmovin-export-app")
	if diff := cmp.Diff(before, until); diff != "" {
		t.Errorf("the old role changed before its Delete (-before +then):\n%s", diff)
	}
	e.WantRole(s, base.With(replacing))
}

func replacedAndRolledBack(t *testing.T) {
	e := newProviderEnv(t, options{})
	e.MustApp(base)
	s, _ := e.App(base.With(replacing), harness.Failing())
	e.WantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
	e.WantVerdict("Update", "SUCCESS", "bitmovin-export-app")
	e.WantVerdict("Delete", "SUCCESS", "bitmovin-export-app-2")
	e.WantRole(s, base)
}

func updateFails(t *testing.T) {
	e := newProviderEnv(t, options{})
	e.MustApp(base)
	e.EditBucket(func(b *aws.Bucket) { b.Policy = denyRoles("s3:PutObject") })
	s, err := e.App(base.With(properties{"ObjectPrefix": "exports/", "ExternalId": "external-id-2"}), nil)
	if err == nil || !strings.Contains(err.Error(), "s3:PutObject: denied by an explicit Deny in the bucket policy") {
		t.Errorf("the update came to %v", err)
	}
	e.WantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
	e.WantVerdict("Update", "SUCCESS", "bitmovin-export-app")
	e.WantRole(s, base)
	var verdicts []string
	for _, v := range e.Verdicts() {
		verdicts = append(verdicts, v.Status+" "+v.PhysicalResourceId)
	}
	if diff := cmp.Diff([]string{"SUCCESS bitmovin-export-app", "FAILED bitmovin-export-app", "SUCCESS bitmovin-export-app"}, verdicts); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
}

func rollbackReports(t *testing.T) {
	e := newProviderEnv(t, options{})
	e.MustApp(base)
	e.EditBucket(func(b *aws.Bucket) { b.Policy = denyRoles("s3:ListBucket") })
	s, _ := e.App(base.With(properties{"Tags": harness.Tags("team", "data")}), nil)
	e.WantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
	v := e.WantVerdict("Update", "SUCCESS", "bitmovin-export-app")
	if got := e.Checks(v)["s3:ListBucket"]; got != "FAIL" || v.Data["AccessVerified"] != "false" {
		t.Errorf("the rollback reports s3:ListBucket %s, AccessVerified %s", got, v.Data["AccessVerified"])
	}
	e.WantRole(s, base)
}

func rollbackToUnknown(t *testing.T) {
	e := newProviderEnv(t, options{})
	var v verdict
	var restored aws.Role
	// A second rollback's Update comes before the first, with what no version knows.
	e.OnNth(2, "UPDATE_IN_PROGRESS", func() {
		event := e.Latest("Update").Event
		event.OldResourceProperties, event.ResourceProperties = event.ResourceProperties, maps.Clone(event.OldResourceProperties)
		event.ResourceProperties["Expiry"] = "never"
		v, restored = e.Deliver(event), e.ExportRole()
	})
	e.MustApp(base)
	s, _ := e.App(base.With(properties{"ObjectPrefix": "exports/"}), harness.Failing())
	e.WantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
	if v.Status != "SUCCESS" || v.PhysicalResourceId != "bitmovin-export-app" {
		t.Errorf("the rollback is %+v, want SUCCESS for bitmovin-export-app", v)
	}
	if diff := cmp.Diff(e.Desired(s, base), harness.Actual(e.TB, restored)); diff != "" {
		t.Errorf("the role after it (-want +got):\n%s", diff)
	}
	e.WantRole(s, base)
	event := e.Latest("Update").Event
	event.ResourceProperties = maps.Clone(event.ResourceProperties)
	event.ResourceProperties["Expiry"] = "never"
	if v := e.Deliver(event); v.Status != "FAILED" || !strings.Contains(v.Reason, "property Expiry does not exist") {
		t.Errorf("the same, but no rollback, is %+v, want FAILED", v)
	}
}

func rollbackOfVanished(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]properties{"in place": {"ObjectPrefix": "exports/"}, "replacing": replacing} {
		harness.Run(t, name, func(t *testing.T) {
			e := newProviderEnv(t, options{})
			e.OnNth(1, "UPDATE_COMPLETE", e.DeleteRolesByHand)
			e.MustApp(base)
			s, _ := e.App(base.With(change), harness.Failing())
			e.WantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
			e.WantVerdict("Update", "SUCCESS", "bitmovin-export-app")
			e.WantRole(s, base)
		})
	}
}

func sameRequestAgain(t *testing.T) {
	e := newProviderEnv(t, options{})
	again := func(kind string) {
		t.Helper()
		before := e.Roles()
		r := e.Latest(kind)
		want := e.VerdictOf(r)
		if diff := cmp.Diff(want, e.Deliver(r.Event)); diff != "" {
			t.Errorf("the answers to the %s (-first +second):\n%s", kind, diff)
		}
		if diff := cmp.Diff(before, e.Roles()); diff != "" {
			t.Errorf("roles after the second %s (-before +after):\n%s", kind, diff)
		}
	}
	e.MustApp(base)
	again("Create")
	e.MustApp(base.With(properties{"ObjectPrefix": "exports/"}))
	again("Update")
	e.MustApp(base.With(replacing))
	again("Update")
	again("Delete")
	e.Delete(appStack)
	again("Delete")
}

func renamedResource(t *testing.T) {
	e := newProviderEnv(t, options{})
	e.MustApp(harness.Plain())
	before := e.ExportRole()
	text := strings.Replace(string(harness.Plain().Template(nil)), `"`+logicalID+`"`, `"Renamed"`, 1)
	s, err := e.DeployText(appStack, []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	after := e.ExportRole()
	if after.Name == before.Name || s.Resources["Renamed"].PhysicalID != after.Name {
		t.Errorf("the role is %s, before it was %s", after.Name, before.Name)
	}
	e.WantVerdict("Delete", "SUCCESS", before.Name)
}

func killedBetweenTrustEdits(t *testing.T) {
	t.Parallel()
	// The trust policy is opened by the first write of an Update, and closed by the second.
	again := base.With(properties{"VerificationTrigger": "again"})
	harness.Run(t, "retry", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.MustApp(base)
		e.Cloud.Inject(&aws.Fault{Op: "iam:UpdateAssumeRolePolicy", Skip: 1, Times: 1, Do: e.Kill, Reset: true})
		s := e.MustApp(again)
		if attempts := e.Latest("Update").Invocation.Wait(); !attempts[0].Killed {
			t.Errorf("the attempts are %+v, want the first one killed", attempts)
		}
		e.WantRole(s, base)
	})
	harness.Run(t, "out of time", func(t *testing.T) {
		// A third of the time is kept back from the work: for the rest of it the call hangs.
		const timeout = 11 * time.Second
		e := newProviderEnv(t, options{Timeout: timeout})
		e.MustApp(base)
		begun := time.Now()
		e.Cloud.Inject(&aws.Fault{Op: "iam:UpdateAssumeRolePolicy", Skip: 1, Times: 1, Status: 404, Code: "NoSuchEntity"})
		e.Cloud.Inject(&aws.Fault{Op: "iam:UpdateAssumeRolePolicy", Skip: 1, Hang: true, Match: func(aws.Call) bool {
			return time.Since(begun) < timeout*2/3
		}})
		e.OnNth(1, "UPDATE_FAILED", func() {
			if trust := e.ExportRole().Trust; strings.Contains(trust, "DateLessThan") {
				t.Errorf("the verifier statement is in the trust policy after the verdict: %s", trust)
			}
		})
		s, _ := e.App(again, nil)
		e.WantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
		e.WantRole(s, base)
	})
	harness.Run(t, "no retry", func(t *testing.T) {
		e := newProviderEnv(t, options{RetryDelays: []time.Duration{time.Hour, time.Hour}})
		assume := func() error {
			return on(e.asFunction().sts.AssumeRole, assumeInput(e.ExportRole(), "external-id-1"))(t.Context())
		}
		// The next event comes when the killed one's time is over, with nothing done until then.
		e.OnNth(2, "UPDATE_IN_PROGRESS", func() {
			if trust := e.ExportRole().Trust; !strings.Contains(trust, "DateLessThan") {
				t.Errorf("the verifier statement is not in the trust policy: %s", trust)
			}
			if err := assume(); !isDenied(err) {
				t.Errorf("the function may assume the role when its time is over: %v", err)
			}
		})
		e.MustApp(base)
		opened := make(chan error, 1)
		e.Cloud.Inject(&aws.Fault{Op: "iam:UpdateAssumeRolePolicy", Skip: 1, Times: 1, Reset: true, Do: func() {
			opened <- assume()
			e.Kill()
		}})
		s, err := e.App(again.With(properties{"ServiceTimeout": "310"}), nil) // more than the function's
		if err := <-opened; err != nil {
			t.Errorf("the function may not assume the role when its time is not over: %v", err)
		}
		if err == nil || !strings.Contains(err.Error(), "did not receive a response") {
			t.Errorf("the update came to %v", err)
		}
		e.WantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
		e.WantRole(s, base)
		e.StoreMissingAnswers()
	})
}

// assumeInput asks for a session of the role.
func assumeInput(r aws.Role, externalID string) sts.AssumeRoleInput {
	return sts.AssumeRoleInput{RoleArn: sdk.String(r.ARN()), RoleSessionName: sdk.String("late"), ExternalId: &externalID}
}

func otherCase(t *testing.T) {
	t.Parallel()
	harness.Run(t, "of the name", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.MustApp(base)
		before := e.ExportRole()
		e.MustApp(base.With(properties{"RoleName": "bitmovin-export-App"}))
		e.WantVerdict("Update", "SUCCESS", "bitmovin-export-app")
		if diff := cmp.Diff(before, e.ExportRole()); diff != "" {
			t.Errorf("the role changed (-before +after):\n%s", diff)
		}
	})
	harness.Run(t, "the name taken away", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.MustApp(base)
		s := e.MustApp(harness.Plain())
		after := e.ExportRole()
		if after.Name == "bitmovin-export-app" || s.Resources[logicalID].PhysicalID != after.Name {
			t.Errorf("the role is %s, the resource %s", after.Name, s.Resources[logicalID].PhysicalID)
		}
		r := e.Latest("Delete")
		if v := e.Deliver(r.Event); r.PhysicalResourceID != "bitmovin-export-app" || v.Status != "SUCCESS" {
			t.Errorf("the second Delete of %s is %+v", r.PhysicalResourceID, v)
		}
		if diff := cmp.Diff(after, e.ExportRole()); diff != "" {
			t.Errorf("the live role changed (-before +after):\n%s", diff)
		}
	})
}
