package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/lazy"
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
	rest, _ = filter(trust, func(raw json.RawMessage) bool {
		s, ok := decodeStrictly(raw)
		until, isVerifier := verifierUntil(s, verifierARN)
		if ok && isVerifier && now.Before(until) {
			unexpired = append(unexpired, s)
		}
		return ok && isVerifier
	})
	return unexpired, rest
}

// Without returns the policy without the statement of that Sid, and whether it
// had one.
func Without(trust, sid string) (string, bool) {
	return filter(trust, func(raw json.RawMessage) bool {
		var s struct{ Sid string }
		return json.Unmarshal(raw, &s) == nil && s.Sid == sid
	})
}

// filter returns the policy without the statements that drop picks, and whether
// it picked any. The others stay as they are, with whatever an administrator
// wrote that a [Statement] cannot hold. Text that is no policy is returned as
// it is.
func filter(text string, drop func(json.RawMessage) bool) (string, bool) {
	var d struct {
		Version   string `json:",omitempty"`
		ID        string `json:"Id,omitempty"`
		Statement []json.RawMessage
	}
	if json.Unmarshal([]byte(text), &d) != nil {
		return text, false
	}
	left := slices.DeleteFunc(slices.Clone(d.Statement), drop)
	if len(left) == len(d.Statement) {
		return text, false
	}
	d.Statement = left
	return compact(d), true
}

// decodeStrictly reads a statement, if it says nothing that a [Statement] cannot hold.
func decodeStrictly(raw json.RawMessage) (s Statement, ok bool) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	return s, d.Decode(&s) == nil
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

// principalARN is the ARN of one IAM user or role, with its path.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns
var principalARN = lazy.Pattern(`^arn:aws[a-z-]*:iam::[0-9]{12}:(user|role)(/[\w+=,.@-]+)+$`)

// CheckPrincipal returns an error unless the ARN names one IAM user or role.
// A wildcard, an account, its root user or a service would let others than the
// one principal assume the role.
func CheckPrincipal(arn string) error {
	if !principalARN().MatchString(arn) {
		return fmt.Errorf("%q is not the ARN of one IAM user or role", arn)
	}
	return nil
}
