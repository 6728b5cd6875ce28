// Command local runs the function on an AWS on the desk: no account, no network.
//
//	go run ./local demo           creates, breaks, repairs and deletes the stack of template.yaml
//	go run ./local demo register  does so with the output registered at Bitmovin
//	go run ./local invoke EVENT   sends an event, such as events/create.json, and prints what it did
//
// It is run from the root of the project, and fails if anything is not as it
// should be.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/console"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], console.New(os.Stdout, console.WantsColour(os.Stdout)))
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "local:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, c *console.Console) error {
	command := strings.Join(args, " ")
	invokes := len(args) == 2 && args[0] == "invoke"
	if !invokes && command != "demo" && command != "demo register" {
		return errors.New("usage: go run ./local demo [register] | invoke EVENT")
	}
	dir, err := os.MkdirTemp("", "bitmovin-export-access-")
	if err != nil {
		return fmt.Errorf("make a directory for the function: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // what is left is the system's to clear
	c.Text(0, "Building the function for "+runtime.GOOS+"/"+runtime.GOARCH+".")
	parts, err := build(ctx, ".", dir)
	if err != nil {
		return err
	}
	if invokes {
		return invoke(ctx, parts, args[1], c)
	}
	return demo(ctx, parts, aws.Options{Propagation: propagation}, command == "demo register", c)
}
