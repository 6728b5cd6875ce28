package awserr

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
)

// Code returns the error code of AWS's answer; empty if there was none.
func Code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// HasCode reports whether err is AWS's answer with one of the error codes.
func HasCode(err error, codes ...string) bool {
	code := Code(err)
	return code != "" && slices.Contains(codes, code)
}

// Status returns the HTTP status of AWS's answer, 0 if there was none.
func Status(err error) int {
	var resp *awshttp.ResponseError
	if errors.As(err, &resp) {
		return resp.HTTPStatusCode()
	}
	return 0
}

// Answered reports whether err is AWS's decision on a call, and not that it made none.
func Answered(err error) bool {
	status := Status(err)
	return status != 0 && status < http.StatusInternalServerError
}

// maxShort is how many bytes of an answer a Reason has room for.
const maxShort = 160

// Short returns AWS's code and the head of its message, without the request's
// ids: only the log has room for the rest.
func Short(err error) string {
	text := err.Error()
	var api smithy.APIError
	if errors.As(err, &api) {
		text = api.ErrorCode() + ": " + api.ErrorMessage()
	}
	if len(text) > maxShort {
		text = strings.ToValidUTF8(text[:maxShort], "") + "…"
	}
	return text
}

// UnlistedResource reports whether err is CloudFormation's answer that a stack has
// no such resource. It has no code of its own: only its text tells it from a stack
// that does not exist.
func UnlistedResource(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "ValidationError" &&
		strings.HasPrefix(api.ErrorMessage(), "Resource ") && strings.Contains(api.ErrorMessage(), " does not exist ")
}
