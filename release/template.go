package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
)

// An edit changes one place of the template as text, so that the rest reads as
// it was written.
type edit struct {
	place *regexp.Regexp
	text  string
}

// samTemplate returns template.yaml with its version and the place of its code.
func (r release) samTemplate() ([]byte, error) {
	source, err := os.ReadFile("template.yaml")
	if err != nil {
		return nil, err
	}
	edits := []edit{{regexp.MustCompile(`(?m)^    SemanticVersion: .*$`), "    SemanticVersion: " + r.version}}
	return apply(string(source), append(edits, r.codeEdits()...))
}

// codeEdits say where the code is. A version that is only packaged has it beside
// the template, as `sam deploy` and `aws cloudformation package` take it. One
// that is published names the bucket of each region: made up from the region,
// the name of a bucket that the publisher does not have could be anybody's.
func (r release) codeEdits() []edit {
	uri := regexp.MustCompile(`(?m)^      CodeUri: \.$`)
	if len(r.buckets) == 0 {
		return []edit{{uri, "      CodeUri: " + zipFile}}
	}
	var buckets strings.Builder
	for _, b := range r.buckets {
		fmt.Fprintf(&buckets, "    %s:\n      Bucket: %s\n", b.region, b.name)
	}
	return []edit{
		{uri, "      CodeUri:\n        Bucket: !FindInMap [Code, !Ref AWS::Region, Bucket]\n        Key: " + r.key(zipFile)},
		{regexp.MustCompile(`(?m)^Conditions:$`), "Mappings:\n  # The regions that this version is published in.\n  Code:\n" +
			buckets.String() + "\nConditions:"},
	}
}

// apply makes edits, each of which must fit exactly one place.
func apply(text string, edits []edit) ([]byte, error) {
	for _, e := range edits {
		if n := len(e.place.FindAllString(text, -1)); n != 1 {
			return nil, fmt.Errorf("the template has %d lines %s, want one", n, e.place)
		}
		text = e.place.ReplaceAllLiteralString(text, e.text)
	}
	return []byte(text), nil
}

// packaged returns a version as it lies in its directory, with the buckets that
// its template names.
func packaged(version string) (release, error) {
	r, err := newRelease([]string{version})
	if err != nil {
		return release{}, err
	}
	text, err := os.ReadFile(r.path(plainFile))
	if err != nil {
		return release{}, fmt.Errorf("read what is to be published: %w", err)
	}
	var template struct {
		Mappings struct {
			Code map[string]struct{ Bucket string }
		}
	}
	if err := json.Unmarshal(text, &template); err != nil {
		return release{}, fmt.Errorf("read %s: %w", r.path(plainFile), err)
	}
	code := template.Mappings.Code
	for _, region := range slices.Sorted(maps.Keys(code)) {
		r.buckets = append(r.buckets, bucket{region, code[region].Bucket})
	}
	if len(r.buckets) == 0 {
		return release{}, fmt.Errorf(`%s names no buckets: make publish VERSION=%s BUCKET_PREFIX=acme-releases REGIONS="eu-west-1 us-east-1"`,
			r.path(plainFile), version)
	}
	return r, nil
}
