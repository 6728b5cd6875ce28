package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/eventual"
	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// again are properties that ask for a check and change nothing else.
func again(p properties) properties {
	return p.With(properties{"VerificationTrigger": "again"})
}

// late is a cloud where what policies allow is in force after 8 s; what STS asks, at once.
func late() options {
	return options{Options: aws.Options{PolicyPropagation: 8 * time.Second}}
}

// newHouse returns an account whose provider has the organisation's boundary.
func newHouse(t *testing.T, lag time.Duration) *env {
	t.Helper()
	e := newEnv(t, options{Options: aws.Options{PolicyPropagation: lag}})
	e.Cloud.Edit(func(s *aws.State) { addHouseBoundary(s, allowAll) })
	e.Provide("PermissionsBoundaryArn", houseBoundary)
	time.Sleep(time.Minute)
	return e
}

// narrow takes s3:PutObject out of the organisation's boundary.
func (e *env) narrow() {
	e.Cloud.Edit(func(s *aws.State) { addHouseBoundary(s, allowBut("s3:PutObject")) })
}

// wantFailed checks that the first request of the kind failed, with the words in its
// reason: an Update after it is its rollback.
func (e *env) wantFailed(kind, words string) {
	e.Helper()
	for _, r := range e.Engine.Requests() {
		if string(r.RequestType) == kind {
			if v := e.VerdictOf(r); v.Status != "FAILED" || !strings.Contains(v.Reason, words) {
				e.Errorf("the %s is %s (%s), want FAILED that says %q", kind, v.Status, v.Reason, words)
			}
			return
		}
	}
	e.Errorf("there was no %s", kind)
}

const narrowed = "s3:PutObject: denied because nothing allows it in the role's permissions boundary"

// narrowedBoundary: what the former boundary allowed is not believed.
func narrowedBoundary(t *testing.T) {
	t.Parallel()
	harness.Run(t, "by another ARN", func(t *testing.T) {
		e := newProviderEnv(t, late())
		e.MustApp(base)
		e.narrow()
		e.Provide("PermissionsBoundaryArn", houseBoundary)
		time.Sleep(time.Minute)
		_, _ = e.App(again(base), nil)
		e.wantFailed("Update", narrowed)
	})
	harness.Run(t, "by new content", func(t *testing.T) {
		e := newHouse(t, 8*time.Second)
		e.MustApp(base)
		time.Sleep(time.Minute)
		e.narrow()
		_, _ = e.App(again(base), nil)
		e.wantFailed("Update", narrowed)
	})
	harness.Run(t, "by new content, before a Create", func(t *testing.T) {
		e := newHouse(t, 8*time.Second)
		e.narrow()
		_, _ = e.App(base, nil)
		e.wantFailed("Create", narrowed)
	})
	harness.Run(t, "by new content, whose date cannot be read", func(t *testing.T) {
		e := newHouse(t, 8*time.Second)
		e.MustApp(base)
		e.Cloud.Inject(&aws.Fault{Op: "iam:GetPolicy", Status: 400, Code: "InvalidInput"})
		e.narrow()
		_, _ = e.App(again(base), nil)
		e.wantFailed("Update", narrowed)
	})
	harness.Run(t, "because somebody's is taken away again", func(t *testing.T) {
		e := newHouse(t, 8*time.Second)
		e.narrow()
		time.Sleep(time.Minute)
		e.MustApp(base.With(properties{"Verification": "Warn"}))
		e.editRolesAfter("iam:UpdateAssumeRolePolicy", 1, func(r *aws.Role) { r.Boundary = administratorAccess })
		_, _ = e.App(base.With(properties{"ObjectPrefix": "exports/"}), nil)
		e.WantLogged("the permissions boundary was changed meanwhile and is put back")
		e.wantFailed("Update", narrowed)
	})
	harness.Run(t, "while the stack rolls back, which looks once", func(t *testing.T) {
		e := newHouse(t, 8*time.Second)
		e.MustApp(base)
		e.OnNth(2, "UPDATE_IN_PROGRESS", e.narrow)
		s, _ := e.App(base.With(properties{"ObjectPrefix": "exports/"}), harness.Failing())
		e.WantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
		if got := e.WantVerdict("Update", "SUCCESS", "bitmovin-export-app").Data["AccessVerified"]; got != "false" {
			t.Errorf("AccessVerified is %s, want false", got)
		}
	})
	harness.Run(t, "and widened again", func(t *testing.T) {
		e := newHouse(t, 30*time.Second)
		e.MustApp(base)
		e.narrow()
		time.Sleep(time.Minute)
		e.Cloud.Edit(func(s *aws.State) { addHouseBoundary(s, allowAll) })
		e.MustApp(again(base))
	})
}

