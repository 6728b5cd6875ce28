// Package harness is what the suites of the function have in common: an account on
// the desk with one bucket and the function in it, stacks in it, and the promises
// that hold for every sequence of events. The function itself comes from the suite,
// as a [lambda.Program] or as a binary.
package harness
