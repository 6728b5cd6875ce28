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
	scope  scope
	wanted []string
	after  map[string][]string
	// before holds the living resources as they were, reverted those that a rollback,
	// which failed at others, has brought back.
	before   map[string]*resource
	reverted map[string]bool
	// imports are the exports that the new template uses. Guarded by Engine.mu.
	imports map[string]bool
}

// newChange checks all that can be known before the first resource is touched.
// The caller holds e.mu.
func (e *Engine) newChange(st *stack, t *template, values map[string]any) (*change, error) {
	c := &change{engine: e, stack: st, imports: map[string]bool{}, after: map[string][]string{}, reverted: map[string]bool{}}
	c.before = maps.Clone(st.resources)
	maps.DeleteFunc(c.before, func(_ string, r *resource) bool { return !r.alive() })
	c.scope = scope{template: t, parameters: values, pseudo: map[string]string{
		"AWS::AccountId": e.options.Account, "AWS::Region": e.options.Region,
		"AWS::StackName": st.name, "AWS::StackId": st.id,
		"AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com",
	}}
	if err := t.checkRules(c.scope); err != nil {
		return nil, err
	}
	for _, id := range slices.Sorted(maps.Keys(t.Resources)) {
		if err := c.want(id, t.Resources[id]); err != nil {
			return nil, fmt.Errorf("resource %s: %w", id, err)
		}
	}
	if ids := cycle(c.after); len(ids) > 0 {
		return nil, fmt.Errorf("ValidationError: Circular dependency between resources: %v", ids)
	}
	c.scope.attribute, c.scope.imported = c.attribute, c.imported
	return c, nil
}

// want plans a resource if its condition holds.
func (c *change) want(id string, d definition) error {
	if kindOf(d.Type) == nil {
		return fmt.Errorf("the type %s is not known here", d.Type)
	}
	for _, policy := range []string{d.DeletionPolicy, d.UpdateReplacePolicy} {
		if policy != "" && policy != "Delete" && policy != "Retain" {
			return fmt.Errorf("the policy %s is not known here", policy)
		}
	}
	e := evaluation{scope: c.scope}
	if d.Condition != "" && !e.condition(d.Condition) {
		return e.err
	}
	c.wanted = append(c.wanted, id)
	var err error
	c.after[id], err = d.dependencies(c.scope)
	return err
}

// attribute serves Ref and Fn::GetAtt.
func (c *change) attribute(id, name string) (string, error) {
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	r := c.stack.resources[id]
	if !r.alive() {
		return "", fmt.Errorf("%w [%s]", errUnresolved, id)
	}
	if name == "" {
		return r.physicalID, nil
	}
	if value, ok := r.attributes[name]; ok {
		return value, nil
	}
	if isCustom(r.kind) {
		return "", fmt.Errorf("CustomResource attribute error: Vendor response doesn't contain %s attribute in object %s|%s",
			name, c.stack.id, id)
	}
	return "", fmt.Errorf("%s has no attribute %s that is known here", r.kind, name)
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
	switch {
	case reason == "":
		e.markStack(st, createComplete, "")
	case !c.brokenOff():
		e.markStack(st, rollbackInProgress, reason+" Rollback requested by user.")
		e.markRemoved(st, rollbackComplete, rollbackFailed, e.remove(st, c.superfluous(func(string) bool { return true })))
	}
}

// update is UpdateStack.
func (c *change) update(ctx context.Context) {
	e, st := c.engine, c.stack
	e.markStack(st, updateInProgress, "User Initiated")
	reason := c.forward(ctx, "update")
	switch {
	case reason == "":
		e.markStack(st, updateCleanup, "")
		c.cleanUp(func(id string) bool { return !slices.Contains(c.wanted, id) })
		e.markStack(st, updateComplete, "")
	case !c.brokenOff():
		c.rollBack(reason)
	}
}

