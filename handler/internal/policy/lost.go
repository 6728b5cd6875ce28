package policy

import (
	"encoding/json"
	"slices"
)

// Loses reports whether a role's policy that is replaced by one of the statements now
// loses one that may have decided on more than exports, such as one on a key. One that
// allows no more than an export's actions does not count: the new policy allows these
// itself. Text that is no policy may have said anything.
func Loses(former string, now []Statement) bool {
	if former == "" {
		return false
	}
	var d struct{ Statement []json.RawMessage }
	if json.Unmarshal([]byte(former), &d) != nil {
		return true
	}
	return slices.ContainsFunc(d.Statement, func(raw json.RawMessage) bool {
		s, ok := decodeStrictly(raw)
		kept := slices.ContainsFunc(now, func(t Statement) bool { return Equal(s.String(), t.String()) })
		return !ok || !kept && !s.onlyExports()
	})
}

// onlyExports reports whether the statement allows an export's actions and nothing else.
func (s Statement) onlyExports() bool {
	return s.Effect == "Allow" && len(s.Action) > 0 && !slices.ContainsFunc(s.Action, func(action string) bool {
		return !slices.Contains([]string{GetBucketLocation, ListBucket, PutObject, PutObjectACL}, action)
	})
}
