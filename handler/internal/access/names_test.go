package access

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/cfn"
	"pgregory.net/rapid"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/customresource"
)

// A change of how names are derived would part every stack from its role.
func TestDerivedIsPinned(t *testing.T) {
	t.Parallel()
	tests := []struct{ stack, logical, name, id string }{
		{testStack, "ExportAccess", "bitmovin-analytics-ExportAccess-omzogjsoad7n6pdx", "f7a4d9fa-8090-8786-abb4-7d1fcdfb75d9"},
		{"arn:aws:cloudformation:us-east-1:123456789012:stack/a-very-long-name-of-a-stack-in-which-much-is-said/0a1b2c3d-da77-11e4-872e-1234567db123",
			"TheOneAndOnlyExportAccess", "bitmovin-a-very-long-name-of-a-stack-in-which-m-lztyzuegbxh223gk", "5879ff77-bd74-844b-a2ab-8b929fe7c2c6"},
	}
	for _, test := range tests {
		r := requestOf(cfn.Event{StackID: test.stack, LogicalResourceID: test.logical})
		if got := derivedName(testPrefix, r); got != test.name {
			t.Errorf("name: got %s, want %s", got, test.name)
		}
		if got := derivedExternalID(r); got != test.id {
			t.Errorf("external id: got %s, want %s", got, test.id)
		}
	}
}

