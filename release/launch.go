package main

import (
	"fmt"
	"strings"
)

// launchLinks returns a table with a row a region, in Markdown: the stack for one
// bucket, and the provider under the name that the documentation imports it by.
func (r release) launchLinks() string {
	var b strings.Builder
	b.WriteString("| region | one bucket | provider for other stacks |\n|---|---|---|\n")
	for _, at := range r.buckets {
		fmt.Fprintf(&b, "| `%s` | [Launch stack](%s) | [Launch stack](%s) |\n", at.region,
			r.quickCreate(at, name), r.quickCreate(at, "bitmovin-export"))
	}
	return b.String()
}

// quickCreate opens the console where the stack is created:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-console-create-stacks-quick-create-links.html.
// No character of the template's address needs to be encoded.
func (r release) quickCreate(at bucket, stack string) string {
	template := fmt.Sprintf("https://%s.s3.%s.amazonaws.com/%s", at.name, at.region, r.key(plainFile))
	return fmt.Sprintf("https://%[1]s.console.aws.amazon.com/cloudformation/home?region=%[1]s#/stacks/create/review?templateURL=%s&stackName=%s",
		at.region, template, stack)
}
