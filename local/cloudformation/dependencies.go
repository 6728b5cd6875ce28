package cloudformation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// wanted returns the logical ids of the resources whose condition holds.
func (t *template) wanted(s *scope) ([]string, error) {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(t.Resources)) {
		if condition := t.Resources[id].Condition; condition != "" {
			yes, err := s.condition(condition)
			if err != nil {
				return nil, err
			}
			if !yes {
				continue
			}
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// dependencies returns what a resource waits for: DependsOn, and what its
// properties refer to.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-dependson.html
func (d definition) dependencies(s *scope) ([]string, error) {
	found := map[string]bool{}
	switch on := d.DependsOn.(type) {
	case string:
		found[on] = true
	case []any:
		for _, id := range on {
			found[fmt.Sprint(id)] = true
		}
	}
	if err := s.references(map[string]any(d.Properties), found); err != nil {
		return nil, err
	}
	for id := range found {
		if _, ok := s.template.Resources[id]; !ok {
			return nil, fmt.Errorf("%w [%s]", errUnresolved, id)
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// references collects the resources that the functions in v refer to.
func (s *scope) references(v any, found map[string]bool) error {
	switch v := v.(type) {
	case map[string]any:
		name, argument, err := asFunction(v)
		if err != nil {
			return err
		}
		if name != "" {
			return s.functionReferences(name, argument, found)
		}
		for _, value := range v {
			if err := s.references(value, found); err != nil {
				return err
			}
		}
	case []any:
		for _, value := range v {
			if err := s.references(value, found); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *scope) functionReferences(name string, argument any, found map[string]bool) error {
	switch name {
	case "Ref":
		s.reference(fmt.Sprint(argument), found)
	case "Fn::GetAtt":
		id, _ := attributePath(argument)
		s.reference(id, found)
	case "Fn::If":
		branch, err := s.branch(argument)
		if err != nil {
			return err
		}
		return s.references(branch, found)
	case "Fn::Sub":
		text, variables, err := subArgument(argument)
		if err != nil {
			return err
		}
		for _, match := range placeholder.FindAllStringSubmatch(text, -1) {
			id, _, _ := strings.Cut(strings.TrimSpace(match[1]), ".")
			if _, ok := variables[id]; !ok && !strings.HasPrefix(id, "!") {
				s.reference(id, found)
			}
		}
		return s.references(variables, found)
	default:
		return s.references(argument, found)
	}
	return nil
}

func (s *scope) reference(id string, found map[string]bool) {
	_, isParameter := s.parameters[id]
	if !isParameter && !strings.HasPrefix(id, "AWS::") {
		found[id] = true
	}
}

// inOrder calls step for every key once those it comes after are done; what does
// not wait for one another runs side by side. A failure holds back what comes
// after it, and with abort also ends the context of all that runs and starts
// nothing more. It returns the errors.
func inOrder[K comparable](
	ctx context.Context, keys []K, after func(K) []K, abort bool, step func(context.Context, K) error,
) map[K]error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		key K
		err error
	}
	results := make(chan result)
	done, failed, running := map[K]bool{}, map[K]error{}, 0
	waiting := slices.Clone(keys)
	ready := func(key K) bool {
		return !slices.ContainsFunc(after(key), func(k K) bool { return slices.Contains(keys, k) && !done[k] })
	}
	for {
		waiting = slices.DeleteFunc(waiting, func(key K) bool {
			if ctx.Err() != nil || !ready(key) {
				return false
			}
			running++
			go func() { results <- result{key, step(ctx, key)} }()
			return true
		})
		if running == 0 {
			return failed
		}
		r := <-results
		running--
		if r.err == nil {
			done[r.key] = true
			continue
		}
		failed[r.key] = r.err
		if abort {
			cancel()
		}
	}
}

// cycle returns the resources that wait for each other, if there are any.
func cycle(after map[string][]string) []string {
	left := maps.Clone(after)
	for {
		before := len(left)
		maps.DeleteFunc(left, func(_ string, on []string) bool {
			return !slices.ContainsFunc(on, func(id string) bool { _, ok := left[id]; return ok })
		})
		if len(left) == before {
			return slices.Sorted(maps.Keys(left))
		}
	}
}
