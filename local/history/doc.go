// Package history draws the lives of stacks from a seed, and runs them in virtual
// time: what is deployed, in what order, and everything that may go wrong meanwhile.
// After each step it checks that the promises hold. A history that breaks one is told
// by its seed, and is made shorter as long as it still breaks one.
package history
