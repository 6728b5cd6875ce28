package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/bitmovin"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
)

// exportActions are those that an export needs.
var exportActions = []string{"s3:GetBucketLocation", "s3:ListBucket", "s3:PutObject", "s3:PutObjectAcl"}

// check creates or updates the stack app, and checks that what the function says of it
// is true: nothing counts as verified, and under Enforce nothing is accepted, that no
// call has proven.
func (e *env) check(p properties) (*cloudformation.Stack, error) {
	e.Helper()
	all := properties{"BucketName": bucketName}.With(p)
	requests, calls := len(e.Engine.Requests()), len(e.Cloud.Calls())
	s, err := e.App(all, nil)
	if len(e.Engine.Requests()) == requests {
		e.Fatalf("no request was sent: %v", err)
	}
	v := e.VerdictOf(e.Engine.Requests()[requests])
	if err == nil != (v.Status == "SUCCESS") {
		e.Fatalf("the stack says %v, the verdict %+v", err, v)
	}
	e.WantInTime()
	owner, _ := properties{"BucketOwner": account}.With(p)["BucketOwner"].(string)
	for _, c := range e.Cloud.Calls()[calls:] {
		if got := c.Params.Get("x-amz-expected-bucket-owner"); c.Service == "s3" && got != owner {
			e.Errorf("%s expects the owner %q, want %s", c.Op, got, owner)
		}
	}
	if err == nil {
		enforced := all["Verification"] == nil || all["Verification"] == "Enforce"
		e.wantProven(v, unproven(e.Cloud.Calls()[calls:], v.PhysicalResourceId, owner == account), enforced, owner != account)
	}
	return s, err
}

// wantProven checks that a verdict of SUCCESS counts as verified only what calls have
// proven and no warning puts in doubt, and that Enforce accepts nothing else, but for
// what it warns of and for a listing below the prefix alone.
func (e *env) wantProven(v verdict, unproven []string, enforced, foreign bool) {
	e.Helper()
	verified, doubts := v.Data["AccessVerified"], e.doubts(v, foreign)
	if verified == "true" && len(unproven)+len(doubts) > 0 {
		e.Errorf("AccessVerified is true without a call that proves %v, and in spite of the warnings of %v", unproven, doubts)
	}
	if !enforced || verified == "true" {
		return
	}
	below := e.Checks(v)["s3:ListBucket"] == "WARN" && slices.Equal(unproven, []string{"s3:ListBucket"})
	if verified != "partial" || !below && (len(doubts) == 0 || len(unproven) > 0) {
		e.Errorf("AccessVerified is %s, without proof of %v, and Enforce accepts it", verified, unproven)
	}
}

// doubts returns the checks of a verdict that leave it open whether an export may fail, or
// be of no use to the bucket's owner.
func (e *env) doubts(v verdict, foreign bool) (names []string) {
	checks := e.Checks(v)
	e.Cloud.View(func(s *aws.State) {
		b := s.Buckets[bucketName]
		if b == nil {
			return // Verification Warn or Off accepts that
		}
		for name, doubtful := range map[string]bool{
			"Bucket":          !slices.Contains(bitmovin.CloudRegions, strings.ToUpper(strings.ReplaceAll(b.Region, "-", "_"))),
			"Encryption":      foreign && checks["Encryption"] == "WARN",
			"ObjectOwnership": foreign && (b.Ownership != "BucketOwnerEnforced" || checks["ObjectOwnership"] == "NOT_TESTED"),
			"ObjectLock":      b.Lock != nil || checks["ObjectLock"] == "NOT_TESTED",
		} {
			if doubtful {
				names = append(names, name)
			}
		}
	})
	return names
}

// mustCheck is check where nothing may fail; it returns the checks.
func (e *env) mustCheck(p properties) map[string]string {
	e.Helper()
	if _, err := e.check(p); err != nil {
		e.Fatal(err)
	}
	return e.Checks(e.Last())
}

// mustFail is check where the create must fail. It deletes the stack, and returns the
// reason.
func (e *env) mustFail(p properties) string {
	e.Helper()
	if _, err := e.check(p); err == nil {
		e.Fatalf("the stack was created: %v", e.Last().Data)
	}
	e.WantNoRoles()
	reason := e.VerdictOf(e.Latest("Create")).Reason
	e.Delete(appStack)
	return reason
}

