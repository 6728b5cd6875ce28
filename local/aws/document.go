package aws

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A document is a parsed policy.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
type document struct {
	Layer Layer
	// text is what was parsed.
	text string
	// variables is true if ${…} stands for a condition key's value: only
	// Version 2012-10-17 knows policy variables.
	variables  bool
	statements []statement
}

// A statement is one statement of a policy. In an identity-based policy
// principals is nil, in a trust policy resources is.
type statement struct {
	sid          string
	effect       string
	principals   *principals
	notPrincipal bool
	actions      *patterns
	resources    *patterns
	conditions   []condition
}

// patterns are an Action or Resource element, or, with not, its opposite.
type patterns struct {
	texts []string
	not   bool
}

// principals are a Principal or NotPrincipal element.
type principals struct {
	all bool
	// named holds ARNs, account ids, unique ids and services' principals. The
	// ARN of an account's root is the account's id here: they mean the same.
	named []string
	// canonical users have no counterpart here.
	canonical bool
}

// parseDocument reads a policy of the given layer strictly: an element that is
// unknown, malformed or out of place in that layer is an error.
func parseDocument(layer Layer, text string) (*document, error) {
	elements, err := members([]byte(text))
	if err != nil {
		return nil, err
	}
	d := &document{Layer: layer, text: text}
	for _, e := range elements {
		if err := d.set(e); err != nil {
			return nil, fmt.Errorf("%s: %w", e.name, err)
		}
	}
	if len(d.statements) == 0 {
		return nil, errors.New("a policy needs a Statement")
	}
	return d, d.checkVariables()
}

// checkVariables refuses a policy variable in what comes before the fifth colon of a
// resource's ARN.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-wheretouse
func (d *document) checkVariables() error {
	if !d.variables {
		return nil
	}
	for _, s := range d.statements {
		if s.resources == nil {
			continue
		}
		for _, t := range s.resources.texts {
			before, _, found := strings.Cut(t, "${")
			if found && strings.Count(before, ":") < arnColons {
				return fmt.Errorf("%q has a policy variable before the fifth colon", t)
			}
		}
	}
	return nil
}

func (d *document) set(e member) error {
	switch e.name {
	case "Version":
		version, err := text(e.value)
		if err == nil && version != "2012-10-17" && version != "2008-10-17" {
			err = fmt.Errorf("%q is not a version of the policy language", version)
		}
		d.variables = version == "2012-10-17"
		return err
	case "Id":
		_, err := text(e.value)
		return err
	case "Statement":
		return d.parseStatements(e.value)
	default:
		return errors.New("unknown element")
	}
}

func (d *document) parseStatements(raw json.RawMessage) error {
	sids := map[string]bool{}
	for i, value := range values(raw) {
		s, err := parseStatement(d.Layer, value)
		if err != nil {
			return fmt.Errorf("statement %d: %w", i, err)
		}
		if s.sid != "" && sids[s.sid] {
			return fmt.Errorf("statement %d: the Sid %q is not unique", i, s.sid)
		}
		sids[s.sid] = true
		d.statements = append(d.statements, s)
	}
	return nil
}

func parseStatement(layer Layer, raw json.RawMessage) (statement, error) {
	var s statement
	elements, err := members(raw)
	if err != nil {
		return s, err
	}
	for _, e := range elements {
		if err := s.set(e); err != nil {
			return s, fmt.Errorf("%s: %w", e.name, err)
		}
	}
	return s, s.check(layer)
}

func (s *statement) set(e member) (err error) {
	switch e.name {
	case "Sid":
		s.sid, err = text(e.value)
	case "Effect":
		s.effect, err = text(e.value)
	case "Principal", "NotPrincipal":
		if s.principals != nil {
			return errors.New("either Principal or NotPrincipal is allowed")
		}
		s.notPrincipal = e.name == "NotPrincipal"
		s.principals, err = parsePrincipals(e.value)
	case "Action", "NotAction":
		s.actions, err = parsePatterns(s.actions, e, validAction)
	case "Resource", "NotResource":
		s.resources, err = parsePatterns(s.resources, e, validResource)
	case "Condition":
		s.conditions, err = parseConditions(e.value)
	default:
		err = errors.New("unknown element")
	}
	return err
}

// validSid is what IAM wants of a Sid; S3 and KMS take any text.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html
var validSid = regexp.MustCompile(`^[0-9A-Za-z]*$`)

// check tells whether the statement has the elements that its layer demands.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
func (s *statement) check(layer Layer) error {
	hasPrincipal := slices.Contains([]Layer{LayerResource, LayerKey, LayerTrust, LayerRCP, LayerVPCEndpoint}, layer)
	switch {
	case s.effect != "Allow" && s.effect != "Deny":
		return fmt.Errorf("the Effect must be Allow or Deny, not %q", s.effect)
	case s.actions == nil:
		return errors.New("no Action")
	case hasPrincipal && s.principals == nil:
		return fmt.Errorf("a %s needs a Principal", layer)
	case !hasPrincipal && s.principals != nil:
		return fmt.Errorf("a %s cannot have a Principal", layer)
	case s.notPrincipal && (s.effect == "Allow" || layer == LayerTrust || layer == LayerRCP):
		return fmt.Errorf("NotPrincipal is taken only with Deny, and not in a %s", layer)
	case layer == LayerTrust && s.resources != nil:
		return fmt.Errorf("a %s cannot have a Resource", layer)
	case layer != LayerTrust && s.resources == nil:
		return fmt.Errorf("a %s needs a Resource", layer)
	case layer != LayerResource && layer != LayerKey && !validSid.MatchString(s.sid):
		return fmt.Errorf("the Sid %q has other characters than letters and digits", s.sid)
	}
	return nil
}