// TestRemovedPolicies: what another policy of the role allowed, or a statement that
// its own has lost, is not believed while it may still be in force.
func TestRemovedPolicies(t *testing.T) {
	t.Parallel()
	const other = "arn:aws:kms:" + region + ":" + account + ":key/9999abcd-12ab-34cd-56ef-1234567890ab"
	wrong := base.With(properties{"KmsKeyArn": other})
	newKeyed := func(t *testing.T) *env {
		e := newProviderEnv(t, late())
		e.Cloud.Edit(func(s *aws.State) { encrypt(s, keyARN, keyAllows(`"kms:*"`)) })
		return e
	}
	want := func(e *env) {
		e.wantFailed("Update", "kms:GenerateDataKey is denied because nothing allows it in an identity-based policy of the role")
	}
	harness.Run(t, "a policy of somebody's", func(t *testing.T) {
		e := newKeyed(t)
		e.MustApp(wrong.With(properties{"Verification": "Warn"}))
		e.EditRoles(func(r *aws.Role) { r.Inline["More"] = policyOf(`{"Effect":"Allow","Action":"kms:*","Resource":"*"}`) })
		_, _ = e.App(wrong, nil)
		want(e)
	})
	harness.Run(t, "a policy of somebody's, attached", func(t *testing.T) {
		e := newKeyed(t)
		e.MustApp(wrong.With(properties{"Verification": "Warn"}))
		e.EditRoles(func(r *aws.Role) { r.Attached = append(r.Attached, administratorAccess) })
		_, _ = e.App(wrong, nil)
		want(e)
	})
	harness.Run(t, "the key's statement", func(t *testing.T) {
		e := newKeyed(t)
		e.MustApp(base)
		_, _ = e.App(wrong, nil)
		want(e)
	})
	harness.Run(t, "a Deny", func(t *testing.T) {
		e := newProviderEnv(t, late())
		e.MustApp(base)
		e.EditRoles(func(r *aws.Role) { r.Inline["More"] = policyOf(denyOf("s3:PutObject", "")) })
		e.MustApp(again(base))
	})
	harness.Run(t, "a Deny in the trust policy", func(t *testing.T) {
		e := newProviderEnv(t, options{Options: aws.Options{Propagation: 8 * time.Second}})
		e.MustApp(base)
		e.EditRoles(func(r *aws.Role) {
			r.Trust = strings.Replace(r.Trust, `"Statement":[`, `"Statement":[{"Effect":"Deny","Principal":{"AWS":"`+account+`"},"Action":"sts:AssumeRole"},`, 1)
		})
		e.MustApp(again(base))
	})
}

// TestTakenByARollback: what a rollback takes away again is not believed either, though
// it looks only once.
func TestTakenByARollback(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		const other = "arn:aws:kms:" + region + ":" + account + ":key/9999abcd-12ab-34cd-56ef-1234567890ab"
		e := newProviderEnv(t, late())
		e.Cloud.Edit(func(s *aws.State) { encrypt(s, keyARN, keyAllows(`"kms:*"`)) })
		e.MustApp(base.With(properties{"KmsKeyArn": other, "Verification": "Warn"}))
		time.Sleep(time.Minute)
		s, _ := e.App(base.With(properties{"KmsKeyArn": keyARN}), harness.Failing())
		e.WantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
		if v := e.WantVerdict("Update", "SUCCESS", "bitmovin-export-app"); v.Data["AccessVerified"] != "false" {
			t.Errorf("AccessVerified is %s after the rollback: %s", v.Data["AccessVerified"], v.Data["Checks"])
		}
	})
}

