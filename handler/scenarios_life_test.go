package main

import (
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
)

// exportsRole is the key of the role of the properties [base].
var exportsRole = aws.RoleKey(account, "exports")

// wantVerdict sees how the latest request of a type was answered, with the words
// in its reason.
func (d *desk) wantVerdict(kind, status, id string, words ...string) verdict {
	d.Helper()
	v := d.verdictOf(d.latest(kind))
	if v.Status != status || v.PhysicalResourceId != id {
		d.Errorf("the %s is %s for %s (%s), want %s for %s", kind, v.Status, v.PhysicalResourceId, v.Reason, status, id)
	}
	for _, want := range words {
		if !strings.Contains(v.Reason, want) {
			d.Errorf("the reason of the %s does not say %q: %s", kind, want, v.Reason)
		}
	}
	return v
}

// wantStatus sees what became of a stack.
func (d *desk) wantStatus(s *cloudformation.Stack, want string) {
	d.Helper()
	if s.Status != want {
		d.Errorf("the stack is %s, want %s", s.Status, want)
	}
}

// wantNoRoles sees that there is no export role.
func (d *desk) wantNoRoles() {
	d.Helper()
	if roles := d.exportRoles(); len(roles) > 0 {
		d.Errorf("roles are left: %+v", roles)
	}
}

// wantLogged sees that the function's log says something.
func (d *desk) wantLogged(text string) {
	d.Helper()
	if !strings.Contains(d.engine.Logs(), text) {
		d.Errorf("the log does not tell %q", text)
	}
}

// editRoles edits the export roles by hand.
func (d *desk) editRoles(edit func(*aws.Role)) {
	d.cloud.Edit(func(s *aws.State) {
		for _, r := range s.Roles {
			if strings.HasPrefix(r.Path, "/bitmovin/") {
				edit(r)
			}
		}
	})
}

// onNth calls f when the resource of the stack app reaches a status for the nth
// time, before anything else happens to the stack.
func (d *desk) onNth(n int, status string, f func()) {
	var called atomic.Bool
	d.Cleanup(func() {
		if !called.Load() {
			d.Errorf("the resource did not become %s as often as it was to", status)
		}
	})
	d.listen(func(e cloudformation.Event) {
		if e.StackName == appStack && e.LogicalID == logicalID && e.Status == status {
			if n--; n == 0 {
				called.Store(true)
				f()
			}
		}
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
		t.Run(name, func(t *testing.T) {
			d, created := newApp(t, options{}), 0
			d.onNth(1, "CREATE_FAILED", func() { created = len(d.cloud.Calls()) })
			before := len(d.cloud.Calls())
			s, _ := d.app(base.with(c.properties), nil)
			d.wantStatus(s, "ROLLBACK_COMPLETE")
			d.wantVerdict("Create", "FAILED", logicalID+"-not-created", c.words...)
			d.wantVerdict("Delete", "SUCCESS", logicalID+"-not-created")
			if created != before {
				t.Errorf("the Create made %d calls", created-before)
			}
			if writes := d.writes(); len(writes) > 0 {
				t.Errorf("IAM was written: %v", writes)
			}
		})
	}
}

func policyFails(t *testing.T) {
	d := newApp(t, options{})
	d.cloud.Inject(&aws.Fault{Op: "iam:PutRolePolicy", Status: 409, Code: "LimitExceeded", Message: "too many"})
	s, _ := d.app(base, nil)
	d.wantStatus(s, "ROLLBACK_COMPLETE")
	d.wantVerdict("Create", "FAILED", "exports", "put policy on role exports", "LimitExceeded")
	d.wantVerdict("Delete", "SUCCESS", "exports")
	d.wantNoRoles()
}

func deadlineReached(t *testing.T) {
	d := newApp(t, options{timeout: brief})
	d.cloud.Inject(&aws.Fault{Op: "iam:PutRolePolicy", Hang: true})
	s, _ := d.app(base, nil)
	d.wantStatus(s, "ROLLBACK_COMPLETE")
	d.wantVerdict("Create", "FAILED", "exports", "out of time, under way was: put policy on role exports")
	d.wantVerdict("Delete", "SUCCESS", "exports")
	d.wantInTime()
	d.wantNoRoles()
}

func killedAndRetried(t *testing.T) {
	d := newApp(t, options{})
	d.cloud.Inject(&aws.Fault{Op: "iam:CreateRole", Times: 1, After: true, Do: d.kill, Reset: true})
	s := d.mustApp(base)
	d.wantVerdict("Create", "SUCCESS", "exports")
	d.wantRole(s, base)
	attempts := d.latest("Create").Invocation.Wait()
	if len(attempts) != 2 || !attempts[0].Killed || attempts[1].Err != "" {
		t.Errorf("the attempts are %+v, want one that was killed and one that succeeded", attempts)
	}
	// The answer of CreateRole was lost, and it was not called again.
	want := []string{"UpdateAssumeRolePolicy", "PutRolePolicy", "UpdateAssumeRolePolicy"}
	if diff := cmp.Diff(want, d.writes()); diff != "" {
		t.Errorf("IAM writes that were answered (-want +got):\n%s", diff)
	}
}

func cancelledCreate(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]properties{"named": base, "derived name": plain()} {
		t.Run(name, func(t *testing.T) {
			d := newApp(t, options{})
			d.mustApp(p)
			event := d.latest("Create").Event
			event.RequestType, event.PhysicalResourceID = "Delete", "app-ExportAccess-1V2L4KQ7X9Z3B"
			if v := d.deliver(event); v.Status != "SUCCESS" || v.PhysicalResourceId != event.PhysicalResourceID {
				t.Errorf("the Delete is %+v, want SUCCESS for the invented id", v)
			}
			d.wantNoRoles()
		})
	}
}

