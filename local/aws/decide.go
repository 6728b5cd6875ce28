package aws

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A Layer is a kind of policy, and the place where a decision was made.
type Layer string

// The layers, as AWS names them in its messages.
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
	// ByDefault needs nobody's permission: only denies count, and guardrails.
	ByDefault bool
	// Guardrails are the SCPs, RCPs and VPC endpoint policies that bind this
	// call; the caller of decide picks them by account.
	Guardrails []*document
	// Context holds the condition keys' values by lower-case key. decide itself
	// adds what follows from Caller and ResourceAccount (aws:PrincipalArn,
	// aws:PrincipalAccount, aws:ResourceAccount, …). A key that is not in
	// conditionKeys is an error.
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
	// UserID is the unique id of the user; of a role's session the role's, a colon and
	// the session's name.
	UserID string
	// Tags of the user or role.
	Tags map[string]string
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
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
func decide(r request) (decision, error) {
	layers, err := r.layers()
	if err != nil {
		return decision{}, fmt.Errorf("decide on %s: %w", r.Action, err)
	}
	verdicts, err := r.evaluate(layers)
	if err != nil {
		return decision{}, fmt.Errorf("decide on %s: %w", r.Action, err)
	}
	for _, l := range layers {
		if verdicts[l.Layer].denied {
			return decision{Explicit: true, Layer: l.Layer}, nil
		}
	}
	needed := r.guardrailLayers()
	if !r.ByDefault {
		needed = append(needed, r.grantingLayers(verdicts)...)
	}
	for _, layer := range needed {
		if verdicts[layer].allowed == nobody {
			return decision{Layer: layer}, nil
		}
	}
	return decision{Allowed: true}, nil
}

// A layer is a place in the evaluation with the policies that stand there.
type layer struct {
	Layer
	documents []*document
}

// layers returns the policies that have a say, in the order in which AWS blames
// them. A caller's policy counts by its place, whatever it was parsed for.
func (r *request) layers() ([]layer, error) {
	var layers []layer
	for _, d := range r.Guardrails {
		if !slices.Contains([]Layer{LayerSCP, LayerRCP, LayerVPCEndpoint}, d.Layer) {
			return nil, fmt.Errorf("a %s is not a guardrail", d.Layer)
		}
		if r.bound(d) {
			layers = append(layers, layer{d.Layer, []*document{d}})
		}
	}
	layers = append(layers, layer{LayerIdentity, r.Caller.Identity})
	if r.Caller.Boundary != nil {
		layers = append(layers, layer{LayerBoundary, []*document{r.Caller.Boundary}})
	}
	layers = append(layers, layer{LayerSession, r.Caller.SessionPolicies})
	if d := r.ResourcePolicy; d != nil {
		if !slices.Contains([]Layer{LayerResource, LayerTrust, LayerKey}, d.Layer) {
			return nil, fmt.Errorf("a %s is not a resource's", d.Layer)
		}
		layers = append(layers, layer{d.Layer, []*document{d}})
	}
	return layers, nil
}

// guardrailLayers are the guardrails that must allow what others grant. An RCP
// is none of them: RCPFullAWSAccess is always attached beside it, so that it
// can only deny.
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html
func (r *request) guardrailLayers() []Layer {
	var layers []Layer
	for _, d := range r.Guardrails {
		if d.Layer != LayerRCP && r.bound(d) {
			layers = append(layers, d.Layer)
		}
	}
	return layers
}

// bound tells whether a guardrail binds the caller: an SCP binds an account's
// users and roles, and neither services nor anonymous callers.
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html
func (r *request) bound(guardrail *document) bool {
	return guardrail.Layer != LayerSCP || r.Caller.ARN != ""
}

// grantingLayers are the layers that must allow the request between them, in
// the order in which AWS blames them.
func (r *request) grantingLayers(verdicts map[Layer]verdict) []Layer {
	var limits []Layer
	if r.Caller.Boundary != nil {
		limits = append(limits, LayerBoundary)
	}
	if len(r.Caller.SessionPolicies) > 0 {
		limits = append(limits, LayerSession)
	}
	own := append([]Layer{LayerIdentity}, limits...)
	resource := r.resourceLayer()
	granted := verdicts[resource].allowed
	switch {
	case r.Caller.ARN == "":
		// Services and anonymous callers have no policies of their own.
		return []Layer{resource}
	case r.Caller.Account != r.ResourceAccount:
		// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
		return append([]Layer{resource}, own...)
	case granted == theCaller:
		return nil
	case granted == theRole:
		// What is granted to a role's ARN is limited by implicit denies of the
		// boundary and the session policies; what is granted to a session's is not.
		return limits
	case resource == LayerTrust || resource == LayerKey:
		// Trust and key policies must allow: alone they suffice (above), and
		// naming the account they leave it to the identity-based policies.
		// https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
		return append([]Layer{resource}, own...)
	default:
		return own
	}
}

func (r *request) resourceLayer() Layer {
	if r.ResourcePolicy == nil {
		return LayerResource
	}
	return r.ResourcePolicy.Layer
}

// A verdict is what all policies of a layer say together.
type verdict struct {
	denied  bool
	allowed reach
}

// reach says how directly a statement names the caller. The greatest decides.
type reach int

