// Package lifecycle has what every resource type needs: whether the stack still wants what
// an event asks for, whether the event is a rollback's, and strict properties.
//
// Events are delivered late and more than once, and a stack goes on meanwhile: it rolls
// back, and deletes what is still being made.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
//
// CloudFormation sends every scalar property as a string:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html
package lifecycle
