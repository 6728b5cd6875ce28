package cloudformation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

// A template is a parsed template. What may hold intrinsic functions is of type
// any, with the functions in their full form.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html
type template struct {
	Version     string                `yaml:"AWSTemplateFormatVersion"`
	Transform   string                `yaml:"Transform"`
	Description string                `yaml:"Description"`
	Metadata    any                   `yaml:"Metadata"`
	Parameters  map[string]parameter  `yaml:"Parameters"`
	Rules       map[string]rule       `yaml:"Rules"`
	Mappings    mappings              `yaml:"Mappings"`
	Conditions  map[string]any        `yaml:"Conditions"`
	Resources   map[string]definition `yaml:"Resources"`
	Outputs     map[string]output     `yaml:"Outputs"`
}

// mappings hold values by the map's name and two keys:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/mappings-section-structure.html.
type mappings map[string]map[string]map[string]any

// A definition is a resource as the template has it.
type definition struct {
	Type                string         `yaml:"Type"`
	Condition           string         `yaml:"Condition"`
	DependsOn           any            `yaml:"DependsOn"`
	DeletionPolicy      string         `yaml:"DeletionPolicy"`
	UpdateReplacePolicy string         `yaml:"UpdateReplacePolicy"`
	Metadata            any            `yaml:"Metadata"`
	Properties          map[string]any `yaml:"Properties"`
}

type output struct {
	Condition   string `yaml:"Condition"`
	Description string `yaml:"Description"`
	Value       any    `yaml:"Value"`
	Export      struct {
		Name any `yaml:"Name"`
	} `yaml:"Export"`
}

const serverlessTransform = "AWS::Serverless-2016-10-31"

// parsed holds the templates that were read, by their text. Many stacks are made of
// one template, and reading it takes longer than making them. Nothing changes it.
var parsed sync.Map

// parseTemplate reads a template in YAML or JSON.
func parseTemplate(text []byte) (*template, error) {
	if t, ok := parsed.Load(string(text)); ok {
		return t.(*template), nil
	}
	t, err := readTemplate(text)
	if err == nil {
		parsed.Store(string(text), t)
	}
	return t, err
}

func readTemplate(text []byte) (*template, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, fmt.Errorf("template format error: %w", err)
	}
	tree, err := plain(&root)
	if err != nil {
		return nil, err
	}
	var t template
	if err := decode(tree, &t); err != nil {
		return nil, fmt.Errorf("template format error: %w", err)
	}
	if t.Transform != "" && t.Transform != serverlessTransform {
		return nil, fmt.Errorf("transform %s is not known here", t.Transform)
	}
	if len(t.Resources) == 0 {
		return nil, fmt.Errorf("template format error: at least one Resources member must be defined")
	}
	return &t, nil
}

// decode puts a tree of maps, lists and scalars into a struct. A field that the
// struct does not have is an error, and so is one in another case: that is why
// the way leads over YAML, which encoding/json's readers are too lenient for.
func decode(tree, into any) error {
	text, err := json.Marshal(tree)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	return d.Decode(into)
}

// plain turns a node of YAML into maps, lists and scalars, and the short form of
// an intrinsic function into the full one.
func plain(n *yaml.Node) (any, error) {
	if tag := n.Tag; strings.HasPrefix(tag, "!") && !strings.HasPrefix(tag, "!!") {
		return shortForm(n, tag[1:])
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return plain(n.Content[0])
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			var err error
			if list[i], err = plain(item); err != nil {
				return nil, err
			}
		}
		return list, nil
	case yaml.MappingNode:
		return plainMap(n)
	case yaml.ScalarNode:
		return scalar(n)
	}
	return nil, fmt.Errorf("line %d: aliases are not known here", n.Line)
}

func plainMap(n *yaml.Node) (any, error) {
	m := map[string]any{}
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if _, twice := m[key.Value]; twice {
			return nil, fmt.Errorf("line %d: duplicate key %s", key.Line, key.Value)
		}
		v, err := plain(value)
		if err != nil {
			return nil, err
		}
		m[key.Value] = v
	}
	return m, nil
}

// scalar keeps as text what CloudFormation does not take for a boolean or a
// whole number, such as the date that a policy's version is.
func scalar(n *yaml.Node) (any, error) {
	switch n.Tag {
	case "!!bool":
		return n.Value == "true" || n.Value == "True" || n.Value == "TRUE", nil
	case "!!int":
		if i, err := strconv.ParseInt(n.Value, 10, 64); err == nil && strconv.FormatInt(i, 10) == n.Value {
			return i, nil
		}
	case "!!null":
		return nil, fmt.Errorf("line %d: null values are not allowed in templates", n.Line)
	}
	return n.Value, nil
}

// shortForm turns !Sub x into {"Fn::Sub": x}.
func shortForm(n *yaml.Node, name string) (any, error) {
	bare := *n
	bare.Tag = map[yaml.Kind]string{yaml.ScalarNode: "!!str", yaml.SequenceNode: "!!seq", yaml.MappingNode: "!!map"}[n.Kind]
	argument, err := plain(&bare)
	if err != nil {
		return nil, err
	}
	if path, ok := argument.(string); ok && name == "GetAtt" {
		id, attribute, _ := strings.Cut(path, ".")
		argument = []any{id, attribute}
	}
	if name != "Ref" && name != "Condition" {
		name = "Fn::" + name
	}
	return map[string]any{name: argument}, nil
}

// stringify turns every scalar into a string, as CloudFormation does with the
// properties that it sends.
func stringify(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, value := range v {
			m[key] = stringify(value)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, value := range v {
			list[i] = stringify(value)
		}
		return list
	default:
		return fmt.Sprint(v)
	}
}
