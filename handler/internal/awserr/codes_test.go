package awserr

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/smithy-go"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/awserr/awserrtest"
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

func TestShort(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ü", maxShort)
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"AWS's, without the request's ids", awserrtest.Answer(400, "InvalidRequest", "no"), "InvalidRequest: no"},
		{"another", errors.New("no route"), "no route"},
		{"long, cut between runes", awserrtest.Answer(400, "Code", long), "Code: " + strings.Repeat("ü", (maxShort-len("Code: "))/2) + "…"},
		{"long by an odd byte", errors.New("x" + long), "x" + strings.Repeat("ü", maxShort/2-1) + "…"},
	}
	for _, test := range tests {
		if got := Short(test.err); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}