// resources draws events of resources. The names have no letter that is a
// hexadecimal digit, so that a part of an id found in them is no chance.
func resources() *rapid.Generator[*customresource.Request] {
	return rapid.Custom(func(t *rapid.T) *customresource.Request {
		guid := rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-11[0-9a-f]{2}-[0-9a-f]{4}-[0-9a-f]{12}`).Draw(t, "guid")
		stack := rapid.StringMatching(`[G-Zg-z][G-Zg-z-]{0,127}`).Draw(t, "stack")
		return requestOf(cfn.Event{
			StackID:           "arn:aws:cloudformation:eu-west-1:123456789012:stack/" + stack + "/" + guid,
			LogicalResourceID: rapid.StringMatching(`[G-Zg-z]{1,255}`).Draw(t, "logical id"),
		})
	})
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestDerived(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := resources().Draw(t, "resource")
		name, id := derivedName(testPrefix, r), derivedExternalID(r)
		if !validRoleName(name) || !strings.HasPrefix(name, testPrefix) {
			t.Fatalf("%s is no role name of ours", name)
		}
		if !uuid.MatchString(id) || !validExternalID(id) {
			t.Fatalf("%s is no UUID", id)
		}
		// Another attempt, event or property makes no difference.
		again := testRequest("Update", map[string]any{"BucketName": "b"})
		again.StackID, again.LogicalResourceID, again.RequestID = r.StackID, r.LogicalResourceID, "another"
		if derivedName(testPrefix, again) != name || derivedExternalID(again) != id {
			t.Fatalf("the next event has %s and %s, want %s and %s", derivedName(testPrefix, again), derivedExternalID(again), name, id)
		}
		guid := r.StackID[strings.LastIndex(r.StackID, "/")+1:]
		for what, secret := range map[string]string{"stack's GUID": guid, "external id": id} {
			if part := shared(name, strings.ReplaceAll(secret, "-", "")); part != "" {
				t.Fatalf("the name %s holds %s of the %s %s", name, part, what, secret)
			}
		}
		if part := shared(id, strings.ReplaceAll(guid, "-", "")); part != "" {
			t.Fatalf("the external id %s holds %s of the stack's id", id, part)
		}
	})
}

// shared returns eight digits of a secret that a text holds, if there are any.
func shared(text, secret string) string {
	text = strings.ReplaceAll(text, "-", "")
	for i := range len(secret) - 7 {
		if strings.Contains(text, secret[i:i+8]) {
			return secret[i : i+8]
		}
	}
	return ""
}

// IAM compares names without case.
func TestDerivedIsUnique(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := resources().Draw(t, "a"), resources().Draw(t, "b")
		switch rapid.IntRange(0, 3).Draw(t, "b is") {
		case 0: // the same stack's
			b.StackID = a.StackID
		case 1: // the same resource of another stack
			b.LogicalResourceID = a.LogicalResourceID
		case 2: // one that differs in case alone
			b.StackID, b.LogicalResourceID = a.StackID, strings.ToUpper(a.LogicalResourceID)
		}
		if a.StackID == b.StackID && a.LogicalResourceID == b.LogicalResourceID {
			t.Skip("the same")
		}
		if strings.EqualFold(derivedName(testPrefix, a), derivedName(testPrefix, b)) || derivedExternalID(a) == derivedExternalID(b) {
			t.Fatalf("%s %s and %s %s have both %s, %s", a.StackID, a.LogicalResourceID, b.StackID, b.LogicalResourceID, derivedName(testPrefix, a), derivedExternalID(a))
		}
	})
}

// Many resources of one template, made at once.
func TestDerivedIsUniqueInAStack(t *testing.T) {
	t.Parallel()
	var names, ids []string
	for i := range 300 {
		r := testRequest("Create", nil)
		r.LogicalResourceID = strings.Repeat("VeryLongLogicalIDThatLeavesNoRoom", 2) + fmt.Sprint(i)
		names, ids = append(names, strings.ToLower(derivedName(testPrefix, r))), append(ids, derivedExternalID(r))
	}
	for what, all := range map[string][]string{"name": names, "external id": ids} {
		slices.Sort(all)
		if n := len(slices.Compact(all)); n != 300 {
			t.Errorf("300 resources have %d times another %s", n, what)
		}
	}
}

// Whatever CloudFormation sends as ids, what is derived is valid to IAM.
func TestDerivedOfAnyIDs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := requestOf(cfn.Event{StackID: rapid.String().Draw(t, "stack"), LogicalResourceID: rapid.String().Draw(t, "logical id")})
		if name := derivedName(testPrefix, r); !validRoleName(name) {
			t.Fatalf("%q is no role name", name)
		}
		if id := derivedExternalID(r); !uuid.MatchString(id) {
			t.Fatalf("%q is no UUID", id)
		}
	})
}

// The role of the stack that is made anew has the same pattern; a name that the
// author gives is its own. So it is where the prefix is that of the stack's id.
func TestPattern(t *testing.T) {
	t.Parallel()
	const path = "arn:aws:iam::123456789012:role/"
	again := testRequest("Create", nil)
	again.StackID = strings.Replace(testStack, "51af3dc0", "62bf4ed1", 1)
	const ofStack, ofOther = "bitmovin-export-51af3dc0-", "bitmovin-export-62bf4ed1-"
	for _, test := range []struct {
		prefix, name string
		r            *customresource.Request
		want         string
	}{
		{testPrefix, "", testRequest("Create", nil), "bitmovin-analytics-ExportAccess-*"},
		{testPrefix, "", again, "bitmovin-analytics-ExportAccess-*"},
		{testPrefix, "bitmovin-exports", again, "bitmovin-exports"},
		{ofStack, "", testRequest("Create", nil), "bitmovin-export-*-analytics-ExportAccess-*"},
		{ofOther, "", again, "bitmovin-export-*-analytics-ExportAccess-*"},
		{ofOther, "", testRequest("Create", nil), "bitmovin-export-62bf4ed1-analytics-ExportAccess-*"},
		{ofStack, ofStack + "access", testRequest("Create", nil), "bitmovin-export-*-access"},
		{ofOther, ofOther + "access", again, "bitmovin-export-*-access"},
		{ofOther, ofOther + "access", testRequest("Create", nil), ofOther + "access"},
	} {
		name := cmp.Or(test.name, derivedName(test.prefix, test.r))
		if got, want := pattern(path+name, test.prefix, test.r, test.name == ""), path+test.want; got != want {
			t.Errorf("%s of %s: got %s, want %s", name, test.r.StackID, got, want)
		}
	}
}

func TestNameOf(t *testing.T) {
	t.Parallel()
	derived := derivedName(testPrefix, testRequest("Delete", nil))
	tests := map[string]struct {
		properties map[string]any
		want       string
	}{
		"given":                 {map[string]any{"RoleName": "exports"}, "exports"},
		"not given":             {map[string]any{"BucketName": "b"}, derived},
		"empty":                 {map[string]any{"RoleName": ""}, derived},
		"of a type of tomorrow": {map[string]any{"RoleName": []any{"exports"}}, derived},
		"no properties":         {nil, derived},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := testAccess().nameOf(testRequest("Delete", test.properties)); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
