package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/bitmovin/bitmovin-export-access/local/console"
)

// A runner is one run.
type runner struct {
	*account
	names
	out    io.Writer
	record *record
	// roleName is that of the role which Bitmovin is to assume.
	roleName string
	// denied is the statement of the bucket's policy that denies the role a write,
	// reason what CloudFormation then says, and before the role until then.
	denied map[string]any
	reason string
	before role
	// made are the stack's resources before it is deleted.
	made []resource
}

func (r *runner) say(text string) { _, _ = fmt.Fprintln(r.out, text) }

// A step is one thing to see. What it found is a sentence for the record.
type step struct {
	name string
	do   func(*runner, context.Context) (found string, err error)
}

// steps build on each other: the first that fails ends them.
var steps = []step{
	{"build, and make the buckets", (*runner).prepare},
	{"deploy", (*runner).deploy},
	{"all checks", (*runner).checks},
	{"nobody else may assume the role", (*runner).assume},
	{"an update that a bucket policy denies", (*runner).deny},
	{"the rollback", (*runner).rolledBack},
	{"the fix, pasted out of the reason", (*runner).paste},
	{"an update", (*runner).update},
	{"AWS's own messages", (*runner).collect},
	{"delete", (*runner).delete},
	{"nothing left", (*runner).nothingLeft},
}

// runAll does every step, cleans up, and writes the record.
func (r *runner) runAll(ctx context.Context, stop func()) (err error) {
	defer func() {
		interrupted := ctx.Err() != nil // stop ends ctx, too
		err = errors.Join(err, r.cleanUp(ctx, stop))
		r.record.end(err)
		err = errors.Join(err, r.write(interrupted))
	}()
	limited, cancel := context.WithTimeout(ctx, runLimit)
	defer cancel()
	for _, s := range steps {
		if err := r.perform(limited, s); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	r.tryExpress(limited)
	return ctx.Err()
}

// perform does a step, tells how it went and records it.
func (r *runner) perform(ctx context.Context, s step) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.say("… " + s.name)
	began := time.Now()
	found, err := s.do(r, ctx)
	took := time.Since(began)
	if err != nil {
		found = err.Error()
	}
	r.record.step(s.name, took, found, err == nil)
	r.say(fmt.Sprintf("  %s %4.0f s  %s", map[bool]string{true: "ok    ", false: "FAILED"}[err == nil], took.Seconds(), found))
	return err
}

// cleanUp removes what is left, also when ctx has ended; a second interruption
// ends that, too.
func (r *runner) cleanUp(ctx context.Context, stop func()) error {
	stop()
	ctx, again := signal.NotifyContext(context.WithoutCancel(ctx), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer again()
	ctx, cancel := context.WithTimeout(ctx, cleanUpLimit)
	defer cancel()
	r.say("… cleaning up")
	tell := func(what string) { r.say("  " + what) }
	err := errors.Join(r.clean(ctx, r.names, tell), r.removeLeft(ctx, r.made, tell))
	if err != nil {
		return fmt.Errorf("something may be left; make test-aws CLEAN=%s tries again: %w", r.id, err)
	}
	r.say("  nothing is left")
	return nil
}

func (r *runner) prepare(ctx context.Context) (string, error) {
	if _, err := r.run(ctx, "sam", "build"); err != nil {
		return "", err
	}
	for _, name := range r.buckets() {
		if err := r.makeBucket(ctx, name); err != nil {
			return "", err
		}
	}
	return "sam build; two buckets", nil
}

// samDeploy deploys a stack with the bucket and more parameters.
func (r *runner) samDeploy(ctx context.Context, stackName string, flags []string, parameters ...string) error {
	// Not samconfig.toml, which names a stack and has SAM make a bucket that stays.
	args := slices.Concat([]string{
		"deploy", "--config-env", "acceptance", "--stack-name", stackName, "--region", r.region, "--s3-bucket", r.code,
		"--s3-prefix", "function", "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-fail-on-empty-changeset",
	}, flags, []string{"--parameter-overrides", "BucketName=" + r.bucket, "RoleNamePrefix=" + r.roles}, parameters)
	_, err := r.run(ctx, "sam", args...)
	return err
}

func (r *runner) deploy(ctx context.Context) (string, error) {
	if err := r.samDeploy(ctx, r.stack, nil); err != nil {
		return "", r.withReasons(ctx, r.stack, err)
	}
	var err error
	r.roleName, err = r.physicalID(ctx, r.stack, "ExportAccess")
	return "the stack is CREATE_COMPLETE", err
}

// withReasons adds the reasons that CloudFormation gives to an error of SAM's, whose
// table tears them to pieces.
func (r *runner) withReasons(ctx context.Context, stackName string, err error) error {
	events, failed := r.failures(ctx, stackName)
	if failed != nil || len(events) == 0 || ctx.Err() != nil {
		return err
	}
	var reasons []string
	for _, e := range events {
		reasons = append(reasons, e.LogicalResourceID+": "+e.ResourceStatusReason)
	}
	return errors.New(strings.Join(reasons, "; "))
}

// aclsOff is the one check that does not pass in a bucket as S3 makes them.
const aclsOff = "ObjectOwnership"

// verified sees what the stack's checks say.
func (r *runner) verified(ctx context.Context, stackName string) (map[string]string, error) {
	s, err := r.describe(ctx, stackName)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return nil, fmt.Errorf("the stack %s is not there", stackName)
	}
	var checks map[string]string
	if err := json.Unmarshal([]byte(s.output("Checks")), &checks); err != nil {
		return nil, fmt.Errorf("read the output Checks %q: %w", s.output("Checks"), err)
	}
	return checks, wantVerified(s.output("AccessVerified"), checks)
}