func updatedInPlace(t *testing.T) {
	d := newChecked(t, options{}, "AllowFullAccess", "true")
	p := base
	d.mustCheck(p)
	for _, change := range []properties{
		{"ObjectPrefix": "exports/"}, {"ExternalId": "external-id-2"}, {"Tags": tags("team", "data")}, {"Tags": tags("TEAM", "video", "cost", "1")},
		{"AccessMode": "Full"}, {"AccessMode": "Restricted"}, {"ObjectPrefix": ""},
	} {
		p = p.with(change)
		s, err := d.check(p)
		if err != nil {
			t.Fatalf("%v: %v", change, err)
		}
		d.wantVerdict("Update", "SUCCESS", "exports")
		d.wantRole(s, p)
	}
	d.cloud.Edit(func(s *aws.State) { encrypt(s, keyARN, keyAllows(`"kms:*"`)) })
	d.mustCheck(p.with(properties{"KmsKeyArn": keyARN}))
	d.wantVerdict("Update", "SUCCESS", "exports")
	if text := d.exportRole().Inline["BitmovinExportAccess"]; !strings.Contains(text, `"`+keyARN+`"`) {
		t.Errorf("the policy does not name the key: %s", text)
	}
}

func updatedForNothing(t *testing.T) {
	d := newApp(t, options{})
	d.mustApp(base)
	before, writes := d.exportRole(), len(d.writes())
	d.mustApp(base.with(properties{"ServiceTimeout": "600"}))
	d.wantVerdict("Update", "SUCCESS", "exports")
	if diff := cmp.Diff(before, d.exportRole()); diff != "" {
		t.Errorf("the role changed (-before +after):\n%s", diff)
	}
	want := []string{"UpdateAssumeRolePolicy", "UpdateAssumeRolePolicy"}
	if diff := cmp.Diff(want, d.writes()[writes:]); diff != "" {
		t.Errorf("IAM writes, the verifier statement in and out (-want +got):\n%s", diff)
	}
}

