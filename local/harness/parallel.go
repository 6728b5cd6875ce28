package harness

import (
	"flag"
	"fmt"
	"strconv"
)

// Parallel has n tests run at once, if -parallel does not say how many. A TestMain
// calls it whose tests wait for the built function more than they work.
func Parallel(n int) {
	const name = "test.parallel"
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	if given {
		return
	}
	if err := flag.Set(name, strconv.Itoa(n)); err != nil {
		panic(fmt.Sprintf("set -%s: %v", name, err))
	}
}
