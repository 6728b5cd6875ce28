package cloudformation

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
)

// A provider makes, changes and removes the resources of one type.
type provider interface {
	// create may answer with a physical id also when it fails: then something
	// may be there to delete.
	create(ctx context.Context, t task) (outcome, error)
	// update answers with another physical id if it replaced the resource.
	update(ctx context.Context, t task) (outcome, error)
	delete(ctx context.Context, t task) error
}

// A task is what a provider is to do.
type task struct {
	engine          *Engine
	stack           *stack
	logicalID, kind string
	// physicalID is empty for a resource that is to be made.
	physicalID      string
	properties, old map[string]any
}

// An outcome is what became of a task. An empty id means the task's own.
type outcome struct {
	physicalID string
	attributes map[string]string
}

func (e *Engine) task(st *stack, r *resource, old map[string]any) task {
	return task{
		engine: e, stack: st, logicalID: r.logicalID, kind: r.kind,
		physicalID: r.physicalID, properties: r.properties, old: old,
	}
}

// kindOf returns the provider of a type, or nil.
func kindOf(kind string) provider {
	switch kind {
	case "AWS::Serverless::Function", "AWS::Lambda::Function":
		return native{function, removeFunction, "FunctionName"}
	case "AWS::Lambda::EventInvokeConfig":
		return native{eventInvokeConfig, removeEventInvokeConfig, "FunctionName"}
	case "AWS::IAM::Role":
		return native{role, removeRole, "RoleName Path"}
	case "AWS::IAM::ManagedPolicy":
		return native{managedPolicy, removeManagedPolicy, "ManagedPolicyName Path Description"}
	case "AWS::Logs::LogGroup":
		return native{logGroup, removeLogGroup, "LogGroupName"}
	case "AWS::S3::Bucket":
		return native{bucket, removeBucket, "BucketName ObjectLockEnabled"}
	case "AWS::S3::BucketPolicy":
		return native{bucketPolicy, removeBucketPolicy, "Bucket"}
	case "AWS::KMS::Key":
		return native{key, removeKey, ""}
	}
	if isCustom(kind) {
		return custom{}
	}
	return nil
}

func isCustom(kind string) bool {
	return strings.HasPrefix(kind, "Custom::") || kind == "AWS::CloudFormation::CustomResource"
}

// native is the provider of a type of AWS's own.
type native struct {
	// apply makes the resource, or brings it to its properties.
	apply  func(t task) (outcome, error)
	remove func(t task) error
	// identity names the properties whose change replaces the resource.
	identity string
}

func (n native) create(_ context.Context, t task) (outcome, error) {
	o, err := n.apply(t)
	if err != nil {
		return outcome{}, err // nothing was made, so there is nothing to delete
	}
	return o, nil
}

func (n native) update(ctx context.Context, t task) (outcome, error) {
	for name := range strings.FieldsSeq(n.identity) {
		if !reflect.DeepEqual(t.old[name], t.properties[name]) {
			t.physicalID = ""
		}
	}
	return n.create(ctx, t)
}

func (n native) delete(_ context.Context, t task) error {
	if t.physicalID == "" {
		return nil // it was never made
	}
	return n.remove(t)
}

// read puts the properties into a struct; one that it does not have is an error.
func (t task) read(into any) error {
	if err := decode(t.properties, into); err != nil {
		return fmt.Errorf("properties of %s: %w", t.kind, err)
	}
	return nil
}

// name returns the name that the resource has, gets by its template, or is given.
func (t task) name(explicit string, limit int) string {
	return cmp.Or(t.physicalID, explicit, t.engine.physicalName(t.stack, t.logicalID, limit))
}

func (t task) edit(change func(*aws.State) error) (err error) {
	t.engine.options.Cloud.Edit(func(s *aws.State) { err = change(s) })
	return err
}

func (t task) arn(service, resource string) string {
	o := t.engine.options
	return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, o.Region, o.Account, resource)
}

// document returns a policy as JSON.
func document(policy any) (string, error) {
	text, err := json.Marshal(policy)
	if err != nil {
		return "", fmt.Errorf("encode policy: %w", err)
	}
	return string(text), nil
}

// tag is a tag as all types have it.
type tag struct {
	Key   string `yaml:"Key"`
	Value string `yaml:"Value"`
}

func tags(list []tag) map[string]string {
	m := map[string]string{}
	for _, t := range list {
		m[t.Key] = t.Value
	}
	return m
}