var (
	validAction   = regexp.MustCompile(`^(\*|[0-9A-Za-z-]+:[0-9A-Za-z*?]+)$`)
	validResource = regexp.MustCompile(`^(\*|arn:.+)$`)
)

func parsePatterns(earlier *patterns, e member, valid *regexp.Regexp) (*patterns, error) {
	if earlier != nil {
		return nil, fmt.Errorf("%s and its opposite exclude each other", e.name)
	}
	list, err := texts(e.value)
	if err != nil {
		return nil, err
	}
	for _, t := range list {
		if !valid.MatchString(t) {
			return nil, fmt.Errorf("%q is malformed", t)
		}
	}
	return &patterns{texts: list, not: strings.HasPrefix(e.name, "Not")}, nil
}

// validPrincipal holds what each kind of principal looks like. A part of an ARN
// cannot be a wildcard.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
var validPrincipal = map[string]*regexp.Regexp{
	"AWS": regexp.MustCompile(`^(\*|[0-9]{12}|A[A-Z]{3}[0-9A-Z]+|` +
		`arn:aws[a-z-]*:iam::[0-9]{12}:(root|(user|role)/[^*?]+)|` +
		`arn:aws[a-z-]*:sts::[0-9]{12}:(assumed-role/[^*?/]+|federated-user)/[^*?/]+)$`),
	"Service":       regexp.MustCompile(`^[0-9a-z.-]+\.amazonaws\.com(\.cn)?$`),
	"Federated":     regexp.MustCompile(`^[^*?]+$`),
	"CanonicalUser": regexp.MustCompile(`^[0-9a-f]{64}$`),
}

var rootARN = regexp.MustCompile(`^arn:aws[a-z-]*:iam::([0-9]{12}):root$`)

func parsePrincipals(raw json.RawMessage) (*principals, error) {
	if t, err := text(raw); err == nil && t == "*" {
		return &principals{all: true}, nil
	}
	kinds, err := members(raw)
	if err != nil {
		return nil, err
	}
	p := &principals{}
	for _, kind := range kinds {
		if err := p.add(kind); err != nil {
			return nil, fmt.Errorf("%s: %w", kind.name, err)
		}
	}
	if len(kinds) == 0 {
		return nil, errors.New("names nobody")
	}
	return p, nil
}

func (p *principals) add(kind member) error {
	valid, ok := validPrincipal[kind.name]
	if !ok {
		return errors.New("unknown kind of principal")
	}
	list, err := texts(kind.value)
	if err != nil {
		return err
	}
	for _, name := range list {
		if !valid.MatchString(name) {
			return fmt.Errorf("invalid principal %q", name)
		}
		if root := rootARN.FindStringSubmatch(name); root != nil {
			name = root[1]
		}
		p.named = append(p.named, name)
	}
	p.all = p.all || kind.name == "AWS" && slices.Contains(list, "*")
	p.canonical = p.canonical || kind.name == "CanonicalUser"
	return nil
}

// principalARNs returns the users, roles and sessions that the document names
// as principals, without account roots: IAM, S3 and KMS refuse a policy that
// names one that does not exist.
func (d *document) principalARNs() []string {
	var arns []string
	for _, s := range d.statements {
		if s.principals == nil {
			continue
		}
		for _, name := range s.principals.named {
			if strings.HasPrefix(name, "arn:") {
				arns = append(arns, name)
			}
		}
	}
	return arns
}

// A member is one name and value of a JSON object.
type member struct {
	name  string
	value json.RawMessage
}

// members returns the members of a JSON object in their order. Unlike
// json.Unmarshal it refuses a name that occurs twice and tells the case of names.
func members(raw []byte) ([]member, error) {
	if !json.Valid(raw) {
		return nil, errors.New("not valid JSON")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	var found []member
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("read JSON: %w", err)
		}
		m := member{name: name.(string)} // a key of valid JSON is a string
		if err := d.Decode(&m.value); err != nil {
			return nil, fmt.Errorf("read JSON: %w", err)
		}
		if slices.ContainsFunc(found, func(o member) bool { return o.name == m.name }) {
			return nil, fmt.Errorf("%q occurs twice", m.name)
		}
		found = append(found, m)
	}
	return found, nil
}

// values returns the elements of a JSON list; anything else is a list of one.
func values(raw json.RawMessage) []json.RawMessage {
	var list []json.RawMessage
	if raw[0] != '[' || json.Unmarshal(raw, &list) != nil {
		return []json.RawMessage{raw}
	}
	return list
}

// texts reads a string or a list of strings that is not empty.
func texts(raw json.RawMessage) ([]string, error) {
	var list []string
	for _, value := range values(raw) {
		t, err := text(value)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	if len(list) == 0 {
		return nil, errors.New("an empty list")
	}
	return list, nil
}

func text(raw json.RawMessage) (string, error) {
	var t *string
	if err := json.Unmarshal(raw, &t); err != nil || t == nil {
		return "", fmt.Errorf("%s is not a string", raw)
	}
	return *t, nil
}
