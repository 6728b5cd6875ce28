package waterfall

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
)

// at returns a call from one millisecond to another.
func at(op string, begin, end int) aws.Call {
	service, _, _ := strings.Cut(op, ":")
	moment := func(ms int) time.Time { return time.Unix(1, 0).Add(time.Duration(ms) * time.Millisecond) }
	return aws.Call{Service: service, Op: op, Start: moment(begin), End: moment(end)}
}

func TestPath(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		calls []aws.Call
		want  []int
	}{
		{"nothing", nil, nil},
		{"one", []aws.Call{at("s3:A", 0, 50)}, []int{0}},
		{"side by side, the longer", []aws.Call{at("s3:A", 0, 50), at("s3:B", 0, 60), at("s3:C", 1, 55)}, []int{1}},
		{"one after the other, in any order", []aws.Call{at("s3:C", 102, 150), at("s3:A", 0, 50), at("s3:B", 51, 101)}, []int{1, 2, 0}},
		{"the one that was waited for", []aws.Call{at("s3:A", 0, 50), at("s3:B", 0, 60), at("s3:C", 61, 100), at("s3:D", 51, 90)}, []int{1, 2}},
		{"those that overlap did not wait", []aws.Call{at("s3:A", 0, 50), at("s3:B", 40, 90)}, []int{1}},
		{"no time at all", []aws.Call{at("s3:A", 0, 0), at("s3:B", 0, 0)}, []int{0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, Path(c.calls)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDraw(t *testing.T) {
	t.Parallel()
	asRole := at("s3:PutObject", 101, 150)
	asRole.Caller = "arn:aws:sts::123456789012:assumed-role/r/bitmovin-access-check"
	calls := []aws.Call{at("iam:CreateRole", 0, 50), asRole, at("s3:<&>", 51, 100)}
	want := []string{"A & B", "iam:CreateRole, 0 to 50 ms", "s3:<&>, 51 to 100 ms", "s3:PutObject as the role, 101 to 150 ms"}
	if diff := cmp.Diff(want, titles(t, Draw("A & B", calls))); diff != "" {
		t.Errorf("titles (-want +got):\n%s", diff)
	}
	if got := titles(t, Draw("none", nil)); len(got) != 1 {
		t.Errorf("without calls there are the titles %q", got)
	}
}

// titles returns the titles in an SVG, which must be well-formed.
func titles(t *testing.T, svg []byte) []string {
	t.Helper()
	var list []string
	for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatalf("the picture is not XML: %v\n%s", err, svg)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "title" {
			var text string
			if err := d.DecodeElement(&text, &e); err != nil {
				t.Fatal(err)
			}
			list = append(list, text)
		}
	}
}
