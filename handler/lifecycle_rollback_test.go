package main

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// forbids are the ways in which the function itself is denied actions.
var forbids = map[string]func(s *aws.State, actions ...string){
	"by an SCP": func(s *aws.State, actions ...string) {
		statements := []string{allowAll}
		for _, action := range actions {
			statements = append(statements, denyOf(action, ""))
		}
		setGuardrail(s, aws.LayerSCP, statements...)
	},
	"by its own policy": func(s *aws.State, actions ...string) {
		r := providerRole(s)
		r.Inline = maps.Clone(r.Inline)
		for _, action := range actions {
			r.Inline["Roles"] = strings.ReplaceAll(r.Inline["Roles"], `"`+action+`"`, `"iam:GetRole"`)
		}
	},
}

// providerRole is the function's own role.
func providerRole(s *aws.State) *aws.Role {
	for _, r := range s.Roles {
		if strings.HasPrefix(r.Name, providerStack+"-ProviderRole-") {
			return r
		}
	}
	return nil
}

// A forbidden action is one that a rollback is denied.
type forbidden struct {
	action string
	// before is what is restored.
	before properties
	// change is what the update changes, of which the action has nothing to bring back, and
	// lost one of which it has.
	change, lost properties
	// update are the actions that the update is denied as well, and so fails: it changes nothing
	// of what the action would bring back.
	update []string
}

func forbiddenActions() []forbidden {
	full := base.With(properties{"AccessMode": "Full"})
	tagged := base.With(properties{"Tags": harness.Tags("team", "data")})
	retagged := properties{"Tags": harness.Tags("team", "video")}
	id, prefix := properties{"ExternalId": "external-id-2"}, properties{"ObjectPrefix": "exports/"}
	restricted, fully := properties{"AccessMode": "Restricted"}, properties{"AccessMode": "Full"}
	return []forbidden{
		{"iam:UpdateAssumeRolePolicy", base, prefix, id, nil},
		{"iam:PutRolePolicy", base, id, prefix, nil},
		{"iam:AttachRolePolicy", full, id, restricted, nil},
		{"iam:DeleteRolePolicy", full, id, restricted, nil},
		{"iam:DetachRolePolicy", base, fully, fully, []string{"iam:AttachRolePolicy", "iam:DetachRolePolicy"}},
		{"iam:TagRole", tagged, retagged, retagged, []string{"iam:TagRole"}},
		{"iam:UntagRole", base, retagged, retagged, []string{"iam:TagRole", "iam:UntagRole"}},
	}
}

// rollbackDenied: a rollback writes all that the update may have changed. A write that is denied
// and would change nothing is passed over; one that the role needs is not. IAM's reads lag, and
// so tell neither at once.
func rollbackDenied(t *testing.T) {
	t.Helper()
	t.Parallel()
	for _, f := range forbiddenActions() {
		for how, forbid := range forbids {
			harness.Run(t, "nothing lost/"+f.action+" "+how, func(t *testing.T) { t.Helper(); f.nothingLost(t, forbid) })
			harness.Run(t, "something lost/"+f.action+" "+how, func(t *testing.T) { t.Helper(); f.somethingLost(t, forbid) })
		}
	}
	for name, test := range map[string]func(*testing.T){
		"the trust policy cannot be opened":                  trustNotOpened,
		"the answer is lost when the trust policy is closed": trustClosedUnanswered,
		"what the role has cannot be read":                   roleNotRead,
		"every check":                                        checksDenied,
	} {
		harness.Run(t, name, test)
	}
}

var laggingReads = options{Options: aws.Options{ReadLag: 4 * time.Second}}

func (f forbidden) nothingLost(t *testing.T, forbid func(*aws.State, ...string)) {
	t.Helper()
	e := newProviderEnv(t, laggingReads, "AllowFullAccess", "true")
	e.MustApp(f.before)
	nth, actions := 2, []string{f.action}
	if f.update != nil {
		nth, actions = 1, f.update
	}
	e.OnNth(nth, "UPDATE_IN_PROGRESS", func() { e.Cloud.Edit(func(s *aws.State) { forbid(s, actions...) }) })
	allow := e.allowing()
	s, _ := e.App(f.before.With(f.change), harness.Failing())
	allow()
	e.WantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
	e.WantRole(s, f.before)
	e.WantLogged("a write failed that would have changed nothing")
	if strings.Contains(e.Engine.Logs(), "could not be taken out of the trust policy") {
		t.Error("the log tells of a statement in the trust policy that is not there")
	}
}