// TestBesideItself: what one delivery of an Update has taken from the role, or given it, a
// second one beside it does not see as a change of its own.
func TestBesideItself(t *testing.T) {
	t.Parallel()
	const other = "arn:aws:kms:" + region + ":" + account + ":key/9999abcd-12ab-34cd-56ef-1234567890ab"
	wrong := base.With(properties{"KmsKeyArn": other})
	for after, delay := range map[string]time.Duration{"at once": 100 * time.Millisecond, "soon": 5 * time.Second} {
		// second delivers the Update to the properties twice, and returns the second answer.
		second := func(e *env, p properties) verdict {
			o, err := e.Engine.Start(appStack, p.Template(nil), nil)
			if err != nil {
				e.Fatal(err)
			}
			time.Sleep(delay)
			v := e.Deliver(e.Latest("Update").Event)
			_, _ = o.Wait(e.Context())
			return v
		}
		harness.Run(t, "taken, "+after, func(t *testing.T) {
			e := newProviderEnv(t, late())
			e.Cloud.Edit(func(s *aws.State) { encrypt(s, keyARN, keyAllows(`"kms:*"`)) })
			e.MustApp(wrong.With(properties{"Verification": "Warn"}))
			e.EditRoles(func(r *aws.Role) { r.Inline["More"] = policyOf(`{"Effect":"Allow","Action":"kms:*","Resource":"*"}`) })
			time.Sleep(time.Minute)
			if v := second(e, wrong); v.Status != "FAILED" {
				t.Errorf("the second answer is %+v, want FAILED", v)
			}
		})
		harness.Run(t, "given, "+after, func(t *testing.T) {
			e := newProviderEnv(t, options{Options: aws.Options{PolicyPropagation: 15 * time.Second}})
			e.MustApp(base.With(properties{"ObjectPrefix": "a/"}))
			time.Sleep(5 * time.Minute)
			if v := second(e, base.With(properties{"ObjectPrefix": "b/"})); v.Status != "SUCCESS" {
				t.Errorf("the second answer is %+v, want SUCCESS", v)
			}
		})
	}
}

// TestNothingNarrowed: an Update that takes nothing away, or long after it, waits for
// nothing.
func TestNothingNarrowed(t *testing.T) {
	t.Parallel()
	update := func(t *testing.T, e *env, p properties, most time.Duration) {
		t.Helper()
		begin := time.Now()
		e.MustApp(p)
		if took := time.Since(begin); took > most {
			t.Errorf("the update took %v, want at most %v", took, most)
		}
	}
	harness.Run(t, "of nothing, a minute after the boundary's content", func(t *testing.T) {
		e := newHouse(t, 8*time.Second)
		e.MustApp(base)
		e.Cloud.Edit(func(s *aws.State) { addHouseBoundary(s, allowAll, allowAll) })
		time.Sleep(time.Minute)
		update(t, e, again(base), time.Second)
	})
	harness.Run(t, "of the prefix, at once", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.MustApp(base)
		update(t, e, base.With(properties{"ObjectPrefix": "exports/"}), time.Second)
	})
	harness.Run(t, "a Create beside its new boundary", func(t *testing.T) {
		e, begin := newEnv(t, options{}), time.Now()
		e.MustDeploy()
		if took := time.Since(begin); took > time.Second {
			t.Errorf("the stack took %v, want no wait", took)
		}
	})
	harness.Run(t, "the rest of the window", func(t *testing.T) {
		e := newHouse(t, 8*time.Second)
		e.MustApp(base)
		e.Cloud.Edit(func(s *aws.State) { addHouseBoundary(s, allowAll, allowAll) })
		time.Sleep(15 * time.Second)
		update(t, e, again(base), 6*time.Second)
	})
}

// fullToRestricted: what was taken away is looked after until it is denied.
func fullToRestricted(t *testing.T) {
	e := newProviderEnv(t, options{Options: aws.Options{PolicyPropagation: 12 * time.Second}}, "AllowFullAccess", "true")
	e.MustApp(base.With(properties{"AccessMode": "Full"}))
	e.MustApp(base)
	if diff := cmp.Diff(clean(), e.Checks(e.Last())); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
}

// TestTakenAway: so is what somebody added to the role's own policy, or another.
func TestTakenAway(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*aws.Role){
		"its own policy": func(r *aws.Role) { r.Inline["BitmovinExportAccess"] = policyOf(allowAll) },
		"another":        func(r *aws.Role) { r.Inline["More"] = policyOf(allowAll) },
	} {
		harness.Run(t, name, func(t *testing.T) {
			e := newHouse(t, 25*time.Second)
			e.MustApp(base)
			e.EditRoles(edit)
			e.MustApp(again(base))
			if diff := cmp.Diff(clean(), e.Checks(e.Last())); diff != "" {
				t.Errorf("checks (-want +got):\n%s", diff)
			}
		})
	}
}

