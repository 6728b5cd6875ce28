package aws

import "testing"

func TestCondition(t *testing.T) {
	t.Parallel()
	const one = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html"
	const many = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html"
	ctx := keyContext{
		"aws:principalarn":      {roleARN},
		"aws:securetransport":   {"false"},
		"aws:currenttime":       {"2026-03-01T12:00:00Z"},
		"aws:sourceip":          {"203.0.113.7"},
		"aws:sourcearn":         {"arn:aws:x:us-east-2:999999999999:store/abc:111122223333:finance/doc"},
		"aws:tagkeys":           {"team", "cost"},
		"aws:requesttag/team":   {"a*"},
		"kms:resourcealiases":   {},
		"s3:versionid":          {""},
		"s3:max-keys":           {"10"},
		"s3:prefix":             {"home/"},
		"sts:externalid":        {"Abc"},
		"aws:resourcetag/a/b:c": {"x"},
	}
	cases := []struct {
		name, page, condition string
		want                  bool
	}{
		{"no condition", one, `{}`, true},
		{"equal", one, `{"StringEquals":{"sts:ExternalId":"Abc"}}`, true},
		{"equal but for case", one, `{"StringEquals":{"sts:ExternalId":"abc"}}`, false},
		{"key without case", one, `{"StringEquals":{"STS:externalID":"Abc"}}`, true},
		{"any value of the policy", one, `{"StringEquals":{"sts:ExternalId":["x","Abc"]}}`, true},
		{"all keys", one, `{"StringEquals":{"sts:ExternalId":"Abc","s3:prefix":"other"}}`, false},
		{"all operators", one, `{"StringEquals":{"sts:ExternalId":"Abc"},"Bool":{"aws:SecureTransport":true}}`, false},
		{"equal takes no wildcards", one, `{"StringEquals":{"sts:ExternalId":"A*"}}`, false},
		{"not equal", one, `{"StringNotEquals":{"sts:ExternalId":["x","y"]}}`, true},
		{"not equal to any", one, `{"StringNotEquals":{"sts:ExternalId":["x","Abc"]}}`, false},
		{"ignore case", one, `{"StringEqualsIgnoreCase":{"sts:ExternalId":"aBC"}}`, true},
		{"not, ignoring case", one, `{"StringNotEqualsIgnoreCase":{"sts:ExternalId":"aBC"}}`, false},
		{"like", one, `{"StringLike":{"sts:ExternalId":"?b*"}}`, true},
		{"like the empty text", one, `{"StringLike":{"s3:prefix":["","home/*"]}}`, true},
		{"not like", one, `{"StringNotLike":{"sts:ExternalId":"?b*"}}`, false},
		{"key with a tag's name", one, `{"StringEquals":{"aws:ResourceTag/A/b:c":"x"}}`, true},
		{"variable", one, `{"StringEquals":{"sts:ExternalId":"${sts:ExternalId}"}}`, true},
		{"variable's wildcard is text", one, `{"StringLike":{"sts:ExternalId":"${aws:RequestTag/team}"}}`, false},
		{"absent variable, negated", one, `{"StringNotEquals":{"sts:ExternalId":"${aws:SourceVpce}"}}`, true},
		{"absent variable is not empty", one, `{"StringEquals":{"s3:versionId":"${aws:SourceVpce}"}}`, false},
		{"escape", one, `{"StringLike":{"aws:RequestTag/team":"a${*}"}}`, true},

		{"ARN", one, `{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::*:role/*/writer"}}`, true},
		{"ARN by parts", one, `{"ArnLike":{"aws:SourceArn":"arn:aws:x:*:111122223333:finance/*"}}`, false},
		{"the same as text", one, `{"StringLike":{"aws:SourceArn":"arn:aws:x:*:111122223333:finance/*"}}`, true},
		{"not ARN", one, `{"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::*:role/*"}}`, false},
		{"ARN not like", one, `{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/*"}}`, true},

		{"bool", one, `{"Bool":{"aws:SecureTransport":"false"}}`, true},
		{"bool without quotes", one, `{"Bool":{"aws:SecureTransport":false}}`, true},
		{"other bool", one, `{"Bool":{"aws:SecureTransport":"true"}}`, false},
		{"number", one, `{"NumericEquals":{"s3:max-keys":10.0}}`, true},
		{"other number", one, `{"NumericNotEquals":{"s3:max-keys":"10"}}`, false},
		{"less", one, `{"NumericLessThan":{"s3:max-keys":"10"}}`, false},
		{"less or equal", one, `{"NumericLessThanEquals":{"s3:max-keys":"10"}}`, true},
		{"greater", one, `{"NumericGreaterThan":{"s3:max-keys":"9"}}`, true},
		{"greater or equal", one, `{"NumericGreaterThanEquals":{"s3:max-keys":"11"}}`, false},
		{"before", one, `{"DateLessThan":{"aws:CurrentTime":"2026-03-01T12:00:01Z"}}`, true},
		{"not before", one, `{"DateLessThan":{"aws:CurrentTime":"2026-03-01T12:00:00Z"}}`, false},
		{"at or before, in another zone", one, `{"DateLessThanEquals":{"aws:CurrentTime":"2026-03-01T13:00+01:00"}}`, true},
		{"after, in seconds", one, `{"DateGreaterThan":{"aws:CurrentTime":"1772366399"}}`, true},
		{"at or after a day", one, `{"DateGreaterThanEquals":{"aws:CurrentTime":"2026-03-02"}}`, false},
		{"at", one, `{"DateEquals":{"aws:CurrentTime":"2026-03-01T12:00:00.000Z"}}`, true},
		{"not at", one, `{"DateNotEquals":{"aws:CurrentTime":"2026"}}`, true},
		{"in a network", one, `{"IpAddress":{"aws:SourceIp":["2001:db8::/32","203.0.113.0/24"]}}`, true},
		{"an address", one, `{"IpAddress":{"aws:SourceIp":"203.0.113.8"}}`, false},
		{"not in a network", one, `{"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`, false},

		{"absent", one, `{"StringEquals":{"aws:SourceVpce":"vpce-1"}}`, false},
		{"absent, negated", one, `{"StringNotEquals":{"aws:SourceVpce":"vpce-1"}}`, true},
		{"absent, bool", one, `{"Bool":{"aws:MultiFactorAuthPresent":"false"}}`, false},
		{"absent, if exists", one, `{"StringEqualsIfExists":{"aws:SourceVpce":"vpce-1"}}`, true},
		{"present, if exists", one, `{"StringEqualsIfExists":{"sts:ExternalId":"x"}}`, false},
		{"absent is null", one, `{"Null":{"aws:SourceVpce":"true"}}`, true},
		{"present is not null", one, `{"Null":{"sts:ExternalId":"true"}}`, false},
		{"present", one, `{"Null":{"sts:ExternalId":"false"}}`, true},
		{"empty is null", one, `{"Null":{"kms:ResourceAliases":"true"}}`, true},

		{"any of many", many, `{"ForAnyValue:StringEquals":{"aws:TagKeys":["cost","x"]}}`, true},
		{"none of many", many, `{"ForAnyValue:StringEquals":{"aws:TagKeys":"x"}}`, false},
		{"any of many differs", many, `{"ForAnyValue:StringNotEquals":{"aws:TagKeys":"cost"}}`, true},
		{"any of none", many, `{"ForAnyValue:StringNotEquals":{"kms:ResourceAliases":"alias/x"}}`, false},
		{"all of many", many, `{"ForAllValues:StringLike":{"aws:TagKeys":["t*","c*"]}}`, true},
		{"not all of many", many, `{"ForAllValues:StringLike":{"aws:TagKeys":"t*"}}`, false},
		{"all of none", many, `{"ForAllValues:StringEquals":{"kms:ResourceAliases":"alias/x"}}`, true},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			conditions, err := parseConditions([]byte(tc.condition))
			if err != nil {
				t.Fatal(err)
			}
			got := true
			for _, c := range conditions {
				ok, err := c.holds(ctx, true)
				if err != nil {
					t.Fatal(err)
				}
				got = got && ok
			}
			if got != tc.want {
				t.Errorf("got %v, want %v, after %s", got, tc.want, tc.page)
			}
		})
	}
}

