// Package policy writes and compares the IAM documents of an export role: its
// trust policy, its permissions, and the statements that an author pastes to
// resolve a denial. It is pure: no SDK, no clock, no network.
//
// The Restricted permissions are those that Bitmovin publishes in "What
// permissions do I need to set on my S3 buckets for Analytics Exports?"; the
// grammar is that of
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
package policy
