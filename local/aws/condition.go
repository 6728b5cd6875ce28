package aws

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
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
			return false, fmt.Errorf("a Null condition wants true or false, not %q", value)
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
