// Package output is Custom::BitmovinAnalyticsOutput: the output by which
// Bitmovin knows the bucket, the role and the external id of an export.
//
// Outputs are immutable, so a change of anything that Bitmovin stores registers
// a new one, and CloudFormation deletes the old one. Bitmovin gives out the ids
// and has no idempotent create; what makes ours so is the output's custom data,
// which names its stack, resource and request. An output that does not name the
// event's stack and resource is never deleted.
//
// The API is that of https://developer.bitmovin.com/encoding/reference and of
// https://github.com/bitmovin/bitmovin-api-sdk-go. That SDK prints the API key
// and has no context, so the client here is net/http's.
package output