// wantVerified says what is wrong with the checks.
func wantVerified(accessVerified string, checks map[string]string) error {
	if accessVerified != "true" {
		return fmt.Errorf("AccessVerified is %q, want true: %v", accessVerified, checks)
	}
	for _, name := range []string{"sts:AssumeRole", "s3:GetBucketLocation", "s3:ListBucket", "s3:PutObject", "s3:PutObjectAcl"} {
		if checks[name] != "PASS" {
			return fmt.Errorf("the check %s is %q, want PASS", name, checks[name])
		}
	}
	for name, verdict := range checks {
		if want := map[bool]string{true: "WARN", false: "PASS"}[name == aclsOff]; verdict != want {
			return fmt.Errorf("the check %s is %s, want %s", name, verdict, want)
		}
	}
	return nil
}

func (r *runner) checks(ctx context.Context) (string, error) {
	checks, err := r.verified(ctx, r.stack)
	r.record.Checks = checks
	if err != nil {
		return "", err
	}
	if left, err := r.left(ctx, r.bucket); err != nil || len(left) > 0 {
		return "", errors.Join(err, fmt.Errorf("the checks have left %v in the bucket", left))
	}
	return fmt.Sprintf("%d checks: all PASS but %s, a WARN as in every new bucket; the bucket is empty", len(checks), aclsOff), nil
}

// assume tries to assume the role as the caller, whom it does not trust.
func (r *runner) assume(ctx context.Context) (string, error) {
	s, err := r.describe(ctx, r.stack)
	if err != nil || s == nil {
		return "", errors.Join(err, errors.New("the stack is not there"))
	}
	err = r.aws(ctx, nil, "sts", "assume-role", "--role-arn", s.output("RoleArn"), "--external-id", s.output("ExternalId"),
		"--role-session-name", "acceptance", "--query", "AssumedRoleUser.Arn") // no credentials into the log
	code, message := answer(err)
	switch {
	case code == "AccessDenied":
		r.record.message("sts:AssumeRole by the caller", message)
		return "denied to the caller", nil
	case err == nil:
		return "", errors.New("the caller can assume the role, which is to trust Bitmovin's user alone")
	}
	return "", err
}

// tries is how often an update is tried that a bucket policy is to deny, or
// to let through: S3 says that a policy is in force after a short while.
const tries = 3

func (r *runner) deny(ctx context.Context) (string, error) {
	var err error
	if r.before, err = r.role(ctx, r.roleName); err != nil {
		return "", err
	}
	r.denied = map[string]any{"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:" + r.partition() + ":s3:::" + r.bucket + "/*"}
	if err := r.putBucketPolicy(ctx, r.bucket, r.denied); err != nil {
		return "", err
	}
	for try := range tries {
		if err = r.samDeploy(ctx, r.stack, nil, fmt.Sprintf("VerificationTrigger=denied-%d", try)); err != nil {
			break
		}
	}
	if err == nil {
		return "", errors.New("the update succeeded in spite of the Deny")
	}
	events, eventsErr := r.failures(ctx, r.stack)
	i := slices.IndexFunc(events, func(e event) bool { return e.LogicalResourceID == "ExportAccess" })
	if i < 0 {
		return "", errors.Join(err, eventsErr)
	}
	r.reason = events[i].ResourceStatusReason
	r.record.message(reasonName, r.reason)
	if !strings.Contains(r.reason, "s3:PutObject: denied by an explicit Deny in the bucket policy") {
		return "", fmt.Errorf("the reason does not name the bucket policy's Deny of s3:PutObject: %s", r.reason)
	}
	return "refused, and the reason names the Deny in the bucket policy", nil
}

// partition is the second part of every ARN of the account.
func (r *runner) partition() string {
	parts := strings.SplitN(r.caller, ":", 3)
	if len(parts) < 3 {
		return "aws"
	}
	return parts[1]
}