const (
	nobody reach = iota
	theAccount
	theRole
	theCaller
)

// evaluate asks every policy.
func (r *request) evaluate(layers []layer) (map[Layer]verdict, error) {
	ctx, err := r.context()
	if err != nil {
		return nil, err
	}
	verdicts := map[Layer]verdict{}
	for _, l := range layers {
		for _, d := range l.documents {
			v, err := d.evaluate(r, ctx)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", l.Layer, err)
			}
			so := verdicts[l.Layer]
			verdicts[l.Layer] = verdict{so.denied || v.denied, max(so.allowed, v.allowed)}
		}
	}
	return verdicts, nil
}

func (d *document) evaluate(r *request, ctx keyContext) (verdict, error) {
	var v verdict
	for _, s := range d.statements {
		who, err := s.applies(r, ctx, d.variables)
		if err != nil {
			return v, fmt.Errorf("statement %q: %w", s.sid, err)
		}
		if s.effect == "Deny" {
			v.denied = v.denied || who != nobody
		} else {
			v.allowed = max(v.allowed, who)
		}
	}
	return v, nil
}

// applies tells whether the statement is about the request, and to whom it
// speaks. It fails on what is not known even where it would not matter.
func (s *statement) applies(r *request, ctx keyContext, variables bool) (reach, error) {
	if s.principals != nil && s.principals.canonical {
		return nobody, errors.New("a CanonicalUser is not known here")
	}
	for _, c := range s.conditions {
		if err := c.check(); err != nil {
			return nobody, err
		}
	}
	who := s.reach(r.Caller)
	if who == nobody || !s.actions.matchAction(r.Action) {
		return nobody, nil
	}
	if s.resources != nil {
		if ok, err := s.resources.matchResource(r.Resource, ctx, variables); !ok || err != nil {
			return nobody, err
		}
	}
	for _, c := range s.conditions {
		if ok, err := c.holds(ctx, variables); !ok || err != nil {
			return nobody, err
		}
	}
	return who, nil
}

// reach tells how the statement names the caller.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
func (s *statement) reach(c principal) reach {
	p := s.principals
	switch {
	case p == nil:
		return theCaller
	case s.notPrincipal:
		return p.reachOthers(c)
	case p.all, p.names(c.Service), p.names(c.Session), c.Session == "" && p.names(c.ARN):
		return theCaller
	case p.names(c.ARN):
		return theRole
	case p.names(c.Account):
		return theAccount
	}
	return nobody
}

// reachOthers is the reach of NotPrincipal. It spares a caller only if it names
// its account, too, and a session's role; and never one that has a permissions
// boundary.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
func (p *principals) reachOthers(c principal) reach {
	if p.all || p.names(c.Service) {
		return nobody
	}
	if c.Boundary == nil && p.names(c.Account) && p.names(c.ARN) && (c.Session == "" || p.names(c.Session)) {
		return nobody
	}
	return theCaller
}

func (p *principals) names(name string) bool { return slices.Contains(p.named, name) }

// matchAction compares without case.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html
func (p *patterns) matchAction(action string) bool {
	return p.not != slices.ContainsFunc(p.texts, func(t string) bool {
		return symbols(strings.ToLower(t), true).match(strings.ToLower(action))
	})
}

func (p *patterns) matchResource(resource string, ctx keyContext, variables bool) (bool, error) {
	for _, t := range p.texts {
		g, resolved, err := ctx.expand(t, variables, true)
		if err != nil {
			return false, err
		}
		if resolved && g.matchResource(resource) {
			return !p.not, nil
		}
	}
	return p.not, nil
}

// message is the text of AWS's 403 for a decision that denies.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
func (d decision) message(r request) string {
	service, _, _ := strings.Cut(r.Action, ":")
	sameAccount := r.Caller.Account == r.ResourceAccount
	resource := r.Resource
	if service == "s3" {
		if !sameAccount {
			// Reasons stay within an account.
			// https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html
			return "Access Denied"
		}
		resource = `"` + resource + `"`
	}
	text := fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s", r.Caller.name(), r.Action, resource)
	if service == "kms" && !sameAccount {
		// As https://github.com/buildkite/docs/pull/2344 quotes it.
		return fmt.Sprintf("User: %s is not authorized to perform: %s on this resource because the resource does not exist in this Region, "+
			"no resource-based policies allow access, or a resource-based policy explicitly denies access", r.Caller.name(), r.Action)
	}
	if sameAccount {
		text += " " + d.reason(r.Action)
	}
	return text
}

func (d decision) reason(action string) string {
	layer := d.Layer
	if layer == LayerKey {
		layer = LayerResource // AWS has no other word for it
	}
	article := "a"
	switch {
	case !d.Explicit:
		return fmt.Sprintf("because no %s allows the %s action", layer, action)
	case layer == LayerIdentity:
		article = "an"
	case layer == LayerTrust:
		article = "the"
	}
	return fmt.Sprintf("with an explicit deny in %s %s", article, layer)
}

// name is how messages call a principal.
func (p principal) name() string {
	for _, name := range []string{p.Service, p.Session, p.ARN} {
		if name != "" {
			return name
		}
	}
	return "anonymous"
}
