package policy

import (
	"strings"
	"testing"
	"time"
)

const externalID = "3f0c4d1e-7f5a-8e2b-9c3d-1a2b3c4d5e6f"

func TestCutVerifier(t *testing.T) {
	t.Parallel()
	alike := func(change func(*Statement)) Statement {
		s := Verifier(verifier, externalID, noon.Add(time.Minute))
		change(&s)
		return s
	}
	one := Verifier(verifier, externalID, noon)
	foreign := Statement{Sid: "Foreign", Effect: "Allow"}
	tests := []struct {
		name  string
		trust []Statement
		want  Opening
		// left are the statements that rest has beside Bitmovin's.
		left []Statement
	}{
		{"none", nil, Opening{}, nil},
		{"one", []Statement{one}, Opening{externalID, noon}, nil},
		{"of another external id", []Statement{Verifier(verifier, "another", noon)}, Opening{"another", noon}, nil},
		{"beside a foreign statement", []Statement{foreign, one}, Opening{externalID, noon}, []Statement{foreign}},
		{"a foreign statement", []Statement{foreign}, Opening{}, []Statement{foreign}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, rest := CutVerifier(Trust(bitmovin, externalID, test.trust...).String(), verifier)
			if got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
			if want := Trust(bitmovin, externalID, test.left...).String(); !Equal(rest, want) {
				t.Errorf("got the rest %s, want %s", rest, want)
			}
		})
	}
	spoofed := map[string]Statement{
		"another principal": alike(func(s *Statement) {
			s.Principal["AWS"] = Values{"arn:aws:iam::123456789012:role/attacker"}
		}),
		"one principal more": alike(func(s *Statement) { s.Principal["AWS"] = Values{verifier, "*"} }),
		"a service as well":  alike(func(s *Statement) { s.Principal["Service"] = Values{"ec2.amazonaws.com"} }),
		"no principal":       alike(func(s *Statement) { s.Principal = nil }),
		"no expiry":          alike(func(s *Statement) { delete(s.Condition, "DateLessThan") }),
		"no end": alike(func(s *Statement) {
			s.Condition["DateLessThan"]["aws:CurrentTime"] = Values{"tomorrow"}
		}),
		"two ends": alike(func(s *Statement) {
			s.Condition["DateLessThan"]["aws:CurrentTime"] = Values{"2026-11-23T12:01:00Z", "2099-01-01T00:00:00Z"}
		}),
		"an end in another form": alike(func(s *Statement) {
			s.Condition["DateLessThan"]["aws:CurrentTime"] = Values{"2026-11-23T12:01:00.5Z"}
		}),
		"an end of something else": alike(func(s *Statement) {
			s.Condition["DateLessThan"] = Condition{"aws:TokenIssueTime": {"2026-11-23T12:01:00Z"}}
		}),
		"a condition more": alike(func(s *Statement) {
			s.Condition["IpAddress"] = Condition{"aws:SourceIp": {"192.0.2.0/24"}}
		}),
		"no external id": alike(func(s *Statement) { delete(s.Condition, "StringEquals") }),
		"two external ids": alike(func(s *Statement) {
			s.Condition["StringEquals"]["sts:ExternalId"] = Values{externalID, "another"}
		}),
		"another action":  alike(func(s *Statement) { s.Action = Values{"sts:*"} }),
		"one action more": alike(func(s *Statement) { s.Action = append(s.Action, "sts:TagSession") }),
		"a resource":      alike(func(s *Statement) { s.Resource = Values{"*"} }),
		"a deny":          alike(func(s *Statement) { s.Effect = "Deny" }),
		"another Sid":     alike(func(s *Statement) { s.Sid = "Verifier2" }),
	}
	for name, s := range spoofed {
		t.Run("no verifier's: "+name, func(t *testing.T) {
			t.Parallel()
			got, rest := CutVerifier(Trust(bitmovin, externalID, s, one).String(), verifier)
			if got != (Opening{externalID, noon}) {
				t.Errorf("got %v, want the other one's", got)
			}
			if want := Trust(bitmovin, externalID, s).String(); !Equal(rest, want) {
				t.Errorf("got the rest %s, want %s", rest, want)
			}
		})
	}
}

func TestCutVerifierOfOtherText(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "{", "null", "[]", `"x"`, `{"Statement":1}`, `{"Statement":[{"Action":1}]}`,
		`{ "Version": "2012-10-17", "Statement": [ { "Effect": "Allow" } ] }`} {
		if got, rest := CutVerifier(text, verifier); got != (Opening{}) || rest != text {
			t.Errorf("CutVerifier(%s) = %v, %s; want the text as it is", text, got, rest)
		}
	}
}

