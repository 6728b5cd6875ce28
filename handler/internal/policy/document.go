package policy

import (
	"encoding/json"
	"fmt"
	"reflect"
)

// version is the only policy language that has policy variables.
const version = "2012-10-17"

// A Document is an IAM policy.
type Document struct {
	Version   string
	Statement []Statement
}

// A Statement is one statement of a [Document]. Fields that it leaves out are empty.
type Statement struct {
	Sid       string               `json:",omitempty"`
	Effect    string               ``
	Principal map[string]Values    `json:",omitempty"`
	Action    Values               `json:",omitempty"`
	Resource  Values               `json:",omitempty"`
	Condition map[string]Condition `json:",omitempty"`
}

// A Condition maps the keys of one condition operator to the wanted values.
type Condition map[string]Values

// Values is a policy element that is one string or a list of them; IAM treats
// a list of one and the string alike.
type Values []string

// MarshalJSON writes one value as a string, as the published policies do.
func (v Values) MarshalJSON() ([]byte, error) {
	if len(v) == 1 {
		return json.Marshal(v[0])
	}
	return json.Marshal([]string(v))
}

// UnmarshalJSON reads a string or a list of strings.
func (v *Values) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*v = Values{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(v))
}

// New returns a document of the statements.
func New(statements ...Statement) Document {
	return Document{Version: version, Statement: statements}
}

// String returns the document as compact JSON.
func (d Document) String() string { return compact(d) }

// String returns the statement as compact JSON, ready to be pasted into a
// document's list of statements.
func (s Statement) String() string { return compact(s) }

// compact encodes a value of this package, which cannot fail: it holds only
// strings, and lists and maps of them.
func compact(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("encode a policy: %v", err))
	}
	return string(b)
}

// Equal reports whether two policies say the same once decoded: white space,
// the order of keys, and a string in place of a list of one make no difference.
// Text that is no JSON equals nothing.
func Equal(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	return reflect.DeepEqual(unwrap(x), unwrap(y))
}

// unwrap replaces each list of one by its element.
func unwrap(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = unwrap(v[i])
		}
		if len(v) == 1 {
			return v[0]
		}
	case map[string]any:
		for k := range v {
			v[k] = unwrap(v[k])
		}
	}
	return v
}