// newBucket: the bucket or its key was made seconds before the resource.
func newBucket(t *testing.T) {
	t.Parallel()
	const lag = 5 * time.Second
	ready := func(t *testing.T, e *env, p properties) {
		t.Helper()
		e.MustApp(base.With(p))
		if got := e.Last().Data["AccessVerified"]; got != "true" {
			t.Errorf("AccessVerified is %s", got)
		}
	}
	for name, p := range map[string]properties{"": nil, ", no object": {"ProbeWrites": "false"}} {
		harness.Run(t, "bucket"+name, func(t *testing.T) {
			e := newProviderEnv(t, options{Options: aws.Options{NewBucketLag: lag}})
			e.Cloud.Edit(func(s *aws.State) { delete(s.Buckets, bucketName) })
			e.Cloud.Edit(func(s *aws.State) {
				s.Buckets[bucketName] = &aws.Bucket{Name: bucketName, Account: account, Region: region, Ownership: "BucketOwnerEnforced"}
			})
			ready(t, e, p)
		})
		harness.Run(t, "key"+name, func(t *testing.T) {
			e := newProviderEnv(t, options{Options: aws.Options{NewBucketLag: lag}})
			time.Sleep(time.Minute)
			e.Cloud.Edit(func(s *aws.State) { encrypt(s, keyARN, keyAllows(`"kms:*"`)) })
			ready(t, e, p)
		})
		for _, state := range []string{"Creating", "Disabled"} {
			harness.Run(t, "key "+state+name, func(t *testing.T) {
				e := newProviderEnv(t, options{})
				e.Cloud.Edit(func(s *aws.State) {
					encrypt(s, keyARN, keyAllows(`"kms:*"`))
					s.Keys[keyARN].State = state
				})
				time.AfterFunc(lag, func() { e.Cloud.Edit(func(s *aws.State) { s.Keys[keyARN].State = "Enabled" }) })
				ready(t, e, p)
			})
		}
		for _, op := range []string{"s3:PutObject", "s3:CreateMultipartUpload", "s3:PutObjectAcl", "s3:GetBucketEncryption", "s3:HeadBucket"} {
			harness.Run(t, "OperationAborted "+op+name, func(t *testing.T) {
				e := newProviderEnv(t, options{})
				e.EditBucket(func(b *aws.Bucket) { b.Ownership = "ObjectWriter" })
				e.refuseFor(lag, &aws.Fault{
					Op: op, Status: 409, Code: "OperationAborted", Message: "A conflicting conditional operation is currently in progress against this resource. Try again.",
				})
				ready(t, e, p)
			})
		}
	}
}

// denyOwn denies the function's own calls for a while, with a reason of AWS's.
func (e *env) denyOwn(lag time.Duration, because string) {
	e.refuseFor(lag, &aws.Fault{
		Match:  func(c aws.Call) bool { return strings.Contains(c.Caller, "ProviderRole") },
		Status: 403, Code: "AccessDenied", Message: "User: f is not authorized to perform: it " + because,
	})
}

const (
	notYetAllowed = "because no identity-based policy allows it"
	bySCP         = "with an explicit deny in a service control policy"
)

