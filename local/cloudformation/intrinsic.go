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
	// name. It is nil, like imported, where only parameters may be referred to.
	attribute func(logicalID, name string) (string, error)
	// imported returns the value of an export.
	imported func(name string) (string, error)
	// dry: the values of attribute and imported mean nothing yet.
	dry bool
}

// An evaluation keeps the first error, so that functions nest like expressions.
type evaluation struct {
	scope
	// conditions under way, against cycles.
	conditions []string
	err        error
}

// noValue is what AWS::NoValue is: it removes what it stands for.
type noValue struct{}

var errUnresolved = errors.New("template format error: unresolved resource dependencies")

// eval replaces all functions in v by their values.
func (s scope) eval(v any) (any, error) {
	e := evaluation{scope: s}
	x := e.value(v)
	return x, e.err
}

func (e *evaluation) fail(err error) string {
	if e.err == nil {
		e.err = err
	}
	return ""
}

func (e *evaluation) value(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if name, ok := functionName(v); ok {
			return e.call(name, v)
		}
		m := map[string]any{}
		for key, item := range v {
			if x := e.value(item); x != (noValue{}) {
				m[key] = x
			}
		}
		return m
	case []any:
		list := []any{}
		for _, item := range v {
			if x := e.value(item); x != (noValue{}) {
				list = append(list, x)
			}
		}
		return list
	}
	return v
}

// functionName returns the name of the function that a map calls, if it is no mere
// map. "Condition" is also an element of policies, with another kind of value.
func functionName(m map[string]any) (name string, ok bool) {
	for key, value := range m {
		_, text := value.(string)
		if key == "Ref" || strings.HasPrefix(key, "Fn::") || key == "Condition" && text {
			return key, true
		}
	}
	return "", false
}

// call calls a function. Those that choose evaluate only what they choose.
func (e *evaluation) call(name string, m map[string]any) any {
	argument := m[name]
	list, _ := argument.([]any)
	switch {
	case len(m) > 1:
	case name == "Ref":
		return e.ref(fmt.Sprint(argument))
	case name == "Condition":
		return e.condition(fmt.Sprint(argument))
	case name == "Fn::GetAtt" && len(list) == 2:
		return e.resource(fmt.Sprint(list[0]), fmt.Sprint(list[1]))
	case name == "Fn::Sub":
		return e.sub(argument)
	case name == "Fn::If" && len(list) == 3:
		if e.condition(fmt.Sprint(list[0])) {
			return e.value(list[1])
		}
		return e.value(list[2])
	default:
		return e.apply(name, e.value(argument))
	}
	return e.fail(fmt.Errorf("%s: the argument is not known here", name))
}

// apply calls a function of evaluated arguments.
func (e *evaluation) apply(name string, argument any) any {
	list, _ := argument.([]any)
	switch {
	case name == "Fn::ImportValue" && e.imported != nil:
		x, err := e.imported(fmt.Sprint(argument))
		if err != nil {
			return e.fail(err)
		}
		return x
	case name == "Fn::Equals" && len(list) == 2:
		return reflect.DeepEqual(stringify(list[0]), stringify(list[1]))
	case name == "Fn::Not" && len(list) == 1:
		return !e.truth(list[0])
	case name == "Fn::And" && len(list) > 1:
		return !slices.ContainsFunc(list, func(x any) bool { return !e.truth(x) })
	case name == "Fn::Or" && len(list) > 1:
		return slices.ContainsFunc(list, e.truth)
	case name == "Fn::Join" && len(list) == 2:
		return e.join(list[0], list[1])
	case name == "Fn::Split" && len(list) == 2:
		return split(list[0], list[1])
	case name == "Fn::Select" && len(list) == 2:
		return e.pick(list[0], list[1])
	case name == "Fn::FindInMap" && len(list) == 3:
		return e.find(fmt.Sprint(list[0]), fmt.Sprint(list[1]), fmt.Sprint(list[2]))
	}
	return e.fail(fmt.Errorf("%s, or its argument, is not known here", name))
}

func (e *evaluation) ref(name string) any {
	if name == "AWS::NoValue" {
		return noValue{}
	}
	if value, ok := e.pseudo[name]; ok {
		return value
	}
	if value, ok := e.parameters[name]; ok {
		return value
	}
	return e.resource(name, "")
}

func (e *evaluation) resource(logicalID, attribute string) any {
	if _, ok := e.template.Resources[logicalID]; !ok || e.attribute == nil {
		return e.fail(fmt.Errorf("%w [%s]", errUnresolved, logicalID))
	}
	x, err := e.attribute(logicalID, attribute)
	if err != nil {
		return e.fail(err)
	}
	return x
}

func (e *evaluation) condition(name string) bool {
	c, ok := e.template.Conditions[name]
	if !ok || slices.Contains(e.conditions, name) {
		e.fail(fmt.Errorf("condition %s is unknown or depends on itself", name))
		return false
	}
	inner := evaluation{scope: e.scope, conditions: append(slices.Clone(e.conditions), name)}
	inner.attribute, inner.imported = nil, nil
	yes := inner.truth(inner.value(c))
	if inner.err != nil {
		e.fail(inner.err)
	}
	return yes
}

func (e *evaluation) truth(x any) bool {
	truth, ok := x.(bool)
	if !ok {
		e.fail(fmt.Errorf("%v is neither true nor false", x))
	}
	return truth
}

var placeholder = regexp.MustCompile(`\$\{([^}]*)\}`)

// sub replaces ${Name}, ${Resource.Attribute}, and ${!Name} by ${Name}.
func (e *evaluation) sub(argument any) any {
	var variables map[string]any
	if list, ok := argument.([]any); ok && len(list) == 2 {
		argument = list[0]
		variables, _ = list[1].(map[string]any)
	}
	text, ok := argument.(string)
	if !ok {
		return e.fail(errors.New("Fn::Sub wants a text"))
	}
	return placeholder.ReplaceAllStringFunc(text, func(found string) string {
		name := strings.TrimSpace(found[2 : len(found)-1])
		if literal, ok := strings.CutPrefix(name, "!"); ok {
			return "${" + literal + "}"
		}
		if value, ok := variables[name]; ok {
			return fmt.Sprint(e.value(value))
		}
		if id, attribute, ok := strings.Cut(name, "."); ok {
			return fmt.Sprint(e.resource(id, attribute))
		}
		return fmt.Sprint(e.ref(name))
	})
}

func (e *evaluation) join(separator, list any) any {
	items, ok := list.([]any)
	if !ok {
		return e.fail(errors.New("Fn::Join wants a list"))
	}
	parts := make([]string, len(items))
	for i, item := range items {
		parts[i] = fmt.Sprint(item)
	}
	return strings.Join(parts, fmt.Sprint(separator))
}

func split(separator, text any) any {
	list := []any{}
	for part := range strings.SplitSeq(fmt.Sprint(text), fmt.Sprint(separator)) {
		list = append(list, part)
	}
	return list
}

func (e *evaluation) pick(index, list any) any {
	items, _ := list.([]any)
	i, err := strconv.Atoi(fmt.Sprint(index))
	switch {
	case err == nil && i >= 0 && i < len(items):
		return items[i]
	case e.dry:
		return ""
	}
	return e.fail(fmt.Errorf("Fn::Select cannot select nonexistent value at index %v", index))
}

func (e *evaluation) find(name, key, second string) any {
	value, ok := e.template.Mappings[name][key][second]
	if !ok {
		return e.fail(fmt.Errorf("template error: Unable to get mapping for %s::%s::%s", name, key, second))
	}
	return value
}