// replacing changes the name of [base].
var replacing = properties{"RoleName": "exports-2"}

func replaced(t *testing.T) {
	d := newApp(t, options{})
	var until aws.Role
	d.onNth(1, "UPDATE_COMPLETE", func() { until = d.roles()[exportsRole] })
	d.mustApp(base)
	before := d.exportRole()
	s := d.mustApp(base.with(replacing))
	d.wantVerdict("Update", "SUCCESS", "exports-2")
	d.wantVerdict("Delete", "SUCCESS", "exports")
	if diff := cmp.Diff(before, until); diff != "" {
		t.Errorf("the old role changed before its Delete (-before +then):\n%s", diff)
	}
	d.wantRole(s, base.with(replacing))
}

func replacedAndRolledBack(t *testing.T) {
	d := newApp(t, options{})
	d.mustApp(base)
	s, _ := d.app(base.with(replacing), failing())
	d.wantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
	d.wantVerdict("Update", "SUCCESS", "exports")
	d.wantVerdict("Delete", "SUCCESS", "exports-2")
	d.wantRole(s, base)
}

func updateFails(t *testing.T) {
	d := newApp(t, options{timeout: checkTimeout})
	d.mustApp(base)
	d.editBucket(func(b *aws.Bucket) { b.Policy = denyRoles("s3:PutObject") })
	s, err := d.app(base.with(properties{"ObjectPrefix": "exports/", "ExternalId": "external-id-2"}), nil)
	if err == nil || !strings.Contains(err.Error(), "s3:PutObject: denied by an explicit Deny in the bucket policy") {
		t.Errorf("the update came to %v", err)
	}
	d.wantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
	d.wantVerdict("Update", "SUCCESS", "exports")
	d.wantRole(s, base)
	var verdicts []string
	for _, v := range d.verdicts() {
		verdicts = append(verdicts, v.Status+" "+v.PhysicalResourceId)
	}
	if diff := cmp.Diff([]string{"SUCCESS exports", "FAILED exports", "SUCCESS exports"}, verdicts); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
}

func rollbackReports(t *testing.T) {
	d := newApp(t, options{timeout: checkTimeout})
	d.mustApp(base)
	d.editBucket(func(b *aws.Bucket) { b.Policy = denyRoles("s3:ListBucket") })
	s, _ := d.app(base.with(properties{"Tags": tags("team", "data")}), nil)
	d.wantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
	v := d.wantVerdict("Update", "SUCCESS", "exports")
	if got := d.checks(v)["s3:ListBucket"]; got != "FAIL" || v.Data["AccessVerified"] != "false" {
		t.Errorf("the rollback reports s3:ListBucket %s, AccessVerified %s", got, v.Data["AccessVerified"])
	}
	d.wantRole(s, base)
}

func rollbackToUnknown(t *testing.T) {
	d := newApp(t, options{})
	var v verdict
	var restored aws.Role
	// A second rollback's Update comes before the first, with what no version knows.
	d.onNth(2, "UPDATE_IN_PROGRESS", func() {
		event := d.latest("Update").Event
		event.OldResourceProperties, event.ResourceProperties = event.ResourceProperties, maps.Clone(event.OldResourceProperties)
		event.ResourceProperties["Expiry"] = "never"
		v, restored = d.deliver(event), d.exportRole()
	})
	d.mustApp(base)
	s, _ := d.app(base.with(properties{"ObjectPrefix": "exports/"}), failing())
	d.wantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
	if v.Status != "SUCCESS" || v.PhysicalResourceId != "exports" {
		t.Errorf("the rollback is %+v, want SUCCESS for exports", v)
	}
	if diff := cmp.Diff(d.desired(s, base), d.actual(restored)); diff != "" {
		t.Errorf("the role after it (-want +got):\n%s", diff)
	}
	d.wantRole(s, base)
	event := d.latest("Update").Event
	event.ResourceProperties = maps.Clone(event.ResourceProperties)
	event.ResourceProperties["Expiry"] = "never"
	if v := d.deliver(event); v.Status != "FAILED" || !strings.Contains(v.Reason, "property Expiry does not exist") {
		t.Errorf("the same, but no rollback, is %+v, want FAILED", v)
	}
}

