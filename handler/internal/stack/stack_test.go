package stack

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// What CloudFormation says of a stack, and whether a Create of one of its
// resources is then wanted no more, and an Update one of a rollback.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
func TestStackStatus(t *testing.T) {
	t.Parallel()
	type told struct{ cancelled, rollingBack bool }
	tests := map[types.StackStatus]told{
		"":                                    {false, false}, // not known
		"CREATE_IN_PROGRESS":                  {false, false},
		"CREATE_COMPLETE":                     {false, false},
		"CREATE_FAILED":                       {true, false},
		"ROLLBACK_IN_PROGRESS":                {true, true},
		"ROLLBACK_COMPLETE":                   {true, true},
		"ROLLBACK_FAILED":                     {true, true},
		"UPDATE_IN_PROGRESS":                  {false, false},
		"UPDATE_COMPLETE":                     {false, false},
		"UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": {false, false},
		"UPDATE_FAILED":                       {true, false},
		"UPDATE_ROLLBACK_IN_PROGRESS":         {true, true},
		"UPDATE_ROLLBACK_COMPLETE":            {true, true},
		"UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": {true, true},
		"UPDATE_ROLLBACK_FAILED":                       {true, true},
		"DELETE_IN_PROGRESS":                           {true, false},
		"DELETE_COMPLETE":                              {true, false},
		"DELETE_FAILED":                                {true, false},
		"REVIEW_IN_PROGRESS":                           {false, false},
		"IMPORT_IN_PROGRESS":                           {false, false},
		"IMPORT_COMPLETE":                              {false, false},
		"IMPORT_ROLLBACK_IN_PROGRESS":                  {true, true},
		"IMPORT_ROLLBACK_COMPLETE":                     {true, true},
		"IMPORT_ROLLBACK_FAILED":                       {true, true},
	}
	for _, status := range types.StackStatus("").Values() {
		if _, ok := tests[status]; !ok {
			t.Errorf("%s is not tested", status)
		}
	}
	for status, want := range tests {
		s := State{Stack: string(status), Resource: "CREATE_IN_PROGRESS"}
		if got := (told{s.Cancelled(), s.RollingBack()}); got != want {
			t.Errorf("%s: got %+v, want %+v", status, got, want)
		}
	}
}

// A resource that is cancelled has failed before its stack rolls back.
func TestResourceStatus(t *testing.T) {
	t.Parallel()
	tests := map[types.ResourceStatus]bool{
		"":                            false, // not known
		"CREATE_IN_PROGRESS":          false,
		"CREATE_COMPLETE":             false,
		"CREATE_FAILED":               true,
		"UPDATE_IN_PROGRESS":          false,
		"UPDATE_COMPLETE":             false,
		"UPDATE_FAILED":               true,
		"DELETE_IN_PROGRESS":          true,
		"DELETE_COMPLETE":             true,
		"DELETE_FAILED":               true,
		"DELETE_SKIPPED":              false, // retained
		"IMPORT_IN_PROGRESS":          false,
		"IMPORT_COMPLETE":             false,
		"IMPORT_FAILED":               true,
		"IMPORT_ROLLBACK_IN_PROGRESS": true,
		"IMPORT_ROLLBACK_COMPLETE":    true,
		"IMPORT_ROLLBACK_FAILED":      true,
		"EXPORT_IN_PROGRESS":          false,
		"EXPORT_COMPLETE":             false,
		"EXPORT_FAILED":               true,
		"EXPORT_ROLLBACK_IN_PROGRESS": true,
		"EXPORT_ROLLBACK_COMPLETE":    true,
		"EXPORT_ROLLBACK_FAILED":      true,
		"ROLLBACK_IN_PROGRESS":        true,
		"ROLLBACK_COMPLETE":           true,
		"ROLLBACK_FAILED":             true,
		"UPDATE_ROLLBACK_IN_PROGRESS": true,
		"UPDATE_ROLLBACK_COMPLETE":    true,
		"UPDATE_ROLLBACK_FAILED":      true,
	}
	for _, status := range types.ResourceStatus("").Values() {
		if _, ok := tests[status]; !ok {
			t.Errorf("%s is not tested", status)
		}
	}
	for status, want := range tests {
		t.Run(string(status), func(t *testing.T) {
			t.Parallel()
			if got := (State{Stack: "CREATE_IN_PROGRESS", Resource: string(status)}).Cancelled(); got != want {
				t.Errorf("cancelled: got %t, want %t", got, want)
			}
		})
	}
}