// lateOwnPolicy: the function's own policy is in force after 30 s; IAM shows a role
// for 20 s that is deleted.
func lateOwnPolicy(t *testing.T) {
	t.Parallel()
	const lag = 30 * time.Second
	harness.Run(t, "Create, Update, Delete", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.denyOwn(lag, notYetAllowed)
		e.MustApp(base)
		e.denyOwn(lag, notYetAllowed)
		s := e.MustApp(base.With(properties{"ObjectPrefix": "exports/"}))
		e.WantRole(s, base.With(properties{"ObjectPrefix": "exports/"}))
		e.denyOwn(lag, notYetAllowed)
		if _, err := e.Engine.Delete(t.Context(), appStack); err != nil {
			t.Error(err)
		}
		e.WantNoRoles()
	})
	harness.Run(t, "rollback", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.MustApp(base)
		e.OnNth(2, "UPDATE_IN_PROGRESS", func() { e.denyOwn(lag, notYetAllowed) })
		s, _ := e.App(base.With(properties{"ObjectPrefix": "exports/"}), harness.Failing())
		e.WantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
		e.WantRole(s, base)
	})
	for name, fault := range map[string]*aws.Fault{
		"deleted role": {Op: "none"}, "deleted role, its answer is lost": {Op: "iam:DeleteRole", Times: 1, After: true, Reset: true},
		"deleted role, another run was first":   {Op: "iam:DeleteRole", Times: 1, After: true, Status: 404, Code: "NoSuchEntity"},
		"deleted role, it may not be looked at": {Op: "iam:GetRole", Skip: 1, Status: 403, Code: "AccessDenied"},
	} {
		harness.Run(t, name, func(t *testing.T) {
			e := newProviderEnv(t, options{Options: aws.Options{ReadLag: 20 * time.Second}})
			e.MustApp(base)
			time.Sleep(time.Minute)
			e.Cloud.Inject(fault)
			begin := time.Now()
			if _, err := e.Engine.Delete(t.Context(), appStack); err != nil {
				t.Error(err)
			}
			e.WantNoRoles()
			if took := time.Since(begin); took > 2*time.Second && fault.Times == 0 {
				t.Errorf("the deletion took %v: it was answered at once", took)
			}
		})
	}
}

// TestJustMade: a role or boundary that was just made is not there for IAM, nor is the
// function's own role, which the trust policy names.
func TestJustMade(t *testing.T) {
	t.Parallel()
	for _, call := range []struct{ op, code string }{
		{"iam:CreateRole", "NoSuchEntity"}, {"iam:CreateRole", "MalformedPolicyDocument"},
		{"iam:PutRolePolicy", "NoSuchEntity"}, {"iam:UpdateAssumeRolePolicy", "NoSuchEntity"},
	} {
		harness.Run(t, call.op+" "+call.code, func(t *testing.T) {
			e := newProviderEnv(t, options{})
			e.refuseFor(30*time.Second, &aws.Fault{Op: call.op, Status: 404, Code: call.code})
			e.MustApp(base)
		})
	}
	harness.Run(t, "iam:PutRolePermissionsBoundary NoSuchEntity", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.MustApp(base)
		e.EditRoles(func(r *aws.Role) { r.Boundary = "" })
		e.refuseFor(30*time.Second, &aws.Fault{Op: "iam:PutRolePermissionsBoundary", Status: 404, Code: "NoSuchEntity"})
		e.MustApp(again(base))
	})
}

// refuseFor has calls end in a fault for a while: those that it matches, or all of its
// operation.
func (e *env) refuseFor(lag time.Duration, f *aws.Fault) {
	begin, match := time.Now(), f.Match
	f.Match = func(c aws.Call) bool { return time.Since(begin) < lag && (match == nil || match(c)) }
	e.Cloud.Inject(f)
}

// veryLateOwnPolicy: the function's own calls are denied for 170 s.
func veryLateOwnPolicy(t *testing.T) {
	t.Parallel()
	harness.Run(t, "no identity-based policy", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.Cloud.Edit(func(s *aws.State) { encrypt(s, keyARN, keyAllows(`"kms:*"`)) })
		e.denyOwn(170*time.Second, notYetAllowed)
		if diff := cmp.Diff(clean(), e.mustCheck(nil)); diff != "" {
			t.Errorf("checks (-want +got):\n%s", diff)
		}
	})
	for _, op := range []string{"sts:AssumeRole", "iam:CreateRole", "iam:PutRolePolicy"} {
		harness.Run(t, op+" alone", func(t *testing.T) {
			e := newProviderEnv(t, options{})
			e.refuseFor(170*time.Second, &aws.Fault{
				Op: op, Status: 403, Code: "AccessDenied", Message: "User: f is not authorized to perform: " + op + " " + notYetAllowed,
			})
			e.MustApp(base)
		})
	}
	harness.Run(t, "with an output at Bitmovin", func(t *testing.T) {
		e := newEnv(t, options{})
		e.AddAPIKeys()
		e.denyOwn(170*time.Second, notYetAllowed)
		if got := e.MustDeploy("BitmovinApiKeySecretArn", secretARN).Outputs["AccessVerified"]; got != "true" {
			t.Errorf("AccessVerified is %s", got)
		}
	})
	for because, c := range map[string]struct{ least, most time.Duration }{
		"":    {55 * time.Second, eventual.OwnUnexplained + 2*time.Second},
		bySCP: {0, eventual.Refused + 2*time.Second},
		"because no service control policy allows it": {0, eventual.Refused + 2*time.Second},
		"because no permissions boundary allows it":   {0, eventual.Refused + 2*time.Second},
	} {
		harness.Run(t, "for ever "+because, func(t *testing.T) {
			e := newProviderEnv(t, options{})
			e.denyOwn(170*time.Second, because)
			begin := time.Now()
			var took time.Duration
			e.OnNth(1, "CREATE_FAILED", func() { took = time.Since(begin) })
			_, _ = e.App(base, nil)
			e.WantVerdict("Create", "FAILED", logicalID+"-not-created", "AccessDenied")
			if took < c.least || took > c.most {
				t.Errorf("it failed after %v, want %v to %v", took, c.least, c.most)
			}
			time.Sleep(3 * time.Minute) // so that the stack can be deleted
		})
	}
}

