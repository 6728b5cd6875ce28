// Package role reads and writes one IAM role: what it is, what it is to be, and what differs.
// It knows no event and no stack, and it alone writes IAM.
package role
