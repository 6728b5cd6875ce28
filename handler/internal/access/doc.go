// Package access is Custom::BitmovinExportAccess: the IAM role by which Bitmovin
// writes exports to a customer's bucket, and the proof that it can.
//
// Create and Update converge to the same desired state. One run reads what there is,
// validates, writes the role, checks it, and confirms that the stack still wants it.
// Ownership is told by tags that come with CreateRole: a role without them is never
// changed or deleted. Package role reads and writes IAM; package verify checks what
// Bitmovin must be able to do.
//
// The protocol around it is
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
package access