func rollbackOfVanished(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]properties{"in place": {"ObjectPrefix": "exports/"}, "replacing": replacing} {
		t.Run(name, func(t *testing.T) {
			d := newApp(t, options{})
			d.onNth(1, "UPDATE_COMPLETE", d.vanish)
			d.mustApp(base)
			s, _ := d.app(base.with(change), failing())
			d.wantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
			d.wantVerdict("Update", "SUCCESS", "exports")
			d.wantRole(s, base)
		})
	}
}

func deletedTwice(t *testing.T) {
	t.Parallel()
	t.Run("twice", func(t *testing.T) {
		d := newApp(t, options{})
		d.mustApp(base)
		d.delete(appStack)
		if v := d.deliver(d.latest("Delete").Event); v.Status != "SUCCESS" || v.PhysicalResourceId != "exports" {
			t.Errorf("the second Delete is %+v, want SUCCESS for exports", v)
		}
	})
	t.Run("gone already", func(t *testing.T) {
		d := newApp(t, options{})
		d.mustApp(base)
		d.vanish()
		d.delete(appStack)
		d.wantVerdict("Delete", "SUCCESS", "exports")
	})
}

func sameRequestAgain(t *testing.T) {
	d := newApp(t, options{})
	again := func(kind string) {
		t.Helper()
		before := d.roles()
		r := d.latest(kind)
		want := d.verdictOf(r)
		if diff := cmp.Diff(want, d.deliver(r.Event)); diff != "" {
			t.Errorf("the answers to the %s (-first +second):\n%s", kind, diff)
		}
		if diff := cmp.Diff(before, d.roles()); diff != "" {
			t.Errorf("roles after the second %s (-before +after):\n%s", kind, diff)
		}
	}
	d.mustApp(base)
	again("Create")
	d.mustApp(base.with(properties{"ObjectPrefix": "exports/"}))
	again("Update")
	d.mustApp(base.with(replacing))
	again("Update")
	again("Delete")
	d.delete(appStack)
	again("Delete")
}

func lateCreate(t *testing.T) {
	d := newApp(t, options{})
	d.mustApp(base)
	d.delete(appStack)
	writes := len(d.writes())
	if v := d.deliver(d.latest("Create").Event); v.Status != "FAILED" || !strings.Contains(v.Reason, "the stack went on without this request") {
		t.Errorf("the late Create is %+v, want FAILED", v)
	}
	d.wantNoRoles()
	if got := d.writes()[writes:]; len(got) > 0 {
		t.Errorf("IAM was written: %v", got)
	}
}

func foreignRole(t *testing.T) {
	t.Parallel()
	for path, tagged := range map[string]map[string]string{
		"/": nil, "/bitmovin/": {"bitmovin-export-access:stack-id": "arn:aws:cloudformation:eu-west-1:123456789012:stack/other/1", "bitmovin-export-access:logical-id": logicalID},
	} {
		t.Run(path, func(t *testing.T) {
			d := newApp(t, options{})
			d.leaves[exportsRole] = true
			d.cloud.Edit(func(s *aws.State) {
				s.Roles[exportsRole] = &aws.Role{Account: account, Name: "Exports", Path: path, Trust: bitmovinTrust("theirs"), Tags: tagged}
			})
			before := d.roles()[exportsRole]
			s, _ := d.app(base, nil)
			d.wantStatus(s, "ROLLBACK_COMPLETE")
			whose := "somebody else"
			if tagged != nil {
				whose = "stack/other/1"
			}
			d.wantVerdict("Create", "FAILED", logicalID+"-not-created", "the role name Exports is taken by "+before.ARN(), whose)
			d.wantVerdict("Delete", "SUCCESS", logicalID+"-not-created")
			if writes := d.writes(); len(writes) > 0 {
				t.Errorf("IAM was written: %v", writes)
			}
			if diff := cmp.Diff(before, d.roles()[exportsRole]); diff != "" {
				t.Errorf("the role was touched (-before +after):\n%s", diff)
			}
		})
	}
}

