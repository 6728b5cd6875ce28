package aws

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseDocument(t *testing.T) {
	t.Parallel()
	const forAll = `"Principal":"*","Action":"kms:*","Resource":"*"`
	cases := []struct {
		name  string
		layer Layer
		text  string
		// want is a part of the error, or empty.
		want string
	}{
		{"one statement", LayerIdentity, `{"Version":"2012-10-17","Id":"x","Statement":{"Sid":"A1","Effect":"Allow","Action":["s3:Get*","s3:PutObject"],"Resource":"*"}}`, ""},
		{"no version", LayerIdentity, `{"Statement":[` + allowAll + `]}`, ""},
		{"trust", LayerTrust, `{"Statement":[` + trusts("Allow", `{"AWS":["`+ownAccount+`","`+roleARN+`"],"Service":"lambda.amazonaws.com","Federated":"accounts.google.com"}`) + `]}`, ""},
		{"white space and escapes", LayerResource, "\n{ \"Statement\" : [ {\"Effect\": \"Deny\", \"Principal\" : \"\\u002a\" ,\"Action\":\t\"s3:*\",\"Resource\": [ \"*\" ] } ] } ", ""},
		{"Sid of a key policy", LayerKey, `{"Statement":{"Sid":"Allow use","Effect":"Allow",` + forAll + `}}`, ""},

		{"not JSON", LayerIdentity, `{`, "not valid JSON"},
		{"not an object", LayerIdentity, `[]`, "not a JSON object"},
		{"two documents", LayerIdentity, `{"Statement":` + allowAll + `}{}`, "not valid JSON"},
		{"no statement", LayerIdentity, `{"Version":"2012-10-17"}`, "needs a Statement"},
		{"empty statement list", LayerIdentity, `{"Statement":[]}`, "needs a Statement"},
		{"unknown version", LayerIdentity, `{"Version":"2012-10-18","Statement":` + allowAll + `}`, "not a version"},
		{"unknown element", LayerIdentity, `{"Statements":[]}`, "unknown element"},
		{"case of an element", LayerIdentity, `{"statement":` + allowAll + `}`, "unknown element"},
		{"element twice", LayerIdentity, `{"Statement":` + allowAll + `,"Statement":` + allowAll + `}`, "occurs twice"},
		{"unknown element of a statement", LayerIdentity, `{"Statement":{"Effect":"Allow","Actions":"*","Resource":"*"}}`, "Actions: unknown element"},
		{"no effect", LayerIdentity, `{"Statement":{"Action":"*","Resource":"*"}}`, "Allow or Deny"},
		{"case of the effect", LayerIdentity, `{"Statement":{"Effect":"allow","Action":"*","Resource":"*"}}`, "Allow or Deny"},
		{"no action", LayerIdentity, `{"Statement":{"Effect":"Allow","Resource":"*"}}`, "no Action"},
		{"action without service", LayerIdentity, `{"Statement":{"Effect":"Allow","Action":"PutObject","Resource":"*"}}`, `"PutObject" is malformed`},
		{"wildcard for a service", LayerIdentity, `{"Statement":{"Effect":"Allow","Action":"s*:*","Resource":"*"}}`, "malformed"},
		{"empty action list", LayerIdentity, `{"Statement":{"Effect":"Allow","Action":[],"Resource":"*"}}`, "empty list"},
		{"action is no text", LayerIdentity, `{"Statement":{"Effect":"Allow","Action":[null],"Resource":"*"}}`, "null is not a string"},
		{"both action and its opposite", LayerIdentity, `{"Statement":{"Effect":"Allow","Action":"*","NotAction":"s3:*","Resource":"*"}}`, "exclude each other"},
		{"variable for an account", LayerIdentity, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:iam::${aws:PrincipalAccount}:role/x"}}`, "variable before the fifth colon"},
		{"variable after the fifth colon", LayerIdentity, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:PrincipalAccount}/x"}}`, ""},
		{"no variable in the old version", LayerIdentity, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:iam::${aws:PrincipalAccount}:role/x"}}`, ""},
		{"resource is no ARN", LayerIdentity, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"bucket"}}`, `"bucket" is malformed`},
		{"no resource", LayerIdentity, `{"Statement":{"Effect":"Allow","Action":"*"}}`, "needs a Resource"},
		{"identity with principal", LayerIdentity, `{"Statement":{"Effect":"Allow",` + forAll + `}}`, "cannot have a Principal"},
		{"SCP with principal", LayerSCP, `{"Statement":{"Effect":"Allow",` + forAll + `}}`, "cannot have a Principal"},
		{"resource policy without principal", LayerResource, `{"Statement":` + allowAll + `}`, "needs a Principal"},
		{"trust with resource", LayerTrust, `{"Statement":{"Effect":"Allow",` + forAll + `}}`, "cannot have a Resource"},
		{"Sid twice", LayerIdentity, `{"Statement":[{"Sid":"A","Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"A","Effect":"Allow","Action":"*","Resource":"*"}]}`, "not unique"},
		{"Sid with a space", LayerIdentity, `{"Statement":{"Sid":"A b","Effect":"Allow","Action":"*","Resource":"*"}}`, "letters and digits"},
		{"principal is text", LayerTrust, `{"Statement":` + trusts("Allow", `"arn:aws:iam::111122223333:root"`) + `}`, "not a JSON object"},
		{"principal of no kind", LayerTrust, `{"Statement":` + trusts("Allow", `{"Human":"ann"}`) + `}`, "unknown kind"},
		{"principals, none", LayerTrust, `{"Statement":` + trusts("Allow", `{}`) + `}`, "names nobody"},
		{"principal with a wildcard", LayerTrust, `{"Statement":` + trusts("Allow", named("arn:aws:iam::111122223333:role/*")) + `}`, "invalid principal"},
		{"principal is a group", LayerTrust, `{"Statement":` + trusts("Allow", named("arn:aws:iam::111122223333:group/g")) + `}`, "invalid principal"},
		{"allow to others", LayerResource, `{"Statement":{"Effect":"Allow","Not` + forAll[1:] + `}}`, "NotPrincipal"},
		{"trust with others", LayerTrust, `{"Statement":{"Effect":"Deny","NotPrincipal":"*","Action":"sts:AssumeRole"}}`, "NotPrincipal"},
		{"unknown operator", LayerIdentity, withCondition(`{"StringEqual":{"aws:PrincipalArn":"x"}}`), `operator "StringEqual" is not known`},
		{"unknown set operator", LayerIdentity, withCondition(`{"ForSomeValues:StringEquals":{"aws:TagKeys":"x"}}`), "not known"},
		{"null if exists", LayerIdentity, withCondition(`{"NullIfExists":{"aws:TagKeys":"true"}}`), "not known"},
		{"operator without keys", LayerIdentity, withCondition(`{"Null":"true"}`), "not a JSON object"},
		{"key without values", LayerIdentity, withCondition(`{"Null":{"aws:TagKeys":[]}}`), "empty list"},
		{"key with an object", LayerIdentity, withCondition(`{"Null":{"aws:TagKeys":{}}}`), "not a value"},
		{"key with a null", LayerIdentity, withCondition(`{"Null":{"aws:TagKeys":null}}`), "not a value"},
		{"condition twice", LayerIdentity, withCondition(`{"Bool":{"aws:ViaAWSService":"true","aws:ViaAWSService":"false"}}`), "occurs twice"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := parseDocument(tc.layer, tc.text)
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("got %v, want none", err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

func withCondition(c string) string {
	return `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":` + c + `}}`
}

func TestPrincipalARNs(t *testing.T) {
	t.Parallel()
	d := parsed(t, LayerTrust,
		trusts("Allow", `{"AWS":["`+ownAccount+`","arn:aws:iam::`+otherAccount+`:root","`+roleARN+`","AROAEXAMPLE"],"Service":"lambda.amazonaws.com"}`),
		trusts("Deny", named(sessionARN)))
	if diff := cmp.Diff([]string{roleARN, sessionARN}, d.principalARNs()); diff != "" {
		t.Errorf("principalARNs (-want +got):\n%s", diff)
	}
}

// FuzzParseDocument shows that no text makes parsing or deciding panic, and that
// a policy without Allow never allows.
func FuzzParseDocument(f *testing.F) {
	f.Add(`{"Version":"2012-10-17","Statement":` + allowAll + `}`)
	f.Add(`{"Statement":[` + forWhom("Deny", named(roleARN)) + `,` + notTo(ownAccount) + `]}`)
	f.Add(`{"Statement":` + trusts("Allow", `{"Service":"lambda.amazonaws.com"}`) + `}`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, layer := range []Layer{LayerIdentity, LayerResource, LayerTrust} {
			d, err := parseDocument(layer, text)
			if err != nil {
				continue
			}
			d.principalARNs()
			r := request{Action: "s3:PutObject", Resource: objectARN, ResourceAccount: ownAccount, Caller: principal{ARN: roleARN, Session: sessionARN, Account: ownAccount}}
			if layer == LayerIdentity {
				r.Caller.Identity = []*document{d}
			} else {
				r.ResourcePolicy = d
			}
			got, err := decide(r)
			if got.Allowed && (err != nil || !strings.Contains(text, "Allow")) {
				t.Errorf("%s: got %+v, %v", layer, got, err)
			}
		}
	})
}
