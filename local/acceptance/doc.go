// Command acceptance tries this project on a real account, with the caller's own
// AWS CLI, SAM CLI and credentials: it makes a bucket, deploys the stack,
// denies the role a write, pastes the fix out of the reason, updates, deletes,
// and checks that nothing is left; once more with SAM's --express, which is
// reported and not judged. It says first what it makes, and asks; it removes
// what it made whatever happens; and it writes what it saw into
// docs/acceptance.md.
//
//	acceptance [-yes]      tries it
//	acceptance -clean ID   removes what the run of that id has left
//
// Where AWS_ENDPOINT_URL names another AWS than AWS's, it is the same run on that
// one, whose record is written below build/ alone.
package main
