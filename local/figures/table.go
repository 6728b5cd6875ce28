package main

import (
	"fmt"
	"runtime"
	"strings"
)

// A row of the table.
type row struct {
	what string
	// figure is the benchmark and the unit, format is Printf's.
	figure, format string
	budget         budget
}

// A budget is what a figure must keep to. The zero budget is none.
type budget struct {
	text string
	met  func(float64) bool
}

func atMost(limit float64, unit string) budget {
	return budget{fmt.Sprintf("at most %v%s", limit, unit), func(f float64) bool { return f <= limit }}
}

func exactly(want float64) budget {
	return budget{fmt.Sprint(want), func(f float64) bool { return f == want }}
}

func rows() []row {
	none := budget{}
	return []row{
		{"Create: round trips in a row", "Request/create trips", "%.0f", atMost(7, "")},
		{"Create: the time it took, in round trips of 50 ms", "Request/create latencies", "%.1f", none},
		{"Create: the same calls one after the other", "Request/create sequential", "%.0f", none},
		{"Update with one changed policy: round trips in a row", "Request/update trips", "%.0f", atMost(7, "")},
		{"Update with one changed policy: time", "Request/update latencies", "%.1f", none},
		{"Update with one changed policy: one after the other", "Request/update sequential", "%.0f", none},
		{"Update of nothing: round trips in a row", "Request/update-of-nothing trips", "%.0f", atMost(7, "")},
		{"Update of nothing: time", "Request/update-of-nothing latencies", "%.1f", none},
		{"Delete: round trips in a row", "Request/delete trips", "%.0f", atMost(5, "")},
		{"Delete: time", "Request/delete latencies", "%.1f", none},
		{"Delete: one after the other", "Request/delete sequential", "%.0f", none},
		{"Create beyond a propagation of 5 s", "Waiting/5s create-s", "%.2f s", atMost(2, " s")},
		{"Create beyond a propagation of 15 s", "Waiting/15s create-s", "%.2f s", atMost(2, " s")},
		{"Update beyond a propagation of 5 s", "Waiting/5s update-s", "%.2f s", atMost(2, " s")},
		{"Update beyond a propagation of 15 s", "Waiting/15s update-s", "%.2f s", atMost(2, " s")},
		{"Cold start: exec to the first /invocation/next, median of 20", "ColdStart ms", "%.1f ms", none},
		{"Cold start of a function that does nothing, in turn with it", "ColdStart nothing-ms", "%.1f ms", none},
		{"Cold start beside that one's", "ColdStart ratio", "%.2fx", atMost(2, "x")},
		{"Zip, arm64", "Zip MiB", "%.2f MiB", atMost(5, " MiB")},
		{"Peak memory of one Create", "Request/create peak-MiB", "%.1f MiB", atMost(32, " MiB")},
		{"200 stacks created at once, IAM at 10 calls a second: completed", "Load created", "%.0f", exactly(200)},
		{"until the last one was", "Load create-s", "%.0f s", none},
		{"the same 200 deleted at once: completed", "Load deleted", "%.0f", exactly(200)},
		{"until the last one was", "Load delete-s", "%.0f s", none},
		{"their 400 requests: answered", "Load answered", "%.0f", exactly(400)},
		{"left over: roles, markers, uploads, verifier statements", "Load left", "%.0f", exactly(0)},
		{"Calls of a Create in an empty account", "Growth/alone calls", "%.0f", none},
		{"beside 10 roles", "Growth/10-roles calls", "%.0f", none},
		{"beside 1,000 roles", "Growth/1000-roles calls", "%.0f", none},
		{"beside 2,500 objects in the bucket", "Growth/2500-objects calls", "%.0f", none},
		{"with 48 tags", "Growth/48-tags calls", "%.0f", none},
	}
}

// table returns the measurements in Markdown, with what they were taken on.
func (m *measurements) table() (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s CPUs, %s/%s, %s\n\n", m.machine["cpu"], m.cpus, m.machine["goos"], m.machine["goarch"], runtime.Version())
	b.WriteString("| what | measured | budget | |\n|---|---|---|---|\n")
	for _, r := range rows() {
		figure, ok := m.figures[r.figure]
		if !ok {
			return "", fmt.Errorf("%s was not measured", r.figure)
		}
		verdict := ""
		switch {
		case r.budget.met == nil:
		case r.budget.met(figure):
			verdict = "met"
		default:
			verdict = "**missed**"
		}
		fmt.Fprintf(&b, "| %s | "+r.format+" | %s | %s |\n", r.what, figure, r.budget.text, verdict)
	}
	return b.String(), nil
}
