package cloudformation

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// dependencies returns what a resource waits for: DependsOn, and what its
// properties refer to. It finds that by a dry evaluation, which also finds what
// is not known in them before anything is made.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-dependson.html
func (d definition) dependencies(s scope) ([]string, error) {
	found := map[string]bool{}
	s.dry = true
	s.attribute = func(id, _ string) (string, error) { found[id] = true; return "", nil }
	s.imported = func(string) (string, error) { return "", nil }
	if _, err := s.eval(d.Properties); err != nil {
		return nil, err
	}
	on, several := d.DependsOn.([]any)
	if !several && d.DependsOn != nil {
		on = []any{d.DependsOn}
	}
	for _, id := range on {
		if _, ok := s.template.Resources[fmt.Sprint(id)]; !ok {
			return nil, fmt.Errorf("%w [%s]", errUnresolved, id)
		}
		found[fmt.Sprint(id)] = true
	}
	return slices.Sorted(maps.Keys(found)), nil
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
	blocked := func(k K) bool { return slices.Contains(keys, k) && !done[k] }
	for {
		waiting = slices.DeleteFunc(waiting, func(key K) bool {
			if ctx.Err() != nil || slices.ContainsFunc(after(key), blocked) {
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
