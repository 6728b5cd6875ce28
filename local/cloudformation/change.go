package cloudformation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// A change leads a stack to another template and other parameters.
type change struct {
	engine *Engine
	stack  *stack
	scope  *scope
	wanted []string
	after  map[string][]string
	// before holds the living resources as they were.
	before map[string]*resource
	// imports are the exports that the new template uses. Guarded by Engine.mu.
	imports map[string]bool
}

// newChange checks all that can be known before the first resource is touched.
// The caller holds e.mu.
func (e *Engine) newChange(st *stack, t *template, values map[string]any) (*change, error) {
	c := &change{engine: e, stack: st, imports: map[string]bool{}, after: map[string][]string{}}
	c.before = maps.Collect(living(st.resources))
	c.scope = &scope{template: t, parameters: values, pseudo: map[string]string{
		"AWS::AccountId": e.options.Account, "AWS::Region": e.options.Region,
		"AWS::StackName": st.name, "AWS::StackId": st.id,
		"AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com",
	}}
	if err := t.checkRules(c.scope); err != nil {
		return nil, err
	}
	var err error
	if c.wanted, err = t.wanted(c.scope); err != nil {
		return nil, err
	}
	for _, id := range c.wanted {
		if kindOf(t.Resources[id].Type) == nil {
			return nil, fmt.Errorf("the resource type %s of %s is not known here", t.Resources[id].Type, id)
		}
		if c.after[id], err = t.Resources[id].dependencies(c.scope); err != nil {
			return nil, err
		}
	}
	if ids := cycle(c.after); len(ids) > 0 {
		return nil, fmt.Errorf("ValidationError: Circular dependency between resources: %v", ids)
	}
	c.scope.attribute, c.scope.imported = c.attribute, c.imported
	return c, nil
}

func living(all map[string]*resource) func(func(string, *resource) bool) {
	return func(yield func(string, *resource) bool) {
		for id, r := range all {
			if r.alive() && !yield(id, r) {
				return
			}
		}
	}
}

// attribute serves Ref and Fn::GetAtt.
func (c *change) attribute(id, name string) (any, error) {
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	r := c.stack.resources[id]
	if !r.alive() {
		return nil, fmt.Errorf("%w [%s]", errUnresolved, id)
	}
	if name == "" {
		return r.physicalID, nil
	}
	if value, ok := r.attributes[name]; ok {
		return value, nil
	}
	if isCustom(r.kind) {
		return nil, fmt.Errorf("CustomResource attribute error: Vendor response doesn't contain %s attribute in object %s|%s",
			name, c.stack.id, id)
	}
	return nil, fmt.Errorf("%s has no attribute %s that is known here", r.kind, name)
}

// imported serves Fn::ImportValue.
func (c *change) imported(name string) (string, error) {
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	value, owner := c.engine.export(name)
	if owner == nil {
		return "", fmt.Errorf("no export named %s found", name)
	}
	c.imports[name] = true
	return value, nil
}

// create is CreateStack.
func (c *change) create(ctx context.Context) {
	e, st := c.engine, c.stack
	e.markStack(st, createInProgress, "User Initiated")
	reason := c.forward(ctx, "create")
	if reason == "" {
		e.markStack(st, createComplete, "")
		return
	}
	if c.brokenOff() {
		return
	}
	e.markStack(st, rollbackInProgress, reason+" Rollback requested by user.")
	if failed := e.remove(st, c.superfluous(func(string) bool { return true }), false); len(failed) > 0 {
		e.markStack(st, rollbackFailed, fmt.Sprintf("The following resource(s) failed to delete: %v. ", failed))
		return
	}
	e.markStack(st, rollbackComplete, "")
}

// update is UpdateStack. Failed deletions in a cleanup are told, and the
// resource abandoned.
func (c *change) update(ctx context.Context) {
	e, st := c.engine, c.stack
	e.markStack(st, updateInProgress, "User Initiated")
	if reason := c.forward(ctx, "update"); reason != "" {
		if !c.brokenOff() {
			c.rollback(reason)
		}
		return
	}
	e.markStack(st, updateCleanup, "")
	e.remove(st, c.superfluous(func(id string) bool { return !slices.Contains(c.wanted, id) }), true)
	e.markStack(st, updateComplete, "")
}

