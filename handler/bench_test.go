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
	"github.com/bitmovin/bitmovin-export-access/local/lambda"
	"github.com/bitmovin/bitmovin-export-access/local/waterfall"
)

// What `make bench` measures, in a form that benchstat reads. Each operation is a
// whole measurement, so that -benchtime 1x is enough, and -count gives more of them.

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
		{"create", nil, plain()},
		{"update", []properties{plain()}, below("exports/")},
		{"update-of-nothing", []properties{plain()}, plain().with(properties{"VerificationTrigger": "again"})},
		{"delete", []properties{plain()}, nil},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				d := startApp(b, options{Options: aws.Options{Latency: latency}})
				for _, p := range c.before {
					d.mustApp(p)
				}
				calls, attempt := d.measure(c.after)
				report(b, float64(len(calls)), "calls")
				report(b, float64(len(calls)+1), "sequential")
				report(b, float64(len(waterfall.Path(calls))+1), "trips")
				report(b, float64(attempt.Duration)/float64(latency)+1, "latencies")
				report(b, float64(attempt.PeakMemory)/(1<<20), "peak-MiB")
				if c.name == "create" {
					d.draw(calls)
				}
			}
		})
	}
}

func plain() properties { return properties{"BucketName": bucketName} }

func below(prefix string) properties { return plain().with(properties{"ObjectPrefix": prefix}) }

// measure creates or updates the resource, or deletes it if the properties are
// nil, and returns what its request called and how it ran.
func (d *desk) measure(p properties) ([]aws.Call, lambda.Attempt) {
	d.Helper()
	from := len(d.cloud.Calls())
	if p == nil {
		d.delete(appStack)
	} else {
		d.mustApp(p)
	}
	requests := d.engine.Requests()
	attempts := requests[len(requests)-1].Invocation.Wait()
	if len(attempts) != 1 {
		d.Fatalf("the request took %d attempts: %+v", len(attempts), attempts)
	}
	return d.cloud.Calls()[from:], attempts[0]
}

// draw draws the latest request, of which these are the calls, into the file that
// -waterfall names.
func (d *desk) draw(calls []aws.Call) {
	d.Helper()
	if *drawing == "" {
		return
	}
	last := calls[0]
	for _, c := range calls {
		if c.End.After(last.End) {
			last = c
		}
	}
	requests := d.engine.Requests()
	put := d.engine.Inbox().Puts(requests[len(requests)-1].RequestID)[0]
	calls = append(calls, aws.Call{Op: "PUT of the verdict", Start: last.End.Add(1), End: put.At})
	title := fmt.Sprintf("A Create: %d calls of %d ms and the verdict, %d in a row", len(calls)-1, latency.Milliseconds(), len(waterfall.Path(calls)))
	if err := os.WriteFile(*drawing, waterfall.Draw(title, calls), 0o644); err != nil {
		d.Fatal(err)
	}
}

// BenchmarkWaiting measures how much longer than the propagation of IAM's changes
// a Create takes, and an Update to a prefix that the former policy denies.
func BenchmarkWaiting(b *testing.B) {
	for _, propagation := range []time.Duration{5 * time.Second, 15 * time.Second} {
		b.Run(propagation.String(), func(b *testing.B) {
			for b.Loop() {
				d := startApp(b, options{Options: aws.Options{Propagation: propagation}})
				_, create := d.measure(below("before/"))
				d.propagate()
				_, update := d.measure(below("after/"))
				report(b, (create.Duration - propagation).Seconds(), "create-s")
				report(b, (update.Duration - propagation).Seconds(), "update-s")
			}
		})
	}
}

// propagate makes all that IAM was told effective: an administrator's hand is, at
// once, and so is all that was there before it.
func (d *desk) propagate() {
	d.cloud.Edit(func(s *aws.State) {
		for _, r := range s.Roles {
			r.Description += " "
		}
	})
}

// BenchmarkGrowth counts the calls of a Create beside more and more of everything.
func BenchmarkGrowth(b *testing.B) {
	for _, g := range append([]growth{{name: "alone", properties: plain()}}, growths()...) {
		b.Run(g.name, func(b *testing.B) {
			for b.Loop() {
				d := startApp(b, options{Options: network()})
				d.grow(g)
				calls, _ := d.measure(g.properties)
				report(b, float64(len(calls)), "calls")
			}
		})
	}
}
