package verify

import (
	"errors"
	"fmt"
	"testing"

	"github.com/aws/smithy-go"
)

// The first message is AWS's, as recorded in
// https://github.com/localstack/localstack/pull/13269, the second that of MiniStack.
func TestUnlistedResource(t *testing.T) {
	t.Parallel()
	answer := func(code, message string) error {
		return fmt.Errorf("describe: %w", &smithy.GenericAPIError{Code: code, Message: message})
	}
	for _, test := range []struct {
		err  error
		want bool
	}{
		{answer("ValidationError", "Resource Parameter does not exist for stack stack-3ab5cd0a"), true},
		{answer("ValidationError", "Resource [ExportAccess] does not exist in stack [exports]"), true},
		{answer("ValidationError", "Stack with id exports does not exist"), false},
		{answer("ValidationError", "1 validation error detected: Value '' at 'logicalResourceId' failed to satisfy constraint"), false},
		{answer("AccessDenied", "Resource Parameter does not exist for stack stack-3ab5cd0a"), false},
		{errors.New("Resource Parameter does not exist for stack stack-3ab5cd0a"), false},
		{nil, false},
	} {
		if got := UnlistedResource(test.err); got != test.want {
			t.Errorf("%v: got %t", test.err, got)
		}
	}
}
