package cloudformation

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
)

// Answers are what DescribeStackResource answers where nobody has recorded what AWS
// does. The zero value has a resource from its first event on, and always the
// incarnation that lives.
type Answers struct {
	// Unnamed: a custom resource does not exist for its stack before it has an id.
	Unnamed bool
	// Replaced: while a cleanup deletes the incarnation that was replaced, it is shown.
	Replaced bool
}

// service answers the API calls that the function makes:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Operations.html.
type service struct{ engine *Engine }

type (
	describedStack struct {
		StackName, StackId, StackStatus, StackStatusReason string //nolint:revive // AWS's names
		CreationTime                                       string
		Outputs                                            []describedOutput `xml:"Outputs>member"`
	}
	describedOutput   struct{ OutputKey, OutputValue string }
	describedResource struct {
		StackName, StackId, LogicalResourceId, PhysicalResourceId, ResourceType string //nolint:revive // AWS's names
		ResourceStatus, ResourceStatusReason, LastUpdatedTimestamp              string
	}
)

const timestamp = "2006-01-02T15:04:05.000Z"

// Resource implements [aws.Handler]: calls are authorized on the stack's ARN.
func (s service) Resource(r aws.Request) (string, error) {
	s.engine.mu.Lock()
	defer s.engine.mu.Unlock()
	st, err := s.engine.find(r.Params.Get("StackName"))
	if err != nil {
		return "", err
	}
	return st.id, nil
}

// Serve implements [aws.Handler].
func (s service) Serve(r aws.Request) (any, error) {
	s.engine.mu.Lock()
	defer s.engine.mu.Unlock()
	st, err := s.engine.find(r.Params.Get("StackName"))
	if err != nil {
		return nil, err
	}
	switch r.Op {
	case "DescribeStacks":
		return struct {
			Stacks []describedStack `xml:"Stacks>member"`
		}{[]describedStack{st.describe()}}, nil
	case "DescribeStackResource":
		d, err := st.describeResource(r.Params.Get("LogicalResourceId"), s.engine.options.Answers)
		return struct{ StackResourceDetail describedResource }{d}, err
	}
	return nil, aws.NotImplemented("cloudformation:%s", r.Op)
}

func (st *stack) describe() describedStack {
	d := describedStack{
		StackName: st.name, StackId: st.id, StackStatus: st.status, StackStatusReason: st.reason,
		CreationTime: st.created.UTC().Format(timestamp),
	}
	for _, key := range slices.Sorted(maps.Keys(st.outputs)) {
		d.Outputs = append(d.Outputs, describedOutput{key, st.outputs[key]})
	}
	return d
}

// describeResource knows no resource that a living stack has removed, and those of
// a deleted one for 90 days: its page, and AWS's answers as recorded in
// https://github.com/localstack/localstack/pull/13269.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResource.html
func (st *stack) describeResource(id string, a Answers) (describedResource, error) {
	r := st.resources[id]
	if replaced := st.deleting[id]; a.Replaced && replaced != nil {
		r = replaced
	}
	unnamed := a.Unnamed && r != nil && isCustom(r.kind) && r.status == createInProgress && r.physicalID == ""
	removed := !r.alive() && !strings.HasPrefix(st.status, "DELETE_")
	if r == nil || unnamed || removed {
		return describedResource{}, &aws.Error{
			Status: http.StatusBadRequest, Code: "ValidationError",
			Message: "Resource " + id + " does not exist for stack " + st.name,
		}
	}
	return describedResource{
		StackName: st.name, StackId: st.id, LogicalResourceId: id, PhysicalResourceId: r.physicalID,
		ResourceType: r.kind, ResourceStatus: r.status, ResourceStatusReason: r.reason,
		LastUpdatedTimestamp: r.changed.UTC().Format(timestamp),
	}, nil
}
