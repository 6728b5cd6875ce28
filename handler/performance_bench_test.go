package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
	"github.com/bitmovin/bitmovin-export-access/local/lambda"
	"github.com/bitmovin/bitmovin-export-access/local/waterfall"
)

// What `make bench` measures, in a form that benchstat reads. Each operation is a
// whole measurement, so that -benchtime 1x is enough, and -count gives more of them.
// What depends on the function's own speed or size is measured with the built
// function, all else in virtual time, in which this machine's speed does not count.

// bubble runs part of a benchmark in a bubble of virtual time. For one, synctest
// wants a test, which the benchmark makes here.
func bubble(b *testing.B, f func(t *testing.T)) {
	b.Helper()
	all := func(string, string) (bool, error) { return true, nil } // -run is for the other tests
	test := testing.InternalTest{Name: b.Name(), F: func(t *testing.T) { harness.InBubble(t, f) }}
	if !testing.RunTests(all, []testing.InternalTest{test}) {
		b.Fail()
	}
}

var drawing = flag.String("waterfall", "", "where BenchmarkRequest/create draws its calls, as SVG")

// BenchmarkColdStart measures from exec to the first /invocation/next, in turn
// with a function that does nothing.
func BenchmarkColdStart(b *testing.B) {
	const starts = 20
	nothing, err := build("./testdata/nothing", b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		var ours, others []time.Duration
		for range starts {
			others = append(others, coldStart(b, nothing))
			ours = append(ours, coldStart(b, function(b)))
		}
		report(b, milliseconds(median(ours)), "ms")
		report(b, milliseconds(median(others)), "nothing-ms")
		report(b, float64(median(ours))/float64(median(others)), "ratio")
	}
}

// coldStart starts a function once, with an event that cannot be answered.
func coldStart(b *testing.B, binary string) time.Duration {
	b.Helper()
	f := lambda.New(lambda.Config{
		Binary: binary, FunctionARN: "arn:aws:lambda:" + region + ":" + account + ":function:bench", RetryDelays: []time.Duration{},
		Env: map[string]string{"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_SESSION_TOKEN": "bench"},
	})
	defer f.Close()
	return f.Invoke([]byte("{}")).Wait()[0].Init
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// report reports a metric in place of the time of an operation, which holds the
// setting up as well.
func report(b *testing.B, n float64, unit string) {
	b.Helper()
	b.ReportMetric(n, unit)
	b.ReportMetric(0, "ns/op")
}

// BenchmarkZip measures the size of what is deployed.
func BenchmarkZip(b *testing.B) {
	for b.Loop() {
		path, err := build(".", b.TempDir(), "GOOS=linux", "GOARCH=arm64")
		if err != nil {
			b.Fatal(err)
		}
		size, err := zipped(path)
		if err != nil {
			b.Fatal(err)
		}
		report(b, float64(size)/(1<<20), "MiB")
	}
}

// zipped returns the size of a zip that holds the file.
func zipped(path string) (int, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	w, err := z.Create("bootstrap")
	if err != nil {
		return 0, err
	}
	if _, err := w.Write(content); err != nil {
		return 0, err
	}
	return archive.Len(), z.Close()
}

// latency is how long each call takes where round trips are counted.
const latency = 50 * time.Millisecond

// BenchmarkRequest measures each request of a resource's life: the calls, how many
// of them waited for each other, and how long that took, in latencies. The verdict
// counts as one more: what takes it answers at once.
func BenchmarkRequest(b *testing.B) {
	for _, c := range []struct {
		name   string
		before []properties
		after  properties
	}{
		{"create", nil, harness.Plain()},
		{"update", []properties{harness.Plain()}, harness.Below("exports/")},
		{"update-of-nothing", []properties{harness.Plain()}, harness.Plain().With(properties{"VerificationTrigger": "again"})},
		{"delete", []properties{harness.Plain()}, nil},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				e := newBinaryProviderEnv(b, options{Options: aws.Options{Latency: latency}})
				for _, p := range c.before {
					e.MustApp(p)
				}
				calls, attempt := e.measure(c.after)
				report(b, float64(len(calls)), "calls")
				report(b, float64(len(calls)+1), "sequential")
				report(b, float64(len(waterfall.Path(calls))+1), "trips")
				report(b, float64(attempt.Duration)/float64(latency)+1, "latencies")
				report(b, float64(attempt.PeakMemory)/(1<<20), "peak-MiB")
				if c.name == "create" {
					e.draw(calls)
				}
			}
		})
	}
}