// An administrator may write into a trust policy whatever IAM takes; the
// verifier statement is found beside it all the same.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
func TestCutVerifierBesideWhatElseIAMTakes(t *testing.T) {
	t.Parallel()
	one := Verifier(verifier, externalID, noon)
	for name, foreign := range map[string]string{
		"everybody":              `{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}`,
		"a boolean":              `{"Effect":"Allow","Principal":{"AWS":"1"},"Action":"sts:AssumeRole","Condition":{"Bool":{"aws:MultiFactorAuthPresent":true}}}`,
		"a number":               `{"Effect":"Allow","Principal":{"AWS":"1"},"Action":"sts:AssumeRole","Condition":{"NumericLessThan":{"aws:MultiFactorAuthAge":60}}}`,
		"all but one":            `{"Effect":"Deny","NotPrincipal":{"AWS":"1"},"NotAction":"sts:AssumeRole"}`,
		"an element of tomorrow": `{"Effect":"Allow","Principal":{"AWS":"1"},"Action":"sts:AssumeRole","Purpose":{"Text":[1]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clean := `{"Version":"2012-10-17","Statement":[` + foreign + `]}`
			trust := strings.TrimSuffix(clean, "]}") + "," + one.String() + "]}"
			if got, rest := CutVerifier(trust, verifier); got != (Opening{externalID, noon}) || !Equal(rest, clean) {
				t.Errorf("got %v, %s; want the one and %s", got, rest, clean)
			}
		})
	}
}

// A statement that says more than a verifier's does is none, whatever it says;
// and what stands beside the statements stays.
func TestCutVerifierKeepsWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	like := strings.Replace(Verifier(verifier, externalID, noon.Add(time.Minute)).String(), `"Sid"`, `"NotAction":"x","Sid"`, 1)
	one := Verifier(verifier, externalID, noon)
	text := `{"Version":"2012-10-17","Id":"by-hand","Statement":[` + like + "," + one.String() + `]}`
	got, rest := CutVerifier(text, verifier)
	if got != (Opening{externalID, noon}) {
		t.Errorf("got %v, want the one", got)
	}
	if want := `{"Version":"2012-10-17","Id":"by-hand","Statement":[` + like + `]}`; !Equal(rest, want) {
		t.Errorf("got the rest %s, want %s", rest, want)
	}
}

func TestCheckPrincipal(t *testing.T) {
	t.Parallel()
	for _, arn := range []string{
		bitmovin,
		verifier,
		roleARN,
		"arn:aws-cn:iam::123456789012:role/r",
		"arn:aws-us-gov:iam::123456789012:user/a/b/_+=,.@-",
	} {
		if err := CheckPrincipal(arn); err != nil {
			t.Errorf("%s is refused: %v", arn, err)
		}
	}
	for name, arn := range map[string]string{
		"nothing":                    "",
		"everybody":                  "*",
		"an account's id":            "630681592166",
		"an account's root":          "arn:aws:iam::630681592166:root",
		"all users":                  "arn:aws:iam::630681592166:user/*",
		"all users with a prefix":    "arn:aws:iam::630681592166:user/bitmovin*",
		"users of one letter more":   "arn:aws:iam::630681592166:user/bitmovin?",
		"a variable":                 "arn:aws:iam::630681592166:user/${aws:username}",
		"any account":                "arn:aws:iam::*:user/bitmovinCustomerS3Access",
		"any partition":              "arn:*:iam::630681592166:user/bitmovinCustomerS3Access",
		"a service":                  "ec2.amazonaws.com",
		"a session":                  "arn:aws:sts::630681592166:assumed-role/r/session",
		"another service's role":     "arn:aws:sts::630681592166:role/r",
		"a federated user":           "arn:aws:sts::630681592166:federated-user/u",
		"an identity provider":       "arn:aws:iam::630681592166:saml-provider/p",
		"a group":                    "arn:aws:iam::630681592166:group/g",
		"a policy":                   "arn:aws:iam::630681592166:policy/p",
		"a deleted user":             "AIDAJQABLZS4A3QDU576Q",
		"a user without a name":      "arn:aws:iam::630681592166:user/",
		"a user without a slash":     "arn:aws:iam::630681592166:user",
		"a path without a name":      "arn:aws:iam::630681592166:user/path/",
		"an account of 11 digits":    "arn:aws:iam::63068159216:user/u",
		"an account of letters":      "arn:aws:iam::bitmovin2166:user/u",
		"no account":                 "arn:aws:iam:::user/u",
		"a region":                   "arn:aws:iam:eu-west-1:630681592166:user/u",
		"no partition":               "arn::iam::630681592166:user/u",
		"another service's resource": "arn:aws:s3:::bucket",
		"two":                        bitmovin + ", " + verifier,
		"two in two lines":           bitmovin + "\n" + verifier,
		"a quote":                    bitmovin + `"`,
		"a space before it":          " " + bitmovin,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := CheckPrincipal(arn); err == nil {
				t.Errorf("%q is taken", arn)
			}
		})
	}
}

func TestDemands(t *testing.T) {
	t.Parallel()
	const other = "arn:aws:iam::111122223333:role/other"
	for trust, want := range map[string]bool{
		Trust(other, "id-1").String():                                                  true,
		Trust(other, "id-1", Verifier(other, "id-1", time.Now())).String():             true,
		Trust(other, "id-2").String():                                                  false,
		Trust(other, "id-1", Verifier(other, "id-2", time.Now())).String():             false,
		`{"Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}]}`: false,
	} {
		if got := Demands(trust, "id-1"); got != want {
			t.Errorf("Demands(%s) = %v, want %v", trust, got, want)
		}
	}
}
