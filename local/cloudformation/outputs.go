package cloudformation

import (
	"fmt"
	"maps"
	"slices"
)

// finish gives the stack its outputs and exports:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/outputs-section-structure.html.
func (c *change) finish() error {
	outputs, exports := map[string]string{}, map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.scope.template.Outputs)) {
		o := c.scope.template.Outputs[name]
		e := evaluation{scope: c.scope}
		if o.Condition != "" && !e.condition(o.Condition) {
			continue
		}
		outputs[name] = fmt.Sprint(e.value(o.Value))
		if o.Export.Name != nil {
			exports[fmt.Sprint(e.value(o.Export.Name))] = outputs[name]
		}
		if e.err != nil {
			return fmt.Errorf("output %s: %w", name, e.err)
		}
	}
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	st := c.stack
	if err := c.engine.checkExports(st, exports); err != nil {
		return err
	}
	st.outputs, st.exports, st.imports = outputs, exports, c.imports
	st.template, st.parameters = c.scope.template, c.scope.parameters
	return nil
}

// checkExports: names are unique, and what is in use must stay. The caller holds e.mu.
func (e *Engine) checkExports(st *stack, exports map[string]string) error {
	for name := range exports {
		if _, owner := e.export(name); owner != nil && owner != st {
			return fmt.Errorf("export with name %s is already exported by stack %s", name, owner.name)
		}
	}
	for name, old := range st.exports {
		if user := e.importer(name); user != nil && exports[name] != old {
			return fmt.Errorf("cannot change export %s as it is in use by %s", name, user.name)
		}
	}
	return nil
}

// export returns the value of an export, and who has it. The caller holds e.mu.
func (e *Engine) export(name string) (value string, owner *stack) {
	for _, st := range e.stacks {
		if value, ok := st.exports[name]; ok && st.status != deleteComplete {
			return value, st
		}
	}
	return "", nil
}

// importer returns a stack that imports an export, or nil. The caller holds e.mu.
func (e *Engine) importer(export string) *stack {
	for _, st := range e.stacks {
		if st.imports[export] && st.status != deleteComplete {
			return st
		}
	}
	return nil
}