// rollback takes an update back: it updates what the update has touched, and
// then deletes what it has made.
func (c *change) rollback(reason string) {
	e, st := c.engine, c.stack
	e.markStack(st, updateRollbackInProgress, reason)
	touched := slices.DeleteFunc(slices.Sorted(maps.Keys(c.before)), func(id string) bool {
		return c.now(id) == c.before[id]
	})
	after := func(id string) []string { return c.before[id].dependsOn }
	if failed := inOrder(e.ctx, touched, after, false, c.revert); len(failed) > 0 {
		e.markStack(st, updateRollbackFailed,
			fmt.Sprintf("The following resource(s) failed to update: %v. ", slices.Sorted(maps.Keys(failed))))
		return
	}
	e.markStack(st, updateRollbackCleanup, "")
	e.remove(st, c.superfluous(func(id string) bool { return c.before[id] == nil }), true)
	e.markStack(st, updateRollbackComplete, "")
}

// brokenOff: the engine was closed, or a delete goes on with the stack.
func (c *change) brokenOff() bool {
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	return c.engine.ctx.Err() != nil || c.stack.status == deleteInProgress
}

// superfluous returns what a cleanup deletes: the resources that the function
// picks and the replaced incarnations, which it forgets.
func (c *change) superfluous(pick func(logicalID string) bool) []*resource {
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	list := c.stack.replaced
	c.stack.replaced = nil
	for id, r := range c.stack.resources {
		if pick(id) {
			list = append(list, r)
		}
	}
	return list
}

// forward makes and updates the resources, then the outputs. It returns the
// reason for a rollback, or nothing.
func (c *change) forward(ctx context.Context, verb string) string {
	after := func(id string) []string { return c.after[id] }
	failed := inOrder(ctx, c.wanted, after, true, c.step)
	if len(failed) > 0 {
		return fmt.Sprintf("The following resource(s) failed to %s: %v.", verb, slices.Sorted(maps.Keys(failed)))
	}
	if ctx.Err() != nil {
		return "User Initiated."
	}
	if err := c.finish(); err != nil {
		return err.Error() + "."
	}
	return ""
}

// finish gives the stack its outputs and exports.
func (c *change) finish() error {
	outputs, exports := map[string]string{}, map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.scope.template.Outputs)) {
		o := c.scope.template.Outputs[name]
		value, export, err := c.output(o)
		if err != nil {
			return fmt.Errorf("output %s: %w", name, err)
		}
		if value != nil {
			outputs[name] = fmt.Sprint(value)
		}
		if export != "" {
			exports[export] = outputs[name]
		}
	}
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	if err := c.engine.checkExports(c.stack, exports); err != nil {
		return err
	}
	st := c.stack
	st.outputs, st.exports, st.imports = outputs, exports, c.imports
	st.template, st.parameters = c.scope.template, c.scope.parameters
	return nil
}

