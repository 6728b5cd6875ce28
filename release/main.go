// Command release makes what a version consists of, and publishes it.
//
//	go run ./release package VERSION [BUCKET_PREFIX REGION...]
//	go run ./release publish VERSION BUCKET_PREFIX REGION...
//
// It is run in the root of the project after `make build`, as make package and
// make publish do. The same sources and the same Go give the same bytes.
//
// Lambda takes code only from a bucket in the function's own region, so that a
// version is published to one bucket a region, <BUCKET_PREFIX>-<REGION>:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-lambda-function-code.html.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], log.New(os.Stdout, "", 0))
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New(`usage: go run ./release package VERSION [BUCKET_PREFIX REGION...]
       go run ./release publish VERSION BUCKET_PREFIX REGION...
with make: make publish VERSION=0.1.0 BUCKET_PREFIX=acme-releases REGIONS="eu-west-1 us-east-1"`)

func run(ctx context.Context, args []string, out *log.Logger) error {
	if len(args) < 2 {
		return errUsage
	}
	r, err := newRelease(args[1:])
	if err != nil {
		return err
	}
	switch {
	case args[0] == "package":
		return r.pack(ctx, out)
	case args[0] == "publish" && r.published():
		return r.publish(ctx, out)
	}
	return errUsage
}
