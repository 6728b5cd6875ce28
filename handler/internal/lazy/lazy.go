// Package lazy makes what costs time when it is first needed. Most requests need
// little of it, and every cold start waits for what a package makes before main.
package lazy

import (
	"regexp"
	"sync"
)

// Pattern returns what returns the regular expression, which must be a valid one.
func Pattern(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
