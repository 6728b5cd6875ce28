package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// tryExpress deploys, updates and deletes once more in CloudFormation's express
// mode, which does not wait until what it made is in force. It reports, and
// judges nothing.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-express-mode.html
func (r *runner) tryExpress(ctx context.Context) {
	for _, command := range []string{"deploy", "delete"} {
		help, err := r.run(ctx, "sam", command, "--help")
		if err != nil || !strings.Contains(help, "--express") {
			r.note("skipped: this SAM CLI has no --express for sam " + command + " (SAM CLI 1.163.0 and newer have it for deploy)")
			return
		}
	}
	// The policy with the pasted fix exempts the first stack's role alone.
	if err := r.aws(ctx, nil, "s3api", "delete-bucket-policy", "--bucket", r.bucket); err != nil {
		r.note("not tried: " + err.Error())
		return
	}
	for _, s := range []struct {
		name string
		do   func() error
	}{
		{"sam deploy --express", func() error { return r.samDeploy(ctx, r.express, []string{"--express"}) }},
		{"update with sam deploy --express", func() error {
			return r.samDeploy(ctx, r.express, []string{"--express"}, "ObjectPrefix="+updated)
		}},
		{"sam delete --express", func() error { return r.samDelete(ctx, r.express, "--express") }},
	} {
		r.say("… " + s.name + " (reported, not judged)")
		began := time.Now()
		err := s.do()
		if err != nil {
			err = r.withReasons(ctx, r.express, err)
		}
		r.note(fmt.Sprintf("%s, %.0f s: %s", s.name, time.Since(began).Seconds(), r.outcome(ctx, err)))
		if ctx.Err() != nil {
			return
		}
	}
}

// outcome says how a step in express mode went.
func (r *runner) outcome(ctx context.Context, failed error) string {
	s, err := r.describe(ctx, r.express)
	switch {
	case err != nil:
		return errors.Join(failed, err).Error()
	case s == nil && failed == nil:
		return "the stack is gone"
	case s == nil:
		return "there is no stack: " + failed.Error()
	case failed != nil:
		return s.StackStatus + ": " + failed.Error()
	}
	checks := "all checks as they should be"
	if _, err := r.verified(ctx, r.express); err != nil {
		checks = err.Error()
	}
	return s.StackStatus + ", " + checks
}

// note records what express mode did.
func (r *runner) note(text string) {
	r.record.Express = append(r.record.Express, text)
	r.say("  express: " + text)
}
