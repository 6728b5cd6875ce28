package waterfall

import (
	"bytes"
	"cmp"
	"fmt"
	"html"
	"slices"
	"strings"
	"time"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
)

// The measures of a picture, in pixels.
const (
	width  = 940
	left   = 290 // of the bars; the names stand before them
	right  = 30
	top    = 76
	row    = 20
	bar    = 13
	bottom = 62
	// thinnest is the width of a bar that took next to no time.
	thinnest = 4
)

// grid is the time between two lines.
const grid = 50 * time.Millisecond

// services have colours that are apart for those who see no red or green, too:
// https://www.nature.com/articles/nmeth.1618
var services = []struct{ id, name, colour string }{
	{"cloudformation", "CloudFormation", "#cc79a7"},
	{"iam", "IAM", "#e69f00"},
	{"sts", "STS", "#009e73"},
	{"s3", "S3", "#56b4e9"},
	{"", "the verdict", "#6e7781"},
}

func colour(service string) string {
	for _, s := range services {
		if s.id == service {
			return s.colour
		}
	}
	return "none"
}

// A picture is drawn from the calls of one request.
type picture struct {
	bytes.Buffer
	calls []aws.Call
	path  []int
	// first is when the first call began.
	first  time.Time
	height int
}

// Draw returns an SVG of the calls: each is a bar in its service's colour, and
// those that waited for each other are outlined and joined. It has a background
// of its own, and so is as readable on a dark page as on a light one.
func Draw(title string, calls []aws.Call) []byte {
	p := &picture{calls: slices.Clone(calls), height: top + row*len(calls) + bottom}
	if len(calls) > 0 {
		p.first = slices.MinFunc(calls, func(a, b aws.Call) int { return a.Start.Compare(b.Start) }).Start
	}
	slices.SortFunc(p.calls, p.inOrder)
	p.path = Path(p.calls)
	p.line(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" role="img" font-family="Helvetica, Arial, sans-serif" font-size="12" fill="#24292f">`, width, p.height)
	p.line(`<title>%s</title>`, html.EscapeString(title))
	p.line(`<rect x="0.5" y="0.5" width="%d" height="%d" rx="8" fill="#ffffff" stroke="#d0d7de"/>`, width-1, p.height-1)
	p.line(`<text x="24" y="32" font-size="15" font-weight="bold">%s</text>`, html.EscapeString(title))
	p.drawGrid()
	p.drawPath()
	for i := range p.calls {
		p.drawBar(i)
	}
	p.drawLegend()
	p.line(`</svg>`)
	return p.Bytes()
}

// inOrder compares two calls by when they began. Those that began together, or
// nearly so, stand by their services.
func (p *picture) inOrder(a, b aws.Call) int {
	const nearly = grid / 2
	return cmp.Or(
		cmp.Compare(p.after(a.Start).Round(nearly), p.after(b.Start).Round(nearly)),
		cmp.Compare(a.Service, b.Service), cmp.Compare(name(a), name(b)), a.Start.Compare(b.Start),
	)
}

func (p *picture) line(format string, args ...any) { _, _ = fmt.Fprintf(p, format+"\n", args...) }

// after returns when something was, counted from the first call's start.
func (p *picture) after(t time.Time) time.Duration { return t.Sub(p.first) }

// length is the time of the whole request.
func (p *picture) length() time.Duration {
	if len(p.path) == 0 {
		return 0
	}
	return p.after(p.calls[p.path[len(p.path)-1]].End)
}

// x returns where a time is.
func (p *picture) x(t time.Duration) float64 {
	return left + t.Seconds()/max(p.length(), time.Millisecond).Seconds()*(width-left-right-thinnest)
}

// y returns the top of a bar.
func y(i int) int { return top + i*row }

func (p *picture) drawGrid() {
	p.line(`<text x="%d" y="%d" text-anchor="end" font-size="10" fill="#57606a">milliseconds</text>`, left-14, top-14)
	for t := time.Duration(0); t <= p.length(); t += grid {
		p.line(`<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#d8dee4"/>`, p.x(t), top-8, p.x(t), p.height-bottom)
		p.line(`<text x="%.1f" y="%d" text-anchor="middle" font-size="10" fill="#57606a">%d</text>`, p.x(t), top-14, t.Milliseconds())
	}
}

// drawPath joins the calls of the critical path, from the end of each to the
// beginning of the next.
func (p *picture) drawPath() {
	for n := 1; n < len(p.path); n++ {
		from, to := p.path[n-1], p.path[n]
		p.line(`<path d="M %.1f %d H %.1f V %d" fill="none" stroke="#24292f" stroke-width="1.5"/>`,
			p.x(p.after(p.calls[from].End)), y(from)+bar/2, p.x(p.after(p.calls[to].Start)), y(to)+bar/2)
	}
}

func (p *picture) drawBar(i int) {
	c := p.calls[i]
	weight, stroke := "normal", "none"
	if slices.Contains(p.path, i) {
		weight, stroke = "bold", "#24292f"
	}
	begin, end := p.after(c.Start), p.after(c.End)
	name := html.EscapeString(name(c))
	p.line(`<text x="%d" y="%d" text-anchor="end" font-weight="%s">%s</text>`, left-14, y(i)+bar-2, weight, name)
	p.line(`<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s" stroke="%s" stroke-width="1.5"><title>%s, %d to %d ms</title></rect>`,
		p.x(begin), y(i), max(thinnest, p.x(end)-p.x(begin)), bar, colour(c.Service), stroke, name, begin.Milliseconds(), end.Milliseconds())
}

// name returns what a call is, and who made it if that was not the function itself.
func name(c aws.Call) string {
	if strings.HasSuffix(c.Caller, "/bitmovin-access-check") {
		return c.Op + " as the role"
	}
	return c.Op
}

func (p *picture) drawLegend() {
	x, y := 24, p.height-28
	for _, s := range services {
		p.line(`<rect x="%d" y="%d" width="%d" height="%[3]d" fill="%s"/><text x="%d" y="%d">%s</text>`, x, y, bar, s.colour, x+bar+6, y+bar-2, s.name)
		x += bar + 36 + 7*len(s.name)
	}
	p.line(`<rect x="%d" y="%d" width="%d" height="%[3]d" fill="none" stroke="#24292f" stroke-width="1.5"/><text x="%[4]d" y="%d">the critical path</text>`,
		x, y, bar, x+bar+6, y+bar-2)
}
