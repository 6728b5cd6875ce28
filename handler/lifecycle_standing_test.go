package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
	"github.com/bitmovin/bitmovin-export-access/local/lambda"
)

// answers are what DescribeStackResource may answer where nobody has recorded it.
func answers() map[string]cloudformation.Answers {
	return map[string]cloudformation.Answers{
		"listed, the living one shown":       {},
		"not listed, the replaced one shown": {Unnamed: true, Replaced: true},
	}
}

// inEach runs a test with each of the answers.
func inEach(t *testing.T, test func(t *testing.T, o options)) {
	t.Helper()
	for name, a := range answers() {
		harness.Run(t, name, func(t *testing.T) { t.Helper(); test(t, options{Answers: a}) })
	}
}

// again delivers a request once more, and does not wait. Nobody waits for its answer
// either.
func (e *env) again(r *cloudformation.Request) *lambda.Invocation {
	e.Helper()
	event := r.Event
	event.ResponseURL = e.Engine.Inbox().URL("again")
	payload, err := json.Marshal(event)
	if err != nil {
		e.Fatal(err)
	}
	return e.Invoke(payload)
}

// removeResource updates the stack app to one that does not have the resource.
func (e *env) removeResource() {
	e.Helper()
	if _, err := e.DeployText(appStack, []byte(`{"Resources": {"Log": {"Type": "AWS::Logs::LogGroup"}}}`), nil); err != nil {
		e.Fatal(err)
	}
}

func removedFromItsStack(t *testing.T) {
	t.Parallel()
	for name, update := range map[string]properties{"Create": nil, "Update": {"ObjectPrefix": "exports/"}, "replacing Update": replacing} {
		_, kind, found := strings.Cut(name, " ")
		if !found {
			kind = name
		}
		// begin has the stack with the resource, which the request has led to.
		begin := func(t *testing.T) *env {
			t.Helper()
			e := newProviderEnv(t, options{})
			e.MustApp(base)
			if update != nil {
				e.MustApp(base.With(update))
			}
			return e
		}
		harness.Run(t, "a late "+name, func(t *testing.T) {
			e := begin(t)
			event := e.Latest(kind).Event
			e.removeResource()
			if v := e.Deliver(event); v.Status != "FAILED" || !strings.Contains(v.Reason, "the stack went on without this request") {
				t.Errorf("the %s is %+v, want FAILED", kind, v)
			}
			e.WantNoRoles()
		})
		for words, fails := range map[string]bool{" runs": false, " fails": true} {
			harness.Run(t, "while a late "+name+words, func(t *testing.T) {
				e := begin(t)
				e.DeleteRolesByHand() // so that it makes the role
				if fails {
					e.Cloud.Inject(&aws.Fault{Op: "iam:PutRolePolicy", Status: 409, Code: "LimitExceeded", Message: "too many"})
				}
				making, removed := newSignal(), newSignal()
				e.Cloud.Inject(&aws.Fault{Op: "iam:CreateRole", Match: func(aws.Call) bool { return !removed.sent() }, Do: func() {
					making.send()
					removed.wait()
				}})
				i := e.again(e.Latest(kind))
				making.wait()
				e.removeResource()
				removed.send()
				i.Wait()
				e.WantLogged("the stack went on without this request")
				e.WantNoRoles()
			})
		}
	}
}

// TestRemovedAtTheDeadline: a late request makes the role of a resource that is removed
// meanwhile, and learns that only in its clean-up, which has seconds.
func TestRemovedAtTheDeadline(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"Create", "Update"} {
		harness.Run(t, kind, func(t *testing.T) {
			e := newProviderEnv(t, options{})
			e.MustApp(base)
			if kind == "Update" {
				e.MustApp(base.With(replacing))
			}
			e.DeleteRolesByHand() // so that it makes the role
			making, removed := newSignal(), newSignal()
			e.Cloud.Inject(&aws.Fault{Op: "iam:CreateRole", Times: 1, Do: func() {
				making.send()
				removed.wait()
			}})
			e.Cloud.Inject(&aws.Fault{Op: "iam:UpdateAssumeRolePolicy", Hang: true})
			i := e.again(e.Latest(kind))
			making.wait()
			e.removeResource()
			removed.send()
			i.Wait()
			e.WantNoRoles()
		})
	}
}

