package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// publish uploads the version to its buckets, the plain template last, so that
// nobody can launch what is not all there. Then it writes the launch links.
func (r release) publish(ctx context.Context, out *log.Logger) error {
	if _, err := exec.LookPath("aws"); err != nil {
		return fmt.Errorf("publishing needs the AWS CLI "+
			"(https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html): %w", err)
	}
	if err := r.checkSums(); err != nil {
		return err
	}
	account, err := cli(ctx, "sts", "get-caller-identity", "--region", r.buckets[0].region, "--query", "Account", "--output", "text")
	if err != nil {
		return fmt.Errorf("find out who publishes: %w", err)
	}
	for _, b := range r.buckets {
		u := uploader{b, strings.TrimSpace(account)}
		for _, file := range []string{zipFile, sbomFile, sumsFile, samFile, plainFile} {
			if err := u.put(ctx, r.key(file), r.path(file)); err != nil {
				return fmt.Errorf("publish s3://%s/%s: %w", b.name, r.key(file), err)
			}
		}
		out.Printf("s3://%s/%s: published", b.name, r.key(""))
	}
	if err := os.WriteFile(r.path(launchFile), []byte(r.launchLinks()), 0o644); err != nil {
		return fmt.Errorf("write the launch links: %w", err)
	}
	out.Printf("%s: the launch links", r.path(launchFile))
	return nil
}

// An uploader puts files into a bucket of the account that publishes. No other
// account's will do: somebody else may have taken the name, and it would be
// their code that is launched.
type uploader struct {
	bucket
	owner string
}

var errPublished = errors.New("this version has been published with another content: publish a new version")

// put uploads a file if there is none at the key. If there is, it must be the
// same, so that a publication that broke off can be repeated, and what may have
// been deployed stays what it is.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
func (u uploader) put(ctx context.Context, key, file string) error {
	_, err := u.cli(ctx, "put-object", key, "--body", file, "--if-none-match", "*")
	if err == nil || !strings.Contains(err.Error(), "(PreconditionFailed)") {
		return err
	}
	return u.compare(ctx, key, file)
}

// compare checks that what is at the key is the file.
func (u uploader) compare(ctx context.Context, key, file string) error {
	dir, err := os.MkdirTemp("", name)
	if err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // what is left is the system's to clear
	there := filepath.Join(dir, "there")
	if _, err := u.cli(ctx, "get-object", key, there); err != nil {
		return err
	}
	want, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	got, err := os.ReadFile(there)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return errPublished
	}
	return nil
}

func (u uploader) cli(ctx context.Context, operation, key string, args ...string) (string, error) {
	return cli(ctx, append([]string{
		"s3api", operation, "--bucket", u.name, "--region", u.region, "--expected-bucket-owner", u.owner, "--key", key,
	}, args...)...)
}

// cli runs the AWS CLI, which brings along the publisher's profiles and single
// sign-on.
func cli(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "aws", args...)
	cmd.Env = append(os.Environ(), "AWS_PAGER=")
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", fmt.Errorf("aws %s %s: %w: %s", args[0], args[1], err, bytes.TrimSpace(exit.Stderr))
	}
	return string(out), err
}
