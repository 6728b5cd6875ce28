package cloudformation

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A scope gives values to the intrinsic functions:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
type scope struct {
	template   *template
	parameters map[string]any
	// pseudo parameters by name, without AWS::NoValue.
	pseudo map[string]string
	// attribute returns an attribute of a resource, and its Ref for an empty
	// name. It is nil where a function may not refer to resources.
	attribute func(logicalID, name string) (any, error)
	// imported returns the value of an export.
	imported func(name string) (string, error)
	// evaluating holds the conditions under way, against cycles.
	evaluating []string
}

// noValue is what AWS::NoValue is: it removes what it stands for.
type noValue struct{}

// eval replaces all functions in v by their values.
func (s *scope) eval(v any) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		if name, argument, err := asFunction(v); err != nil || name != "" {
			if err != nil {
				return nil, err
			}
			return s.call(name, argument)
		}
		m := map[string]any{}
		for key, value := range v {
			x, err := s.eval(value)
			if err != nil {
				return nil, err
			}
			if x != (noValue{}) {
				m[key] = x
			}
		}
		return m, nil
	case []any:
		list := []any{}
		for _, value := range v {
			x, err := s.eval(value)
			if err != nil {
				return nil, err
			}
			if x != (noValue{}) {
				list = append(list, x)
			}
		}
		return list, nil
	}
	return v, nil
}

// asFunction returns the name and argument of the function that a map is; the
// name is empty for a mere map. "Condition" is also an element of policies,
// with another kind of value.
func asFunction(m map[string]any) (name string, argument any, err error) {
	for key, value := range m {
		_, text := value.(string)
		if key != "Ref" && !strings.HasPrefix(key, "Fn::") && (key != "Condition" || !text || len(m) > 1) {
			continue
		}
		if len(m) > 1 {
			return "", nil, fmt.Errorf("%s stands beside other keys", key)
		}
		return key, value, nil
	}
	return "", nil, nil
}

func (s *scope) call(name string, argument any) (any, error) {
	x, err := s.apply(name, argument)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return x, nil
}

// apply calls a function. Those that choose evaluate only what they choose.
func (s *scope) apply(name string, argument any) (any, error) {
	switch name {
	case "Ref":
		return s.ref(fmt.Sprint(argument))
	case "Condition":
		return s.condition(fmt.Sprint(argument))
	case "Fn::If":
		return s.choose(argument)
	case "Fn::Sub":
		return s.sub(argument)
	case "Fn::GetAtt":
		return s.getAtt(argument)
	}
	x, err := s.eval(argument)
	if err != nil {
		return nil, err
	}
	list, _ := x.([]any)
	switch {
	case name == "Fn::ImportValue":
		return s.imported(fmt.Sprint(x))
	case name == "Fn::Equals" && len(list) == 2:
		return reflect.DeepEqual(stringify(list[0]), stringify(list[1])), nil
	case name == "Fn::Not" && len(list) == 1, name == "Fn::And" && len(list) > 1, name == "Fn::Or" && len(list) > 1:
		return logic(name, list)
	case name == "Fn::Join" && len(list) == 2:
		return join(list[0], list[1])
	case name == "Fn::Split" && len(list) == 2:
		return split(list[0], list[1])
	case name == "Fn::Select" && len(list) == 2:
		return pick(list[0], list[1])
	case name == "Fn::FindInMap" && len(list) == 3:
		return s.template.find(fmt.Sprint(list[0]), fmt.Sprint(list[1]), fmt.Sprint(list[2]))
	}
	return nil, errors.New("the function, or its argument, is not known here")
}

func (s *scope) ref(name string) (any, error) {
	if name == "AWS::NoValue" {
		return noValue{}, nil
	}
	if value, ok := s.pseudo[name]; ok {
		return value, nil
	}
	if value, ok := s.parameters[name]; ok {
		return value, nil
	}
	return s.resource(name, "")
}

func (s *scope) resource(logicalID, attribute string) (any, error) {
	if s.attribute == nil {
		return nil, fmt.Errorf("%s is no parameter", logicalID)
	}
	if _, ok := s.template.Resources[logicalID]; !ok {
		return nil, fmt.Errorf("%w [%s]", errUnresolved, logicalID)
	}
	return s.attribute(logicalID, attribute)
}

var errUnresolved = errors.New("template format error: unresolved resource dependencies")

func (s *scope) getAtt(argument any) (any, error) {
	logicalID, attribute := attributePath(argument)
	if attribute == "" {
		return nil, errors.New("wants a resource and an attribute")
	}
	return s.resource(logicalID, attribute)
}