// TestRetained: a role that the stack has retained stays, whatever comes late.
func TestRetained(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"Create", "Update"} {
		harness.Run(t, kind, func(t *testing.T) {
			e := newProviderEnv(t, options{})
			for _, prefix := range []string{"", "exports/"} {
				p := base.With(properties{"ObjectPrefix": prefix})
				text := strings.Replace(string(p.Template(nil)), `"Type":"Custom`, `"DeletionPolicy":"Retain","Type":"Custom`, 1)
				if _, err := e.DeployText(appStack, []byte(text), nil); err != nil {
					t.Fatal(err)
				}
			}
			event, before := e.Latest(kind).Event, e.ExportRole()
			e.removeResource()
			if v := e.Deliver(event); v.Status != "FAILED" {
				t.Errorf("the late %s is %+v, want FAILED", kind, v)
			}
			if diff := cmp.Diff(before, e.ExportRole()); diff != "" {
				t.Errorf("the role was touched (-before +after):\n%s", diff)
			}
			e.DeleteRolesByHand()
		})
		harness.Run(t, kind+", while the stack deletes something else", func(t *testing.T) {
			e := newProviderEnv(t, options{})
			sibling := resources{"After": map[string]any{
				"Type": "AWS::Logs::LogGroup", "DependsOn": logicalID, "Properties": map[string]any{"LogGroupName": "after"},
			}}
			for _, prefix := range []string{"", "exports/"} {
				p := base.With(properties{"ObjectPrefix": prefix})
				text := strings.Replace(string(p.Template(sibling)), `"Type":"Custom`, `"DeletionPolicy":"Retain","Type":"Custom`, 1)
				if _, err := e.DeployText(appStack, []byte(text), nil); err != nil {
					t.Fatal(err)
				}
			}
			event, before := e.Latest(kind).Event, e.ExportRole()
			e.Listen(func(happened cloudformation.Event) {
				if happened.LogicalID == "After" && happened.Status == "DELETE_IN_PROGRESS" {
					e.Deliver(event)
				}
			})
			if _, err := e.Engine.Delete(t.Context(), appStack); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, e.ExportRole()); diff != "" {
				t.Errorf("the role was touched (-before +after):\n%s", diff)
			}
			e.DeleteRolesByHand()
		})
	}
}

// redeliveredDuringCleanup: an Update is at work again while the cleanup deletes what
// it has replaced, and the status may be that of either incarnation.
func redeliveredDuringCleanup(t *testing.T) {
	t.Parallel()
	for name, held := range map[string]time.Duration{"a moment": 10 * time.Second, "long": 2 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inEach(t, func(t *testing.T, o options) {
				e := newProviderEnv(t, o)
				e.OnNth(1, "DELETE_IN_PROGRESS", func() {
					e.again(e.Latest("Update"))
					time.Sleep(held)
				})
				e.MustApp(base)
				s := e.MustApp(base.With(replacing))
				e.WaitForAll()
				e.WantRole(s, base.With(replacing))
			})
		})
	}
	t.Run("a rollback's", func(t *testing.T) {
		t.Parallel()
		inEach(t, func(t *testing.T, o options) {
			e := newProviderEnv(t, o)
			e.OnNth(1, "DELETE_IN_PROGRESS", func() {
				e.again(e.Latest("Update"))
				time.Sleep(10 * time.Second)
			})
			e.MustApp(base)
			s, _ := e.App(base.With(replacing), harness.Failing())
			e.WaitForAll()
			e.WantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
			e.WantRole(s, base)
		})
	})
}

