package cloudformation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// The statuses of stacks and resources that this package decides on:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html.
// Those of a resource are these with the verb that fits.
const (
	createInProgress         = "CREATE_IN_PROGRESS"
	createComplete           = "CREATE_COMPLETE"
	createFailed             = "CREATE_FAILED"
	rollbackInProgress       = "ROLLBACK_IN_PROGRESS"
	rollbackComplete         = "ROLLBACK_COMPLETE"
	rollbackFailed           = "ROLLBACK_FAILED"
	updateInProgress         = "UPDATE_IN_PROGRESS"
	updateCleanup            = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
	updateComplete           = "UPDATE_COMPLETE"
	updateFailed             = "UPDATE_FAILED"
	updateRollbackInProgress = "UPDATE_ROLLBACK_IN_PROGRESS"
	updateRollbackCleanup    = "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"
	updateRollbackComplete   = "UPDATE_ROLLBACK_COMPLETE"
	updateRollbackFailed     = "UPDATE_ROLLBACK_FAILED"
	deleteInProgress         = "DELETE_IN_PROGRESS"
	deleteComplete           = "DELETE_COMPLETE"
	deleteFailed             = "DELETE_FAILED"
	deleteSkipped            = "DELETE_SKIPPED"
	stackType                = "AWS::CloudFormation::Stack"
)

// A Stack is a stack as it was at one moment.
type Stack struct {
	Name, ID, Status, Reason string
	Outputs                  map[string]string
	// Resources by logical id, those that were deleted included.
	Resources map[string]Resource
	// Events in order, the oldest first.
	Events []Event
}

// A Resource is a resource of a [Stack].
type Resource struct {
	LogicalID, PhysicalID, Type, Status, Reason string
	// Attributes that Fn::GetAtt returns.
	Attributes map[string]string
}

// An Event is one line of a stack's history.
type Event struct {
	Time                                                   time.Time
	StackName, LogicalID, PhysicalID, Type, Status, Reason string
}

// A stack is what the engine knows of one. Its fields, and those of its
// resources, are guarded by Engine.mu.
type stack struct {
	name, id, status, reason string
	template                 *template
	created                  time.Time
	parameters               map[string]any
	resources                map[string]*resource
	// replaced incarnations wait for the cleanup.
	replaced []*resource
	// deleting are the incarnations that are being deleted, by logical id.
	deleting         map[string]*resource
	outputs, exports map[string]string
	imports          map[string]bool
	events           []Event
	running          *Operation
	// unreverted is the change of an update whose rollback failed.
	unreverted *change
}

// A resource is one incarnation of a resource: a replacement makes another.
type resource struct {
	logicalID, kind, physicalID, status, reason string
	properties                                  map[string]any
	attributes                                  map[string]string
	dependsOn                                   []string
	// retain it when it is deleted, or replaced.
	retain, retainReplaced bool
	changed                time.Time
	// abandoned: a cleanup failed to delete it and will not try again.
	abandoned bool
}

func (r *resource) alive() bool {
	return r != nil && r.status != deleteComplete && r.status != deleteSkipped && !r.abandoned
}

// mark gives a resource a status, and tells it.
func (e *Engine) mark(st *stack, r *resource, status, reason string) {
	e.tell(st, func() Event {
		r.status, r.reason, r.changed = status, reason, time.Now()
		return Event{r.changed, st.name, r.logicalID, r.physicalID, r.kind, status, reason}
	})
}

// markStack gives a stack a status, and tells it. A stack that is being deleted
// hears no more of the create that was cancelled for it.
func (e *Engine) markStack(st *stack, status, reason string) {
	e.tell(st, func() Event {
		if st.status == deleteInProgress && !strings.HasPrefix(status, "DELETE_") {
			return Event{}
		}
		st.status, st.reason = status, reason
		return Event{time.Now(), st.name, st.name, st.id, stackType, status, reason}
	})
}

// tell makes a change under the lock and tells its event, unless it is empty.
func (e *Engine) tell(st *stack, change func() Event) {
	e.telling <- struct{}{}
	defer func() { <-e.telling }()
	e.mu.Lock()
	event := change()
	if event.Status != "" {
		st.events = append(st.events, event)
	}
	e.mu.Unlock()
	if event.Status != "" && e.options.OnEvent != nil {
		e.options.OnEvent(event)
	}
}

func (st *stack) snapshot() *Stack {
	s := &Stack{
		Name: st.name, ID: st.id, Status: st.status, Reason: st.reason,
		Outputs: maps.Clone(st.outputs), Events: slices.Clone(st.events), Resources: map[string]Resource{},
	}
	for id, r := range st.resources {
		s.Resources[id] = Resource{id, r.physicalID, r.kind, r.status, r.reason, maps.Clone(r.attributes)}
	}
	return s
}

// stackID returns an ARN with a time-based UUID, whose last segment is the same
// in many stacks, as AWS's is.
func (e *Engine) stackID(name string) string {
	other := e.ids.Uint64("stack", name)
	// The UUID's epoch is 1582-10-15, its unit 100 ns: https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-1
	ticks := uint64(time.Now().UnixNano())/100 + 0x01b21dd213814000 + other%0x10000
	return fmt.Sprintf("arn:aws:cloudformation:%s:%s:stack/%s/%08x-%04x-1%03x-%04x-0a58a9feac02", e.options.Region,
		e.options.Account, name, ticks&0xffffffff, ticks>>32&0xffff, ticks>>48&0x0fff, 0x8000|other>>16%0x4000)
}

// physicalName makes up the name of a resource that its template does not name:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html.
func (e *Engine) physicalName(st *stack, logicalID string, limit int) string {
	name := st.name + "-" + logicalID
	return name[:min(len(name), limit-14)] + "-" + e.ids.Text("name", st.id, logicalID)
}
