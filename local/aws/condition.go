package aws

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A condition is one operator with one key of a Condition element.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
type condition struct {
	// set is ForAnyValue, ForAllValues or empty.
	set      string
	operator string
	ifExists bool
	// key in lower case: keys compare without case.
	key    string
	values []string
}

// An operator compares one value of the request with one of the policy.
type operator struct {
	// negated operators hold if no value of the policy matches, and if the key
	// is absent.
	negated bool
	// wild makes * and ? in the policy's value match anything.
	wild bool
	// constant operators take no policy variables.
	constant bool
	match    func(got string, want glob) (bool, error)
}

// null is the operator that asks whether a key is absent.
const null = "Null"

var operators = map[string]operator{
	"StringEquals":              {match: equals},
	"StringNotEquals":           {match: equals, negated: true},
	"StringEqualsIgnoreCase":    {match: equalsFold},
	"StringNotEqualsIgnoreCase": {match: equalsFold, negated: true},
	"StringLike":                {match: like, wild: true},
	"StringNotLike":             {match: like, wild: true, negated: true},
	"ArnEquals":                 {match: arnLike, wild: true},
	"ArnLike":                   {match: arnLike, wild: true},
	"ArnNotEquals":              {match: arnLike, wild: true, negated: true},
	"ArnNotLike":                {match: arnLike, wild: true, negated: true},
	"Bool":                      {match: sameBool},
	"NumericEquals":             {match: number(0), constant: true},
	"NumericNotEquals":          {match: number(0), constant: true, negated: true},
	"NumericLessThan":           {match: number(-1), constant: true},
	"NumericLessThanEquals":     {match: number(-1, 0), constant: true},
	"NumericGreaterThan":        {match: number(1), constant: true},
	"NumericGreaterThanEquals":  {match: number(1, 0), constant: true},
	"DateEquals":                {match: date(0), constant: true},
	"DateNotEquals":             {match: date(0), constant: true, negated: true},
	"DateLessThan":              {match: date(-1), constant: true},
	"DateLessThanEquals":        {match: date(-1, 0), constant: true},
	"DateGreaterThan":           {match: date(1), constant: true},
	"DateGreaterThanEquals":     {match: date(1, 0), constant: true},
	"IpAddress":                 {match: inNetwork, constant: true},
	"NotIpAddress":              {match: inNetwork, constant: true, negated: true},
	null:                        {constant: true},
}

// Condition keys have one value in a request, or many.
const (
	single = 1
	many   = 2
)

// conditionKeys are the condition keys that decide and the services supply, or
// that are rightly absent because there is no such thing here: organizations,
// VPCs and services that call on somebody's behalf unless a service says so. A
// key that ends in a slash or a colon stands for all that begin with it.
//
// A key that is known but not supplied is absent, and a Deny that waits for it
// never bites: whoever adds a key here must supply it wherever AWS does.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
var conditionKeys = map[string]int{
	"aws:calledvia":              many,
	"aws:currenttime":            single,
	"aws:epochtime":              single,
	"aws:multifactorauthpresent": single,
	"aws:principalaccount":       single,
	"aws:principalarn":           single,
	"aws:principalisawsservice":  single,
	"aws:principalorgid":         single,
	"aws:principalorgpaths":      many,
	"aws:principalservicename":   single,
	"aws:principaltype":          single,
	"aws:requestedregion":        single,
	"aws:requesttag/":            single,
	"aws:resourceaccount":        single,
	"aws:resourceorgid":          single,
	"aws:resourcetag/":           single,
	"aws:securetransport":        single,
	"aws:sourceaccount":          single,
	"aws:sourcearn":              single,
	"aws:sourceip":               single,
	"aws:sourcevpc":              single,
	"aws:sourcevpce":             single,
	"aws:tagkeys":                many,
	"aws:username":               single,
	"aws:viaawsservice":          single,

	"iam:permissionsboundary": single,
	"iam:policyarn":           single,
	"iam:passedtoservice":     single,
	"iam:resourcetag/":        single,

	"kms:calleraccount":         single,
	"kms:encryptioncontext:":    single,
	"kms:encryptioncontextkeys": many,
	"kms:resourcealiases":       many,
	"kms:viaservice":            single,

	"s3:delimiter":                    single,
	"s3:max-keys":                     single,
	"s3:prefix":                       single,
	"s3:resourceaccount":              single,
	"s3:versionid":                    single,
	"s3:x-amz-acl":                    single,
	"s3:x-amz-server-side-encryption": single,
	"s3:x-amz-server-side-encryption-aws-kms-key-id": single,

	"sts:externalid":      single,
	"sts:rolesessionname": single,
}