func anotherStacksRole(t *testing.T) {
	d := newApp(t, options{})
	first := d.mustApp(base)
	before := d.exportRole()
	s, err := d.deployText("other", base.template(nil), nil)
	if err == nil || !strings.Contains(err.Error(), "owned by the resource "+logicalID+" of the stack "+first.ID) {
		t.Errorf("the second stack came to %v", err)
	}
	d.wantStatus(s, "ROLLBACK_COMPLETE")
	if diff := cmp.Diff(before, d.exportRole()); diff != "" {
		t.Errorf("the first stack's role was touched (-before +after):\n%s", diff)
	}
}

func driftPutRight(t *testing.T) {
	d := newApp(t, options{})
	d.mustApp(base)
	d.editRoles(func(r *aws.Role) {
		r.Trust, r.Boundary = trustAccount, administratorAccess
		r.Inline["BitmovinExportAccess"], r.Inline["More"] = anything, anything
		r.Attached = append(r.Attached, administratorAccess)
	})
	writes := len(d.writes())
	s := d.mustApp(base.with(properties{"VerificationTrigger": "again"}))
	d.wantVerdict("Update", "SUCCESS", "exports")
	d.wantRole(s, base)
	if got := d.writes()[writes]; got != "PutRolePermissionsBoundary" {
		t.Errorf("the first write is %s, want that of the boundary", got)
	}
	for _, want := range []string{`"permissions boundary"`, `"trust policy"`, `"inline policy"`, `"remove inline More"`, "detach " + administratorAccess} {
		d.wantLogged(want)
	}
}

func strippedAndDeleted(t *testing.T) {
	t.Parallel()
	t.Run("policies", func(t *testing.T) {
		d := newApp(t, options{})
		d.mustApp(base)
		d.editRoles(func(r *aws.Role) {
			r.Inline["More"] = anything
			r.Attached = append(r.Attached, administratorAccess)
		})
		d.delete(appStack)
		d.wantVerdict("Delete", "SUCCESS", "exports")
		d.wantNoRoles()
	})
	t.Run("instance profile", func(t *testing.T) {
		d := newApp(t, options{timeout: checkTimeout})
		s := d.mustApp(base)
		d.editRoles(func(r *aws.Role) { r.InstanceProfiles = []string{"web"} })
		if _, err := d.engine.Delete(t.Context(), appStack); err == nil {
			t.Error("the stack was deleted")
		}
		d.wantStatus(d.stack(s.ID), "DELETE_FAILED")
		d.wantVerdict("Delete", "FAILED", "exports", "take it out of its instance profile, then delete again")
		d.editRoles(func(r *aws.Role) { r.InstanceProfiles = nil })
		d.delete(appStack)
		d.wantNoRoles()
	})
}

func untaggedByHand(t *testing.T) {
	d := newApp(t, options{})
	d.mustApp(base)
	d.editRoles(func(r *aws.Role) { clear(r.Tags) })
	before := d.roles()[exportsRole]
	d.delete(appStack)
	d.wantVerdict("Delete", "SUCCESS", "exports")
	if diff := cmp.Diff(before, d.roles()[exportsRole]); diff != "" {
		t.Errorf("the role was touched (-before +after):\n%s", diff)
	}
	d.wantLogged("role is not this resource's and is left alone")
	d.vanish() // or its boundary keeps the provider
}

