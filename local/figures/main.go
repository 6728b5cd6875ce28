// Command figures prints what `make bench` has measured as a table in Markdown,
// each figure beside its budget.
//
//	go run ./local/figures build/bench.txt
package main

import (
	"errors"
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "figures:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: go run ./local/figures FILE")
	}
	file, err := os.Open(args[0])
	if err != nil {
		return fmt.Errorf("open the measurements: %w", err)
	}
	defer file.Close() //nolint:errcheck // nothing was written
	m, err := read(file)
	if err != nil {
		return fmt.Errorf("read %s: %w", args[0], err)
	}
	table, err := m.table()
	if err != nil {
		return err
	}
	fmt.Print(table)
	return nil
}
