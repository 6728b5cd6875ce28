// Package cloudformation is AWS CloudFormation on a desk: it deploys templates
// into a [github.com/bitmovin/bitmovin-export-access/local/aws.Cloud] and sends
// custom resources the events that the real one sends, in success, rollback,
// cleanup and cancellation.
//
// It follows https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
// and its neighbours. It knows only the resource types, properties, attributes
// and intrinsic functions that the project's templates use; any other fails.
package cloudformation
