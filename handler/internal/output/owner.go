package output

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-lambda-go/cfn"
)

// An owner is an output's custom data: by it an output is known to be of one
// stack and resource, and of one of its requests.
type owner struct {
	StackID   string `json:"bitmovin-export-access:stack-id"`
	LogicalID string `json:"bitmovin-export-access:logical-id"`
	RequestID string `json:"bitmovin-export-access:request-id"`
	// Attempt is that delivery of the request which made the output.
	Attempt string `json:"bitmovin-export-access:attempt"`
	// Digest is that of the properties.
	Digest string `json:"bitmovin-export-access:digest"`
	// outputID is the output's, and not in its data.
	outputID string
}

// owner reads the custom data, which may be anything. It names no stack for an
// output that somebody else made.
func (o *output) owner() (own owner) {
	if json.Unmarshal(o.CustomData, &own) != nil {
		own = owner{}
	}
	own.outputID = o.ID
	return own
}

// owns reports whether the output is of the event's resource.
func (o owner) owns(e cfn.Event) bool {
	return o.StackID == e.StackID && o.LogicalID == e.LogicalResourceID
}

// made reports whether the output was made for the event's own request.
func (o owner) made(e cfn.Event) bool { return o.owns(e) && o.RequestID == e.RequestID }

func (o owner) String() string {
	if o.StackID == "" {
		return "somebody else: its custom data names no stack"
	}
	return fmt.Sprintf("the resource %s of the stack %s", o.LogicalID, o.StackID)
}

// Physical ids that are no output's. An id of CloudFormation's own invention,
// for a Create that gave no answer, is <stack>-<logical id>-<suffix>.
const (
	// nothing stands for an output that Bitmovin was never asked for.
	nothing = "output-not-registered"
	// uncertain, with a request's id behind it, stands for what Bitmovin was
	// asked for in that request and may have registered.
	uncertain = "output-of-request-"
)

// registered reports whether a physical id can be an output's.
func registered(id string) bool { return id != nothing && !strings.HasPrefix(id, uncertain) }

// invented reports whether CloudFormation invented the event's physical id.
func invented(e cfn.Event) bool {
	return strings.Contains(e.PhysicalResourceID, "-"+e.LogicalResourceID+"-")
}

// age orders outputs by their time of creation, which has full seconds, and
// those of one second by id.
func age(a, b *output) int {
	return cmp.Or(strings.Compare(a.CreatedAt, b.CreatedAt), strings.Compare(a.ID, b.ID))
}