// unproven returns which of sts:AssumeRole and [exportActions] none of the calls
// proves, on a bucket of the role's own account or of another.
func unproven(calls []aws.Call, role string, own bool) []string {
	proven := map[string]bool{}
	session := fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s/bitmovin-access-check", account, role)
	for _, c := range calls {
		if c.Status != 200 {
			continue
		}
		if c.Op == "sts:AssumeRole" && strings.HasSuffix(c.Params.Get("RoleArn"), "/"+role) {
			proven[c.Op] = true
		}
		if c.Caller != session {
			continue
		}
		switch c.Op {
		case "s3:GetBucketLocation":
			proven[c.Op] = true
		case "s3:PutObjectAcl":
			proven[c.Op] = proven[c.Op] || own // else the object's own ACL may have allowed it
		case "s3:ListObjectsV2":
			proven["s3:ListBucket"] = proven["s3:ListBucket"] || c.Params.Get("prefix") == ""
		case "s3:PutObject", "s3:CreateMultipartUpload":
			proven["s3:PutObject"] = true
			if c.Params.Get("x-amz-acl") != "" {
				proven["s3:PutObjectAcl"] = true
			}
		}
	}
	return slices.DeleteFunc(append([]string{"sts:AssumeRole"}, exportActions...), func(action string) bool { return proven[action] })
}

// A checkLine is a check in the function's log.
type checkLine struct{ Name, Verdict, Detail, Fix, Answer string }

// logged returns the check's latest line in the function's log.
func (e *env) logged(name string) checkLine {
	e.Helper()
	var found checkLine
	for line := range strings.Lines(e.Engine.Logs()) {
		var c struct {
			checkLine
			Message string
		}
		if json.Unmarshal([]byte(line), &c) == nil && c.Message == "check" && c.Name == name {
			found = c.checkLine
		}
	}
	if found.Name == "" {
		e.Fatalf("the log does not name the check %s", name)
	}
	return found
}

// pasteable returns what a text says to paste, which is the first JSON in it.
func pasteable(tb testing.TB, text string) map[string]any {
	tb.Helper()
	at := strings.Index(text, "{")
	if at < 0 {
		tb.Fatalf("there is nothing to paste in %q", text)
	}
	var pasted map[string]any
	if err := json.NewDecoder(strings.NewReader(text[at:])).Decode(&pasted); err != nil {
		tb.Fatalf("%q cannot be pasted: %v", text[at:], err)
	}
	return pasted
}

// paste puts into a policy what is to be pasted: a statement beside those that are
// there, a condition into each Deny.
func paste(tb testing.TB, policy string, pasted map[string]any) string {
	tb.Helper()
	doc := map[string]any{"Version": "2012-10-17", "Statement": []any{}}
	if policy != "" {
		if err := json.Unmarshal([]byte(policy), &doc); err != nil {
			tb.Fatal(err)
		}
	}
	statements := doc["Statement"].([]any)
	if pasted["Effect"] != nil {
		doc["Statement"] = append(statements, pasted)
	} else {
		for _, s := range statements {
			if s := s.(map[string]any); s["Effect"] == "Deny" {
				condition, _ := s["Condition"].(map[string]any)
				merged := maps.Clone(pasted)
				maps.Copy(merged, condition)
				s["Condition"] = merged
			}
		}
	}
	text, err := json.Marshal(doc)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// A policyIn finds a policy that somebody keeps in the account.
type policyIn func(*aws.State) *string

// applyFix pastes what a text says to paste into a policy.
func (e *env) applyFix(text string, find policyIn) {
	e.Helper()
	pasted := pasteable(e.TB, text)
	e.Cloud.Edit(func(s *aws.State) {
		policy := find(s)
		*policy = paste(e.TB, *policy, pasted)
	})
}

func bucketPolicy(s *aws.State) *string { return &s.Buckets[bucketName].Policy }

func keyPolicy(s *aws.State) *string { return &s.Keys[keyARN].Policy }

func houseBoundaryPolicy(s *aws.State) *string { return &s.Policies[houseBoundary].Document }

func guardrailPolicy(s *aws.State) *string { return &s.Guardrails[0].Policy }

// policyOf is a policy of statements, each JSON.
func policyOf(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

// denyRoles is a bucket policy that denies an action to the export roles.
func denyRoles(action string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"House","Effect":"Deny","Principal":"*","Action":%q,
		"Resource":["arn:aws:s3:::%s","arn:aws:s3:::%[2]s/*"],
		"Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/bitmovin-export-*"}}}]}`, action, bucketName)
}

// addHouseBoundary adds the organisation's boundary.
func addHouseBoundary(s *aws.State, statements ...string) {
	s.Policies[houseBoundary] = &aws.ManagedPolicy{ARN: houseBoundary, Document: policyOf(statements...)}
}

// setGuardrail has one guardrail for the account.
func setGuardrail(s *aws.State, layer aws.Layer, statements ...string) {
	s.Guardrails = []aws.Guardrail{{Layer: layer, Account: account, Policy: policyOf(statements...)}}
}
