package cloudformation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// An Operation is a create, update or delete of a stack under way.
type Operation struct {
	engine *Engine
	stack  *stack
	cancel context.CancelFunc
	done   chan struct{}
	since  int    // the number of events before it
	want   string // the status that is success
}

// Deploy creates or updates a stack and waits for the end. The parameters are
// all there are: one that is not given has its default, also in an update. The
// error says how the stack failed; the stack is returned with it.
func (e *Engine) Deploy(ctx context.Context, name string, text []byte, parameters map[string]string) (*Stack, error) {
	o, err := e.Start(name, text, parameters) //nolint:contextcheck // a stack goes on when nobody waits any more
	if err != nil {
		return nil, err
	}
	return o.Wait(ctx)
}

// Delete deletes a stack, by name or id, and waits for the end.
func (e *Engine) Delete(ctx context.Context, name string) (*Stack, error) {
	o, err := e.StartDelete(name) //nolint:contextcheck // a stack goes on when nobody waits any more
	if err != nil {
		return nil, err
	}
	return o.Wait(ctx)
}

// Start begins to create or update a stack. An error means that nothing began.
func (e *Engine) Start(name string, text []byte, parameters map[string]string) (*Operation, error) {
	t, err := parseTemplate(text)
	if err != nil {
		return nil, err
	}
	values, err := t.parameterValues(parameters)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	st, err := e.find(name)
	create := err != nil
	if create {
		st = &stack{name: name, id: e.stackID(name), status: createInProgress, created: time.Now(), resources: map[string]*resource{}, deleting: map[string]*resource{}}
	} else if err := st.updatable(t, values); err != nil {
		return nil, err
	}
	c, err := e.newChange(st, t, values)
	if err != nil {
		return nil, err
	}
	if create {
		e.stacks = append(e.stacks, st)
		return e.begin(st, createComplete, c.create), nil
	}
	return e.begin(st, updateComplete, c.update), nil
}

// StartContinue begins to continue a rollback that failed: what it could not bring
// back is tried again.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-continueupdaterollback.html
func (e *Engine) StartContinue(nameOrID string) (*Operation, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	st, err := e.find(nameOrID)
	if err != nil {
		return nil, err
	}
	if st.status != updateRollbackFailed {
		return nil, fmt.Errorf("ValidationError: Stack:%s is in %s state and can not continue rollback", st.id, st.status)
	}
	c := st.unreverted
	return e.begin(st, updateRollbackComplete, func(context.Context) { c.rollBack("User Initiated") }), nil
}

// updatable refuses what UpdateStack refuses.
func (st *stack) updatable(t *template, values map[string]any) error {
	stable := st.status == createComplete || st.status == updateComplete || st.status == updateRollbackComplete
	if !stable || st.running != nil {
		return fmt.Errorf("ValidationError: Stack:%s is in %s state and can not be updated", st.id, st.status)
	}
	if reflect.DeepEqual(st.template, t) && reflect.DeepEqual(st.parameters, values) {
		return errors.New("ValidationError: No updates are to be performed")
	}
	return nil
}

// StartDelete begins to delete a stack. A create that is under way is cancelled,
// an update must end first.
func (e *Engine) StartDelete(nameOrID string) (*Operation, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	st, err := e.find(nameOrID)
	if err != nil {
		return nil, err
	}
	creating := st.running
	if creating != nil && creating.want != createComplete {
		return nil, fmt.Errorf("ValidationError: Stack [%s] cannot be deleted while in status %s", st.name, st.status)
	}
	for name := range st.exports {
		if user := e.importer(name); user != nil {
			return nil, fmt.Errorf("delete canceled: cannot delete export %s as it is in use by %s", name, user.name)
		}
	}
	return e.begin(st, deleteComplete, func(context.Context) { e.delete(st, creating) }), nil
}

