package lifecycle

import (
	"testing"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// How a Create stands whose resource is still being made, and an Update that is
// not a rollback's own, by each status that a stack can have.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
func TestStandingByStack(t *testing.T) {
	t.Parallel()
	type standings struct{ create, update Standing }
	tests := map[types.StackStatus]standings{
		"":                                    {Awaited, Awaited}, // not known
		"CREATE_IN_PROGRESS":                  {Awaited, Awaited},
		"CREATE_COMPLETE":                     {Awaited, Awaited},
		"CREATE_FAILED":                       {GivenUp, Awaited},
		"ROLLBACK_IN_PROGRESS":                {GivenUp, Overtaken},
		"ROLLBACK_COMPLETE":                   {GivenUp, Overtaken},
		"ROLLBACK_FAILED":                     {GivenUp, Overtaken},
		"UPDATE_IN_PROGRESS":                  {Awaited, Awaited},
		"UPDATE_COMPLETE":                     {Awaited, Awaited},
		"UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": {Awaited, Awaited},
		"UPDATE_FAILED":                       {GivenUp, Awaited},
		"UPDATE_ROLLBACK_IN_PROGRESS":         {GivenUp, Overtaken},
		"UPDATE_ROLLBACK_COMPLETE":            {GivenUp, Overtaken},
		"UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": {GivenUp, Overtaken},
		"UPDATE_ROLLBACK_FAILED":                       {GivenUp, Overtaken},
		"DELETE_IN_PROGRESS":                           {GivenUp, GivenUp},
		"DELETE_COMPLETE":                              {GivenUp, GivenUp},
		"DELETE_FAILED":                                {GivenUp, GivenUp},
		"REVIEW_IN_PROGRESS":                           {Awaited, Awaited},
		"IMPORT_IN_PROGRESS":                           {Awaited, Awaited},
		"IMPORT_COMPLETE":                              {Awaited, Awaited},
		"IMPORT_ROLLBACK_IN_PROGRESS":                  {GivenUp, Overtaken},
		"IMPORT_ROLLBACK_COMPLETE":                     {GivenUp, Overtaken},
		"IMPORT_ROLLBACK_FAILED":                       {GivenUp, Overtaken},
	}
	for _, status := range types.StackStatus("").Values() {
		if _, ok := tests[status]; !ok {
			t.Errorf("%s is not tested", status)
		}
	}
	for status, want := range tests {
		got := standings{
			State{Stack: string(status), Resource: "CREATE_IN_PROGRESS"}.Standing(cfn.RequestCreate, false),
			State{Stack: string(status), Resource: "UPDATE_IN_PROGRESS"}.Standing(cfn.RequestUpdate, false),
		}
		if got != want {
			t.Errorf("%s: got %+v, want %+v", status, got, want)
		}
	}
}

// How the two stand in a stack that says nothing, by each status that the
// resource can have. A resource that is cancelled has failed before its stack
// rolls back; one that lives on is nothing to a Create that comes late.
func TestStandingByResource(t *testing.T) {
	t.Parallel()
	type standings struct{ create, update Standing }
	tests := map[types.ResourceStatus]standings{
		"":                            {Awaited, Awaited}, // not known
		"CREATE_IN_PROGRESS":          {Awaited, Awaited},
		"CREATE_COMPLETE":             {Awaited, Awaited},
		"CREATE_FAILED":               {GivenUp, Awaited},
		"UPDATE_IN_PROGRESS":          {Overtaken, Awaited},
		"UPDATE_COMPLETE":             {Overtaken, Awaited},
		"UPDATE_FAILED":               {Overtaken, Awaited},
		"DELETE_IN_PROGRESS":          {GivenUp, GivenUp},
		"DELETE_COMPLETE":             {GivenUp, GivenUp},
		"DELETE_FAILED":               {GivenUp, GivenUp},
		"DELETE_SKIPPED":              {Overtaken, Overtaken},
		"IMPORT_IN_PROGRESS":          {Overtaken, Awaited},
		"IMPORT_COMPLETE":             {Overtaken, Awaited},
		"IMPORT_FAILED":               {Overtaken, Awaited},
		"IMPORT_ROLLBACK_IN_PROGRESS": {Overtaken, Awaited},
		"IMPORT_ROLLBACK_COMPLETE":    {Overtaken, Awaited},
		"IMPORT_ROLLBACK_FAILED":      {Overtaken, Awaited},
		"EXPORT_IN_PROGRESS":          {Overtaken, Awaited},
		"EXPORT_COMPLETE":             {Overtaken, Awaited},
		"EXPORT_FAILED":               {Overtaken, Awaited},
		"EXPORT_ROLLBACK_IN_PROGRESS": {Overtaken, Awaited},
		"EXPORT_ROLLBACK_COMPLETE":    {Overtaken, Awaited},
		"EXPORT_ROLLBACK_FAILED":      {Overtaken, Awaited},
		"ROLLBACK_IN_PROGRESS":        {Overtaken, Awaited},
		"ROLLBACK_COMPLETE":           {Overtaken, Awaited},
		"ROLLBACK_FAILED":             {Overtaken, Awaited},
		"UPDATE_ROLLBACK_IN_PROGRESS": {Overtaken, Awaited},
		"UPDATE_ROLLBACK_COMPLETE":    {Overtaken, Awaited},
		"UPDATE_ROLLBACK_FAILED":      {Overtaken, Awaited},
	}
	for _, status := range types.ResourceStatus("").Values() {
		if _, ok := tests[status]; !ok {
			t.Errorf("%s is not tested", status)
		}
	}
	for status, want := range tests {
		s := State{Resource: string(status)}
		if got := (standings{s.Standing(cfn.RequestCreate, false), s.Standing(cfn.RequestUpdate, false)}); got != want {
			t.Errorf("%s: got %+v, want %+v", status, got, want)
		}
	}
}

// A stack may roll back or be deleted around a resource that is complete: its
// Create has had its answer, and its Delete comes with its id. So it does for an
// Update, unless the resource still has the id that the Update was to replace.
func TestStandingOfComplete(t *testing.T) {
	t.Parallel()
	for _, stack := range []string{"DELETE_IN_PROGRESS", "DELETE_FAILED", "DELETE_COMPLETE"} {
		for _, test := range []struct {
			state State
			want  Standing
		}{
			{State{Stack: stack, Resource: "UPDATE_COMPLETE"}, Awaited},
			{State{Stack: stack, Resource: "CREATE_COMPLETE"}, Awaited},
			{State{Stack: stack, Resource: "UPDATE_COMPLETE", Before: true}, GivenUp},
			{State{Stack: stack, Resource: "UPDATE_FAILED"}, GivenUp},
			{State{Stack: stack, Resource: "DELETE_COMPLETE"}, GivenUp},
		} {
			if got := test.state.Standing(cfn.RequestUpdate, false); got != test.want {
				t.Errorf("%+v: got %v, want %v", test.state, got, test.want)
			}
		}
	}
	for _, stack := range types.StackStatus("").Values() {
		if got := (State{Stack: string(stack), Resource: "CREATE_COMPLETE"}).Standing(cfn.RequestCreate, false); got != Awaited {
			t.Errorf("%s: got %v, want awaited", stack, got)
		}
	}
}

// How the two, and a rollback, stand where the resource has another id than theirs, has
// kept the one that an Update is to replace, or is not there.
// The stack's status counts all the same.
func TestStandingOfReplacedAndRemoved(t *testing.T) {
	t.Parallel()
	type standings struct{ create, update, rollback Standing }
	for _, test := range []struct {
		state State
		want  standings
	}{
		{State{Stack: "UPDATE_IN_PROGRESS", Resource: "UPDATE_IN_PROGRESS", Replaced: true}, standings{Overtaken, Overtaken, Awaited}},
		{State{Stack: "UPDATE_IN_PROGRESS", Resource: "CREATE_IN_PROGRESS", Replaced: true}, standings{Awaited, Overtaken, Awaited}},
		{State{Stack: "UPDATE_ROLLBACK_IN_PROGRESS", Resource: "CREATE_IN_PROGRESS", Replaced: true}, standings{GivenUp, Overtaken, Awaited}},
		{State{Stack: "UPDATE_COMPLETE", Resource: "UPDATE_COMPLETE", Replaced: true}, standings{Gone, Gone, Awaited}},
		{State{Stack: "UPDATE_IN_PROGRESS", Resource: "DELETE_IN_PROGRESS", Replaced: true}, standings{Overtaken, Overtaken, GivenUp}},
		{State{Stack: "DELETE_IN_PROGRESS", Resource: "UPDATE_COMPLETE", Replaced: true}, standings{GivenUp, GivenUp, GivenUp}},
		{State{Stack: "DELETE_COMPLETE", Resource: "DELETE_SKIPPED", Replaced: true}, standings{Overtaken, Overtaken, Overtaken}},
		{State{Stack: "UPDATE_COMPLETE", Removed: true}, standings{Gone, Gone, Gone}},
		{State{Removed: true}, standings{Gone, Gone, Gone}},
		{State{Stack: "UPDATE_ROLLBACK_IN_PROGRESS", Resource: "UPDATE_IN_PROGRESS", Before: true}, standings{Overtaken, Overtaken, Awaited}},
		{State{Stack: "UPDATE_ROLLBACK_COMPLETE", Resource: "UPDATE_COMPLETE", Before: true}, standings{Overtaken, Overtaken, Gone}},
		{State{Stack: "UPDATE_IN_PROGRESS", Resource: "UPDATE_IN_PROGRESS", After: true}, standings{Overtaken, Overtaken, Awaited}},
		{State{Stack: "UPDATE_COMPLETE", Resource: "UPDATE_COMPLETE", After: true}, standings{Overtaken, Awaited, Awaited}},
		{State{Resource: "UPDATE_COMPLETE", Before: true}, standings{Overtaken, Awaited, Awaited}},
		{State{Stack: "UPDATE_ROLLBACK_COMPLETE", Removed: true}, standings{GivenUp, Gone, Gone}},
		{State{Stack: "DELETE_COMPLETE", Removed: true}, standings{GivenUp, GivenUp, GivenUp}},
	} {
		got := standings{
			test.state.Standing(cfn.RequestCreate, false),
			test.state.Standing(cfn.RequestUpdate, false),
			test.state.Standing(cfn.RequestUpdate, true),
		}
		if got != test.want {
			t.Errorf("%+v: got %+v, want %+v", test.state, got, test.want)
		}
	}
}

// No rollback overtakes the rollback's own Update, which is known as such while
// the stack waits for it.
func TestStandingOfRollback(t *testing.T) {
	t.Parallel()
	for _, stack := range types.StackStatus("").Values() {
		s := State{Stack: string(stack), Resource: "UPDATE_IN_PROGRESS"}
		if got, want := s.RollingBack(), stack == types.StackStatusUpdateRollbackInProgress; got != want {
			t.Errorf("%s: rolling back: got %t, want %t", stack, got, want)
		}
		if got := s.Standing(cfn.RequestUpdate, true); got == Overtaken {
			t.Errorf("%s: a rollback is overtaken", stack)
		}
	}
}
