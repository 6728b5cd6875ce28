// Package verify proves by real calls that Bitmovin can use a bucket through an
// export role: it assumes the role as Bitmovin does and makes the calls that an
// export makes. It is given a configuration and a bucket, returns verdicts, and
// writes no IAM.
//
// The calls and what each needs are those of
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
package verify
