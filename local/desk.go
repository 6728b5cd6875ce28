package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/bitmovin"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
)

// parts are what is deployed: the function, built for this machine, and the template.
type parts struct {
	binary   string
	template []byte
}

// buildFlags returns those of the Makefile, so that it is the function that
// Lambda runs, but for the machine.
func buildFlags() []string {
	return []string{"-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-tags", "lambda.norpc"}
}

// build builds the function of the project at root into dir.
func build(ctx context.Context, root, dir string) (parts, error) {
	template, err := os.ReadFile(filepath.Join(root, "template.yaml"))
	if errors.Is(err, os.ErrNotExist) {
		return parts{}, fmt.Errorf("run this in the root of the project: %w", err)
	}
	if err != nil {
		return parts{}, fmt.Errorf("read the template: %w", err)
	}
	binary := filepath.Join(dir, "bootstrap")
	cmd := exec.CommandContext(ctx, "go", append(append([]string{"build"}, buildFlags()...), "-o", binary, "./handler")...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		return parts{}, fmt.Errorf("build the function: %w\n%s", err, output)
	}
	return parts{binary, template}, nil
}

// A desk is the AWS of one account and region, on which the template can be
// deployed, with Bitmovin's API beside it.
type desk struct {
	parts
	account, region string
	cloud           *aws.Cloud
	stacks          *cloudformation.Engine
	api             *bitmovin.API
}

// randomIDs is the seed of a desk whose ids are random.
const randomIDs = 0

// newDesk starts a desk. Its ids come from the seed. What happens to its stacks is told
// to onEvent, if that is set.
func newDesk(p parts, o aws.Options, account, region string, seed uint64, onEvent func(cloudformation.Event)) *desk {
	cloud, api := aws.Start(o), bitmovin.Start(bitmovin.Options{Seed: seed, RefuseRolePaths: true})
	return &desk{p, account, region, cloud, cloudformation.New(cloudformation.Options{
		Cloud: cloud, Account: account, Region: region, Binary: p.binary, Seed: seed, OnEvent: onEvent,
		RetryDelays: []time.Duration{0, 0}, // somebody watches, who would have to wait
		FunctionEnv: map[string]string{"BITMOVIN_API_URL": api.URL()},
	}), api}
}

// unknown returns an error if something was asked for that the desk does not know.
func (d *desk) unknown() error {
	if all := append(d.cloud.Unknown(), d.api.Unknown()...); len(all) > 0 {
		return fmt.Errorf("the function asked for something that is not known here: %s", strings.Join(all, "; "))
	}
	return nil
}

func (d *desk) close() {
	d.stacks.Close()
	d.cloud.Close()
	d.api.Close()
}

// addBucket makes a bucket as S3 makes new ones, of the owner or else of the desk's account.
func (d *desk) addBucket(name, owner string) {
	if owner == "" {
		owner = d.account
	}
	d.cloud.Edit(func(s *aws.State) {
		s.Buckets[name] = &aws.Bucket{
			Name: name, Account: owner, Region: d.region,
			Ownership: "BucketOwnerEnforced", BlockPublicACLs: true, Algorithm: "AES256",
			Versions: []*aws.Version{}, // as when all are deleted
		}
	})
}

// addSecret makes a secret with two keys of Bitmovin's API, of which one follows
// the other when it is rotated.
func (d *desk) addSecret(arn string) {
	d.cloud.Edit(func(s *aws.State) { s.Secrets[arn] = `{"current":"desk-key-1","next":"desk-key-2"}` })
	d.api.Edit(func(s *bitmovin.State) {
		s.Keys["desk-key-1"], s.Keys["desk-key-2"] = []string{"desk"}, []string{"desk"}
	})
}
