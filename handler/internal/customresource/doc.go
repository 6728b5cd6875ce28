// Package customresource speaks CloudFormation's custom resource protocol: one
// event in, exactly one verdict out, whatever happens in between.
//
// The package knows nothing about what a resource does. A [Handler] does the
// work of one resource type; [Function.Invoke] decodes and checks the event,
// gives the handler the time there is, turns its outcome, its silence or its
// panic into SUCCESS or FAILED, and delivers that to the ResponseURL until
// CloudFormation has it.
//
// The types of the protocol are those of aws-lambda-go. Its cfn.LambdaWrap is
// not used: it lets the function's deadline pass in silence, sends the verdict
// once and without a timeout, and reports a failed delivery as a failed
// resource with the presigned URL in the text.
//
// The protocol:
//
//   - https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requesttypes.html
//   - https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
//   - https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
package customresource
