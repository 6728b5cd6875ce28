package cloudformation

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
)

// A parameter is declared as
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html says.
type parameter struct {
	Type                  string `yaml:"Type"`
	Default               any    `yaml:"Default"`
	Description           string `yaml:"Description"`
	AllowedPattern        string `yaml:"AllowedPattern"`
	AllowedValues         []any  `yaml:"AllowedValues"`
	MaxLength             *int   `yaml:"MaxLength"`
	ConstraintDescription string `yaml:"ConstraintDescription"`
	NoEcho                bool   `yaml:"NoEcho"`
}

// A rule checks parameters together:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html.
type rule struct {
	RuleCondition any `yaml:"RuleCondition"`
	Assertions    []struct {
		Assert            any    `yaml:"Assert"`
		AssertDescription string `yaml:"AssertDescription"`
	} `yaml:"Assertions"`
}

// parameterValues checks what is given and completes it with the defaults.
func (t *template) parameterValues(given map[string]string) (map[string]any, error) {
	values := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, ok := t.Parameters[name]; !ok {
			return nil, fmt.Errorf("ValidationError: Parameters: [%s] do not exist in the template", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.Parameters)) {
		p := t.Parameters[name]
		value, ok := given[name]
		if !ok {
			if p.Default == nil {
				return nil, fmt.Errorf("ValidationError: Parameters: [%s] must have values", name)
			}
			value = fmt.Sprint(p.Default)
		}
		if err := p.check(value); err != nil {
			return nil, fmt.Errorf("ValidationError: Parameter %s failed to satisfy constraint: %w", name, err)
		}
		values[name] = value
	}
	return values, nil
}

func (p parameter) check(value string) error {
	broken := p.violation(value)
	if broken == "" {
		return nil
	}
	return errors.New(cmp.Or(p.ConstraintDescription, broken))
}

// violation says which constraint the value breaks, or nothing.
func (p parameter) violation(value string) string {
	pattern, err := regexp.Compile(`^(?:` + p.AllowedPattern + `)$`)
	_, notNumber := strconv.ParseFloat(value, 64)
	allowed := slices.ContainsFunc(p.AllowedValues, func(v any) bool { return fmt.Sprint(v) == value })
	switch {
	case p.Type != "String" && p.Type != "Number":
		return "the type " + p.Type + " is not known here"
	case err != nil:
		return err.Error()
	case p.AllowedPattern != "" && !pattern.MatchString(value):
		return "must match pattern " + p.AllowedPattern
	case p.AllowedValues != nil && !allowed:
		return fmt.Sprintf("must be one of %v", p.AllowedValues)
	case p.Type == "Number" && notNumber != nil:
		return "must be a number"
	case p.MaxLength != nil && len(value) > *p.MaxLength:
		return "must contain at most " + strconv.Itoa(*p.MaxLength) + " characters"
	}
	return ""
}

// checkRules evaluates the rules, whose functions know only the parameters.
func (t *template) checkRules(s scope) error {
	for _, name := range slices.Sorted(maps.Keys(t.Rules)) {
		if err := t.Rules[name].check(s); err != nil {
			return fmt.Errorf("ValidationError: Template error: Rule %s: %w", name, err)
		}
	}
	return nil
}

func (r rule) check(s scope) error {
	e := evaluation{scope: s}
	if r.RuleCondition != nil && !e.truth(e.value(r.RuleCondition)) {
		return e.err
	}
	for _, a := range r.Assertions {
		if !e.truth(e.value(a.Assert)) {
			e.fail(errors.New(a.AssertDescription))
		}
	}
	return e.err
}
