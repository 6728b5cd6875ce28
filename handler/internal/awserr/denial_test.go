package awserr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/awserr/awserrtest"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/eventual"
)

// The messages are AWS's own, each with where it was read: a line break that a
// page puts into one is a space here.
func TestParseDenial(t *testing.T) {
	t.Parallel()
	tests := testedDenials(t)
	for _, test := range tests {
		t.Run(test.Name, func(t *testing.T) {
			t.Parallel()
			want := Denial{Action: test.Action, Resource: test.Resource, Layer: test.Layer, Explicit: test.Explicit, Message: test.Message}
			if diff := cmp.Diff(want, parse(test.Message)); diff != "" {
				t.Errorf("%s\n(-want +got):\n%s", test.Source, diff)
			}
		})
	}
}

// TestOwnDenialUntil: how long a denial of the function's own call is doubted goes by
// what AWS says of it.
func TestOwnDenialUntil(t *testing.T) {
	t.Parallel()
	began := time.Now()
	for message, want := range map[string]time.Duration{
		"because no identity-based policy allows the s3:ListBucket action": eventual.OwnPolicy,
		"": eventual.OwnUnexplained,
		"because no resource-based policy allows the iam:GetRole action":  eventual.OwnUnexplained,
		"because no service control policy allows the iam:GetRole action": eventual.Refused,
		"because no permissions boundary allows the iam:GetRole action":   eventual.Refused,
		"because no VPC endpoint policy allows the iam:GetRole action":    eventual.Refused,
		"with an explicit deny in an identity-based policy":               eventual.Refused,
		"with an explicit deny in a service control policy":               eventual.Refused,
		"with an explicit deny": eventual.Refused,
	} {
		err := awserrtest.Answer(403, "AccessDenied", "User: u is not authorized to perform: iam:GetRole "+message)
		if got := OwnDenialUntil(began, err); !got.Equal(began.Add(want)) {
			t.Errorf("%q: got %v, want %v", message, got.Sub(began), want)
		}
	}
	for _, err := range []error{nil, awserrtest.Answer(400, "InvalidRequest", "no"), awserrtest.Answer(503, "SlowDown", "please")} {
		if got := OwnDenialUntil(began, err); !got.IsZero() {
			t.Errorf("%v: got %v, want no time at all", err, got)
		}
	}
}

// A testedDenial is a message with what it means.
type testedDenial struct {
	Name, Source, Message, Action, Resource string
	Layer                                   Layer
	Explicit                                bool
}

func testedDenials(t *testing.T) []testedDenial {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "denials.json"))
	if err != nil {
		t.Fatal(err)
	}
	var tests []testedDenial
	if err := json.Unmarshal(text, &tests); err != nil {
		t.Fatal(err)
	}
	return tests
}

// A recorded is a message of AWS's that somebody has recorded.
type recorded struct {
	Name    string `json:"name"`
	Source  string `json:"source"`
	Message string `json:"message"`
}

// What differs from one message of a form to the next.
var (
	anARN    = regexp.MustCompile(`"?arn:[^\s"]+"?`)
	anAction = regexp.MustCompile(`\b[a-z0-9-]+:[A-Z]\w+`)
)

// form is a message without the names in it.
func form(message string) string {
	return anAction.ReplaceAllString(anARN.ReplaceAllString(message, "ARN"), "ACTION")
}

// unknownDenials returns those messages of denials of which the parser reads
// no action or no layer, and which have not the form of one that is tested.
func unknownDenials(t *testing.T, messages []recorded) []recorded {
	t.Helper()
	forms := map[string]bool{}
	for _, test := range testedDenials(t) {
		forms[form(test.Message)] = true
	}
	unknown := []recorded{}
	for _, m := range messages {
		if d := parse(m.Message); (d.Action == "" || d.Layer == Unknown) && !forms[form(m.Message)] {
			unknown = append(unknown, m)
		}
	}
	return unknown
}

func TestUnknownDenials(t *testing.T) {
	t.Parallel()
	const caller = "User: arn:aws:iam::111122223333:user/caller is not authorized to perform: "
	known := []recorded{
		{Name: "a layer", Message: caller + `s3:PutObject on resource: "arn:aws:s3:::b/k" with an explicit deny in a resource-based policy`},
		{Name: "STS", Message: caller + "sts:AssumeRole on resource: arn:aws:iam::111122223333:role/exports"},
	}
	unknown := []recorded{
		{Name: "no action", Message: "You may not do this"},
		{Name: "a new layer", Message: caller + "s3:PutObject because no declarative policy allows the s3:PutObject action"},
		{Name: "a new ending", Message: caller + "sts:AssumeRole on resource: arn:aws:iam::111122223333:role/exports today"},
	}
	if diff := cmp.Diff(unknown, unknownDenials(t, append(known, unknown...))); diff != "" {
		t.Errorf("unknown (-want +got):\n%s", diff)
	}
}

