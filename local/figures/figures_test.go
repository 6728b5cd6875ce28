package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// all returns what go test prints if every figure of the table is f.
func all(f float64) string {
	text := "goos: linux\ngoarch: arm64\npkg: example\ncpu: Abacus\n"
	for _, r := range rows() {
		benchmark, unit, _ := strings.Cut(r.figure, " ")
		text += fmt.Sprintf("Benchmark%s-8         \t       1\t %v %s\n", benchmark, f, unit)
	}
	return text + "PASS\nok  \texample\t1.0s\n"
}

func TestTable(t *testing.T) {
	t.Parallel()
	m, err := read(strings.NewReader(all(7)))
	if err != nil {
		t.Fatal(err)
	}
	table, err := m.table()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Abacus, 8 CPUs, linux/arm64, go1.",
		"| Create: round trips in a row | 7 | at most 7 | met |\n",
		"| Delete: round trips in a row | 7 | at most 5 | **missed** |\n",
		"| Zip, arm64 | 7.00 MiB | at most 5 MiB | **missed** |\n",
		"| their 400 requests: answered | 7 | 400 | **missed** |\n",
		"| with 48 tags | 7 |  |  |\n",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("there is no %q in:\n%s", want, table)
		}
	}
}

func TestUnreadable(t *testing.T) {
	t.Parallel()
	if _, err := read(strings.NewReader("PASS\n")); err == nil {
		t.Error("nothing is taken for measurements")
	}
	if _, err := read(strings.NewReader("BenchmarkZip-2 1 four MiB\n")); err == nil {
		t.Error("a word is taken for a figure")
	}
	m, err := read(strings.NewReader("BenchmarkZip-2 1 4 MiB\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.table(); err == nil || !strings.Contains(err.Error(), "was not measured") {
		t.Errorf("a table of one figure: %v, want what is missing", err)
	}
}

// TestDocs: the table in the documentation has the rows of this one, each with its
// budget, and each budget is met.
func TestDocs(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	m, err := read(strings.NewReader(all(0)))
	if err != nil {
		t.Fatal(err)
	}
	table, err := m.table()
	if err != nil {
		t.Fatal(err)
	}
	measured := regexp.MustCompile(`(?m)^(\| .*? )\| .*? (\| .*? )\| .*\|$`)
	for _, want := range measured.FindAllStringSubmatch(table, -1) {
		row := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(want[1]) + `\| .*? ` + regexp.QuoteMeta(want[2]))
		if !row.Match(page) {
			t.Errorf("docs/performance.md has no row %s… %s", want[1], want[2])
		}
	}
}
