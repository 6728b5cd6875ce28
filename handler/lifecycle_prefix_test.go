package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// otherPrefix is another than the provider's.
const otherPrefix = "bitmovin-other-"

func changedPrefix(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]properties{"derived name": harness.Plain(), "named": base} {
		harness.Run(t, name, func(t *testing.T) { newProviderEnv(t, options{}).changePrefix(p) })
	}
	for name, secret := range map[string]string{"template.yaml": "", "template.yaml, registered": secretARN} {
		harness.Run(t, name, func(t *testing.T) {
			e := newEnv(t, options{})
			e.AddAPIKeys()
			e.MustDeploy("BitmovinApiKeySecretArn", secret)
			role, outputs := e.ExportRole(), (&outputEnv{env: e}).outputs()
			s, err := e.Deploy("BitmovinApiKeySecretArn", secret, "RoleNamePrefix", otherPrefix, "ObjectPrefix", "exports/")
			e.WantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
			wantFormerPrefix(t, err, role)
			if diff := cmp.Diff(role, e.ExportRole()); diff != "" {
				t.Errorf("the role (-before +after):\n%s", diff)
			}
			if diff := cmp.Diff(outputs, (&outputEnv{env: e}).outputs()); diff != "" {
				t.Errorf("the outputs (-before +after):\n%s", diff)
			}
			s = e.MustDeploy("BitmovinApiKeySecretArn", secret, "ObjectPrefix", "exports/")
			if got := s.Outputs["AccessVerified"]; got != "true" {
				t.Errorf("AccessVerified = %q after the former prefix, want true", got)
			}
		})
	}
}

// changePrefix changes the provider's prefix under a stack with the properties, and
// checks that its role can be neither changed nor lost until the former prefix is back.
func (e *env) changePrefix(p properties) {
	e.Helper()
	e.MustApp(p)
	role := e.ExportRole()
	e.Provide("RoleNamePrefix", otherPrefix)
	writes := len(e.Writes())
	s, err := e.App(p.With(properties{"ObjectPrefix": "exports/"}), nil)
	e.WantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
	wantFormerPrefix(e.TB, err, role)
	v := e.WantVerdict("Update", "SUCCESS", role.Name)
	if v.Data["RoleArn"] != role.ARN() || v.Data["AccessVerified"] == "true" {
		e.Errorf("the rollback's attributes are %v, of the role %s, which nothing has verified", v.Data, role.ARN())
	}
	if s, err = e.Engine.Delete(e.Context(), appStack); err == nil {
		e.Error("the stack was deleted")
	}
	e.WantStatus(s, "DELETE_FAILED")
	wantFormerPrefix(e.TB, err, role)
	if made := e.Writes()[writes:]; len(made) > 0 {
		e.Errorf("IAM was written: %v", made)
	}
	if diff := cmp.Diff(role, e.ExportRole()); diff != "" {
		e.Errorf("the role (-before +after):\n%s", diff)
	}
	e.Provide()
	e.Delete(appStack)
	e.WantNoRoles()
}

// wantFormerPrefix checks that a reason names the role and says what to do.
func wantFormerPrefix(tb testing.TB, err error, role aws.Role) {
	tb.Helper()
	for _, want := range []string{role.ARN(), otherPrefix, "Give the provider its former RoleNamePrefix back"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			tb.Errorf("the reason does not say %q: %v", want, err)
		}
	}
}

// TestPrefixInOtherCase: to IAM a name is one in every case, and to its policies it is not.
// A role whose prefix differs in case is none that the function may write, whosever it is.
func TestPrefixInOtherCase(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := newProviderEnv(t, options{})
		id := e.MustApp(harness.Plain()).ID
		const name = "Bitmovin-Export-App"
		key := aws.RoleKey(account, name)
		e.Kept[key] = true
		e.Cloud.Edit(func(state *aws.State) {
			state.Roles[key] = &aws.Role{Account: account, Name: name, Path: "/", Trust: harness.BitmovinTrust("theirs"), Tags: map[string]string{
				"bitmovin-export-access:stack-id": id, "bitmovin-export-access:logical-id": logicalID,
			}}
		})
		before := e.Roles()[key]
		s, err := e.App(base, nil)
		e.WantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
		if err == nil || !strings.Contains(err.Error(), before.ARN()+" is this resource's role, but the provider administers only role/"+harness.RoleNamePrefix+"*") {
			t.Errorf("the update came to %v", err)
		}
		if v := e.Deliver(e.deletion(name)); v.Status != "FAILED" {
			t.Errorf("the Delete is %+v, want FAILED", v)
		}
		if diff := cmp.Diff(before, e.Roles()[key]); diff != "" {
			t.Errorf("the role was touched (-before +after):\n%s", diff)
		}
	})
}