func replacementCancelled(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, o options) {
		e := newProviderEnv(t, o)
		e.MustApp(base)
		making, undone := newSignal(), newSignal()
		e.Cloud.Inject(&aws.Fault{Op: "iam:CreateRole", Match: func(aws.Call) bool { return !undone.sent() }, Do: func() {
			making.send()
			undone.wait()
		}})
		o2, err := e.Engine.Start(appStack, base.With(replacing).Template(nil), nil)
		if err != nil {
			t.Fatal(err)
		}
		making.wait()
		o2.Cancel()
		s, _ := o2.Wait(t.Context())
		undone.send()
		e.WaitForAll()
		e.WantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
		e.WantRole(s, base)
	})
}

// TestCancelledWhileItWaits: what the stack said before a run waited is out of date when
// it goes on.
func TestCancelledWhileItWaits(t *testing.T) {
	t.Parallel()
	cancel := func(e *env, p properties, after time.Duration) *cloudformation.Stack {
		o, err := e.Engine.Start(appStack, p.Template(nil), nil)
		if err != nil {
			e.Fatal(err)
		}
		time.Sleep(after)
		o.Cancel()
		s, _ := o.Wait(e.Context())
		e.WaitForAll()
		return s
	}
	harness.Run(t, "for an answer, before it makes a role", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.Track(appStack)
		e.Cloud.Inject(&aws.Fault{Op: "s3:HeadBucket", Times: 1, Hang: true})
		e.WantStatus(cancel(e, base, 2*time.Second), "ROLLBACK_COMPLETE")
		if slices.ContainsFunc(e.Cloud.Calls(), func(c aws.Call) bool {
			return c.Op == "iam:CreateRole" && strings.HasSuffix(c.Resource, "/bitmovin-export-app")
		}) {
			t.Error("the role was made")
		}
	})
	harness.Run(t, "for an answer, before it writes", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.MustApp(base)
		written := newSignal() // by the rollback, which then waits for its answer
		e.Cloud.Inject(&aws.Fault{Op: "s3:HeadBucket", Times: 1, Do: func() { written.wait() }})
		e.Cloud.Inject(&aws.Fault{Op: "iam:PutRolePolicy", Times: 1, After: true, Do: func() {
			written.send()
			time.Sleep(4 * time.Second)
		}})
		s := cancel(e, base.With(properties{"ObjectPrefix": "b/"}), 2*time.Second)
		e.WantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
		e.WantRole(s, base)
	})
	for name, p := range map[string]properties{"in place": base.With(properties{"ExternalId": "external-id-2"}), "replacing": base.With(replacing)} {
		harness.Run(t, "for IAM to show the trust policy, "+name, func(t *testing.T) {
			e := newProviderEnv(t, options{Options: aws.Options{ReadLag: 8 * time.Second}})
			e.MustApp(base)
			time.Sleep(e.Lag())
			s := cancel(e, p, 2*time.Second)
			time.Sleep(e.Lag())
			e.WantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
			e.WantRole(s, base)
		})
	}
}

// TestRedeliveredBesideALaterUpdate: a replacing Update is at work again, from before or
// during a later Update of the role that it has made, which fails. The role is the
// stack's: the late one leaves it alone.
func TestRedeliveredBesideALaterUpdate(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]bool{"from before it": true, "during it": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inEach(t, func(t *testing.T, o options) {
				e := newProviderEnv(t, o)
				e.MustApp(base)
				e.MustApp(base.With(replacing))
				first := e.Latest("Update")
				assuming, over := newSignal(), newSignal()
				e.Cloud.Inject(&aws.Fault{Op: "sts:AssumeRole", Times: 1, Do: func() {
					assuming.send()
					over.wait()
				}})
				if before {
					e.again(first)
					assuming.wait()
				} else {
					e.OnNth(1, "UPDATE_IN_PROGRESS", func() {
						e.again(first)
						assuming.wait()
					})
				}
				s, _ := e.App(base.With(replacing).With(properties{"ObjectPrefix": "a/"}), harness.Failing())
				over.send()
				e.WaitForAll()
				e.WantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
				e.WantRole(s, base.With(replacing))
			})
		})
	}
}