// rollBack takes an update back: it updates what the update has touched, and
// then deletes what it has made.
func (c *change) rollBack(reason string) {
	e, st := c.engine, c.stack
	e.markStack(st, updateRollbackInProgress, reason)
	touched := slices.DeleteFunc(slices.Sorted(maps.Keys(c.before)), func(id string) bool {
		return c.now(id) == c.before[id] || c.reverted[id]
	})
	after := func(id string) []string { return c.before[id].dependsOn }
	if failed := inOrder(e.ctx, touched, after, false, c.revert); len(failed) > 0 {
		e.markStack(st, updateRollbackFailed,
			fmt.Sprintf("The following resource(s) failed to update: %v.", slices.Sorted(maps.Keys(failed))))
		for _, id := range touched {
			c.reverted[id] = failed[id] == nil
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		st.unreverted = c
		return
	}
	e.markStack(st, updateRollbackCleanup, "")
	c.cleanUp(func(id string) bool { return c.before[id] == nil })
	e.markStack(st, updateRollbackComplete, "")
}

// brokenOff: the engine was closed, or a delete goes on with the stack.
func (c *change) brokenOff() bool {
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	return c.engine.ctx.Err() != nil || c.stack.status == deleteInProgress
}

// cleanUp deletes what is superfluous. What fails is told, and abandoned.
func (c *change) cleanUp(pick func(logicalID string) bool) {
	failed := c.engine.remove(c.stack, c.superfluous(pick))
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	for _, r := range failed {
		r.abandoned = true
	}
}

// superfluous returns the resources that the function picks, and the replaced
// incarnations, which it forgets.
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

// step creates or updates one resource.
func (c *change) step(ctx context.Context, id string) error {
	d := c.scope.template.Resources[id]
	r := &resource{
		logicalID: id, kind: d.Type, dependsOn: c.after[id],
		retain: d.DeletionPolicy == "Retain", retainReplaced: d.UpdateReplacePolicy == "Retain",
	}
	properties, err := c.scope.eval(d.Properties)
	r.properties, _ = stringify(properties).(map[string]any)
	old := c.before[id]
	if old == nil {
		return c.apply(ctx, r, nil, err)
	}
	if err == nil && old.kind != r.kind {
		err = errors.New("update of resource type is not permitted")
	}
	if err == nil && reflect.DeepEqual(old.properties, r.properties) {
		c.engine.mu.Lock()
		defer c.engine.mu.Unlock()
		old.dependsOn, old.retain, old.retainReplaced = r.dependsOn, r.retain, r.retainReplaced
		return nil
	}
	r.physicalID, r.attributes = old.physicalID, old.attributes
	return c.apply(ctx, r, old.properties, err)
}

// apply creates a resource, or updates it if there are old properties. It takes
// the error that kept it from being tried.
func (c *change) apply(ctx context.Context, r *resource, old map[string]any, err error) error {
	do, verb := kindOf(r.kind).create, "CREATE_"
	if old != nil {
		do, verb = kindOf(r.kind).update, "UPDATE_"
	}
	former := c.place(r)
	if err == nil {
		c.engine.mark(c.stack, r, verb+"IN_PROGRESS", "")
		var o outcome
		o, err = do(ctx, c.engine.task(c.stack, r, old))
		c.settle(r, o)
	}
	if err != nil {
		c.engine.mark(c.stack, r, verb+"FAILED", err.Error())
		return err
	}
	if old != nil && r.physicalID != former.physicalID {
		c.replace(&former, r)
	}
	c.engine.mark(c.stack, r, verb+"COMPLETE", "")
	return nil
}

// place puts an incarnation into the stack and returns the one it displaces as
// it was, if there is one.
func (c *change) place(r *resource) (former resource) {
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	if now := c.stack.resources[r.logicalID]; now != nil {
		former = *now
	}
	r.status = former.status
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

// revert updates a resource back to what it was. A custom resource is asked, with the
// id that it has now. Which old properties AWS sends when a rollback that failed is
// continued stands on no page; here they are those that were sent last, as after any
// update that failed: then nothing tells any more what is undone. One of AWS's own that
// was replaced, or whose update failed, is there still as it was.
func (c *change) revert(ctx context.Context, id string) error {
	now, was := c.now(id), *c.before[id]
	replaced := now.physicalID != was.physicalID
	if isCustom(was.kind) || !replaced && now.status != updateFailed {
		was.physicalID = now.physicalID
		return c.apply(ctx, &was, now.properties, nil)
	}
	c.place(&was)
	if replaced {
		c.replace(now, &was)
	}
	c.engine.mark(c.stack, &was, updateComplete, "")
	return nil
}
