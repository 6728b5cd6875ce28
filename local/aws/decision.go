package aws

// A Decision is what was decided on one action of a call, with all that it was decided
// by, so that another evaluator of policies can be asked the same.
type Decision struct {
	// Action is service:Name, Resource an ARN, or * for an action that has none.
	Action, Resource string
	// Principal is the ARN of the user or, of a role's session, of the session.
	Principal       string
	ResourceAccount string
	// Policies by layer, as JSON.
	Policies map[Layer][]string
	// Context holds the condition keys' values by lower-case key.
	Context map[string][]string
	// ByDefault needs nobody's permission: only denies count, and guardrails.
	ByDefault bool `json:",omitempty"`
	// Allowed is the desk's decision. Explicit is true if a statement of Layer denies,
	// false if none of it allows.
	Allowed, Explicit bool
	Layer             Layer
}

// tell tells [Options.OnDecision] what was decided.
func (c *Cloud) tell(r request, d decision) error {
	layers, err := r.layers()
	if err != nil {
		return NotImplemented("what decides on %s: %v", r.Action, err)
	}
	context, err := r.context()
	if err != nil {
		return NotImplemented("what decides on %s: %v", r.Action, err)
	}
	told := Decision{
		Action: r.Action, Resource: r.Resource, Principal: r.Caller.name(), ResourceAccount: r.ResourceAccount,
		Policies: map[Layer][]string{}, Context: context, ByDefault: r.ByDefault,
		Allowed: d.Allowed, Explicit: d.Explicit, Layer: d.Layer,
	}
	for _, l := range layers {
		for _, document := range l.documents {
			told.Policies[l.Layer] = append(told.Policies[l.Layer], document.text)
		}
	}
	c.options.OnDecision(told)
	return nil
}