func twoStacks(t *testing.T) {
	d := newApp(t, options{})
	d.mustApp(plain())
	if _, err := d.deployText("other", plain().template(nil), nil); err != nil {
		t.Fatal(err)
	}
	if roles := d.exportRoles(); len(roles) != 2 || roles[0].Trust == roles[1].Trust {
		t.Fatalf("the roles are %+v, want two with external ids of their own", roles)
	}
	d.delete("other")
	before := d.exportRole()
	d.mustApp(plain().with(properties{"VerificationTrigger": "again"}))
	d.wantVerdict("Update", "SUCCESS", before.Name)
	if diff := cmp.Diff(before, d.exportRole()); diff != "" {
		t.Errorf("the first stack's role changed (-before +after):\n%s", diff)
	}
}

func oldProperties(t *testing.T) {
	d := newApp(t, options{})
	for name, change := range map[string]func(map[string]any){
		"none":            func(p map[string]any) { clear(p) },
		"another version": func(p map[string]any) { p["BucketName"], p["Expiry"] = []any{"x"}, map[string]any{"y": 1} },
		"a bad name":      func(p map[string]any) { p["RoleName"] = "*" },
	} {
		d.mustApp(base)
		event := d.latest("Create").Event
		event.RequestType, event.PhysicalResourceID = "Delete", "exports"
		event.ResourceProperties = maps.Clone(event.ResourceProperties)
		change(event.ResourceProperties)
		if v := d.deliver(event); v.Status != "SUCCESS" || v.PhysicalResourceId != "exports" {
			t.Errorf("%s: the Delete is %+v, want SUCCESS for exports", name, v)
		}
		d.wantNoRoles()
		d.delete(appStack)
	}
}