// begin runs an operation. The caller holds e.mu.
func (e *Engine) begin(st *stack, want string, run func(context.Context)) *Operation {
	ctx, cancel := context.WithCancel(e.ctx)
	o := &Operation{engine: e, stack: st, cancel: cancel, done: make(chan struct{}), since: len(st.events), want: want}
	st.running = o
	e.work.Go(func() {
		defer close(o.done)
		defer cancel()
		run(ctx)
		e.mu.Lock()
		defer e.mu.Unlock()
		if st.running == o {
			st.running = nil
		}
	})
	return o
}

// Cancel stops an update, as CancelUpdateStack does, or a create, as a sibling's
// failure does: what runs is cancelled, and the rollback begins.
func (o *Operation) Cancel() { o.cancel() }

// Wait waits for the end, and returns an error if it is not the wanted one.
func (o *Operation) Wait(ctx context.Context) (*Stack, error) {
	select {
	case <-o.done:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for stack %s: %w", o.stack.name, ctx.Err())
	}
	o.engine.mu.Lock()
	defer o.engine.mu.Unlock()
	s := o.stack.snapshot()
	if s.Status == o.want {
		return s, nil
	}
	return s, fmt.Errorf("stack %s is %s: %s", s.Name, s.Status, firstFailure(s.Events[o.since:]))
}

// firstFailure is where to look for a cause.
func firstFailure(events []Event) string {
	for _, event := range events {
		if strings.HasSuffix(event.Status, "_FAILED") || strings.HasSuffix(event.Status, rollbackInProgress) {
			return event.LogicalID + " " + event.Status + ": " + event.Reason
		}
	}
	return "no resource failed"
}

// delete removes all resources of a stack; a create under way is cancelled first.
func (e *Engine) delete(st *stack, creating *Operation) {
	e.markStack(st, deleteInProgress, "User Initiated")
	if creating != nil {
		creating.cancel()
		<-creating.done
	}
	e.mu.Lock()
	all := append(slices.Collect(maps.Values(st.resources)), st.replaced...)
	e.mu.Unlock()
	e.markRemoved(st, deleteComplete, deleteFailed, e.remove(st, all))
}

// markRemoved gives a stack the status that its resources' removal leads to.
func (e *Engine) markRemoved(st *stack, complete, incomplete string, failed []*resource) {
	if len(failed) == 0 {
		e.markStack(st, complete, "")
		return
	}
	var ids []string
	for _, r := range failed {
		ids = append(ids, r.logicalID)
	}
	slices.Sort(ids)
	e.markStack(st, incomplete, fmt.Sprintf("The following resource(s) failed to delete: %v.", ids))
}

// remove deletes incarnations, those first that depend on others. What fails
// holds up only what it depends on; it is returned.
func (e *Engine) remove(st *stack, all []*resource) (failed []*resource) {
	all = slices.DeleteFunc(all, func(r *resource) bool { return !r.alive() })
	slices.SortFunc(all, func(a, b *resource) int { return strings.Compare(a.logicalID, b.logicalID) })
	dependents := func(r *resource) []*resource {
		return slices.DeleteFunc(slices.Clone(all), func(x *resource) bool { return !slices.Contains(x.dependsOn, r.logicalID) })
	}
	return slices.Collect(maps.Keys(inOrder(e.ctx, all, dependents, false, func(ctx context.Context, r *resource) error {
		return e.removeOne(ctx, st, r)
	})))
}

func (e *Engine) removeOne(ctx context.Context, st *stack, r *resource) error {
	if r.retain {
		e.mark(st, r, deleteSkipped, "")
		return nil
	}
	e.setDeleting(st, r.logicalID, r)
	defer e.setDeleting(st, r.logicalID, nil)
	e.mark(st, r, deleteInProgress, "")
	if err := kindOf(r.kind).delete(ctx, e.task(st, r, nil)); err != nil {
		e.mark(st, r, deleteFailed, err.Error())
		return err
	}
	e.mark(st, r, deleteComplete, "")
	return nil
}

// setDeleting keeps which incarnation of a resource is being deleted.
func (e *Engine) setDeleting(st *stack, logicalID string, r *resource) {
	e.mu.Lock()
	defer e.mu.Unlock()
	st.deleting[logicalID] = r
}
