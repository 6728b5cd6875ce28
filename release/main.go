// Command release makes what a version consists of, and publishes it.
//
//	go run ./release package VERSION [BUCKET_PREFIX REGION...]
//	go run ./release publish VERSION
//
// It is run in the root of the project, as make package and make publish do.
// The same sources and the same Go give the same bytes.
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
       go run ./release publish VERSION`)

func run(ctx context.Context, args []string, out *log.Logger) error {
	switch {
	case len(args) > 1 && args[0] == "package":
		r, err := newRelease(args[1:])
		if err != nil {
			return err
		}
		return r.pack(ctx, out)
	case len(args) == 2 && args[0] == "publish":
		r, err := packaged(args[1])
		if err != nil {
			return err
		}
		return r.publish(ctx, out)
	}
	return errUsage
}
