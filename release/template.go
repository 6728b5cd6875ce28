package main

import (
	"fmt"
	"os"
	"regexp"
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
	if !r.published() {
		return []edit{{uri, "      CodeUri: " + zipFile}}
	}
	var buckets strings.Builder
	for _, region := range r.regions {
		fmt.Fprintf(&buckets, "    %s:\n      Bucket: %s\n", region, r.bucket(region))
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
