package main

import (
	"encoding/json"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/policy"
	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// TestPermissions: the template allows the function every call that it makes,
// and nothing that it does not call; and the boundary allows the roles nothing
// that an export does not need.
func TestPermissions(t *testing.T) {
	t.Parallel()
	all := &grants{granted: map[grant]bool{}, used: map[grant]bool{}, functions: map[string]bool{}}
	t.Run("lifecycles", func(t *testing.T) {
		list := lifecycles()
		for i, name := range slices.Sorted(maps.Keys(list)) {
			// With a seed of its own each has ARNs of its own, so that each has to use its grants on them.
			harness.Run(t, name, func(t *testing.T) { t.Helper(); all.record(t, uint64(i+1), list[name]) })
		}
	})
	deployed := map[grant]bool{}
	for g := range all.granted {
		deployed[grant{sid: g.sid, action: g.action}] = true
		if !all.used[g] && !byLambda(g.action) {
			t.Errorf("%s allows %s on %s, and nothing needs it", g.sid, g.action, g.resource)
		}
	}
	for _, g := range templateGrants(t) {
		if !deployed[g] {
			t.Errorf("%s allows %s in a stack that no lifecycle deploys", g.sid, g.action)
		}
	}
}

// byLambda reports whether it is Lambda that takes the action in the function's name.
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html
func byLambda(action string) bool {
	return action == "logs:CreateLogStream" || action == "logs:PutLogEvents"
}

// A grant is one action on one resource, of one statement.
type grant struct{ sid, action, resource string }

// The grants are what the template grants and what of it is used, in all lifecycles.
type grants struct {
	mu            sync.Mutex
	granted, used map[grant]bool
	// functions are the names of the functions' roles.
	functions map[string]bool
}

// record runs a lifecycle in an account of its own and, when all that it made is
// deleted, checks each call.
func (g *grants) record(t *testing.T, seed uint64, lifecycle func(*env)) {
	t.Helper()
	var e *env
	t.Cleanup(func() {
		for _, call := range e.Cloud.Calls() {
			g.check(t, call)
		}
	})
	e = newEnv(t, options{Seed: seed})
	e.AddAPIKeys()
	e.Listen(func(event cloudformation.Event) {
		if strings.HasSuffix(event.Status, "_COMPLETE") {
			e.Cloud.View(g.read)
		}
	})
	lifecycle(e)
}

// read notes what the template's policies grant at the moment.
func (g *grants) read(s *aws.State) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, r := range s.Roles {
		if !strings.Contains(r.Trust, "lambda.amazonaws.com") {
			continue
		}
		g.functions[r.Name] = true
		for _, text := range r.Inline {
			g.grantedBy(text)
		}
	}
	for arn, p := range s.Policies {
		if strings.Contains(arn, "-Boundary-") || strings.Contains(arn, "-ApiKeyPolicy-") {
			g.grantedBy(p.Document)
		}
	}
}

// isFunction reports whether a function has the role of that name.
func (g *grants) isFunction(role string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.functions[role]
}

// grantedBy notes what a policy's statements allow.
func (g *grants) grantedBy(text string) {
	for _, s := range statements(text) {
		for _, action := range s.Action {
			for _, resource := range s.Resource {
				g.granted[grant{s.Sid, action, anyStack(resource)}] = true
			}
		}
	}
}

// anyStack returns an ARN as it would be if every stack of the template had one prefix.
func anyStack(arn string) string { return defaultPrefix.ReplaceAllString(arn, ":role/"+prefix) }

var defaultPrefix = regexp.MustCompile(`:role/bitmovin-export-([0-9a-f]{8}-)?`)

// statements returns the statements of a policy that local/aws has accepted.
func statements(text string) []policy.Statement {
	var d policy.Document
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		panic(err)
	}
	return d.Statement
}

// check notes what a call has used, and fails the test if it was not allowed.
func (g *grants) check(t *testing.T, call aws.Call) {
	t.Helper()
	role := path.Base(path.Dir(call.Caller))
	switch {
	case !g.isFunction(role):
		if call.Status < 400 {
			g.use(call, "s3:*")
		}
	case call.Code == "AccessDenied" && !readsWithoutAsking(call):
		t.Errorf("the function is denied %v on %s", call.Actions, call.Resource)
	case call.Code != "AccessDenied" && !g.use(call):
		t.Errorf("the function takes %v on %s, which no statement of its role names", call.Actions, call.Resource)
	}
}

// readsWithoutAsking reports whether a call reads the policies of a role beside the question
// whether it exists: where it does not, or is not of the prefix, that is
// denied, and nothing is lost.
func readsWithoutAsking(call aws.Call) bool {
	return slices.Contains([]string{"iam:GetRolePolicy", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies"}, call.Op) &&
		!strings.Contains(call.Resource, ":role/bitmovin-")
}

// use notes the grants that a call has used and reports whether each of its
// actions is granted. A grant of one of the wider actions counts, too.
func (g *grants) use(call aws.Call, wider ...string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := true
	for _, action := range call.Actions {
		found := false
		for granted := range g.granted {
			// KMS is asked in the course of an S3 call, for a key that the call does not name.
			onKey := strings.HasPrefix(action, "kms:")
			if (granted.action == action || slices.Contains(wider, granted.action)) && (onKey || covers(granted.resource, anyStack(call.Resource))) {
				g.used[granted], found = true, true
			}
		}
		all = all && found
	}
	return all
}

// covers reports whether a policy's resource, in which only * is special,
// covers an ARN.
func covers(pattern, arn string) bool {
	parts := strings.Split(pattern, "*")
	rest, ok := strings.CutPrefix(arn, parts[0])
	for _, part := range parts[1:] {
		if !ok || part == "" {
			continue
		}
		_, rest, ok = strings.Cut(rest, part)
	}
	return ok && (rest == "" || strings.HasSuffix(pattern, "*"))
}

// templateGrants returns the Sid and action of every statement in the template,
// whatever its conditions.
func templateGrants(t *testing.T) (list []grant) {
	t.Helper()
	text, err := os.ReadFile("../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	walk(&root, func(n *yaml.Node) {
		sid, actions := member(n, "Sid"), member(n, "Action")
		if sid == nil || actions == nil {
			return // a Deny names with NotAction what it does not deny
		}
		walk(actions, func(action *yaml.Node) {
			if strings.Contains(action.Value, ":") {
				list = append(list, grant{sid: sid.Value, action: action.Value})
			}
		})
	})
	return list
}

// walk calls f for a node and all below it.
func walk(n *yaml.Node, f func(*yaml.Node)) {
	f(n)
	for _, child := range n.Content {
		walk(child, f)
	}
}

// member returns the value of a key in a mapping, or nil.
func member(n *yaml.Node, key string) *yaml.Node {
	for i := 0; n.Kind == yaml.MappingNode && i < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
