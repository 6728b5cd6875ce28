package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/policy"
	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// TestSecurityPage: the tables of docs/security.md are the statements that the
// template deploys, each with a reason.
func TestSecurityPage(t *testing.T) {
	t.Parallel()
	bucket := policiesOf(t, "bucket", harness.Parameters("AllowFullAccess", "true", "BitmovinApiKeySecretArn", secretARN))
	provider := policiesOf(t, "provider", map[string]string{"BucketName": "", "AllowedBucketPrefix": "my-"})
	restricted := policiesOf(t, "restricted", harness.Parameters())
	sids := sidsInOrder(t)
	want := slices.Concat(
		bucket.function.rows(sids, nil), provider.function.rows(sids, bucket.function),
		restricted.boundary.rows(sids, nil), bucket.boundary.rows(sids, restricted.boundary),
	)
	text, err := os.ReadFile("../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cut := strings.LastIndex(strings.TrimSuffix(line, " |\n"), " | ")
		if got = append(got, line[:cut]+" |"); len(strings.TrimSpace(line[cut:])) < len("| a reason |") {
			t.Errorf("no reason: %s", line)
		}
	}
	if slices.Equal(want, got) {
		return
	}
	t.Error("docs/security.md has not the template's statements, in its order")
	for _, row := range onlyIn(want, got) {
		t.Errorf("add, with its reason: %s", row)
	}
	for _, row := range onlyIn(got, want) {
		t.Errorf("take out: %s", row)
	}
}

// onlyIn returns the texts of a that are not in b.
func onlyIn(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(text string) bool { return slices.Contains(b, text) })
}

// sidsInOrder returns the Sids in the template's order.
func sidsInOrder(t *testing.T) []string {
	t.Helper()
	var sids []string
	for _, found := range sidPattern.FindAllStringSubmatch(string(harness.ReadFile(t, "template.yaml")), -1) {
		if !slices.Contains(sids, found[1]) {
			sids = append(sids, found[1])
		}
	}
	return sids
}

var sidPattern = regexp.MustCompile(`Sid: (\w+)`)

// A stackPolicies is what a stack of the template lets the function do, and at
// most its roles.
type stackPolicies struct{ function, boundary statementSet }

// A statementSet holds, by Sid, statements as they stand in the page.
type statementSet map[string]statement

type statement struct {
	policy.Statement
	NotAction policy.Values
}

// policiesOf returns the policies of a stack with the parameters.
func policiesOf(t *testing.T, name string, p map[string]string) (found stackPolicies) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		harness.InBubble(t, func(t *testing.T) { found = deployPolicies(t, p) })
	})
	return found
}

// deployPolicies is policiesOf in a bubble.
func deployPolicies(t *testing.T, p map[string]string) stackPolicies {
	t.Helper()
	e := newEnv(t, options{})
	e.AddAPIKeys()
	s, err := e.DeployText(stackName, e.Template(), p)
	if err != nil {
		t.Fatal(err)
	}
	found := stackPolicies{statementSet{}, statementSet{}}
	e.Cloud.View(func(state *aws.State) {
		name := strings.NewReplacer(placeholders(s.ID, state)...)
		for _, r := range state.Roles {
			for _, text := range r.Inline {
				if strings.Contains(r.Trust, "lambda.amazonaws.com") {
					found.function.add(name.Replace(text))
				}
			}
		}
		for arn, managed := range state.Policies {
			switch {
			case strings.Contains(arn, "-Boundary-"):
				found.boundary.add(name.Replace(managed.Document))
			case strings.Contains(arn, "-ApiKeyPolicy-"):
				found.function.add(name.Replace(managed.Document))
			}
		}
	})
	return found
}

// placeholders are pairs of a name in the account and what the page calls it; of
// names that begin alike the longer comes first.
func placeholders(stackID string, s *aws.State) []string {
	pairs := []string{
		stackID, "<this stack>", secretARN, "<secret>", rolesARN + harness.RoleNamePrefixOf(stackID), "role/<prefix>", rolesARN, "role/",
		fullAccess, "AmazonS3FullAccess", "arn:aws:s3:::" + bucketName, "<bucket>", "arn:aws:s3:::my-*", "<prefix>*",
		"arn:aws:cloudformation:" + region + ":" + account + ":", "", "arn:aws:kms:*:*:", "",
	}
	for arn := range s.Policies {
		if strings.Contains(arn, "-Boundary-") {
			pairs = append(pairs, arn, "<boundary>")
		}
	}
	for name := range s.LogGroups {
		pairs = append(pairs, "arn:aws:logs:"+region+":"+account+":log-group:"+name+":*", "<log group>")
	}
	return pairs
}

func (set statementSet) add(text string) {
	var d struct{ Statement []statement }
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		panic(err)
	}
	for _, s := range d.Statement {
		set[s.Sid] = s
	}
}

// rows returns the statements as rows of a table, as far as they are not in the
// set of others.
func (set statementSet) rows(sids []string, others statementSet) []string {
	var rows []string
	for _, sid := range sids {
		if s, ok := set[sid]; ok && !cmp.Equal(s, others[sid]) {
			rows = append(rows, fmt.Sprintf("| `%s` | %s | %s | %s |", s.Sid, s.actions(), lines(s.Resource), conditions(s.Statement)))
		}
	}
	return rows
}

// actions returns the actions of a statement as lines.
func (s statement) actions() string {
	if s.Effect == "Deny" {
		return "denied: all but " + lines(s.NotAction)
	}
	return lines(s.Action)
}

// conditions returns the conditions of a statement as lines.
func conditions(s policy.Statement) string {
	var list []string
	for _, operator := range slices.Sorted(maps.Keys(s.Condition)) {
		for _, key := range slices.Sorted(maps.Keys(s.Condition[operator])) {
			list = append(list, fmt.Sprintf("%s %s %s", key, operator, strings.Join(s.Condition[operator][key], " or ")))
		}
	}
	return lines(list)
}

// lines returns texts as code, one below the other in a cell.
func lines(texts []string) string {
	var list []string
	for _, text := range texts {
		list = append(list, "`"+text+"`")
	}
	return strings.Join(list, "<br>")
}
