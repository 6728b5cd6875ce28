package main

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// measurements are figures by benchmark and unit, "Request/create calls", and what
// they were taken on.
type measurements struct {
	figures map[string]float64
	// machine has the keys goos, goarch and cpu.
	machine map[string]string
	cpus    string
}

// read reads what go test prints of benchmarks. Of several runs the last counts.
// https://go.googlesource.com/proposal/+/master/design/14313-benchmark-format.md
func read(r io.Reader) (*measurements, error) {
	m := &measurements{figures: map[string]float64{}, machine: map[string]string{}}
	for lines := bufio.NewScanner(r); lines.Scan(); {
		line := lines.Text()
		if key, value, ok := strings.Cut(line, ": "); ok {
			m.machine[key] = value
		}
		if err := m.readResult(line); err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
	}
	if len(m.figures) == 0 {
		return nil, fmt.Errorf("there is no benchmark in it")
	}
	return m, nil
}

// readResult reads a line such as "BenchmarkZip-2  1  4.07 MiB".
func (m *measurements) readResult(line string) error {
	name, ok := strings.CutPrefix(line, "Benchmark")
	fields := strings.Fields(name)
	if !ok || len(fields) < 4 {
		return nil // a heading, or what the benchmark itself printed
	}
	name = fields[0]
	if i := strings.LastIndex(name, "-"); i >= 0 {
		name, m.cpus = name[:i], name[i+1:]
	}
	for i := 2; i+1 < len(fields); i += 2 {
		figure, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return fmt.Errorf("parse a figure: %w", err)
		}
		m.figures[name+" "+fields[i+1]] = figure
	}
	return nil
}
