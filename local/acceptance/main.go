package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

const (
	// page gets the record of a run on an account; all else is below buildDir.
	page     = "docs/acceptance.md"
	buildDir = "build/acceptance"
	// runLimit is how long a run may take before it is given up and cleaned up: both fit
	// into the hour that credentials are often good for.
	runLimit = 30 * time.Minute
	// cleanUpLimit is how long that may take.
	cleanUpLimit = 15 * time.Minute
)

func main() {
	signal.Ignore(syscall.SIGPIPE) // whoever reads what it prints may end before it has cleaned up
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, stop, os.Args[1:], os.Stdin, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "acceptance:", err)
		os.Exit(1)
	}
}

// validID is what may stand in the name of a bucket.
var validID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,20}[a-z0-9]$`)

func run(ctx context.Context, stop func(), args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("acceptance", flag.ContinueOnError)
	yes := flags.Bool("yes", false, "do not ask")
	clean := flags.String("clean", "", "remove what the run of this `id` has left")
	if err := flags.Parse(args); err != nil {
		return err
	}
	id := cmp.Or(*clean, os.Getenv("ACCEPTANCE_ID"), strings.ToLower(rand.Text()[:8]))
	if !validID.MatchString(id) {
		return fmt.Errorf("the id %q must be 2 to 22 lower case letters, digits and hyphens", id)
	}
	if err := os.MkdirAll(buildDir, 0o755); err != nil {
		return fmt.Errorf("make a directory for the record: %w", err)
	}
	log, err := os.OpenFile(filepath.Join(buildDir, "commands.log"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	defer log.Close() //nolint:errcheck // a line that is missing in it is no reason to fail
	a, err := findAccount(ctx, &toolbox{log: log})
	if err != nil {
		return err
	}
	r := &runner{account: a, names: namesOf(id), out: out, record: newRecord(ctx, a)}
	if *clean != "" {
		return r.cleanUp(ctx, stop)
	}
	if err := a.wantFree(ctx, r.names); err != nil {
		return err
	}
	r.say(r.plan())
	if !*yes && !a.nobodys() {
		if err := ask(in, out); err != nil {
			return err
		}
	}
	return r.runAll(ctx, stop)
}

// plan says what a run makes, what that costs, and what to do if it is killed.
func (r *runner) plan() string {
	where := fmt.Sprintf("In the account %s, as %s, in %s", r.number, r.caller, r.region)
	if r.local {
		where = fmt.Sprintf("On a local AWS, in its account %s, as %s, in %s", r.number, r.caller, r.region)
	}
	return fmt.Sprintf(`%s, this makes:

  the buckets  %s and %s
  the stacks   %s and, after its end, %s,
               each with a Lambda function, its role, a permissions boundary,
               a log group, and a role that Bitmovin's user may assume

and removes all of it again, whatever happens, also on Ctrl-C. It takes 5 to 15
minutes. It costs cents at most: some thousand requests, a few seconds of
Lambda, and a few kilobytes of storage and logs for these minutes.
If it is killed, this removes what it has left: make test-aws CLEAN=%s
`, where, r.bucket, r.code, r.stack, r.express, r.id)
}

// ask goes on only with a yes.
func ask(in io.Reader, out io.Writer) error {
	_, _ = fmt.Fprint(out, "Type yes to go on (YES=1 says so beforehand): ")
	line, err := bufio.NewReader(in).ReadString('\n')
	if strings.TrimSpace(line) == "yes" {
		return nil
	}
	if errors.Is(err, io.EOF) {
		_, _ = fmt.Fprintln(out)
	}
	return errors.New("nothing was made, for nobody said yes")
}
