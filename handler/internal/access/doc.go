// Package access is Custom::BitmovinExportAccess: the IAM role by which Bitmovin
// writes exports to a customer's bucket, and the proof that it can.
//
// Create and Update converge to the same desired state, which is a value;
// reading, comparing and applying are three steps. Ownership is told by tags
// that come with CreateRole: a role without them is never changed or deleted.
// The package alone writes IAM; what Bitmovin must be able to do is checked by
// package verify.
//
// The protocol around it is
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
package access