// measure creates or updates the resource, or deletes it if the properties are
// nil, and returns what its request called and how it ran.
func (e *env) measure(p properties) ([]aws.Call, lambda.Attempt) {
	e.Helper()
	from := len(e.Cloud.Calls())
	if p == nil {
		e.Delete(appStack)
	} else {
		e.MustApp(p)
	}
	requests := e.Engine.Requests()
	attempts := requests[len(requests)-1].Invocation.Wait()
	if len(attempts) != 1 {
		e.Fatalf("the request took %d attempts: %+v", len(attempts), attempts)
	}
	return e.Cloud.Calls()[from:], attempts[0]
}

// draw draws the latest request, of which these are the calls, into the file that
// -waterfall names.
func (e *env) draw(calls []aws.Call) {
	e.Helper()
	if *drawing == "" {
		return
	}
	last := calls[0]
	for _, c := range calls {
		if c.End.After(last.End) {
			last = c
		}
	}
	requests := e.Engine.Requests()
	put := e.Engine.Inbox().Puts(requests[len(requests)-1].RequestID)[0]
	calls = append(calls, aws.Call{Op: "PUT of the verdict", Start: last.End.Add(1), End: put.At})
	title := fmt.Sprintf("A Create: %d calls of %d ms and the verdict, %d in a row", len(calls)-1, latency.Milliseconds(), len(waterfall.Path(calls)))
	if err := os.WriteFile(*drawing, waterfall.Draw(title, calls), 0o644); err != nil {
		e.Fatal(err)
	}
}

// BenchmarkWaiting measures how much longer than the propagation of IAM's changes
// a Create takes, and an Update to a prefix that the former policy denies.
func BenchmarkWaiting(b *testing.B) {
	for _, propagation := range []time.Duration{5 * time.Second, 15 * time.Second} {
		b.Run(propagation.String(), func(b *testing.B) {
			for b.Loop() {
				bubble(b, func(t *testing.T) {
					e := newProviderEnv(t, options{Options: aws.Options{Propagation: propagation}})
					_, create := e.measure(harness.Below("before/"))
					time.Sleep(propagation)
					_, update := e.measure(harness.Below("after/"))
					report(b, (create.Duration - propagation).Seconds(), "create-s")
					report(b, (update.Duration - propagation).Seconds(), "update-s")
				})
			}
		})
	}
}

// BenchmarkGrowth counts the calls of a Create beside more and more of everything.
func BenchmarkGrowth(b *testing.B) {
	for _, g := range append([]growth{{name: "alone", properties: harness.Plain()}}, growths()...) {
		b.Run(g.name, func(b *testing.B) {
			for b.Loop() {
				bubble(b, func(t *testing.T) {
					e := newProviderEnv(t, options{})
					e.grow(g)
					calls, _ := e.measure(g.properties)
					report(b, float64(len(calls)), "calls")
				})
			}
		})
	}
}

// BenchmarkLoad measures how long it takes to create, and to delete, many stacks at
// once in an account whose IAM is throttled.
func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		bubble(b, func(t *testing.T) {
			l := newProviderEnv(t, throttled()).load(stacksAtOnce)
			report(b, float64(l.created), "created")
			report(b, l.createTook.Seconds(), "create-s")
			report(b, float64(l.deleted), "deleted")
			report(b, l.deleteTook.Seconds(), "delete-s")
			report(b, float64(l.left), "left")
			report(b, float64(l.answered), "answered")
		})
	}
}