// output evaluates an output; the value is nil if its condition does not hold.
func (c *change) output(o output) (value any, export string, err error) {
	if o.Condition != "" {
		if yes, err := c.scope.condition(o.Condition); err != nil || !yes {
			return nil, "", err
		}
	}
	if o.Export.Name != nil {
		name, err := c.scope.eval(o.Export.Name)
		if err != nil {
			return nil, "", err
		}
		export = fmt.Sprint(name)
	}
	value, err = c.scope.eval(o.Value)
	return value, export, err
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

// step creates or updates one resource.
func (c *change) step(ctx context.Context, id string) error {
	d := c.scope.template.Resources[id]
	old := c.before[id]
	next := &resource{logicalID: id, kind: d.Type, dependsOn: c.after[id]}
	var err error
	next.retain, next.retainReplaced, err = d.retention()
	properties, evalErr := c.scope.eval(map[string]any(d.Properties))
	if err = errors.Join(err, evalErr); err == nil {
		next.properties, _ = stringify(properties).(map[string]any)
	}
	if old == nil {
		return c.make(ctx, next, err)
	}
	next.physicalID, next.attributes, next.status = old.physicalID, old.attributes, old.status
	if old.kind != next.kind && err == nil {
		err = fmt.Errorf("update of resource type is not permitted: the new template modifies the type of %s", id)
	}
	if err == nil && reflect.DeepEqual(old.properties, next.properties) {
		c.engine.mu.Lock()
		defer c.engine.mu.Unlock()
		old.dependsOn, old.retain, old.retainReplaced = next.dependsOn, next.retain, next.retainReplaced
		return nil
	}
	return c.alter(ctx, next, old.properties, err)
}

// retention reads DeletionPolicy and UpdateReplacePolicy.
func (d definition) retention() (retain, retainReplaced bool, err error) {
	for _, policy := range []string{d.DeletionPolicy, d.UpdateReplacePolicy} {
		if policy != "" && policy != "Delete" && policy != "Retain" {
			return false, false, fmt.Errorf("the policy %s is not known here", policy)
		}
	}
	return d.DeletionPolicy == "Retain", d.UpdateReplacePolicy == "Retain", nil
}

// place puts an incarnation into the stack and returns the one it displaces.
func (c *change) place(r *resource) *resource {
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	former := c.stack.resources[r.logicalID]
	c.stack.resources[r.logicalID] = r
	return former
}

// now returns the incarnation that is in the stack.
func (c *change) now(logicalID string) *resource {
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	return c.stack.resources[logicalID]
}

// settle gives an incarnation what its provider answered, an id also with a failure.
func (c *change) settle(r *resource, o outcome) {
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	if o.physicalID != "" {
		r.physicalID = o.physicalID
	}
	if o.attributes != nil {
		r.attributes = o.attributes
	}
}

func (c *change) make(ctx context.Context, r *resource, err error) error {
	c.place(r)
	if err == nil {
		c.engine.mark(c.stack, r, createInProgress, "")
		var o outcome
		o, err = kindOf(r.kind).create(ctx, c.engine.task(c.stack, r, nil))
		c.settle(r, o)
	}
	if err != nil {
		c.engine.mark(c.stack, r, createFailed, err.Error())
		return err
	}
	c.engine.mark(c.stack, r, createComplete, "")
	return nil
}

// alter updates a resource in place, or replaces it if its provider answers with
// another id; the former incarnation then waits for the cleanup.
func (c *change) alter(ctx context.Context, r *resource, oldProperties map[string]any, err error) error {
	former := *c.place(r)
	if err == nil {
		c.engine.mark(c.stack, r, updateInProgress, "")
		var o outcome
		o, err = kindOf(r.kind).update(ctx, c.engine.task(c.stack, r, oldProperties))
		c.settle(r, o)
	}
	if err != nil {
		c.engine.mark(c.stack, r, updateFailed, err.Error())
		return err
	}
	if r.physicalID != former.physicalID {
		c.replace(&former, r)
	}
	c.engine.mark(c.stack, r, updateComplete, "")
	return nil
}

// replace leaves an incarnation to the cleanup, and saves from it what lives
// again after a rollback.
func (c *change) replace(former, live *resource) {
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	former.retain = former.retainReplaced
	c.stack.replaced = slices.DeleteFunc(append(c.stack.replaced, former), func(r *resource) bool {
		return r.logicalID == live.logicalID && r.physicalID == live.physicalID
	})
}

// revert updates a resource back to what it was. A custom resource is asked,
// with the id that it has now. One of AWS's own that was replaced, or whose
// update failed, is there still as it was.
func (c *change) revert(ctx context.Context, id string) error {
	now, was := c.now(id), *c.before[id]
	replaced := now.physicalID != was.physicalID
	if isCustom(was.kind) || !replaced && now.status != updateFailed {
		was.physicalID = now.physicalID
		return c.alter(ctx, &was, now.properties, nil)
	}
	c.place(&was)
	if replaced {
		c.replace(now, &was)
	}
	c.engine.mark(c.stack, &was, updateComplete, "")
	return nil
}
