package harness

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
	"github.com/bitmovin/bitmovin-export-access/local/lambda"
)

// The stacks: one of template.yaml with the bucket; one of template.yaml as the
// provider; and a small one, app, with the resource from the provider, which a test
// creates, updates, rolls back and deletes.
const (
	StackName     = "exports"
	ProviderStack = "provider"
	AppStack      = "app"
	// RoleNamePrefix is the provider's.
	RoleNamePrefix = "bitmovin-export-"
)

// EditBucket changes the account's bucket by hand.
func (e *Env) EditBucket(edit func(*aws.Bucket)) {
	e.Cloud.Edit(func(s *aws.State) { edit(s.Buckets[BucketName]) })
}

// Parameters returns the template's parameters: the bucket, and the pairs of name
// and value.
func Parameters(pairs ...string) map[string]string {
	p := map[string]string{"BucketName": BucketName}
	for i := 0; i < len(pairs); i += 2 {
		p[pairs[i]] = pairs[i+1]
	}
	return p
}

// Template returns template.yaml, as text.
func (e *Env) Template() []byte {
	e.Helper()
	return ReadFile(e.TB, "template.yaml")
}

// Deploy creates or updates the stack of template.yaml with the bucket.
func (e *Env) Deploy(pairs ...string) (*cloudformation.Stack, error) {
	e.Helper()
	return e.DeployText(StackName, e.Template(), Parameters(pairs...))
}

// DeployText creates or updates a stack of any template.
func (e *Env) DeployText(stack string, template []byte, p map[string]string) (*cloudformation.Stack, error) {
	e.Helper()
	e.Track(stack)
	return e.Engine.Deploy(e.Context(), stack, template, p)
}

// Track has a stack deleted when the test ends, if it is there then.
func (e *Env) Track(stack string) {
	if !slices.Contains(e.stacks, stack) {
		e.stacks = append(e.stacks, stack)
	}
}

// MustDeploy is Deploy where nothing may go wrong.
func (e *Env) MustDeploy(pairs ...string) *cloudformation.Stack {
	e.Helper()
	s, err := e.Deploy(pairs...)
	if err != nil {
		e.Fatal(err)
	}
	return s
}

// Delete deletes a stack.
func (e *Env) Delete(stack string) {
	e.Helper()
	if _, err := e.Engine.Delete(context.WithoutCancel(e.Context()), stack); err != nil {
		e.Errorf("delete stack %s: %v", stack, err)
	}
}

// Stack returns a stack as it is now.
func (e *Env) Stack(name string) *cloudformation.Stack {
	e.Helper()
	s, err := e.Engine.Stack(name)
	if err != nil {
		e.Fatal(err)
	}
	return s
}

// Provide deploys the provider, with parameters, pairs of name and value.
func (e *Env) Provide(pairs ...string) *cloudformation.Stack {
	e.Helper()
	p := Parameters(append([]string{"RoleNamePrefix", RoleNamePrefix}, pairs...)...)
	p["BucketName"] = ""
	if p["AllowFullAccess"] == "true" && p["AllowedBucketPrefix"] == "" {
		p["AllowedBucketPrefix"] = "my-" // the template wants to know
	}
	s, err := e.DeployText(ProviderStack, e.Template(), p)
	if err != nil {
		e.Fatal(err)
	}
	return s
}

// RoleNamePrefixOf returns the template's default in a stack.
func RoleNamePrefixOf(stackID string) string {
	guid := stackID[strings.LastIndex(stackID, "/")+1:]
	return "bitmovin-export-" + guid[:8] + "-"
}

// Function returns the provider's function.
func (e *Env) Function() *lambda.Function {
	return e.Engine.Function(e.Stack(ProviderStack).Outputs["ServiceToken"])
}

// Kill kills the function where it is.
func (e *Env) Kill() { e.Function().Kill() }

// Properties of the resource in the stack app.
type Properties map[string]any

// Resources are what a template has beside the resource, by logical id.
type Resources map[string]any

// With returns a copy of the properties with others in it.
func (p Properties) With(more Properties) Properties {
	all := maps.Clone(p)
	maps.Copy(all, more)
	return all
}

// Template returns the template of a stack like app.
func (p Properties) Template(more Resources) []byte {
	all := maps.Clone(p)
	all["ServiceToken"] = map[string]any{"Fn::ImportValue": ProviderStack + "-ServiceToken"}
	list := Resources{LogicalID: map[string]any{"Type": "Custom::BitmovinExportAccess", "Properties": all}}
	maps.Copy(list, more)
	text, err := json.Marshal(map[string]any{"Resources": list})
	if err != nil {
		panic(err)
	}
	return text
}

// Plain are the properties that one must give.
func Plain() Properties { return Properties{"BucketName": BucketName} }

// Below are those with a prefix.
func Below(prefix string) Properties { return Plain().With(Properties{"ObjectPrefix": prefix}) }

// Tags is the property Tags of the pairs of key and value.
func Tags(pairs ...string) []any {
	var list []any
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, map[string]any{"Key": pairs[i], "Value": pairs[i+1]})
	}
	return list
}

// Failing is a sibling of the resource that fails once the resource is done: the
// name of its bucket is taken.
func Failing() Resources {
	return Resources{"Sibling": map[string]any{
		"Type": "AWS::S3::Bucket", "DependsOn": LogicalID, "Properties": map[string]any{"BucketName": BucketName},
	}}
}

// App creates or updates the stack app.
func (e *Env) App(p Properties, more Resources) (*cloudformation.Stack, error) {
	e.Helper()
	return e.DeployText(AppStack, p.Template(more), nil)
}

// MustApp is App where nothing may go wrong.
func (e *Env) MustApp(p Properties) *cloudformation.Stack {
	e.Helper()
	s, err := e.App(p, nil)
	if err != nil {
		e.Fatal(err)
	}
	return s
}

// WantStatus sees what became of a stack.
func (e *Env) WantStatus(s *cloudformation.Stack, want string) {
	e.Helper()
	if s.Status != want {
		e.Errorf("the stack is %s, want %s", s.Status, want)
	}
}

// OnNth calls f when the resource of the stack app reaches a status for the nth
// time, before anything else happens to the stack.
func (e *Env) OnNth(n int, status string, f func()) {
	var called atomic.Bool
	e.Cleanup(func() {
		if !called.Load() {
			e.Errorf("the resource did not become %s as often as it was to", status)
		}
	})
	e.Listen(func(event cloudformation.Event) {
		if event.StackName == AppStack && event.LogicalID == LogicalID && event.Status == status {
			if n--; n == 0 {
				called.Store(true)
				f()
			}
		}
	})
}

// WantLogged checks that the function's log says something.
func (e *Env) WantLogged(text string) {
	e.Helper()
	if !strings.Contains(e.Engine.Logs(), text) {
		e.Errorf("the log does not tell %q", text)
	}
}
