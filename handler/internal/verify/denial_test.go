package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/google/go-cmp/cmp"

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
			want := denial{action: test.Action, resource: test.Resource, layer: test.Layer, explicit: test.Explicit, message: test.Message}
			if diff := cmp.Diff(want, parseDenial(test.Message), cmp.AllowUnexported(denial{})); diff != "" {
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
		err := answer(403, "AccessDenied", "User: u is not authorized to perform: iam:GetRole "+message)
		if got := OwnDenialUntil(began, err); !got.Equal(began.Add(want)) {
			t.Errorf("%q: got %v, want %v", message, got.Sub(began), want)
		}
	}
	for _, err := range []error{nil, refused, broken} {
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
		if d := parseDenial(m.Message); (d.action == "" || d.layer == layerUnknown) && !forms[form(m.Message)] {
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

// answer is an error of the SDK for a response with that status and code.
func answer(status int, code, message string) error {
	var err error = &smithy.GenericAPIError{Code: code, Message: message}
	if code == "" {
		err = errors.New("no body")
	}
	return &smithy.OperationError{ServiceID: "S3", OperationName: "PutObject", Err: &awshttp.ResponseError{
		RequestID: "REQUEST",
		ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status, Header: http.Header{}}},
			Err:      err,
		},
	}}
}

func TestDenied(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		err  error
		want bool
	}{
		{"S3, IAM and STS", answer(403, "AccessDenied", "Access Denied"), true},
		{"CloudFormation and KMS", answer(400, "AccessDeniedException", "no"), true},
		{"without a response", &smithy.GenericAPIError{Code: "AccessDenied"}, true},
		{"wrapped", fmt.Errorf("put: %w", answer(403, "AccessDenied", "")), true},
		{"a HEAD", answer(403, "Forbidden", "Forbidden"), true},
		{"a HEAD without a code", answer(403, "", ""), true},
		{"none", nil, false},
		{"a HEAD of nothing", answer(404, "NotFound", "Not Found"), false},
		{"a wrong signature", answer(403, "SignatureDoesNotMatch", "…"), false},
		{"a wrong key", answer(403, "InvalidAccessKeyId", "…"), false},
		{"an expired session", answer(403, "ExpiredToken", "…"), false},
		{"a session of tomorrow", answer(403, "RequestTimeTooSkewed", "…"), false},
		{"a disabled region", answer(403, "InvalidClientTokenId", "…"), false},
		{"a disabled region's STS", answer(403, "RegionDisabledException", "…"), false},
		{"throttling", answer(400, "Throttling", "Rate exceeded"), false},
		{"a server's error", answer(500, "InternalError", "…"), false},
		{"no ACLs", answer(400, "AccessControlListNotSupported", "The bucket does not allow ACLs"), false},
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
		denial denial
		want   string
	}{
		{denial{message: "Access Denied"}, "denied, and AWS does not say by which policy"},
		{denial{action: put, explicit: true}, "denied by an explicit Deny in a policy that AWS does not name"},
		{denial{action: put, layer: layerIdentity}, "denied because nothing allows it in an identity-based policy of the role"},
		{denial{action: put, layer: layerResource}, "denied because nothing allows it in the bucket policy"},
		{denial{action: put, layer: layerResource, explicit: true}, "denied by an explicit Deny in the bucket policy"},
		{denial{action: put, layer: layerBoundary}, "denied because nothing allows it in the role's permissions boundary"},
		{denial{action: put, layer: layerSession}, "denied because nothing allows it in a session policy"},
		{denial{action: put, layer: layerSCP, explicit: true}, "denied by an explicit Deny in a service control policy (SCP) of the organization"},
		{denial{action: put, layer: layerRCP, explicit: true}, "denied by an explicit Deny in a resource control policy (RCP) of the organization"},
		{denial{action: put, layer: layerEndpoint}, "denied because nothing allows it in a VPC endpoint policy"},
		{denial{action: kms, layer: layerResource}, "denied for want of kms:GenerateDataKey because nothing allows it in the KMS key's policy"},
		{denial{action: kms, layer: layerSCP}, "denied for want of kms:GenerateDataKey because nothing allows it in a service control policy (SCP) of the organization"},
		{denial{action: kms}, "denied for want of kms:GenerateDataKey, and AWS does not say by which policy"},
		{denial{action: assume, layer: layerTrust}, "denied because nothing allows it in the role's trust policy"},
		{denial{action: assume, layer: layerResource}, "denied because nothing allows it in the role's trust policy"},
		{denial{action: assume, layer: layerIdentity}, "denied because nothing allows it in an identity-based policy of the function's role"},
		{denial{action: assume, layer: layerBoundary}, "denied because nothing allows it in the permissions boundary of the function's role"},
	}
	for _, test := range tests {
		if got := test.denial.String(); got != test.want {
			t.Errorf("%+v:\n got %s\nwant %s", test.denial, got, test.want)
		}
	}
}

func TestShort(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ü", maxShort)
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"AWS's, without the request's ids", answer(400, "InvalidRequest", "no"), "InvalidRequest: no"},
		{"another", errors.New("no route"), "no route"},
		{"long, cut between runes", answer(400, "Code", long), "Code: " + strings.Repeat("ü", (maxShort-len("Code: "))/2) + "…"},
		{"long by an odd byte", errors.New("x" + long), "x" + strings.Repeat("ü", maxShort/2-1) + "…"},
	}
	for _, test := range tests {
		if got := short(test.err); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}