func (f forbidden) somethingLost(t *testing.T, forbid func(*aws.State, ...string)) {
	t.Helper()
	e := newProviderEnv(t, laggingReads, "AllowFullAccess", "true")
	e.MustApp(f.before)
	e.OnNth(2, "UPDATE_IN_PROGRESS", func() { e.Cloud.Edit(func(s *aws.State) { forbid(s, f.action) }) })
	allow := e.allowing()
	s, _ := e.App(f.before.With(f.lost), harness.Failing())
	allow()
	e.WantStatus(s, "UPDATE_ROLLBACK_FAILED")
	if v := e.WantVerdict("Update", "FAILED", "bitmovin-export-app"); !strings.Contains(v.Reason, f.action) {
		t.Errorf("the reason does not name %s: %s", f.action, v.Reason)
	}
	s = e.continueRollback(s)
	if f.action != "iam:UntagRole" { // to continue names the update's tag no more
		e.WantRole(s, f.before)
	}
}

func trustNotOpened(t *testing.T) {
	t.Helper()
	e := newProviderEnv(t, options{})
	e.MustApp(base)
	from := 0
	e.OnNth(2, "UPDATE_IN_PROGRESS", func() {
		from = len(e.Cloud.Calls())
		e.Cloud.Edit(func(s *aws.State) { forbids["by an SCP"](s, "iam:UpdateAssumeRolePolicy") })
	})
	s, _ := e.App(base.With(properties{"ObjectPrefix": "exports/"}), harness.Failing())
	e.Cloud.Edit(func(s *aws.State) { s.Guardrails = nil })
	e.WantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
	v := e.WantVerdict("Update", "SUCCESS", "bitmovin-export-app")
	if got := e.Checks(v); got["sts:AssumeRole"] != "NOT_TESTED" || got["TrustPolicy"] != "PASS" || v.Data["AccessVerified"] != "partial" {
		t.Errorf("the rollback reports %v, AccessVerified %s", got, v.Data["AccessVerified"])
	}
	for _, c := range e.Cloud.Calls()[from:] {
		if c.Op == "sts:AssumeRole" {
			t.Error("the function tried to assume the role")
		}
	}
}

func trustClosedUnanswered(t *testing.T) {
	t.Helper()
	e := newProviderEnv(t, options{})
	e.MustApp(base)
	e.OnNth(2, "UPDATE_IN_PROGRESS", func() {
		e.Cloud.Inject(&aws.Fault{Op: "iam:UpdateAssumeRolePolicy", Skip: 1, After: true, Status: 403, Code: "AccessDenied"})
	})
	s, _ := e.App(base.With(properties{"ExternalId": "external-id-2"}), harness.Failing())
	e.WantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
	e.WantRole(s, base)
}

func roleNotRead(t *testing.T) {
	t.Helper()
	e := newProviderEnv(t, options{}, "AllowFullAccess", "true")
	e.MustApp(base)
	e.OnNth(2, "UPDATE_IN_PROGRESS", func() {
		e.Cloud.Edit(func(s *aws.State) { forbids["by an SCP"](s, "iam:DetachRolePolicy", "iam:ListAttachedRolePolicies") })
	})
	s, _ := e.App(base.With(properties{"AccessMode": "Full"}), harness.Failing())
	e.Cloud.Edit(func(s *aws.State) { s.Guardrails = nil })
	e.WantStatus(s, "UPDATE_ROLLBACK_FAILED")
	e.WantRole(e.continueRollback(s), base)
}

func checksDenied(t *testing.T) {
	t.Helper()
	e := newProviderEnv(t, options{})
	e.MustApp(base)
	e.OnNth(2, "UPDATE_IN_PROGRESS", func() { e.Cloud.Edit(func(s *aws.State) { forbids["by an SCP"](s, "s3:*", "sts:*", "kms:*") }) })
	s, _ := e.App(base.With(properties{"ObjectPrefix": "exports/", "ExternalId": "external-id-2"}), harness.Failing())
	e.Cloud.Edit(func(s *aws.State) { s.Guardrails = nil })
	e.WantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
	e.WantRole(s, base)
}

