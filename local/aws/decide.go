package aws

import "errors"

// A Layer is a kind of policy, and the place where a decision was made.
type Layer string

const (
	LayerIdentity    Layer = "identity-based policy"
	LayerBoundary    Layer = "permissions boundary"
	LayerSession     Layer = "session policy"
	LayerResource    Layer = "resource-based policy"
	LayerTrust       Layer = "role trust policy"
	LayerKey         Layer = "key policy"
	LayerSCP         Layer = "service control policy"
	LayerRCP         Layer = "resource control policy"
	LayerVPCEndpoint Layer = "VPC endpoint policy"
)

// A request is one call of one action on one resource, with every policy that
// has a say in it.
type request struct {
	// Action is service:Name, such as s3:PutObject; Resource is an ARN, or * for
	// an action that has no resource.
	Action, Resource string
	Caller           principal
	// ResourceAccount owns the resource; the caller's own account for an action
	// that has none.
	ResourceAccount string
	// ResourcePolicy is the bucket, trust or key policy (its layer says which),
	// or nil if the resource has none.
	ResourcePolicy *document
	// Guardrails are the SCPs, RCPs and VPC endpoint policies that bind this
	// call; the caller of decide picks them by account.
	Guardrails []*document
	// Context holds the condition keys' values by lower-case key. decide itself
	// adds what follows from Caller and ResourceAccount (aws:PrincipalArn,
	// aws:PrincipalAccount, aws:ResourceAccount, …).
	Context map[string][]string
}

// A principal makes a request. With a Service it is that AWS service, with a
// Session a role's session, else a user; the zero principal is anonymous.
type principal struct {
	// ARN of the user, or of the role whose session this is (path included).
	ARN string
	// Session is the ARN of the session, arn:aws:sts::<account>:assumed-role/<role>/<session>.
	Session string
	// Service is the service's principal, such as lambda.amazonaws.com.
	Service string
	Account string
	// Identity holds the inline and attached policies of the user or role.
	Identity []*document
	// Boundary is the permissions boundary, or nil.
	Boundary *document
	// SessionPolicies were given to AssumeRole, or are empty.
	SessionPolicies []*document
}

// A decision says whether a request is allowed, else in which layer it failed.
type decision struct {
	Allowed bool
	// Explicit is true if a statement denies, false if none allows.
	Explicit bool
	// Layer that denied, or that should have allowed; empty if allowed.
	Layer Layer
}

// decide evaluates all policies of a request. An error means that a policy uses
// something which the desk does not know; the service must answer with it
// loudly, never allow.
func decide(r request) (decision, error) { return decision{}, errors.New("decide is not written yet") }

// message is the text of AWS's 403 for a decision that denies.
func (d decision) message(r request) string { return "Access Denied" }
