package main

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// code is what a page sets in code.
var code = regexp.MustCompile("`([^`]+)`")

// tableBelow returns the rows of the first table below a heading of
// docs/checks.md, by their cells.
func tableBelow(t *testing.T, heading string) [][]string {
	t.Helper()
	_, text, found := strings.Cut(string(harness.ReadFile(t, "docs/checks.md")), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("there is no heading %q", heading)
	}
	var rows [][]string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "|") {
			if len(rows) > 0 {
				break
			}
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells)
	}
	return rows[2:]
}

// TestChecksPage: docs/checks.md names every check, in the order of the
// attribute Checks.
func TestChecksPage(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.mustCheck(nil)
		var documented, names []string
		for _, row := range tableBelow(t, "What is checked") {
			documented = append(documented, strings.Trim(row[0], "`"))
		}
		decoder := json.NewDecoder(strings.NewReader(e.Last().Data["Checks"]))
		for decoder.More() {
			token, err := decoder.Token()
			if err != nil {
				t.Fatal(err)
			}
			if text, ok := token.(string); ok && !slices.Contains([]string{"PASS", "FAIL", "WARN", "NOT_TESTED"}, text) {
				names = append(names, text)
			}
		}
		if diff := cmp.Diff(names, documented); diff != "" {
			t.Errorf("checks (-of the function +on the page):\n%s", diff)
		}
	})
}

// TestCallsPage: docs/checks.md names every call to S3 and STS with whose it is
// and what it needs, and no other.
func TestCallsPage(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		documented := map[string][]string{}
		for _, row := range tableBelow(t, "Which calls are made") {
			var needs []string
			for _, m := range code.FindAllStringSubmatch(row[2], -1) {
				needs = append(needs, m[1])
			}
			slices.Sort(needs)
			documented[strings.Trim(row[0], "`")+" by the "+row[1]] = needs
		}
		e := newProviderEnv(t, options{})
		for _, change := range []func(*aws.State){
			func(*aws.State) {},
			func(s *aws.State) { s.Buckets[bucketName].Ownership = "ObjectWriter" },
			func(s *aws.State) { s.Buckets[bucketName].Versioning = "Enabled" },
			func(s *aws.State) { encrypt(s, keyARN, keyAllows(`"kms:*"`)) },
			func(s *aws.State) { s.Buckets[bucketName].Ownership = "BucketOwnerEnforced" },
		} {
			e.Cloud.Edit(change)
			e.mustCheck(nil)
			e.Delete(appStack)
			e.mustCheck(properties{"ProbeWrites": "false"})
			e.Delete(appStack)
		}
		e.EditBucket(func(b *aws.Bucket) {
			b.Policy = policyOf(`{"Effect":"Deny","Principal":"*","Action":"s3:AbortMultipartUpload","Resource":"*",
			"Condition":{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/bitmovin-export-*"}}}`)
		})
		e.mustCheck(properties{"ProbeWrites": "false"})
		made := map[string]map[string]bool{}
		for _, c := range e.Cloud.Calls() {
			by := "function"
			if asRole(c) {
				by = "role"
			}
			if c.Service != "s3" && c.Service != "sts" {
				continue
			}
			name := c.Op + " by the " + by
			if made[name] == nil {
				made[name] = map[string]bool{}
			}
			for _, action := range c.Actions {
				made[name][action] = true
			}
		}
		got := map[string][]string{}
		for name, actions := range made {
			got[name] = slices.Sorted(maps.Keys(actions))
		}
		// Whoever began an upload needs no permission to abort it.
		got["s3:AbortMultipartUpload by the role"] = nil
		if diff := cmp.Diff(documented, got); diff != "" {
			t.Errorf("calls (-on the page +made):\n%s", diff)
		}
	})
}