// deletion is a Delete of the latest Create's resource with a physical id.
func (e *env) deletion(id string) cfn.Event {
	event := e.Latest("Create").Event
	event.RequestType, event.PhysicalResourceID = "Delete", id
	return event
}

// sharedRole: two incarnations of a resource have one role, and the Delete of the
// first comes when the second lives.
func sharedRole(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ id, status, reason string }{
		"its id":                {"bitmovin-export-app", "FAILED", "another incarnation of the resource has this role and is complete: nothing was touched"},
		"its id, in other case": {"bitmovin-export-App", "FAILED", "nothing was touched"},
		"an invented id":        {"app-ExportAccess-1V2L4KQ7X9Z3B", "SUCCESS", ""},
		"nothing made":          {logicalID + "-not-created", "SUCCESS", ""},
	} {
		harness.Run(t, name, func(t *testing.T) {
			e := newProviderEnv(t, options{})
			e.MustApp(base)
			before := e.ExportRole()
			for range 3 { // as a cleanup does
				if v := e.Deliver(e.deletion(c.id)); v.Status != c.status || !strings.Contains(v.Reason, c.reason) {
					t.Errorf("the Delete is %+v, want %s that says %q", v, c.status, c.reason)
				}
			}
			e.MustApp(base.With(properties{"VerificationTrigger": "again"}))
			if v := e.Deliver(e.deletion(c.id)); v.Status != c.status {
				t.Errorf("the Delete after an Update is %+v, want %s", v, c.status)
			}
			if diff := cmp.Diff(before, e.ExportRole()); diff != "" {
				t.Errorf("the live role was touched (-before +after):\n%s", diff)
			}
		})
	}
	harness.Run(t, "the status lags", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.MustApp(base)
		var v verdict
		done := make(chan struct{})
		go func() {
			defer close(done)
			v = e.Deliver(e.deletion("bitmovin-export-app"))
		}()
		time.Sleep(10 * time.Second)
		if len(e.ExportRoles()) != 1 {
			t.Error("the role was deleted while its resource was complete")
		}
		e.OnNth(1, "DELETE_IN_PROGRESS", func() { <-done })
		e.Delete(appStack)
		if v.Status != "SUCCESS" {
			t.Errorf("the Delete is %+v, want SUCCESS", v)
		}
	})
	harness.Run(t, "nobody tells", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.MustApp(base)
		e.Cloud.Inject(&aws.Fault{Op: "cloudformation:DescribeStackResource", Status: 403, Code: "AccessDenied", Message: "explicit deny"})
		e.Delete(appStack)
		e.WantLogged("the resource's status is not known")
		e.WantNoRoles()
	})
}

// createdUnlisted: a resource may not exist for its stack while it is created.
func createdUnlisted(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, o options) {
		e := newProviderEnv(t, o)
		e.WantRole(e.MustApp(base), base)
		e.removeResource()
		e.WantNoRoles()
		e.WantRole(e.MustApp(base), base) // in an update
		e.Delete(appStack)
		e.EditBucket(func(b *aws.Bucket) { b.Policy = denyRoles("s3:PutObject") })
		s, _ := e.App(base, nil)
		e.WantStatus(s, "ROLLBACK_COMPLETE")
		e.WantNoRoles()
	})
}

// TestShutOutForGood: an Update that its stack does not wait for any more does not
// let itself in again where the rollback has shut it out, and so leaves nothing in
// the trust policy when it is killed.
func TestShutOutForGood(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := newProviderEnv(t, options{Options: aws.Options{Propagation: 25 * time.Second}, RetryDelays: []time.Duration{time.Hour, time.Hour}})
		e.MustApp(base)
		time.Sleep(time.Minute) // until the Create's statement is not in force any more
		o, err := e.Engine.Start(appStack, base.With(properties{"Tags": harness.Tags("team", "data")}).Template(nil), nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		o.Cancel()
		s, _ := o.Wait(t.Context())
		e.WantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
		opened := func(c aws.Call) bool {
			return c.Op == "iam:UpdateAssumeRolePolicy" && strings.Contains(e.ExportRole().Trust, "DateLessThan")
		}
		e.Cloud.Inject(&aws.Fault{Match: opened, After: true, Times: 1, Reset: true, Do: e.Kill})
		time.Sleep(10 * time.Minute)
		e.WantRole(s, base)
	})
}