// TestProviderName: CloudFormation makes up the stack's name of a provider in a StackSet or
// in another stack. Its users import what it exports by ProviderName.
func TestProviderName(t *testing.T) {
	t.Parallel()
	for kind, name := range map[string]string{
		"StackSet": "StackSet-bitmovin-export-0f8c1a52-3c8e-4d27-9a0c-6b1f4f2d9e11",
		"nested":   "platform-ExportProvider-1QX2Z3Y4W5V6U",
		"longest":  "a" + strings.Repeat("-very-long-name", 8),
	} {
		for _, prefix := range []string{"", "bitmovin-acme-"} {
			harness.Run(t, kind+" "+prefix, func(t *testing.T) {
				e := newEnv(t, options{})
				s, err := e.DeployText(name, e.Template(), map[string]string{"BucketName": "", "ProviderName": providerStack, "RoleNamePrefix": prefix})
				if err != nil {
					t.Fatal(err)
				}
				want := prefix
				if want == "" {
					want = harness.RoleNamePrefixOf(s.ID)
				}
				if got := s.Outputs["RoleNamePrefix"]; got != want {
					t.Errorf("RoleNamePrefix = %q, want %q", got, want)
				}
				imported := map[string]any{"Prefix": map[string]any{"Fn::ImportValue": providerStack + "-RoleNamePrefix"}}
				named := map[string]any{"Fn::Sub": []any{"${Prefix}exports", imported}}
				for _, p := range []properties{harness.Plain(), harness.Plain().With(properties{"RoleName": named})} {
					s := e.MustApp(p)
					if role := e.ExportRole(); !strings.HasPrefix(role.Name, want) || role.Path != "/" {
						t.Errorf("the role is %s, want one with the prefix %s", role.ARN(), want)
					}
					if got := s.Resources[logicalID].Attributes["AccessVerified"]; got != "true" {
						t.Errorf("AccessVerified = %q, want true", got)
					}
				}
			})
		}
	}
}

// TestPastedBeforeAnotherTry: what a failed Create gives to paste holds for the stack that
// is made after it, whose id and so whose role's name is another.
func TestPastedBeforeAnotherTry(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := newEnv(t, options{})
		deny := func(condition string) {
			e.EditBucket(func(b *aws.Bucket) {
				b.Policy = policyOf(`{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::` + bucketName + `/*","Condition":` + condition + `}`)
			})
		}
		deny(`{}`)
		first, err := e.Deploy()
		e.WantStatus(first, "ROLLBACK_COMPLETE")
		paste := `{"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::` + account + `:role/bitmovin-export-*-access"}}`
		if err == nil || !strings.Contains(err.Error(), paste) {
			t.Fatalf("the first stack came to %v", err)
		}
		e.Delete(stackName)
		deny(paste)
		second := e.MustDeploy()
		if second.Outputs["AccessVerified"] != "true" || harness.RoleNamePrefixOf(second.ID) == harness.RoleNamePrefixOf(first.ID) {
			t.Errorf("the second stack, %s after %s, has %v", second.ID, first.ID, second.Outputs)
		}
	})
}

// failRollback lets an update go through and its rollback fail, which may not read the role,
// and then gives the provider the prefix.
func (e *env) failRollback(to properties, prefix string) *cloudformation.Stack {
	e.Helper()
	e.OnNth(2, "UPDATE_IN_PROGRESS", func() { e.Cloud.Edit(func(s *aws.State) { forbids["by an SCP"](s, "iam:GetRole") }) })
	s, _ := e.App(to, harness.Failing())
	e.Listen(func(cloudformation.Event) {})
	e.WantStatus(s, "UPDATE_ROLLBACK_FAILED")
	e.Cloud.Edit(func(s *aws.State) { s.Guardrails = nil })
	e.Provide("RoleNamePrefix", prefix)
	return s
}

