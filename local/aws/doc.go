// Package aws is an AWS on a desk: IAM, STS, S3 and what the function calls
// beside them, over HTTP on a loopback address, with policies that really
// decide. It knows only the operations that the function, the template and the
// demo use; any other fails loudly.
package aws