// attributePath reads both forms of GetAtt's argument.
func attributePath(argument any) (logicalID, attribute string) {
	if list, ok := argument.([]any); ok && len(list) == 2 {
		return fmt.Sprint(list[0]), fmt.Sprint(list[1])
	}
	logicalID, attribute, _ = strings.Cut(fmt.Sprint(argument), ".")
	return logicalID, attribute
}

func (s *scope) condition(name string) (bool, error) {
	c, ok := s.template.Conditions[name]
	if !ok || slices.Contains(s.evaluating, name) {
		return false, fmt.Errorf("condition %s is unknown or depends on itself", name)
	}
	inner := *s
	inner.attribute, inner.evaluating = nil, append(slices.Clone(s.evaluating), name)
	return inner.truth(c)
}

// truth evaluates what must be true or false.
func (s *scope) truth(v any) (bool, error) {
	x, err := s.eval(v)
	if err != nil {
		return false, err
	}
	truth, ok := x.(bool)
	if !ok {
		return false, fmt.Errorf("%v is neither true nor false", x)
	}
	return truth, nil
}

func (s *scope) choose(argument any) (any, error) {
	branch, err := s.branch(argument)
	if err != nil {
		return nil, err
	}
	return s.eval(branch)
}

// branch returns the side of Fn::If that its condition chooses.
func (s *scope) branch(argument any) (any, error) {
	list, ok := argument.([]any)
	if !ok || len(list) != 3 {
		return nil, errors.New("wants a condition and two values")
	}
	yes, err := s.condition(fmt.Sprint(list[0]))
	if err != nil {
		return nil, err
	}
	if yes {
		return list[1], nil
	}
	return list[2], nil
}

var placeholder = regexp.MustCompile(`\$\{([^}]*)\}`)

func (s *scope) sub(argument any) (any, error) {
	text, variables, err := subArgument(argument)
	if err != nil {
		return nil, err
	}
	var failed error
	result := placeholder.ReplaceAllStringFunc(text, func(found string) string {
		name := strings.TrimSpace(found[2 : len(found)-1])
		if literal, ok := strings.CutPrefix(name, "!"); ok {
			return "${" + literal + "}"
		}
		x, err := s.variable(name, variables)
		if failed == nil {
			failed = err
		}
		return fmt.Sprint(x)
	})
	return result, failed
}

func (s *scope) variable(name string, variables map[string]any) (any, error) {
	if value, ok := variables[name]; ok {
		return s.eval(value)
	}
	if strings.Contains(name, ".") {
		return s.getAtt(name)
	}
	return s.ref(name)
}

func subArgument(argument any) (text string, variables map[string]any, err error) {
	if list, ok := argument.([]any); ok && len(list) == 2 {
		variables, ok = list[1].(map[string]any)
		if !ok {
			return "", nil, errors.New("wants a map of variables")
		}
		argument = list[0]
	}
	text, ok := argument.(string)
	if !ok {
		return "", nil, errors.New("wants a text")
	}
	return text, variables, nil
}

func logic(name string, list []any) (any, error) {
	count := 0
	for _, x := range list {
		truth, ok := x.(bool)
		if !ok {
			return nil, fmt.Errorf("%v is neither true nor false", x)
		}
		if truth {
			count++
		}
	}
	switch name {
	case "Fn::Not":
		return count == 0, nil
	case "Fn::And":
		return count == len(list), nil
	}
	return count > 0, nil
}

func join(separator, list any) (any, error) {
	items, ok := list.([]any)
	if !ok {
		return nil, errors.New("wants a list")
	}
	parts := make([]string, len(items))
	for i, item := range items {
		parts[i] = fmt.Sprint(item)
	}
	return strings.Join(parts, fmt.Sprint(separator)), nil
}

func split(separator, text any) (any, error) {
	list := []any{}
	for part := range strings.SplitSeq(fmt.Sprint(text), fmt.Sprint(separator)) {
		list = append(list, part)
	}
	return list, nil
}

func pick(index, list any) (any, error) {
	items, _ := list.([]any)
	i, err := strconv.Atoi(fmt.Sprint(index))
	if err != nil || i < 0 || i >= len(items) {
		return nil, fmt.Errorf("cannot select nonexistent value at index %v", index)
	}
	return items[i], nil
}

func (t *template) find(mapping, first, second string) (any, error) {
	value, ok := t.Mappings[mapping][first][second]
	if !ok {
		return nil, fmt.Errorf("unable to get mapping for %s::%s::%s", mapping, first, second)
	}
	return value, nil
}