// allowing returns what lets the function do again what it may do now.
func (e *env) allowing() (allow func()) {
	var own map[string]string
	e.Cloud.View(func(s *aws.State) { own = maps.Clone(providerRole(s).Inline) })
	return func() {
		e.Cloud.Edit(func(s *aws.State) { s.Guardrails, providerRole(s).Inline = nil, own })
	}
}

// tryToContinue continues a rollback that failed.
func (e *env) tryToContinue(s *cloudformation.Stack) (*cloudformation.Stack, error) {
	e.Helper()
	o, err := e.Engine.StartContinue(s.ID)
	if err != nil {
		e.Fatal(err)
	}
	return o.Wait(e.Context())
}

// continueRollback is tryToContinue where nothing may go wrong.
func (e *env) continueRollback(s *cloudformation.Stack) *cloudformation.Stack {
	e.Helper()
	s, err := e.tryToContinue(s)
	if err != nil {
		e.Fatal(err)
	}
	return s
}

// TestContinuedRollback: a rollback that failed, since the role was deleted and could not be
// made again, brings everything back when it is continued.
func TestContinuedRollback(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]properties{"in place": {"ObjectPrefix": "exports/", "ExternalId": "external-id-2"}, "replacing": replacing} {
		harness.Run(t, name, func(t *testing.T) {
			e := newProviderEnv(t, options{})
			e.MustApp(base)
			e.OnNth(2, "UPDATE_IN_PROGRESS", func() {
				e.DeleteRolesByHand()
				e.Cloud.Edit(func(s *aws.State) { setGuardrail(s, aws.LayerSCP, allowBut("iam:CreateRole")) })
			})
			s, _ := e.App(base.With(change), harness.Failing())
			e.WantStatus(s, "UPDATE_ROLLBACK_FAILED")
			e.Cloud.Edit(func(s *aws.State) { s.Guardrails = nil })
			s = e.continueRollback(s)
			e.WantRole(s, base)
			if name == "replacing" { // Lambda may deliver the cleanup's Delete twice
				e.Deliver(e.Latest("Delete").Event)
				e.WantRole(s, base)
			}
		})
	}
	harness.Run(t, "of an update that gave no answer", func(t *testing.T) {
		// CloudFormation does not know of its role, and to continue names it no more.
		e := newProviderEnv(t, options{})
		e.MustApp(base)
		e.Cloud.Inject(&aws.Fault{Op: "iam:PutRolePolicy", Times: 3, Do: e.Kill, Reset: true})
		e.OnNth(2, "UPDATE_IN_PROGRESS", func() {
			e.Cloud.Edit(func(s *aws.State) {
				delete(s.Roles, exportsRole)
				setGuardrail(s, aws.LayerSCP, allowBut("iam:CreateRole"))
			})
		})
		s, _ := e.App(base.With(replacing), nil)
		e.WantStatus(s, "UPDATE_ROLLBACK_FAILED")
		e.Cloud.Edit(func(s *aws.State) { s.Guardrails = nil })
		e.WantRole(e.continueRollback(s), base)
		e.StoreMissingAnswers()
	})
}

// TestRollbackToAnotherCase: the role keeps the case of the name that it was made with. A
// rollback finds it, though the properties that it brings back name it in another.
func TestRollbackToAnotherCase(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(*env) resources{
		"a sibling fails": func(*env) resources { return harness.Failing() },
		"the update fails": func(e *env) resources {
			e.Cloud.Inject(&aws.Fault{Op: "iam:PutRolePolicy", Match: func(c aws.Call) bool { return strings.HasSuffix(c.Resource, "/bitmovin-export-app-2") },
				Status: 409, Code: "LimitExceeded", Message: "too many"})
			return nil
		},
	} {
		harness.Run(t, name, func(t *testing.T) {
			e := newProviderEnv(t, options{})
			e.MustApp(base.With(properties{"RoleName": "bitmovin-export-App"}))
			e.MustApp(base)
			s, _ := e.App(base.With(replacing), fail(e))
			e.WantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
			e.WantRole(s, base.With(properties{"RoleName": "bitmovin-export-App"}))
			if v := e.WantVerdict("Update", "SUCCESS", "bitmovin-export-App"); v.Data["AccessVerified"] != "true" || !strings.HasSuffix(v.Data["RoleArn"], "/bitmovin-export-App") {
				t.Errorf("the attributes are %v", v.Data)
			}
			e.MustApp(base.With(properties{"RoleName": "bitmovin-export-APP", "VerificationTrigger": "again"}))
			e.WantRole(s, base.With(properties{"RoleName": "bitmovin-export-App"}))
		})
	}
	harness.Run(t, "made meanwhile", func(t *testing.T) {
		// The Create of another delivery, whose properties an author has edited since.
		e := newProviderEnv(t, options{})
		e.MustApp(base.With(properties{"RoleName": "bitmovin-export-App"}))
		event := e.Latest("Create").Event
		event.ResourceProperties["RoleName"] = "bitmovin-export-app"
		e.Cloud.Inject(&aws.Fault{Op: "iam:GetRole", Times: 1, Status: 404, Code: "NoSuchEntity"})
		if v := e.Deliver(event); v.Status != "SUCCESS" || v.PhysicalResourceId != "bitmovin-export-App" {
			t.Errorf("the Create is %+v, want SUCCESS for bitmovin-export-App", v)
		}
	})
}

