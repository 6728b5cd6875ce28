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

// publish packages the version and uploads it to the bucket of each region, the
// plain template last, so that nobody can launch what is not all there. Then it
// writes the launch links.
func (r release) publish(ctx context.Context, out *log.Logger) error {
	if _, err := exec.LookPath("aws"); err != nil {
		return fmt.Errorf("publishing needs the AWS CLI "+
			"(https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html): %w", err)
	}
	if err := r.pack(ctx, out); err != nil {
		return err
	}
	owner, err := cli(ctx, "sts", "get-caller-identity", "--region", r.regions[0], "--query", "Account", "--output", "text")
	if err != nil {
		return fmt.Errorf("find out who publishes: %w", err)
	}
	for _, region := range r.regions {
		b := bucket{name: r.bucket(region), region: region, owner: strings.TrimSpace(owner)}
		for _, file := range []string{zipFile, sbomFile, sumsFile, samFile, plainFile} {
			if err := b.put(ctx, r.key(file), r.path(file)); err != nil {
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

// A bucket is one that versions are published to. Only its owner's will do: its
// name may have been taken by somebody else, whose code would then be launched.
type bucket struct{ name, region, owner string }

var errPublished = errors.New("this version has been published with another content: publish a new version")

// put uploads a file if there is none at the key. If there is, it must be the
// same, so that a publication that broke off can be repeated, and what may have
// been deployed stays what it is.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
func (b bucket) put(ctx context.Context, key, file string) error {
	_, err := b.cli(ctx, "put-object", key, "--body", file, "--if-none-match", "*")
	if err == nil || !strings.Contains(err.Error(), "(PreconditionFailed)") {
		return err
	}
	return b.compare(ctx, key, file)
}

// compare sees that what is at the key is the file.
func (b bucket) compare(ctx context.Context, key, file string) error {
	dir, err := os.MkdirTemp("", name)
	if err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // what is left is the system's to clear
	there := filepath.Join(dir, "there")
	if _, err := b.cli(ctx, "get-object", key, there); err != nil {
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

func (b bucket) cli(ctx context.Context, operation, key string, args ...string) (string, error) {
	return cli(ctx, append([]string{
		"s3api", operation, "--bucket", b.name, "--region", b.region, "--expected-bucket-owner", b.owner, "--key", key,
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
