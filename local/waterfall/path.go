// Package waterfall shows what a request spent its time on: which of the calls it
// made waited for each other, and all of them as a picture.
package waterfall

import (
	"slices"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
)

// Path returns the indices of the critical path, in order: the call that ended
// last, before it the one that ended last before that one began, and so on. What
// else was called kept nothing waiting. Without calls there is no path.
func Path(calls []aws.Call) []int {
	var path []int
	for last := lastBefore(calls, nil); last >= 0; last = lastBefore(calls, &calls[last]) {
		path = append(path, last)
	}
	slices.Reverse(path)
	return path
}

// lastBefore returns the index of the call that ended last of those that ended
// before another began, or of all if there is no other; -1 if there is none.
func lastBefore(calls []aws.Call, other *aws.Call) int {
	last := -1
	for i, c := range calls {
		if (other == nil || c.End.Before(other.Start)) && (last < 0 || c.End.After(calls[last].End)) {
			last = i
		}
	}
	return last
}
