package cloudformation_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

func TestIntrinsicFunctions(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := start(t)
		s := e.deploy("app", `
Parameters:
  Word: {Type: String, Default: word}
  Empty: {Type: String, Default: ''}
  Count: {Type: Number, Default: 3}
Mappings:
  Regions: {eu-west-1: {Letter: a}, us-east-1: {Letter: b}}
Conditions:
  Yes: !Not [!Equals [!Ref Word, '']]
  No: !Equals [!Ref Empty, full]
  Both: !And [!Condition Yes, !Not [{Condition: No}]]
  Either: !Or [!Condition No, !Condition Yes]
Resources:
  Log: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: log}}
  Not: {Type: AWS::Logs::LogGroup, Condition: No, Properties: {LogGroupName: not}}
Outputs:
  Ref: {Value: !Ref Log}
  GetAtt: {Value: !GetAtt Log.Arn}
  LongGetAtt: {Value: {'Fn::GetAtt': [Log, Arn]}}
  Sub: {Value: !Sub '${Word} ${Log} ${Log.Arn} ${!Literal} ${AWS::Region} ${AWS::AccountId} ${AWS::Partition} ${AWS::URLSuffix} ${AWS::StackName}'}
  SubVariables: {Value: !Sub ['${Word} ${X}', {X: !Ref Count}]}
  Join: {Value: !Join ['-', [!Ref Word, !If [No, x, !Ref AWS::NoValue], 1, true]]}
  Select: {Value: !Select [1, [a, b]]}
  Split: {Value: !Select ['5', !Split [':', !GetAtt Log.Arn]]}
  FindInMap: {Value: !FindInMap [Regions, !Ref AWS::Region, Letter]}
  If: {Value: !If [Both, !If [Either, yes, no], never]}
  Absent: {Condition: No, Value: x}
`, nil)
		arn := "arn:aws:logs:eu-west-1:111122223333:log-group:log:*"
		want := map[string]string{
			"Ref": "log", "GetAtt": arn, "LongGetAtt": arn, "SubVariables": "word 3", "Join": "word-1-true", "Select": "b",
			"Sub":   "word log " + arn + " ${Literal} eu-west-1 111122223333 aws amazonaws.com app",
			"Split": "log-group", "If": "yes", "FindInMap": "a",
		}
		if diff := cmp.Diff(want, s.Outputs); diff != "" {
			t.Errorf("outputs (-want +got):\n%s", diff)
		}
		if _, made := s.Resources["Not"]; made {
			t.Error("a resource was made although its condition does not hold")
		}
	})
}

func TestUpdateKeepsItsHandsOff(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := start(t)
		template := `
Parameters: {Make: {Type: String}}
Conditions: {Makes: !Equals [!Ref Make, 'true']}
Resources:
  Log: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: log}}
  Kept: {Type: AWS::Logs::LogGroup, Condition: Makes, DeletionPolicy: Retain, Properties: {LogGroupName: kept}}
`
		e.deploy("app", template, map[string]string{"Make": "true"})
		s := e.deploy("app", template, map[string]string{"Make": "false"})
		if got, want := statuses(s, "Log")+", "+statuses(s, "Kept"), "CREATE_IN_PROGRESS CREATE_COMPLETE, CREATE_IN_PROGRESS CREATE_COMPLETE DELETE_SKIPPED"; got != want {
			t.Errorf("statuses: got %s, want %s", got, want)
		}
	})
}

// What the desk does not know, and what CloudFormation refuses, must be loud.
func TestRefusals(t *testing.T) {
	t.Parallel()
	log := func(properties string) string {
		return "Resources: {Log: {Type: AWS::Logs::LogGroup, Properties: {" + properties + "}}}\n"
	}
	tests := map[string]struct {
		template   string
		parameters map[string]string
		want       string
	}{
		"a type":                 {template: "Resources: {X: {Type: AWS::SNS::Topic}}", want: "AWS::SNS::Topic"},
		"a property":             {template: log("Colour: red"), want: "field Colour not found"},
		"a property's case":      {template: log("logGroupName: red"), want: "field logGroupName not found"},
		"an attribute":           {template: log("") + "Outputs: {X: {Value: !GetAtt Log.Colour}}", want: "no attribute Colour"},
		"a function":             {template: log("LogGroupName: !Base64 x"), want: "Fn::Base64"},
		"a resource's attribute": {template: "Resources: {X: {Type: Custom::X, CreationPolicy: {}}}", want: "CreationPolicy"},
		"a transform":            {template: log("") + "Transform: AWS::Include", want: "AWS::Include"},
		"a duplicate key":        {template: log("LogGroupName: a, LogGroupName: b"), want: "duplicate key"},
		"an unresolved name":     {template: log("LogGroupName: !Ref Other"), want: "[Other]"},
		"a circle": {
			template: "Resources: {A: {Type: Custom::X, DependsOn: B}, B: {Type: Custom::X, Properties: {A: !Sub '${A}'}}}",
			want:     "Circular dependency between resources: [A B]",
		},
		"a condition of itself": {
			template: log("LogGroupName: !If [C, a, b]") + "Conditions: {C: !Not [!Condition C]}", want: "depends on itself",
		},
		"a resource in a condition": {
			template: log("LogGroupName: !If [C, a, b]") + "Conditions: {C: !Equals [!Ref Log, x]}", want: "unresolved resource",
		},
		"no such key": {
			template: log("LogGroupName: !FindInMap [M, !Ref AWS::Region, Name]") + "Mappings: {M: {us-east-1: {Name: a}}}",
			want:     "mapping for M::eu-west-1::Name",
		},
		"no such export":       {template: log("LogGroupName: !ImportValue nothing"), want: "no export named nothing found"},
		"an unknown parameter": {template: log(""), parameters: map[string]string{"P": "x"}, want: "[P] do not exist"},
		"a missing parameter":  {template: "Parameters: {P: {Type: String}}\n" + log(""), want: "[P] must have values"},
		"a pattern": {
			template:   "Parameters: {P: {Type: String, AllowedPattern: '[a-z]+', ConstraintDescription: be low}}\n" + log(""),
			parameters: map[string]string{"P": "aB"}, want: "Parameter P failed to satisfy constraint: be low",
		},
		"a value": {
			template:   "Parameters: {P: {Type: Number, AllowedValues: [1, 2]}}\n" + log(""),
			parameters: map[string]string{"P": "3"}, want: "must be one of [1 2]",
		},
		"a length": {
			template:   "Parameters: {P: {Type: String, MaxLength: 2}}\n" + log(""),
			parameters: map[string]string{"P": "abc"}, want: "must contain at most 2 characters",
		},
		"a rule": {
			template: "Parameters: {P: {Type: String}}\n" + log("") + `
Rules:
  Other: {RuleCondition: !Equals [!Ref P, y], Assertions: [{Assert: !Equals [1, 2], AssertDescription: no}]}
  Mine: {RuleCondition: !Equals [!Ref P, x], Assertions: [{Assert: !Equals [!Ref P, z], AssertDescription: P is not z}]}
`,
			parameters: map[string]string{"P": "x"}, want: "Rule Mine: P is not z",
		},
	}
	for name, test := range tests {
		harness.Run(t, name, func(t *testing.T) {
			e := start(t)
			_, err := e.Deploy(e.Context(), "app", []byte(test.template), test.parameters)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("deploy: got %v, want %s", err, test.want)
			}
		})
	}
}
