package verify

import (
	"errors"
	"strings"

	"github.com/aws/smithy-go"
)

// UnlistedResource reports whether err is CloudFormation's answer that a stack has
// no such resource. It has no code of its own: only its text tells it from a stack
// that does not exist.
func UnlistedResource(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "ValidationError" &&
		strings.HasPrefix(api.ErrorMessage(), "Resource ") && strings.Contains(api.ErrorMessage(), " does not exist ")
}