// TestLateAndKilled: a request that is delivered again after its stack went on may
// check again where nothing is to be changed. What it leaves in the trust policy when
// it is killed is nothing that the stack has changed.
func TestLateAndKilled(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.MustApp(base)
		s, _ := e.App(base.With(properties{"VerificationTrigger": "again"}), harness.Failing())
		e.WantStatus(s, "UPDATE_ROLLBACK_COMPLETE")
		e.Cloud.Inject(&aws.Fault{Op: "iam:UpdateAssumeRolePolicy", Times: 1, After: true, Reset: true, Do: e.Kill})
		if attempts := e.again(e.Latest("Update")).Wait(); len(attempts) != 2 || !attempts[0].Killed {
			t.Errorf("the attempts are %+v, want one that was killed and one more", attempts)
		}
		e.WantRole(s, base)
	})
}

// TestTakenForARollback: an Update that CloudFormation does not tell in time that its
// stack rolls back takes itself for the rollback's own. What it makes is not there
// when both are over, whichever ends last, and whatever comes of the rollback.
func TestTakenForARollback(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]bool{"the rollback ends first": false, "the rollback ends last, and fails": true} {
		harness.Run(t, name, func(t *testing.T) {
			e := newProviderEnv(t, options{})
			e.MustApp(base)
			if fails {
				e.EditRoles(func(r *aws.Role) { clear(r.Tags) })
			}
			rolling, making, over, rolled := newSignal(), newSignal(), newSignal(), newSignal()
			e.OnNth(2, "UPDATE_IN_PROGRESS", rolling.send)
			e.Cloud.Inject(&aws.Fault{Status: 503, Code: "ServiceUnavailable", Match: func(c aws.Call) bool {
				return strings.HasPrefix(c.Op, "cloudformation:") && !rolling.sent()
			}})
			e.Cloud.Inject(&aws.Fault{Op: "iam:CreateRole", Times: 1, Do: func() {
				making.send()
				if !fails {
					rolled.wait()
				}
			}})
			e.Cloud.Inject(&aws.Fault{Op: "iam:GetRole", Match: func(c aws.Call) bool { return strings.HasSuffix(c.Resource, "/bitmovin-export-app") }, Do: func() {
				making.wait()
				if fails {
					over.wait()
				}
			}})
			o, err := e.Engine.Start(appStack, base.With(replacing).Template(nil), nil)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			update := e.Latest("Update").Invocation
			o.Cancel()
			go func() { update.Wait(); over.send() }()
			s, _ := o.Wait(t.Context())
			rolled.send()
			e.WaitForAll()
			e.WantStatus(s, map[bool]string{true: "UPDATE_ROLLBACK_FAILED", false: "UPDATE_ROLLBACK_COMPLETE"}[fails])
			if _, there := e.Roles()[aws.RoleKey(account, "bitmovin-export-app-2")]; there {
				t.Error("the role of the cancelled Update is left")
			}
			if fails {
				e.EditRoles(func(r *aws.Role) { r.Tags = e.Desired(s, base).Tags })
			}
		})
	}
}

