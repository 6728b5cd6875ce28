package policy

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// verifierSid begins the Sid of each verifier statement, so that one that an
// interrupted run left is recognised.
const verifierSid = "Verifier"

// timeLayout is how a condition writes a time of day.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_Date
const timeLayout = "2006-01-02T15:04:05Z"

// Trust returns the trust policy of an export role: the principal may assume it
// with the external id, and nobody else may. The verifiers are the statements
// of runs that are under way.
func Trust(principal, externalID string, verifiers ...Statement) Document {
	return New(append([]Statement{{
		Effect:    "Allow",
		Principal: map[string]Values{"AWS": {principal}},
		Action:    Values{"sts:AssumeRole"},
		Condition: map[string]Condition{"StringEquals": {"sts:ExternalId": {externalID}}},
	}}, verifiers...)...)
}

// Verifier returns the statement that lets the role verifierARN assume the role
// with the external id for as long as one run lasts. Its Sid is of that run
// (letters and digits), and it dies by itself at the given time.
func Verifier(verifierARN, externalID, run string, until time.Time) Statement {
	return Statement{
		Sid:       verifierSid + run,
		Effect:    "Allow",
		Principal: map[string]Values{"AWS": {verifierARN}},
		Action:    Values{"sts:AssumeRole"},
		Condition: map[string]Condition{
			"StringEquals": {"sts:ExternalId": {externalID}},
			"DateLessThan": {"aws:CurrentTime": {until.UTC().Format(timeLayout)}},
		},
	}
}

// Verifiers returns the statements of other runs in a trust policy that have
// not expired at the time now, and what the policy says without any run's
// statement. Only a statement just as [Verifier] writes it for verifierARN
// counts; a like one that says more stays in rest, as drift. Text that is no
// policy is returned as it is.
func Verifiers(trust, verifierARN string, now time.Time) (unexpired []Statement, rest string) {
	var d Document
	if json.Unmarshal([]byte(trust), &d) != nil {
		return nil, trust
	}
	others := []Statement{}
	for _, s := range d.Statement {
		until, ok := verifierUntil(s, verifierARN)
		switch {
		case !ok:
			others = append(others, s)
		case now.Before(until):
			unexpired = append(unexpired, s)
		}
	}
	if len(others) == len(d.Statement) {
		return nil, trust
	}
	return unexpired, Document{Version: d.Version, Statement: others}.String()
}

// Without returns the policy without the statement of that Sid, and whether it
// had one.
func Without(trust, sid string) (string, bool) {
	var d Document
	if json.Unmarshal([]byte(trust), &d) != nil {
		return trust, false
	}
	left := slices.DeleteFunc(slices.Clone(d.Statement), func(s Statement) bool { return s.Sid == sid })
	if len(left) == len(d.Statement) {
		return trust, false
	}
	return Document{Version: d.Version, Statement: left}.String(), true
}

// verifierUntil returns when a verifier statement expires, and whether it is one.
func verifierUntil(s Statement, verifierARN string) (time.Time, bool) {
	run, ok := strings.CutPrefix(s.Sid, verifierSid)
	id, when := s.Condition["StringEquals"]["sts:ExternalId"], s.Condition["DateLessThan"]["aws:CurrentTime"]
	if !ok || len(id) != 1 || len(when) != 1 {
		return time.Time{}, false
	}
	until, err := time.Parse(timeLayout, when[0])
	return until, err == nil && reflect.DeepEqual(s, Verifier(verifierARN, id[0], run, until))
}

// CheckPrincipal returns an error unless the ARN names one IAM user or role.
// A wildcard, an account, its root user or a service would let others than the
// one principal assume the role.
func CheckPrincipal(arn string) error {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "iam" || parts[3] != "" || len(parts[4]) != 12 {
		return fmt.Errorf("%q is not the ARN of an IAM user or role", arn)
	}
	kind, name, _ := strings.Cut(parts[5], "/")
	if (kind != "user" && kind != "role") || name == "" || strings.ContainsAny(arn, "*?${} ") {
		return fmt.Errorf("%q is not the ARN of one IAM user or role", arn)
	}
	return nil
}