// keyFamily finds the slash or colon that ends the fixed part of a key.
var keyFamily = regexp.MustCompile(`^([^/]+/|kms:encryptioncontext:)`)

// cardinality tells whether a key, in lower case, has one value or many. A key
// that is not known is an error.
func cardinality(key string) (int, error) {
	if n, ok := conditionKeys[key]; ok {
		return n, nil
	}
	if n, ok := conditionKeys[keyFamily.FindString(key)]; ok {
		return n, nil
	}
	return 0, fmt.Errorf("the condition key %q is not known here", key)
}

func parseConditions(raw json.RawMessage) ([]condition, error) {
	byOperator, err := members(raw)
	if err != nil {
		return nil, err
	}
	var found []condition
	for _, o := range byOperator {
		c, err := parseOperator(o.name)
		if err != nil {
			return nil, err
		}
		keys, err := members(o.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.name, err)
		}
		for _, k := range keys {
			c.key = strings.ToLower(k.name)
			if c.values, err = scalars(k.value); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", o.name, k.name, err)
			}
			found = append(found, c)
		}
	}
	return found, nil
}

func parseOperator(name string) (condition, error) {
	var c condition
	c.operator = name
	if set, rest, ok := strings.Cut(name, ":"); ok {
		c.set, c.operator = set, rest
	}
	c.operator, c.ifExists = strings.CutSuffix(c.operator, "IfExists")
	_, known := operators[c.operator]
	switch {
	case !known, !slices.Contains([]string{"", "ForAnyValue", "ForAllValues"}, c.set),
		c.operator == null && name != null:
		return c, fmt.Errorf("the condition operator %q is not known here", name)
	}
	return c, nil
}

// scalars reads a value or a list of values. Numbers and booleans may stand
// without quotes.
func scalars(raw json.RawMessage) ([]string, error) {
	var list []string
	for _, value := range values(raw) {
		switch value[0] {
		case '{', '[', 'n':
			return nil, fmt.Errorf("%s is not a value", value)
		case '"':
			t, err := text(value)
			if err != nil {
				return nil, err
			}
			list = append(list, t)
		default:
			list = append(list, string(value))
		}
	}
	if len(list) == 0 {
		return nil, errors.New("an empty list")
	}
	return list, nil
}

// check tells whether everything in the condition is known, whatever the
// request: a policy that is not understood must not decide.
func (c condition) check() error {
	n, err := cardinality(c.key)
	if err != nil {
		return err
	}
	if n == many && c.set == "" && c.operator != null {
		return fmt.Errorf("%s on %q, a key of many values, needs ForAnyValue or ForAllValues", c.operator, c.key)
	}
	return nil
}

// holds evaluates the condition. Where a key is absent, negated operators,
// IfExists and ForAllValues hold, and others do not.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
func (c condition) holds(ctx keyContext, variables bool) (bool, error) {
	got := ctx[c.key]
	present := len(got) > 0
	switch {
	case c.operator == null:
		return c.holdsNull(present)
	case !present && c.set == "ForAllValues", !present && c.ifExists:
		return true, nil
	case !present:
		return c.set == "" && operators[c.operator].negated, nil
	}
	for _, value := range got {
		ok, err := c.holdsFor(value, ctx, variables)
		if err != nil {
			return false, err
		}
		if decided := c.set != "ForAllValues"; ok == decided {
			return ok, nil
		}
	}
	return c.set == "ForAllValues", nil
}

