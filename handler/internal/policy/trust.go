package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/lazy"
)

// verifierSid is the Sid of the verifier statement.
const verifierSid = "Verifier"

// timeLayout is how a condition writes a time of day.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_Date
const timeLayout = "2006-01-02T15:04:05Z"

// Trust returns the trust policy of an export role: the principal may assume it
// with the external id, and nobody else may but whom the other statements let in.
func Trust(principal, externalID string, others ...Statement) Document {
	return New(append([]Statement{{
		Effect:    "Allow",
		Principal: map[string]Values{"AWS": {principal}},
		Action:    Values{"sts:AssumeRole"},
		Condition: map[string]Condition{"StringEquals": {"sts:ExternalId": {externalID}}},
	}}, others...)...)
}

// Demands reports whether each statement of a trust policy demands the external id.
func Demands(trust, externalID string) bool {
	return trust == filter(trust, func(raw json.RawMessage) bool {
		var s Statement
		err := json.Unmarshal(raw, &s)
		id := s.Condition["StringEquals"]["sts:ExternalId"]
		return err != nil || !slices.Equal(id, Values{externalID})
	})
}

// Verifier returns the statement that lets the role verifierARN assume the role with the
// external id while it is checked. It expires by itself at the given time.
func Verifier(verifierARN, externalID string, until time.Time) Statement {
	return Statement{
		Sid:       verifierSid,
		Effect:    "Allow",
		Principal: map[string]Values{"AWS": {verifierARN}},
		Action:    Values{"sts:AssumeRole"},
		Condition: map[string]Condition{
			"StringEquals": {"sts:ExternalId": {externalID}},
			"DateLessThan": {"aws:CurrentTime": {until.UTC().Format(timeLayout)}},
		},
	}
}

// An Opening is what a verifier statement in a trust policy allows: to assume the role
// with the external id until it expires. The zero Opening allows nothing.
type Opening struct {
	ExternalID string
	Until      time.Time
}

// CutVerifier returns what the verifier statement in a trust policy allows, and the policy
// without it. Only a statement just as [Verifier] writes it for verifierARN counts; a like
// one that says more stays in rest, as drift. Text that is no policy is returned as it is.
func CutVerifier(trust, verifierARN string) (o Opening, rest string) {
	rest = filter(trust, func(raw json.RawMessage) bool {
		s, ok := decodeStrictly(raw)
		found, isVerifier := opening(s, verifierARN)
		if ok && isVerifier {
			o = found
		}
		return ok && isVerifier
	})
	return o, rest
}

// filter returns the policy without the statements that drop picks. The others stay
// as they are, with whatever an administrator wrote that a [Statement] cannot hold. Text
// that is no policy is returned as it is.
func filter(text string, drop func(json.RawMessage) bool) string {
	var d struct {
		Version   string `json:",omitempty"`
		ID        string `json:"Id,omitempty"`
		Statement []json.RawMessage
	}
	if json.Unmarshal([]byte(text), &d) != nil {
		return text
	}
	left := slices.DeleteFunc(slices.Clone(d.Statement), drop)
	if len(left) == len(d.Statement) {
		return text
	}
	d.Statement = left
	return compact(d)
}

// decodeStrictly reads a statement, if it says nothing that a [Statement] cannot hold.
func decodeStrictly(raw json.RawMessage) (s Statement, ok bool) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	return s, d.Decode(&s) == nil
}

// opening returns what a verifier statement allows, and whether the statement is one.
func opening(s Statement, verifierARN string) (Opening, bool) {
	id, when := s.Condition["StringEquals"]["sts:ExternalId"], s.Condition["DateLessThan"]["aws:CurrentTime"]
	if len(id) != 1 || len(when) != 1 {
		return Opening{}, false
	}
	until, err := time.Parse(timeLayout, when[0])
	return Opening{id[0], until}, err == nil && reflect.DeepEqual(s, Verifier(verifierARN, id[0], until))
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