func (r *runner) rolledBack(ctx context.Context) (string, error) {
	s, err := r.waitUntilDone(ctx, r.stack)
	if err != nil {
		return "", err
	}
	if s == nil || s.StackStatus != "UPDATE_ROLLBACK_COMPLETE" {
		return "", fmt.Errorf("the stack is %+v, want UPDATE_ROLLBACK_COMPLETE", s)
	}
	after, err := r.role(ctx, r.roleName)
	if err != nil {
		return "", err
	}
	if !reflect.DeepEqual(after, r.before) {
		return "", fmt.Errorf("the role is another one after the rollback: %+v, before %+v", after, r.before)
	}
	return "UPDATE_ROLLBACK_COMPLETE, with the role's policies as before", nil
}

// paste does what the reason says: into the Deny goes the condition that
// exempts the role.
func (r *runner) paste(ctx context.Context) (string, error) {
	condition, err := conditionIn(r.reason)
	if err != nil {
		return "", err
	}
	r.denied["Condition"] = condition
	if err := r.putBucketPolicy(ctx, r.bucket, r.denied); err != nil {
		return "", err
	}
	for try := range tries {
		if err = r.samDeploy(ctx, r.stack, nil, fmt.Sprintf("VerificationTrigger=fixed-%d", try)); err == nil {
			break
		}
		err = r.withReasons(ctx, r.stack, err)
	}
	if err != nil {
		return "", err
	}
	if _, err := r.verified(ctx, r.stack); err != nil {
		return "", err
	}
	return "the update succeeds, the Deny stays for all others", nil
}

// conditionIn returns the JSON that a reason says to paste.
func conditionIn(reason string) (map[string]any, error) {
	_, object, _ := console.CutObject(reason)
	var condition map[string]any
	if err := json.Unmarshal([]byte(object), &condition); err != nil {
		return nil, fmt.Errorf("there is nothing to paste in %q: %w", reason, err)
	}
	if _, ok := condition["ArnNotEquals"]; !ok {
		if _, ok := condition["ArnNotLike"]; !ok {
			return nil, fmt.Errorf("what is to be pasted exempts no role: %s", object)
		}
	}
	return condition, nil
}

// updated is the prefix that the update confines the role to.
const updated = "exports/"

func (r *runner) update(ctx context.Context) (string, error) {
	if err := r.samDeploy(ctx, r.stack, nil, "ObjectPrefix="+updated); err != nil {
		return "", r.withReasons(ctx, r.stack, err)
	}
	if _, err := r.verified(ctx, r.stack); err != nil {
		return "", err
	}
	now, err := r.role(ctx, r.roleName)
	if err != nil {
		return "", err
	}
	if policies := fmt.Sprint(now.Inline); !strings.Contains(policies, ":s3:::"+r.bucket+"/"+updated+"*") {
		return "", fmt.Errorf("the role is not confined to %s: %s", updated, policies)
	}
	return "ObjectPrefix: the role is confined to it, and all checks pass", nil
}

func (r *runner) delete(ctx context.Context) (string, error) {
	s, err := r.describe(ctx, r.stack)
	if err != nil || s == nil {
		return "", errors.Join(err, errors.New("the stack is not there"))
	}
	if r.made, err = r.resources(ctx, r.stack); err != nil {
		return "", err
	}
	if err := r.samDelete(ctx, r.stack); err != nil {
		return "", err
	}
	if now, err := r.waitUntilDone(ctx, s.StackID); err != nil || now != nil {
		return "", errors.Join(err, fmt.Errorf("after sam delete the stack is %+v", now))
	}
	return fmt.Sprintf("sam delete; the stack had %d resources", len(r.made)), nil
}

func (r *runner) samDelete(ctx context.Context, stackName string, flags ...string) error {
	_, err := r.run(ctx, "sam", slices.Concat([]string{
		"delete", "--config-env", "acceptance", "--stack-name", stackName, "--region", r.region, "--s3-bucket", r.code,
		"--s3-prefix", "function", "--no-prompts",
	}, flags)...)
	return err
}

func (r *runner) nothingLeft(ctx context.Context) (string, error) {
	left, err := r.remains(ctx, r.made)
	if err != nil {
		return "", err
	}
	if len(left) > 0 {
		return "", fmt.Errorf("left are %s", list(left))
	}
	if keys, err := r.left(ctx, r.bucket); err != nil || len(keys) > 0 {
		return "", errors.Join(err, fmt.Errorf("in the bucket are left %v", keys))
	}
	kinds := map[string]bool{}
	for _, m := range r.made {
		kinds[m.ResourceType] = true
	}
	return "gone: " + strings.Join(slices.Sorted(maps.Keys(kinds)), ", ") + "; the bucket is empty", nil
}