func (c condition) holdsNull(present bool) (bool, error) {
	for _, value := range c.values {
		absent, err := strconv.ParseBool(value)
		if err != nil {
			return false, fmt.Errorf("Null wants true or false, not %q", value)
		}
		if absent != present {
			return true, nil
		}
	}
	return false, nil
}

// holdsFor evaluates the condition for one of the request's values.
func (c condition) holdsFor(got string, ctx keyContext, variables bool) (bool, error) {
	o := operators[c.operator]
	for _, value := range c.values {
		want, resolved, err := ctx.expand(value, variables && !o.constant, o.wild)
		if err != nil {
			return false, err
		}
		if !resolved {
			continue
		}
		ok, err := o.match(got, want)
		if err != nil {
			return false, fmt.Errorf("%s on %s: %w", c.operator, c.key, err)
		}
		if ok {
			return !o.negated, nil
		}
	}
	return o.negated, nil
}

func equals(got string, want glob) (bool, error) { return got == want.String(), nil }

func equalsFold(got string, want glob) (bool, error) {
	return strings.EqualFold(got, want.String()), nil
}

func like(got string, want glob) (bool, error) { return want.match(got), nil }

func arnLike(got string, want glob) (bool, error) { return want.matchARN(got), nil }

func sameBool(got string, want glob) (bool, error) {
	g, err := strconv.ParseBool(got)
	w, errWant := strconv.ParseBool(want.String())
	return g == w, errors.Join(err, errWant)
}

// number matches if comparing the request's number with the policy's gives one
// of the results.
func number(results ...int) func(string, glob) (bool, error) {
	return func(got string, want glob) (bool, error) {
		g, err := strconv.ParseFloat(got, 64)
		w, errWant := strconv.ParseFloat(want.String(), 64)
		order := 0
		switch {
		case g < w:
			order = -1
		case g > w:
			order = 1
		}
		return slices.Contains(results, order), errors.Join(err, errWant)
	}
}

// date matches like number, for times.
func date(results ...int) func(string, glob) (bool, error) {
	return func(got string, want glob) (bool, error) {
		g, err := parseDate(got)
		w, errWant := parseDate(want.String())
		return slices.Contains(results, g.Compare(w)), errors.Join(err, errWant)
	}
}

