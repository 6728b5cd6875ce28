// Package awserrtest makes the errors that the SDK returns for AWS's answers.
package awserrtest

import (
	"errors"
	"net/http"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Answer is an error of the SDK for a response with that status and code.
func Answer(status int, code, message string) error {
	var err error = &smithy.GenericAPIError{Code: code, Message: message}
	if code == "" {
		err = errors.New("no body")
	}
	return &smithy.OperationError{ServiceID: "S3", OperationName: "PutObject", Err: &awshttp.ResponseError{
		RequestID: "REQUEST",
		ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status, Header: http.Header{}}},
			Err:      err,
		},
	}}
}
