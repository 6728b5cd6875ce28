// Package awserr reads AWS's refusals: which policy denied a call, and which error code and
// HTTP status an answer has. It is the one place that goes by the text of an error.
package awserr