func renamedResource(t *testing.T) {
	d := newApp(t, options{})
	d.mustApp(plain())
	before := d.exportRole()
	text := strings.Replace(string(plain().template(nil)), `"`+logicalID+`"`, `"Renamed"`, 1)
	s, err := d.deployText(appStack, []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	after := d.exportRole()
	if after.Name == before.Name || s.Resources["Renamed"].PhysicalID != after.Name {
		t.Errorf("the role is %s, before it was %s", after.Name, before.Name)
	}
	d.wantVerdict("Delete", "SUCCESS", before.Name)
}

func killedBetweenTrustEdits(t *testing.T) {
	t.Parallel()
	// The trust policy is opened by the first write of an Update, and closed by the second.
	again := base.with(properties{"VerificationTrigger": "again", "ServiceTimeout": "15"})
	t.Run("retry", func(t *testing.T) {
		d := newApp(t, options{})
		d.mustApp(base)
		d.cloud.Inject(&aws.Fault{Op: "iam:UpdateAssumeRolePolicy", Skip: 1, Times: 1, Do: d.kill, Reset: true})
		s := d.mustApp(again)
		if attempts := d.latest("Update").Invocation.Wait(); !attempts[0].Killed {
			t.Errorf("the attempts are %+v, want the first one killed", attempts)
		}
		d.wantRole(s, base)
	})
	t.Run("out of time", func(t *testing.T) {
		d := newApp(t, options{timeout: brief})
		d.mustApp(base)
		d.cloud.Inject(&aws.Fault{Op: "iam:UpdateAssumeRolePolicy", Skip: 1, Times: 1, Status: 404, Code: "NoSuchEntity"})
		d.cloud.Inject(&aws.Fault{Op: "iam:UpdateAssumeRolePolicy", Skip: 1, Times: 2, Hang: true})
		d.onNth(1, "UPDATE_FAILED", func() {
			if trust := d.exportRole().Trust; strings.Contains(trust, "DateLessThan") {
				t.Errorf("the verifier statement is in the trust policy after the verdict: %s", trust)
			}
		})
		s, _ := d.app(again, nil)
		d.wantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
		d.wantRole(s, base)
	})
	t.Run("no retry", func(t *testing.T) {
		d := newApp(t, options{timeout: brief, retryDelays: []time.Duration{time.Hour, time.Hour}})
		assume := func() error {
			return on(d.asFunction().sts.AssumeRole, assumeInput(d.exportRole(), "external-id-1"))(t.Context())
		}
		// The next event comes when the killed one's time is over, with nothing done until then.
		d.onNth(2, "UPDATE_IN_PROGRESS", func() {
			if trust := d.exportRole().Trust; !strings.Contains(trust, "DateLessThan") {
				t.Errorf("the verifier statement is not in the trust policy: %s", trust)
			}
			if err := assume(); !isDenied(err) {
				t.Errorf("the function may assume the role when its time is over: %v", err)
			}
		})
		d.mustApp(base)
		opened := make(chan error, 1)
		d.cloud.Inject(&aws.Fault{Op: "iam:UpdateAssumeRolePolicy", Skip: 1, Times: 1, Reset: true, Do: func() {
			opened <- assume()
			d.kill()
		}})
		s, err := d.app(again, nil)
		if err := <-opened; err != nil {
			t.Errorf("the function may not assume the role when its time is not over: %v", err)
		}
		if err == nil || !strings.Contains(err.Error(), "did not receive a response") {
			t.Errorf("the update came to %v", err)
		}
		d.wantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
		d.wantRole(s, base)
		d.answerFor("the killed function")
	})
}

// assumeInput asks for a session of the role.
func assumeInput(r aws.Role, externalID string) sts.AssumeRoleInput {
	return sts.AssumeRoleInput{RoleArn: sdk.String(r.ARN()), RoleSessionName: sdk.String("late"), ExternalId: &externalID}
}

func otherCase(t *testing.T) {
	t.Parallel()
	t.Run("of the name", func(t *testing.T) {
		d := newApp(t, options{})
		d.mustApp(base)
		before := d.exportRole()
		d.mustApp(base.with(properties{"RoleName": "Exports"}))
		d.wantVerdict("Update", "SUCCESS", "exports")
		if diff := cmp.Diff(before, d.exportRole()); diff != "" {
			t.Errorf("the role changed (-before +after):\n%s", diff)
		}
	})
	t.Run("the name taken away", func(t *testing.T) {
		d := newApp(t, options{})
		d.mustApp(base)
		s := d.mustApp(plain())
		after := d.exportRole()
		if after.Name == "exports" || s.Resources[logicalID].PhysicalID != after.Name {
			t.Errorf("the role is %s, the resource %s", after.Name, s.Resources[logicalID].PhysicalID)
		}
		r := d.latest("Delete")
		if v := d.deliver(r.Event); r.PhysicalResourceID != "exports" || v.Status != "SUCCESS" {
			t.Errorf("the second Delete of %s is %+v", r.PhysicalResourceID, v)
		}
		if diff := cmp.Diff(after, d.exportRole()); diff != "" {
			t.Errorf("the live role changed (-before +after):\n%s", diff)
		}
	})
}

func defaultExternalID(t *testing.T) {
	d := newApp(t, options{})
	d.mustApp(plain())
	v := d.verdictOf(d.latest("Create"))
	id, role := v.Data["ExternalId"], d.exportRole()
	for _, part := range strings.Split(id, "-") {
		if len(part) >= 8 && strings.Contains(role.ARN(), part) {
			t.Errorf("the external id %s has a part of %s", id, role.ARN())
		}
	}
	for _, change := range []properties{{"ObjectPrefix": "exports/"}, {"Tags": tags("team", "data")}, {"RoleName": "named"}} {
		d.mustApp(plain().with(change))
		if v := d.verdictOf(d.latest("Update")); v.Data["ExternalId"] != id {
			t.Errorf("%v: the external id is %s, before it was %s", change, v.Data["ExternalId"], id)
		}
		if !strings.Contains(d.exportRole().Trust, `"`+id+`"`) {
			t.Errorf("%v: the trust policy does not ask for it: %s", change, d.exportRole().Trust)
		}
	}
}