// TestBoundaryEditedMeanwhile: with another boundary on the role the function may give it no
// policy. Where somebody edits it after the function has read the role, it is put back.
func TestBoundaryEditedMeanwhile(t *testing.T) {
	t.Parallel()
	full := base.With(properties{"AccessMode": "Full"})
	for name, tc := range map[string]struct {
		op            string
		before, after properties
		rollback      bool
	}{
		"create":          {op: "iam:CreateRole", after: base},
		"create, Full":    {op: "iam:CreateRole", after: full},
		"update":          {op: "iam:UpdateAssumeRolePolicy", before: base, after: base.With(properties{"ObjectPrefix": "exports/"})},
		"update, Full":    {op: "iam:UpdateAssumeRolePolicy", before: base, after: full},
		"update, not yet": {op: "iam:GetRole", before: base, after: base.With(properties{"ObjectPrefix": "exports/", "Verification": "Off"})},
		"rollback":        {op: "iam:UpdateAssumeRolePolicy", before: base, after: base.With(properties{"ObjectPrefix": "exports/"}), rollback: true},
		"rollback, Full":  {op: "iam:UpdateAssumeRolePolicy", before: full, after: base, rollback: true},
	} {
		harness.Run(t, name, func(t *testing.T) {
			e := newProviderEnv(t, options{}, "AllowFullAccess", "true")
			edit := func() {
				e.Cloud.Inject(&aws.Fault{Op: tc.op, Times: 1, After: true, Do: func() {
					e.EditRoles(func(r *aws.Role) { r.Boundary = administratorAccess })
				}})
			}
			if tc.before == nil {
				edit()
				e.WantRole(e.MustApp(tc.after), tc.after)
				return
			}
			e.MustApp(tc.before)
			if !tc.rollback {
				edit()
				e.WantRole(e.MustApp(tc.after), tc.after)
				return
			}
			e.OnNth(2, "UPDATE_IN_PROGRESS", edit)
			s, _ := e.App(tc.after, harness.Failing())
			e.WantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
			e.WantRole(s, tc.before)
		})
	}
	harness.Run(t, "and nobody may put it back", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.MustApp(base)
		e.OnNth(2, "UPDATE_IN_PROGRESS", func() {
			e.EditRoles(func(r *aws.Role) { r.Boundary = administratorAccess })
			e.Cloud.Edit(func(s *aws.State) { forbids["by an SCP"](s, "iam:PutRolePermissionsBoundary") })
		})
		s, _ := e.App(base.With(properties{"ExternalId": "external-id-2"}), harness.Failing())
		e.WantStatus(s, "UPDATE_ROLLBACK_FAILED")
		if v := e.WantVerdict("Update", "FAILED", "bitmovin-export-app"); !strings.Contains(v.Reason, "iam:PutRolePermissionsBoundary") {
			t.Errorf("the reason does not name the action: %s", v.Reason)
		}
		if trust := e.ExportRole().Trust; !strings.Contains(trust, "external-id-1") {
			t.Errorf("the trust policy is not restored: %s", trust)
		}
		e.Cloud.Edit(func(s *aws.State) { s.Guardrails = nil })
		e.WantRole(e.continueRollback(s), base)
	})
}