// TestRecordedDenials reads the denials that make test-aws has recorded, and
// writes those that the parser does not know, ready for denials.json.
func TestRecordedDenials(t *testing.T) {
	t.Parallel()
	in, out := os.Getenv("RECORDED_DENIALS"), os.Getenv("UNKNOWN_DENIALS")
	if in == "" || out == "" {
		t.Skip("make test-aws runs this: it names the files")
	}
	text, err := os.ReadFile(in)
	if err != nil {
		t.Fatal(err)
	}
	var messages []recorded
	if err := json.Unmarshal(text, &messages); err != nil {
		t.Fatal(err)
	}
	if text, err = json.MarshalIndent(unknownDenials(t, messages), "", "  "); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(out, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestDenied(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		err  error
		want bool
	}{
		{"S3, IAM and STS", awserrtest.Answer(403, "AccessDenied", "Access Denied"), true},
		{"CloudFormation and KMS", awserrtest.Answer(400, "AccessDeniedException", "no"), true},
		{"without a response", &smithy.GenericAPIError{Code: "AccessDenied"}, true},
		{"wrapped", fmt.Errorf("put: %w", awserrtest.Answer(403, "AccessDenied", "")), true},
		{"a HEAD", awserrtest.Answer(403, "Forbidden", "Forbidden"), true},
		{"a HEAD without a code", awserrtest.Answer(403, "", ""), true},
		{"none", nil, false},
		{"a HEAD of nothing", awserrtest.Answer(404, "NotFound", "Not Found"), false},
		{"a wrong signature", awserrtest.Answer(403, "SignatureDoesNotMatch", "…"), false},
		{"a wrong key", awserrtest.Answer(403, "InvalidAccessKeyId", "…"), false},
		{"an expired session", awserrtest.Answer(403, "ExpiredToken", "…"), false},
		{"a session of tomorrow", awserrtest.Answer(403, "RequestTimeTooSkewed", "…"), false},
		{"a disabled region", awserrtest.Answer(403, "InvalidClientTokenId", "…"), false},
		{"a disabled region's STS", awserrtest.Answer(403, "RegionDisabledException", "…"), false},
		{"throttling", awserrtest.Answer(400, "Throttling", "Rate exceeded"), false},
		{"a server's error", awserrtest.Answer(500, "InternalError", "…"), false},
		{"no ACLs", awserrtest.Answer(400, "AccessControlListNotSupported", "The bucket does not allow ACLs"), false},
		{"a deadline", context.DeadlineExceeded, false},
		{"a text alone", errors.New("AccessDenied"), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := Denied(test.err); got != test.want {
				t.Errorf("Denied(%v) = %t", test.err, got)
			}
		})
	}
}

func TestDenialString(t *testing.T) {
	t.Parallel()
	const put, kms, assume = "s3:PutObject", "kms:GenerateDataKey", "sts:AssumeRole"
	tests := []struct {
		denial Denial
		want   string
	}{
		{Denial{Message: "Access Denied"}, "denied, and AWS does not say by which policy"},
		{Denial{Action: put, Explicit: true}, "denied by an explicit Deny in a policy that AWS does not name"},
		{Denial{Action: put, Layer: IdentityPolicy}, "denied because nothing allows it in an identity-based policy of the role"},
		{Denial{Action: put, Layer: ResourcePolicy}, "denied because nothing allows it in the bucket policy"},
		{Denial{Action: put, Layer: ResourcePolicy, Explicit: true}, "denied by an explicit Deny in the bucket policy"},
		{Denial{Action: put, Layer: Boundary}, "denied because nothing allows it in the role's permissions boundary"},
		{Denial{Action: put, Layer: SessionPolicy}, "denied because nothing allows it in a session policy"},
		{Denial{Action: put, Layer: SCP, Explicit: true}, "denied by an explicit Deny in a service control policy (SCP) of the organization"},
		{Denial{Action: put, Layer: RCP, Explicit: true}, "denied by an explicit Deny in a resource control policy (RCP) of the organization"},
		{Denial{Action: put, Layer: EndpointPolicy}, "denied because nothing allows it in a VPC endpoint policy"},
		{Denial{Action: kms, Layer: ResourcePolicy}, "kms:GenerateDataKey is denied because nothing allows it in the KMS key's policy"},
		{Denial{Action: kms, Layer: SCP}, "kms:GenerateDataKey is denied because nothing allows it in a service control policy (SCP) of the organization"},
		{Denial{Action: kms}, "kms:GenerateDataKey is denied, and AWS does not say by which policy"},
		{Denial{Action: assume, Layer: TrustPolicy}, "denied because nothing allows it in the role's trust policy"},
		{Denial{Action: assume, Layer: ResourcePolicy}, "denied because nothing allows it in the role's trust policy"},
		{Denial{Action: assume, Layer: IdentityPolicy}, "denied because nothing allows it in an identity-based policy of the function's role"},
		{Denial{Action: assume, Layer: Boundary}, "denied because nothing allows it in the permissions boundary of the function's role"},
	}
	for _, test := range tests {
		if got := test.denial.String(); got != test.want {
			t.Errorf("%+v:\n got %s\nwant %s", test.denial, got, test.want)
		}
	}
}