// TestPrefixChangedBeforeRollback: the update has written the role, and the rollback may not.
// It fails where it checks that, and goes on once the former prefix is back.
func TestPrefixChangedBeforeRollback(t *testing.T) {
	t.Parallel()
	tagged := base.With(properties{"Tags": harness.Tags("team", "data")})
	for name, change := range map[string]properties{
		"external id": {"ExternalId": "external-id-2"},
		"tag changed": {"Tags": harness.Tags("team", "video")},
		"tag removed": {"Tags": []any{}},
	} {
		harness.Run(t, name, func(t *testing.T) {
			e := newProviderEnv(t, options{})
			e.MustApp(tagged)
			s := e.failRollback(tagged.With(change), otherPrefix)
			role := e.ExportRole()
			s, _ = e.tryToContinue(s)
			e.WantStatus(s, "UPDATE_ROLLBACK_FAILED")
			wantFormerPrefix(t, errors.New(e.WantVerdict("Update", "FAILED", role.Name).Reason), role)
			e.Provide()
			e.WantRole(e.continueRollback(s), tagged)
		})
	}
}

// TestPrefixChangedBeforeReplacementIsUndone: the rollback leaves the role that it is to bring
// back, which is as it was, and not the one that replaced it.
func TestPrefixChangedBeforeReplacementIsUndone(t *testing.T) {
	t.Parallel()
	for name, prefix := range map[string]string{"of neither role": otherPrefix, "of the former role": "bitmovin-export-app-1-"} {
		harness.Run(t, name, func(t *testing.T) {
			e := newProviderEnv(t, options{})
			before := base.With(properties{"RoleName": "bitmovin-export-app-1-a"})
			e.MustApp(before)
			role := e.ExportRole()
			s := e.continueRollback(e.failRollback(before.With(properties{"RoleName": "bitmovin-export-app-2-b"}), prefix))
			if v := e.WantVerdict("Update", "SUCCESS", role.Name); v.Data["RoleArn"] != role.ARN() {
				t.Errorf("the rollback's attributes are %v, want those of %s", v.Data, role.ARN())
			}
			e.WantVerdict("Delete", "FAILED", "bitmovin-export-app-2-b")
			e.Provide()
			e.Deliver(e.Latest("Delete").Event)
			e.WantRole(s, before)
		})
	}
}

// TestPrefixChangedBeforeRoleIsMadeAgain: the role that a rollback is to bring back is not
// there, or not to be found, and the function may not make it.
func TestPrefixChangedBeforeRoleIsMadeAgain(t *testing.T) {
	t.Parallel()
	derived := harness.Plain().With(properties{"ExternalId": "external-id-1"})
	for name, c := range map[string]struct {
		before, change properties
		byHand         bool
		reason         string
	}{
		"derived name, replaced":            {derived, replacing, false, "Give the provider its former RoleNamePrefix back"},
		"deleted by hand, replaced":         {base, replacing, true, "Give the provider its former RoleNamePrefix back"},
		"deleted by hand, updated in place": {base, properties{"ObjectPrefix": "exports/"}, true, "does not begin with " + otherPrefix},
	} {
		harness.Run(t, name, func(t *testing.T) {
			e := newProviderEnv(t, options{})
			e.MustApp(c.before)
			role := e.ExportRole()
			s := e.failRollback(c.before.With(c.change), otherPrefix)
			if c.byHand {
				e.Cloud.Edit(func(s *aws.State) { delete(s.Roles, aws.RoleKey(account, role.Name)) })
			}
			writes := len(e.Writes())
			s, _ = e.tryToContinue(s)
			e.WantStatus(s, "UPDATE_ROLLBACK_FAILED")
			e.WantVerdict("Update", "FAILED", s.Resources[logicalID].PhysicalID, c.reason)
			if made := e.Writes()[writes:]; len(made) > 0 {
				t.Errorf("IAM was written: %v", made)
			}
			e.Provide()
			e.WantRole(e.continueRollback(s), c.before.With(properties{"RoleName": role.Name}))
		})
	}
}

// TestPrefixThatTheRoleHasAsWell: where a derived name begins with the provider's new prefix,
// too, the role stays, whose ARN the output at Bitmovin has.
func TestPrefixThatTheRoleHasAsWell(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.MustApp(harness.Plain())
		role := e.ExportRole()
		e.Provide("RoleNamePrefix", "bitmovin-")
		e.MustApp(harness.Below("exports/"))
		if got := e.ExportRole(); got.ARN() != role.ARN() || got.ID != role.ID {
			t.Errorf("the role is %s, want still %s", got.ARN(), role.ARN())
		}
		e.Delete(appStack)
		e.WantNoRoles()
	})
}