// TestWaitsPage: the table of waits in docs/reliability.md is the function's; -update
// writes it.
func TestWaitsPage(t *testing.T) {
	t.Parallel()
	rows := []struct {
		cause  string
		window time.Duration
	}{
		{"a call of the function's own is denied that the request cannot do without, and AWS says that no identity-based policy allows it: its own policy is not in force yet", eventual.OwnPolicy},
		{"the same, and AWS does not say by which policy", eventual.OwnUnexplained},
		{"the same by an explicit Deny, by what the organization allows, or by the function's boundary", eventual.Refused},
		{"a role or boundary that was just made is not there", eventual.JustMade},
		{"what the function can do without is denied: the bucket's configuration, the boundary's date, the stack's state", eventual.Optional},
		{"a call of the role is denied after the role, its trust or its permissions were made or changed, the boundary's content among them", eventual.RoleChanged},
		{"what the role is not to do is allowed after anything was taken from it that may have allowed it", eventual.TakenAway},
		{"a boundary was changed, by another ARN or by new content, or a policy or a key's statement was taken from the role: nothing is tried before", eventual.Narrowed},
		{"a call of the role is denied by an explicit Deny that was not taken from the role, or nothing of the role was changed", eventual.Unchanged},
		{"the bucket or its key is not there, or not ready: NoSuchBucket, OperationAborted, KMS.NotFoundException, a key's state", eventual.NewBucket},
		{"a Delete finds no role or output: its Create may be at work", eventual.InventedID},
		{"IAM shows a role whose deletion was not answered, or cannot delete one whose policies were just taken", eventual.DeletedRole},
		{"the role that an Update has replaced is still being deleted; or a Delete finds that a complete resource has its role, or that the output which it found may be that of a Create under way", eventual.OtherIncarnation},
		{"a stack has no such resource: it is asked once more, after", eventual.Unlisted},
		{"a rollback could not write all: the role is looked at, to see whether it is restored, after", eventual.Unseen},
	}
	table := harness.ReadFile(t, "handler/internal/eventual/table.go")
	if windows := regexp.MustCompile(`(?m)^\t[A-Z]\w+ += `).FindAll(table, -1); len(windows) != len(rows) {
		t.Errorf("there are %d windows, and %d rows", len(windows), len(rows))
	}
	var b strings.Builder
	b.WriteString("| cause | wait |\n|---|---|\n")
	for _, row := range rows {
		fmt.Fprintf(&b, "| %s | %.0f s |\n", row.cause, row.window.Seconds())
	}
	b.WriteString("| the stack rolls back: the role's calls; a check's marker that is to be removed | none |\n")
	generated(t, "waits", b.String())
}

// TestGone: a role that somebody deletes while an Update works on it is not waited for.
func TestGone(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.MustApp(base)
		time.Sleep(time.Hour)
		e.Cloud.Inject(&aws.Fault{Op: "iam:PutRolePolicy", Times: 1, Do: e.DeleteRolesByHand})
		start := time.Now()
		if _, err := e.App(base.With(properties{"ObjectPrefix": "b/"}), nil); err == nil {
			t.Error("the update succeeded")
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("the Update and its rollback took %v", took)
		}
	})
}
