package awserr

import (
	"errors"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/lazy"
)

// A Layer is the kind of policy that decided a denial.
type Layer string

// assumeRole is the action of which the function itself is the caller.
const assumeRole = "sts:AssumeRole"

// The layers, worded as AWS words them in its messages.
const (
	Unknown        Layer = ""
	IdentityPolicy Layer = "identity-based policy"
	ResourcePolicy Layer = "resource-based policy"
	TrustPolicy    Layer = "role trust policy"
	Boundary       Layer = "permissions boundary"
	SessionPolicy  Layer = "session policy"
	SCP            Layer = "service control policy"
	RCP            Layer = "resource control policy"
	EndpointPolicy Layer = "VPC endpoint policy"
)

// A Denial is an answer that refuses a call because a permission is missing.
type Denial struct {
	// Action that was refused, which need not be the call's own: S3 answers a
	// PutObject with the KMS action that the caller lacks. Empty if not told.
	Action string
	// Resource is the ARN of what it was refused on; empty if not told.
	Resource string
	Layer    Layer
	Explicit bool
	Message  string
}

// The forms of AWS's denials. Their wording is no contract, so that anything
// else is a denial of an unknown layer.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
var (
	deniedAction   = lazy.Pattern(`(?i)not authorized to perform:? ([a-z0-9-]+:[A-Za-z]+)(?: on resource:? "?(arn:[^\s"]+)"?)?`)
	deniedImplicit = lazy.Pattern(`(?i)because no ([A-Za-z -]+? policy|permissions boundary) allows`)
	deniedExplicit = lazy.Pattern(`(?i)explicit deny(?: in (?:an?|the) ([A-Za-z -]+? policy|permissions boundary))?(?: transitively through an? ([A-Za-z -]+? policy))?`)
)

// AsDenial returns the denial that err is, if it is one.
func AsDenial(err error) (Denial, bool) {
	var api smithy.APIError
	var resp *awshttp.ResponseError
	switch {
	case err == nil:
		return Denial{}, false
	case errors.As(err, &api) && strings.HasPrefix(api.ErrorCode(), "AccessDenied"):
		return parse(api.ErrorMessage()), true
	// A HEAD has no body that could name a code.
	case errors.As(err, &resp) && resp.HTTPStatusCode() == http.StatusForbidden && (api == nil || api.ErrorCode() == "Forbidden"):
		return Denial{Message: "Forbidden"}, true
	}
	return Denial{}, false
}

// Denied reports whether err is AWS's answer that the caller lacks a permission.
func Denied(err error) bool {
	_, ok := AsDenial(err)
	return ok
}

// parse reads what AWS's message tells of a denial.
func parse(message string) Denial {
	d := Denial{Message: message}
	if m := deniedAction().FindStringSubmatch(message); m != nil {
		d.Action, d.Resource = m[1], m[2]
	}
	if m := deniedImplicit().FindStringSubmatch(message); m != nil {
		d.Layer = asLayer(m[1])
	}
	if m := deniedExplicit().FindStringSubmatch(message); m != nil {
		d.Explicit = true
		// What stands behind another layer is what has to be mended.
		for _, name := range m[1:] {
			if name != "" {
				d.Layer = asLayer(name)
			}
		}
	}
	return d
}

func asLayer(name string) Layer {
	if strings.EqualFold(name, "sessions policy") { // as AWS's own page spells it once
		return SessionPolicy
	}
	for _, l := range []Layer{IdentityPolicy, ResourcePolicy, TrustPolicy, Boundary, SessionPolicy, SCP, RCP, EndpointPolicy} {
		if strings.EqualFold(name, string(l)) {
			return l
		}
	}
	return Unknown
}

// IsKMS reports whether the permission that is lacking is one on a KMS key.
func (d Denial) IsKMS() bool { return strings.HasPrefix(d.Action, "kms:") }

// MayLag reports whether a denial of sts:AssumeRole is what AWS answers while
// the role and its trust policy propagate, a trust policy with a Deny among them
// that was just replaced.
func (d Denial) MayLag() bool {
	return d.Layer == TrustPolicy || d.Layer == ResourcePolicy || d.Layer == Unknown && !d.Explicit
}

// String says the denial in words that an author of a stack knows.
func (d Denial) String() string {
	said := "denied"
	if d.IsKMS() {
		said = d.Action + " is denied"
	}
	who := d.by()
	switch {
	case d.Explicit && who == "":
		return said + " by an explicit Deny in a policy that AWS does not name"
	case d.Explicit:
		return said + " by an explicit Deny in " + who
	case who == "":
		return said + ", and AWS does not say by which policy"
	default:
		return said + " because nothing allows it in " + who
	}
}

// by names the policy that denies, as its owner knows it; empty if nobody knows.
func (d Denial) by() string {
	switch {
	case d.Layer == ResourcePolicy && d.IsKMS():
		return "the KMS key's policy"
	case d.Action == assumeRole && d.Layer == IdentityPolicy:
		return "an identity-based policy of the function's role"
	case d.Action == assumeRole && d.Layer == Boundary:
		return "the permissions boundary of the function's role"
	case d.Action == assumeRole && d.Layer == ResourcePolicy:
		return "the role's trust policy"
	}
	return map[Layer]string{
		ResourcePolicy: "the bucket policy",
		IdentityPolicy: "an identity-based policy of the role",
		Boundary:       "the role's permissions boundary",
		TrustPolicy:    "the role's trust policy",
		SessionPolicy:  "a session policy",
		SCP:            "a service control policy (SCP) of the organization",
		RCP:            "a resource control policy (RCP) of the organization",
		EndpointPolicy: "a VPC endpoint policy",
	}[d.Layer]
}
