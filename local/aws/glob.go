package aws

import (
	"slices"
	"strings"
)

// A glob is a text in which * and ? may match anything. What a policy variable
// put into it never does.
type glob []symbol

type symbol struct {
	char rune
	wild bool
}

func symbols(t string, wild bool) glob {
	var g glob
	for _, char := range t {
		g = append(g, symbol{char, wild && (char == '*' || char == '?')})
	}
	return g
}

func (g glob) String() string {
	var b strings.Builder
	for _, s := range g {
		b.WriteRune(s.char)
	}
	return b.String()
}

// match matches the whole of t. Only the last * is ever tried again, so that no
// pattern takes more than len(g) * len(t) steps.
func (g glob) match(t string) bool {
	runes := []rune(t)
	i, j, star, retry := 0, 0, -1, 0
	for j < len(runes) {
		switch {
		case i < len(g) && g[i] == symbol{'*', true}:
			star, retry = i, j
			i++
		case i < len(g) && (g[i] == symbol{'?', true} || g[i] == symbol{runes[j], false}):
			i++
			j++
		case star >= 0:
			retry++
			i, j = star+1, retry
		default:
			return false
		}
	}
	return !slices.ContainsFunc(g[i:], func(s symbol) bool { return s != symbol{'*', true} })
}

// matchARN matches the six parts of an ARN one by one, so that a * does not
// reach over a colon. Parts that the pattern leaves out match anything.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN
func (g glob) matchARN(arn string) bool { return g.matchParts(arn, arnColons, false) }

// matchResource matches an ARN as a Resource does: there a * that ends a part runs on
// over colons.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html#reference_policies_elements_resource_wildcards
func (g glob) matchResource(arn string) bool { return g.matchParts(arn, arnColons, true) }

// arnColons is how many colons part an ARN; more of them belong to its last part.
const arnColons = 5

func (g glob) matchParts(arn string, colons int, runsOn bool) bool {
	end := slices.Index(g, symbol{':', false})
	part, rest, more := strings.Cut(arn, ":")
	switch {
	case colons == 0:
		return g.match(arn)
	case end < 0 || !more:
		return g.match(part)
	case !g[:end].match(part):
		return false
	}
	again := runsOn && end > 0 && g[end-1] == symbol{'*', true}
	for more {
		if g[end+1:].matchParts(rest, colons-1, runsOn) {
			return true
		}
		if !again {
			return false
		}
		_, rest, more = strings.Cut(rest, ":")
	}
	return false
}