// parseDate reads the forms of https://www.w3.org/TR/NOTE-datetime and seconds
// since 1970.
func parseDate(t string) (time.Time, error) {
	if seconds, err := strconv.ParseInt(t, 10, 64); err == nil && len(t) > len("2006") {
		return time.Unix(seconds, 0), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", time.DateOnly, "2006-01", "2006"} {
		if d, err := time.Parse(layout, t); err == nil {
			return d, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a date", t)
}

func inNetwork(got string, want glob) (bool, error) {
	address, err := netip.ParseAddr(got)
	if err != nil {
		return false, err
	}
	if network, err := netip.ParsePrefix(want.String()); err == nil {
		return network.Contains(address), nil
	}
	single, err := netip.ParseAddr(want.String())
	return address == single, err
}

// A keyContext holds the condition keys of a request by lower-case key.
type keyContext map[string][]string

// context is the request's Context with what follows from its caller.
func (r *request) context() (keyContext, error) {
	c := r.Caller
	ctx := keyContext{
		"aws:viaawsservice":         {"false"},
		"aws:principalisawsservice": {strconv.FormatBool(c.Service != "")},
		"aws:resourceaccount":       {r.ResourceAccount},
		"s3:resourceaccount":        {r.ResourceAccount},
	}
	switch {
	case c.Service != "":
		ctx["aws:principalservicename"] = []string{c.Service}
	case c.Session != "":
		ctx["aws:principaltype"] = []string{"AssumedRole"}
		ctx["aws:multifactorauthpresent"] = []string{"false"}
	case c.ARN != "":
		ctx["aws:principaltype"] = []string{"User"}
		ctx["aws:username"] = []string{c.ARN[strings.LastIndex(c.ARN, "/")+1:]}
	default:
		ctx["aws:principaltype"] = []string{"Anonymous"}
	}
	if c.ARN != "" {
		ctx["aws:principalarn"] = []string{c.ARN}
		ctx["aws:principalaccount"] = []string{c.Account}
		ctx["kms:calleraccount"] = []string{c.Account}
	}
	maps.Copy(ctx, r.Context)
	return ctx, ctx.check()
}

// check refuses keys that no policy could use: a service that supplies one
// misspells it.
func (ctx keyContext) check() error {
	for key, values := range ctx {
		n, err := cardinality(key)
		if err != nil {
			return err
		}
		if n == single && len(values) != 1 {
			return fmt.Errorf("the condition key %q has %d values", key, len(values))
		}
	}
	return nil
}

// expand puts the values of policy variables into a policy's text. It is not
// resolved if the request does not have the key; such a text matches nothing.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
func (ctx keyContext) expand(t string, variables, wild bool) (g glob, resolved bool, err error) {
	for variables {
		before, rest, found := strings.Cut(t, "${")
		if !found {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, false, fmt.Errorf("a policy variable is not closed in %q", t)
		}
		value, err := ctx.variable(name)
		if err != nil || value == nil {
			return nil, false, err
		}
		g = append(append(g, symbols(before, wild)...), symbols(value[0], false)...)
		t = after
	}
	return append(g, symbols(t, wild)...), true, nil
}

// variable returns the one value of a policy variable, or nil.
func (ctx keyContext) variable(name string) ([]string, error) {
	if name == "*" || name == "?" || name == "$" {
		return []string{name}, nil
	}
	key := strings.ToLower(name)
	switch n, err := cardinality(key); {
	case err != nil:
		return nil, fmt.Errorf("policy variable: %w", err)
	case n == many:
		return nil, fmt.Errorf("policy variable: the condition key %q has many values", key)
	}
	return ctx[key], nil
}

// A glob is a text in which * and ? may match anything. What a policy variable
// put into it never does.
type glob []symbol

type symbol struct {
	char rune
	wild bool
}

func symbols(t string, wild bool) glob {
	var g glob
	for _, char := range t {
		g = append(g, symbol{char, wild && (char == '*' || char == '?')})
	}
	return g
}

func (g glob) String() string {
	var b strings.Builder
	for _, s := range g {
		b.WriteRune(s.char)
	}
	return b.String()
}

// match matches the whole of t. Only the last * is ever tried again, so that no
// pattern takes more than len(g) * len(t) steps.
func (g glob) match(t string) bool {
	runes := []rune(t)
	i, j, star, retry := 0, 0, -1, 0
	for j < len(runes) {
		switch {
		case i < len(g) && g[i] == symbol{'*', true}:
			star, retry = i, j
			i++
		case i < len(g) && (g[i] == symbol{'?', true} || g[i] == symbol{runes[j], false}):
			i++
			j++
		case star >= 0:
			retry++
			i, j = star+1, retry
		default:
			return false
		}
	}
	return !slices.ContainsFunc(g[i:], func(s symbol) bool { return s != symbol{'*', true} })
}

// matchARN matches the six parts of an ARN one by one, so that a * does not
// reach over a colon. Parts that the pattern leaves out match anything.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
func (g glob) matchARN(arn string) bool {
	parts := strings.SplitN(arn, ":", 6)
	for n, part := range parts {
		end := slices.Index(g, symbol{':', false})
		if end < 0 || n == len(parts)-1 {
			return g.match(part)
		}
		if !g[:end].match(part) {
			return false
		}
		g = g[end+1:]
	}
	return false
}
