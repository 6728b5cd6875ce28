package main

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWantVerified(t *testing.T) {
	t.Parallel()
	good := map[string]string{
		"Bucket": "PASS", "sts:AssumeRole": "PASS", "s3:GetBucketLocation": "PASS", "s3:ListBucket": "PASS", "s3:PutObject": "PASS",
		"s3:PutObjectAcl": "PASS", "NoReadAccess": "PASS", "ObjectOwnership": "WARN",
	}
	with := func(name, verdict string) map[string]string {
		checks := maps.Clone(good)
		if checks[name] = verdict; verdict == "" {
			delete(checks, name)
		}
		return checks
	}
	for _, tt := range []struct {
		name, verified string
		checks         map[string]string
		ok             bool
	}{
		{"good", "true", good, true},
		{"not verified", "partial", good, false},
		{"an action that is missing", "true", with("s3:PutObject", ""), false},
		{"an action that fails", "true", with("s3:PutObject", "FAIL"), false},
		{"a check that warns", "true", with("NoReadAccess", "WARN"), false},
		{"a check that was not tested", "true", with("Bucket", "NOT_TESTED"), false},
		{"ACLs in a new bucket", "true", with("ObjectOwnership", "PASS"), false},
	} {
		if err := wantVerified(tt.verified, tt.checks); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestConditionIn(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		reason string
		ok     bool
	}{
		{`exempt it by {"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/exports"}} (more in log)`, true},
		{`exempt it by {"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/*"}}`, true},
		{`allow it by {"Effect":"Allow"}`, false},
		{`exempt it by {"ArnNotEquals":{"aws:Princ`, false},
		{"nothing to paste", false},
	} {
		if condition, err := conditionIn(tt.reason); (err == nil) != tt.ok || tt.ok && len(condition) != 1 {
			t.Errorf("%s: %v, %v", tt.reason, condition, err)
		}
	}
}

// TestAnswer: AWS's code and message are read out of what its CLI prints.
func TestAnswer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ said, code, message string }{
		{"\nAn error occurred (NoSuchEntity) when calling the GetRole operation: The role x cannot be found.\n", "NoSuchEntity", "The role x cannot be found."},
		{"An error occurred (404) when calling the HeadBucket operation: Not Found", "404", "Not Found"},
		{"An error occurred (Throttling) when calling the GetRole operation (reached max retries: 4): Rate exceeded: wait", "Throttling", "Rate exceeded: wait"},
		{"Unable to locate credentials", "", ""},
	} {
		code, message := answer(&toolError{command: "aws iam", err: errors.New("exit status 254"), said: tt.said})
		if code != tt.code || message != tt.message {
			t.Errorf("%q: %q, %q", tt.said, code, message)
		}
	}
	if code, _ := answer(nil); code != "" {
		t.Errorf("no error has the code %q", code)
	}
}

func TestAbsent(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{"NoSuchEntity": true, "ResourceNotFoundException": true, "404": true, "AccessDenied": false, "403": false} {
		gone, err := absent(&toolError{said: "An error occurred (" + code + ") when calling the X operation: y"})
		if gone != want || (err == nil) != want {
			t.Errorf("%s: gone %t, %v", code, gone, err)
		}
	}
	if gone, err := absent(nil); gone || err != nil {
		t.Errorf("what is there is gone: %t, %v", gone, err)
	}
	if _, err := (&account{}).isGone(t.Context(), resource{ResourceType: "AWS::SNS::Topic"}); err == nil {
		t.Error("a resource of a type that is not known counts as looked for")
	}
}

// TestFailuresOf: what an operation before the last one failed by is not told.
func TestFailuresOf(t *testing.T) {
	t.Parallel()
	events := []event{
		{"s", "UPDATE_ROLLBACK_COMPLETE", ""}, {"ExportAccess", "UPDATE_COMPLETE", ""}, {"s", "UPDATE_ROLLBACK_IN_PROGRESS", ""},
		{"ExportAccess", "UPDATE_FAILED", "now"}, {"ExportAccess", "UPDATE_IN_PROGRESS", ""}, {"s", "UPDATE_IN_PROGRESS", "User Initiated"},
		{"ExportAccess", "UPDATE_FAILED", "before"}, {"s", "UPDATE_IN_PROGRESS", "User Initiated"},
	}
	want := []event{{"ExportAccess", "UPDATE_FAILED", "now"}}
	if diff := cmp.Diff(want, failuresOf("s", events)); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
}

