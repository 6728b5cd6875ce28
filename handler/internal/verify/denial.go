package verify

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/eventual"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/lazy"
)

// A Layer is the kind of policy that decided a denial.
type Layer string

// The layers, worded as AWS words them in its messages.
const (
	layerUnknown  Layer = ""
	layerIdentity Layer = "identity-based policy"
	layerResource Layer = "resource-based policy"
	layerTrust    Layer = "role trust policy"
	layerBoundary Layer = "permissions boundary"
	layerSession  Layer = "session policy"
	layerSCP      Layer = "service control policy"
	layerRCP      Layer = "resource control policy"
	layerEndpoint Layer = "VPC endpoint policy"
)

// A denial is an answer that refuses a call for want of a permission.
type denial struct {
	// action that was refused, which need not be the call's own: S3 answers a
	// PutObject with the KMS action that the caller lacks. Empty if not told.
	action string
	// resource is the ARN of what it was refused on; empty if not told.
	resource string
	layer    Layer
	explicit bool
	message  string
}

// The forms of AWS's denials. Their wording is no contract, so that anything
// else is a denial of an unknown layer.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
var (
	deniedAction   = lazy.Pattern(`(?i)not authorized to perform:? ([a-z0-9-]+:[A-Za-z]+)(?: on resource:? "?(arn:[^\s"]+)"?)?`)
	deniedImplicit = lazy.Pattern(`(?i)because no ([A-Za-z -]+? policy|permissions boundary) allows`)
	deniedExplicit = lazy.Pattern(`(?i)explicit deny(?: in (?:an?|the) ([A-Za-z -]+? policy|permissions boundary))?(?: transitively through an? ([A-Za-z -]+? policy))?`)
)

// asDenial returns the denial that err is, if it is one.
func asDenial(err error) (denial, bool) {
	var api smithy.APIError
	var resp *awshttp.ResponseError
	switch {
	case err == nil:
		return denial{}, false
	case errors.As(err, &api) && strings.HasPrefix(api.ErrorCode(), "AccessDenied"):
		return parseDenial(api.ErrorMessage()), true
	// A HEAD has no body that could name a code.
	case errors.As(err, &resp) && resp.HTTPStatusCode() == http.StatusForbidden && (api == nil || api.ErrorCode() == "Forbidden"):
		return denial{message: "Forbidden"}, true
	}
	return denial{}, false
}

// Denied reports whether err is AWS's answer that the caller lacks a permission.
func Denied(err error) bool {
	_, ok := asDenial(err)
	return ok
}

// parseDenial reads what AWS's message tells of a denial. It is the one place
// that goes by an error's text.
func parseDenial(message string) denial {
	d := denial{message: message}
	if m := deniedAction().FindStringSubmatch(message); m != nil {
		d.action, d.resource = m[1], m[2]
	}
	if m := deniedImplicit().FindStringSubmatch(message); m != nil {
		d.layer = asLayer(m[1])
	}
	if m := deniedExplicit().FindStringSubmatch(message); m != nil {
		d.explicit = true
		// What stands behind another layer is what has to be mended.
		for _, name := range m[1:] {
			if name != "" {
				d.layer = asLayer(name)
			}
		}
	}
	return d
}

func asLayer(name string) Layer {
	if strings.EqualFold(name, "sessions policy") { // as AWS's own page spells it once
		return layerSession
	}
	for _, l := range []Layer{layerIdentity, layerResource, layerTrust, layerBoundary, layerSession, layerSCP, layerRCP, layerEndpoint} {
		if strings.EqualFold(name, string(l)) {
			return l
		}
	}
	return layerUnknown
}

// ofKey reports whether the permission that is lacking is one on a KMS key.
func (d denial) ofKey() bool { return strings.HasPrefix(d.action, "kms:") }

// lagging reports whether a denial of sts:AssumeRole is what AWS answers while
// the role and its trust policy propagate, a trust policy with a Deny among them
// that was just replaced.
func (d denial) lagging() bool {
	return d.layer == layerTrust || d.layer == layerResource || d.layer == layerUnknown && !d.explicit
}

// ownWindow is how long such a denial of a call of the function's own may last
// that comes of a policy which is not in force yet.
func (d denial) ownWindow() time.Duration {
	switch {
	case d.explicit, slices.Contains([]Layer{layerBoundary, layerSession, layerSCP, layerRCP, layerEndpoint}, d.layer):
		return eventual.Refused
	case d.layer == layerIdentity:
		return eventual.OwnPolicy
	default:
		return eventual.OwnUnexplained
	}
}

// OwnDenialUntil returns until when a denial of a call of the function's own may
// end by itself, where its policy is as new as changed; the zero time if err is none.
func OwnDenialUntil(changed time.Time, err error) time.Time {
	d, denied := asDenial(err)
	if !denied {
		return time.Time{}
	}
	return changed.Add(d.ownWindow())
}

// WhileOptional repeats a call of the function's own that the request can do without,
// while it is denied.
func WhileOptional(ctx context.Context, changed time.Time, call func(context.Context) error) error {
	return eventual.Repeat(ctx, func(ctx context.Context) (time.Time, error) {
		err := call(ctx)
		if Denied(err) {
			return changed.Add(eventual.Optional), err
		}
		return time.Time{}, err
	})
}

// WhileDenied repeats a call of the function's own that the request cannot do
// without while it is denied.
func WhileDenied(ctx context.Context, changed time.Time, call func(context.Context) error) error {
	return eventual.Repeat(ctx, func(ctx context.Context) (time.Time, error) {
		err := call(ctx)
		return OwnDenialUntil(changed, err), err
	})
}

// String says the denial in words that an author of a stack knows.
func (d denial) String() string {
	said := "denied"
	if d.ofKey() {
		said = "denied for want of " + d.action
	}
	who := d.by()
	switch {
	case d.explicit && who == "":
		return said + " by an explicit Deny in a policy that AWS does not name"
	case d.explicit:
		return said + " by an explicit Deny in " + who
	case who == "":
		return said + ", and AWS does not say by which policy"
	default:
		return said + " because nothing allows it in " + who
	}
}

// by names the policy that denies, as its owner knows it; empty if nobody knows.
func (d denial) by() string {
	switch {
	case d.layer == layerResource && d.ofKey():
		return "the KMS key's policy"
	case d.action == CheckAssumeRole && d.layer == layerIdentity:
		return "an identity-based policy of the function's role"
	case d.action == CheckAssumeRole && d.layer == layerBoundary:
		return "the permissions boundary of the function's role"
	case d.action == CheckAssumeRole && d.layer == layerResource:
		return "the role's trust policy"
	}
	return map[Layer]string{
		layerResource: "the bucket policy",
		layerIdentity: "an identity-based policy of the role",
		layerBoundary: "the role's permissions boundary",
		layerTrust:    "the role's trust policy",
		layerSession:  "a session policy",
		layerSCP:      "a service control policy (SCP) of the organization",
		layerRCP:      "a resource control policy (RCP) of the organization",
		layerEndpoint: "a VPC endpoint policy",
	}[d.layer]
}
