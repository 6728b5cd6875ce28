package jitter_test

import (
	"slices"
	"testing"
	"time"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/jitter"
)

func TestBelow(t *testing.T) {
	t.Parallel()
	pauses := func(name string) (list []time.Duration) {
		s := jitter.New(name)
		for range 100 {
			list = append(list, s.Below(time.Second))
		}
		return list
	}
	one := pauses("one")
	if least, most := slices.Min(one), slices.Max(one); least < 0 || least > 100*time.Millisecond || most < 900*time.Millisecond || most >= time.Second {
		t.Errorf("the pauses are between %v and %v, want all of a second", least, most)
	}
	if !slices.Equal(one, pauses("one")) {
		t.Error("the same name gives other pauses")
	}
	if slices.Equal(one, pauses("two")) {
		t.Error("another name gives the same pauses")
	}
}