// TestOlderMarkers: each Update takes away what checks of earlier requests of the
// role have left, where it has its objects and where it had them.
func TestOlderMarkers(t *testing.T) {
	t.Parallel()
	const other = "my-analytics-other"
	for name, change := range map[string]properties{
		"in place":            {"VerificationTrigger": "again"},
		"without a check":     {"Verification": "Off"},
		"another prefix":      {"ObjectPrefix": "a/"},
		"another bucket":      {"BucketName": other},
		"another role":        {"RoleName": "bitmovin-export-app-2"},
		"another case of it":  {"RoleName": "bitmovin-export-App"},
		"both, and no writes": {"BucketName": other, "ObjectPrefix": "a/", "ProbeWrites": "false"},
	} {
		harness.Run(t, name, func(t *testing.T) {
			e := newProviderEnv(t, options{})
			e.AddBystanders()
			e.Cloud.Edit(func(s *aws.State) {
				s.Buckets[other] = &aws.Bucket{Name: other, Account: account, Region: "us-east-1", Ownership: "BucketOwnerEnforced", Versioning: "Enabled"}
			})
			e.MustApp(base)
			e.leaveMarkers(bucketName, "", e.ExportRole().Name)
			changed := base.With(change)
			e.MustApp(changed)
			e.WantNoMarkers()
			prefix, _ := changed["ObjectPrefix"].(string)
			e.leaveMarkers(changed["BucketName"].(string), prefix, e.ExportRole().Name)
			e.MustApp(base)
			e.WantNoMarkers()
		})
	}
	harness.Run(t, "the present one is kept", func(t *testing.T) {
		// The check finds its own marker until it removes it.
		e := newProviderEnv(t, options{})
		e.MustApp(base)
		e.Cloud.Inject(&aws.Fault{Op: "s3:ListObjectVersions", Do: func() { time.Sleep(time.Second) }})
		e.MustApp(base.With(properties{"ObjectPrefix": "a/"}))
		n := 0
		for _, c := range e.Cloud.Calls() {
			if c.Op == "s3:DeleteObject" && !asRole(c) && strings.Contains(c.Resource, "/a/") {
				n++
			}
		}
		if n != 2 {
			t.Errorf("the function deleted the marker %d times, want twice: to see that it can, and when the check is over", n)
		}
	})
}

// TestKilledAfterItsDelete: a Create that was cancelled is killed when its Delete has
// come and gone, and leaves its marker to the next delivery.
func TestKilledAfterItsDelete(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.AddBystanders()
		e.Track(appStack)
		o, err := e.Engine.Start(appStack, base.Template(nil), nil)
		if err != nil {
			t.Fatal(err)
		}
		var marker *aws.Version
		written := newSignal()
		e.Cloud.Inject(&aws.Fault{Op: "s3:PutObject", Times: 1, Reset: true, After: true, Do: func() {
			e.EditBucket(func(b *aws.Bucket) { marker = b.Versions[len(b.Versions)-1] })
			e.Kill()
			written.send()
		}})
		written.wait()
		o.Cancel()
		s, _ := o.Wait(t.Context())
		e.WantStatus(s, "ROLLBACK_COMPLETE")
		e.EditBucket(func(b *aws.Bucket) { b.Versions = append(b.Versions, marker) }) // as if it was written late
		e.WaitForAll()
		e.WantNoMarkers()
		e.WantNoRoles()
	})
}

// TestNamedLikeMadeUp: the role's name begins as the ids do that CloudFormation makes up. An
// Update that comes late sees all the same that the resource has another role by now.
func TestNamedLikeMadeUp(t *testing.T) {
	t.Parallel()
	const stack = harness.RoleNamePrefix + appStack
	named := func(name string) properties {
		return base.With(properties{"RoleName": stack + "-" + logicalID + "-" + name})
	}
	for _, kind := range []string{"Create", "Update"} {
		harness.Run(t, kind, func(t *testing.T) {
			e := newProviderEnv(t, options{})
			deploy := func(name string) *cloudformation.Stack {
				s, err := e.DeployText(stack, named(name).Template(nil), nil)
				if err != nil {
					t.Fatal(err)
				}
				return s
			}
			deploy("v1")
			if kind == "Update" {
				deploy("v2")
			}
			event := e.Latest(kind).Event
			s := deploy("v3")
			if v := e.Deliver(event); v.Status != "FAILED" {
				t.Errorf("the late %s is %+v, want FAILED", kind, v)
			}
			e.WantRole(s, named("v3"))
		})
	}
}