// TestContext shows which keys follow from the caller.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
func TestContext(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name        string
		caller      principal
		key, absent string
		want        string
	}{
		{"a session has its role's ARN", principal{ARN: roleARN, Session: sessionARN, Account: ownAccount}, "aws:principalarn", "aws:username", roleARN},
		{"a user has a name", principal{ARN: userARN, Account: ownAccount}, "aws:username", "aws:multifactorauthpresent", "ann"},
		{"a service has a name", principal{Service: "lambda.amazonaws.com"}, "aws:principalservicename", "aws:principalarn", "lambda.amazonaws.com"},
		{"an anonymous caller", principal{}, "aws:principaltype", "aws:principalaccount", "Anonymous"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := request{Caller: tc.caller, ResourceAccount: ownAccount}
			ctx, err := r.context()
			if err != nil {
				t.Fatal(err)
			}
			if got := ctx[tc.key]; len(got) != 1 || got[0] != tc.want {
				t.Errorf("%s: got %q, want %q", tc.key, got, tc.want)
			}
			if got, ok := ctx[tc.absent]; ok {
				t.Errorf("%s: got %q, want none", tc.absent, got)
			}
		})
	}
}

// TestVariablesNeedTheNewVersion follows
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html
func TestVariablesNeedTheNewVersion(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{
		`"Version":"2012-10-17",`: "arn:aws:s3:::bucket/ann",
		`"Version":"2008-10-17",`: "arn:aws:s3:::bucket/${aws:username}",
		``:                        "arn:aws:s3:::bucket/${aws:username}",
	} {
		d, err := parseDocument(LayerIdentity, `{`+version+`"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::bucket/${aws:username}"}}`)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decide(request{
			Action: "s3:PutObject", Resource: want, ResourceAccount: ownAccount,
			Caller: principal{ARN: userARN, Account: ownAccount, Identity: []*document{d}},
		})
		if err != nil || !got.Allowed {
			t.Errorf("%s of %s: got %+v, %v, want it allowed", want, version, got, err)
		}
	}
}

// An exponential match does not end within the test's time.
func TestGlobIsNotExponential(t *testing.T) {
	t.Parallel()
	text := make([]byte, 4000)
	for i := range text {
		text[i] = 'a'
	}
	if symbols("*a*a*a*a*a*a*a*a*a*a*b", true).match(string(text)) {
		t.Error("matched, want no match")
	}
}