// TestAnswersIn reads AWS's messages out of both forms of the log.
func TestAnswersIn(t *testing.T) {
	t.Parallel()
	const log = `START RequestId: 1
{"level":"WARN","message":"check","name":"s3:PutObject","verdict":"FAIL","answer":"operation error S3: PutObject, https response error StatusCode: 403, RequestID: R, api error AccessDenied: User: u is not authorized"}
{"level":"INFO","message":"check","name":"s3:ListBucket","verdict":"PASS","answer":""}
{"level":"WARN","message":"another","name":"x","answer":"api error AccessDenied: of something else"}
timestamp=2026-11-28T00:00:00Z level=WARN message=check name=s3:PutObjectAcl verdict=FAIL detail="d e" answer="api error AccessDenied: on resource: \"arn:aws:s3:::b\""
timestamp=2026-11-28T00:00:00Z level=INFO message=check name=Bucket verdict=PASS answer=""
`
	want := []message{
		{Name: "s3:PutObject", Message: "User: u is not authorized"},
		{Name: "s3:PutObjectAcl", Message: `on resource: "arn:aws:s3:::b"`},
	}
	if diff := cmp.Diff(want, answersIn(log)); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

// TestRecord: a record is whole, and tells nobody who the account and the caller are.
func TestRecord(t *testing.T) {
	t.Parallel()
	for caller, masked := range map[string]string{
		"arn:aws:iam::210987654321:user/team/jane":                "arn:aws:iam::111122223333:user/caller",
		"arn:aws:sts::210987654321:assumed-role/Admin/jane@x.com": "arn:aws:sts::111122223333:assumed-role/caller/session",
		"arn:aws:iam::210987654321:root":                          "arn:aws:iam::111122223333:root",
	} {
		r := &record{
			account: &account{toolbox: &toolbox{region: "eu-west-1"}, number: "210987654321", caller: caller},
			Began:   time.Date(2026, 11, 28, 1, 2, 3, 0, time.UTC), Versions: []string{"aws-cli/2", "SAM CLI, version 1"},
			Checks: map[string]string{"Bucket": "PASS"}, Express: []string{"deploy\nas " + caller},
		}
		r.step("deploy", 12*time.Second, "a | b", true)
		r.step("delete", time.Second, "as "+caller, false)
		for range 2 {
			r.message("s3:PutObject", "User: "+caller+" is not authorized to perform: s3:PutObject on arn:aws:iam::210987654321:role/x")
		}
		r.Unknown = r.Messages
		r.end(errors.New("in 210987654321 something is left"))
		text := r.markdown()
		for _, secret := range []string{"210987654321", "jane", "Admin"} {
			if strings.Contains(text, secret) {
				t.Errorf("the record tells %q:\n%s", secret, text)
			}
		}
		for _, want := range []string{
			"2026-11-28 01:02 UTC in eu-west-1 **failed**", "| deploy | 12 | a \\| b |", "| delete | 1 | **failed**: as " + masked + " |",
			"`Bucket` PASS.", "- deploy as " + masked, "User: " + masked + " is not", `"source": "make test-aws, 2026-11-28, eu-west-1"`,
		} {
			if !strings.Contains(text, want) {
				t.Errorf("the record does not say %q:\n%s", want, text)
			}
		}
		if len(r.Messages) != 1 {
			t.Errorf("%d messages, want one", len(r.Messages))
		}
	}
}

// TestPage: a record has its place on the page, which until then says that there
// is none, and the policy on it is about the names that a run makes.
func TestPage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", page))
	if err != nil {
		t.Fatal(err)
	}
	once, err := replaceRun(string(text), "RECORD ONE\n")
	if err != nil {
		t.Fatal(err)
	}
	twice, err := replaceRun(once, "RECORD TWO\n")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(twice, "RECORD ONE") || strings.Contains(twice, "has not been run") || !strings.Contains(twice, begin+"RECORD TWO\n"+end) {
		t.Errorf("a record does not replace the one before:\n%s", twice)
	}
	if _, err := replaceRun("no marks", ""); err == nil {
		t.Error("a page without the marks was written")
	}
	_, rest, _ := strings.Cut(string(text), "```json\n")
	policy, _, _ := strings.Cut(rest, "```")
	if !json.Valid([]byte(policy)) {
		t.Errorf("the policy is not JSON:\n%s", policy)
	}
	for _, resource := range []string{":::", ":role/", ":role/bitmovin-provider/", ":policy/", ":function:", ":log-group:", ":stack/"} {
		if !strings.Contains(policy, resource+namePrefix+"*") {
			t.Errorf("%s has no statement about %s%s*", page, resource, namePrefix)
		}
	}
}

func TestAsk(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]bool{"yes\n": true, "yes\r\n": true, "y\n": false, "no\nyes\n": false, "": false, "YES\n": false} {
		if err := ask(strings.NewReader(said), io.Discard); (err == nil) != want {
			t.Errorf("%q: %v", said, err)
		}
	}
}

// TestPlan: before it asks, it names everything that it makes, and how to
// remove it.
func TestPlan(t *testing.T) {
	t.Parallel()
	n := namesOf("abc")
	r := &runner{account: &account{toolbox: &toolbox{region: "eu-west-1"}, number: "210987654321", caller: "me"}, names: n}
	for _, want := range append(append(n.stacks(), n.buckets()...), "210987654321", "eu-west-1", "make test-aws CLEAN=abc", "cents") {
		if !strings.Contains(r.plan(), want) {
			t.Errorf("the plan does not say %q:\n%s", want, r.plan())
		}
	}
}
