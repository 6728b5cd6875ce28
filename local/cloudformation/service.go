package cloudformation

import (
	"maps"
	"net/http"
	"slices"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
)

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
		d, err := st.describeResource(r.Params.Get("LogicalResourceId"))
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

func (st *stack) describeResource(id string) (describedResource, error) {
	r := st.resources[id]
	if r == nil {
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
