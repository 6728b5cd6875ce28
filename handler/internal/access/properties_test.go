package access

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bitmovin/bitmovin-export-access/local/mutated"
)

// defaults are the properties of a resource that gives a bucket alone.
func defaults() props {
	return props{BucketName: "my-analytics-exports", AccessMode: "Restricted", Verification: "Enforce", ProbeWrites: true}
}

// given returns what a resource gives: the bucket and one property more.
func given(name string, value any) map[string]any {
	g := map[string]any{"BucketName": "my-analytics-exports"}
	g[name] = value
	return g
}

func TestDecode(t *testing.T) {
	t.Parallel()
	with := func(change func(*props)) props { p := defaults(); change(&p); return p }
	tests := []struct {
		name  string
		given map[string]any
		want  props
	}{
		{"a bucket alone", map[string]any{"BucketName": "my-analytics-exports"}, defaults()},
		{"CloudFormation's own", map[string]any{"BucketName": "my-analytics-exports", "ServiceToken": "arn", "ServiceTimeout": "1200"}, defaults()},
		{"CloudFormation's own of any type", map[string]any{"BucketName": "my-analytics-exports", "ServiceToken": []any{}, "ServiceTimeout": 1.0}, defaults()},
		{"all of them", map[string]any{
			"BucketName": "b.1", "ExternalId": "ab", "AccessMode": "Full", "ObjectPrefix": "a/b/", "RoleName": "r",
			"BucketOwner": "999999999999", "KmsKeyArn": "arn:aws:kms:eu-west-1:999999999999:key/k", "Verification": "Warn",
			"ProbeWrites": "false", "Tags": []any{map[string]any{"Key": "k", "Value": "v"}}, "VerificationTrigger": "1",
		}, props{
			BucketName: "b.1", ExternalID: "ab", AccessMode: "Full", ObjectPrefix: "a/b/", RoleName: "r",
			BucketOwner: "999999999999", KmsKeyARN: "arn:aws:kms:eu-west-1:999999999999:key/k", Verification: "Warn",
			Tags: map[string]string{"k": "v"},
		}},
		{"all of them empty, as parameters' defaults are", map[string]any{
			"BucketName": "my-analytics-exports", "ExternalId": "", "AccessMode": "", "ObjectPrefix": "", "RoleName": "",
			"BucketOwner": "", "KmsKeyArn": "", "Verification": "", "ProbeWrites": "", "Tags": "", "VerificationTrigger": "",
		}, defaults()},
		{"an external id", given("ExternalId", `Az09_+=,.@:/-`), with(func(p *props) { p.ExternalID = `Az09_+=,.@:/-` })},
		{"the longest external id", given("ExternalId", strings.Repeat("x", 512)),
			with(func(p *props) { p.ExternalID = strings.Repeat("x", 512) })},
		{"full access", given("AccessMode", "Full"), with(func(p *props) { p.AccessMode = "Full" })},
		{"restricted access", given("AccessMode", "Restricted"), defaults()},
		{"the shortest prefix", given("ObjectPrefix", "a/"), with(func(p *props) { p.ObjectPrefix = "a/" })},
		{"a prefix with all kinds of letters", given("ObjectPrefix", "a b$c{d}/é&'()!/"),
			with(func(p *props) { p.ObjectPrefix = "a b$c{d}/é&'()!/" })},
		{"a role name", given("RoleName", "Az09_+=,.@-"), with(func(p *props) { p.RoleName = "Az09_+=,.@-" })},
		{"the longest role name", given("RoleName", strings.Repeat("r", 64)),
			with(func(p *props) { p.RoleName = strings.Repeat("r", 64) })},
		{"a bucket's owner", given("BucketOwner", "012345678901"), with(func(p *props) { p.BucketOwner = "012345678901" })},
		{"a key", given("KmsKeyArn", "arn:aws:kms:us-east-1:123456789012:key/mrk-1234abcd"),
			with(func(p *props) { p.KmsKeyARN = "arn:aws:kms:us-east-1:123456789012:key/mrk-1234abcd" })},
		{"an alias in GovCloud", given("KmsKeyArn", "arn:aws-us-gov:kms:us-gov-west-1:123456789012:alias/a/b_c-d"),
			with(func(p *props) { p.KmsKeyARN = "arn:aws-us-gov:kms:us-gov-west-1:123456789012:alias/a/b_c-d" })},
		{"warnings alone", given("Verification", "Warn"), with(func(p *props) { p.Verification = "Warn" })},
		{"no verification", given("Verification", "Off"), with(func(p *props) { p.Verification = "Off" })},
		{"no write", given("ProbeWrites", "false"), with(func(p *props) { p.ProbeWrites = false })},
		{"a write", given("ProbeWrites", "true"), defaults()},
		{"any trigger", given("VerificationTrigger", "any text: äöü"), defaults()},
		{"no tags", given("Tags", []any{}), with(func(p *props) { p.Tags = map[string]string{} })},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			before := maps.Clone(test.given)
			got, unknown, err := decode(test.given)
			if err != nil || unknown != nil {
				t.Fatalf("got the errors %v and %v", err, unknown)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, test.given); diff != "" {
				t.Errorf("the event was changed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	bad := []struct {
		property string
		// allowed is what the error says the property must be.
		allowed string
		values  []any
	}{
		{"ExternalId", "2 to 512 characters of letters, digits and _+=,.@:/-",
			[]any{"x", strings.Repeat("x", 513), "with space", "ümlaut", "a*", "ab\n", `a"b`}},
		{"AccessMode", "Restricted or Full", []any{"restricted", "FULL", "ReadOnly", " Full"}},
		{"ObjectPrefix", "ends in / and does not begin with it", []any{"a", "/a/", "/", "a/*/", "a?/", "${aws:username}/", "a/b", "年/", "a\tb/", "a\u0085/"}},
		{"RoleName", "of at most 64 letters, digits and _+=,.@-",
			[]any{strings.Repeat("r", 65), "path/name", "a b", "a:b", "ä", "r\n"}},
		{"BucketOwner", "an account id of 12 digits", []any{"12345678901", "1234567890123", "1234-5678-9012", "12345678901a", "１２３４５６７８９０１２", "123456789012\n"}},
		{"KmsKeyArn", "the ARN of a KMS key or alias", []any{"1234abcd-12ab-34cd-56ef-1234567890ab", "alias/a", "arn:aws:kms:eu-west-1:123456789012:key/",
			"arn:aws:kms:eu-west-1:123456789012:key/*", "arn:aws:kms:eu-west-1:123456789012:*", "arn:aws:kms::123456789012:key/k",
			"arn:aws:kms:eu-west-1:1:key/k", "arn:aws:s3:::b", "*"}},
		{"Verification", "Enforce, Warn or Off", []any{"enforce", "false", "None"}},
		{"ProbeWrites", "true or false", []any{"True", "yes", "0"}},
		{"VerificationTrigger", "any text", nil},
		{"BucketName", "the name of a general purpose bucket", nil},
	}
	told := map[string]any{"a list": []any{"a"}, "an object": map[string]any{"Ref": "a"}, "true": true, "1": 1.0, "null": nil}
	for _, test := range bad {
		for _, value := range test.values {
			t.Run(fmt.Sprintf("%s/%.20q", test.property, value), func(t *testing.T) {
				t.Parallel()
				refused(t, given(test.property, value), "property "+test.property+" must be ", test.allowed, fmt.Sprintf("not %q", value))
			})
		}
		for kind, value := range told {
			t.Run(test.property+"/"+kind, func(t *testing.T) {
				t.Parallel()
				refused(t, given(test.property, value), "property "+test.property+" must be ", test.allowed, "not "+kind)
			})
		}
	}
}

// refused checks that properties are refused, with an error that tells all of it.
func refused(t *testing.T, given map[string]any, told ...string) {
	t.Helper()
	_, _, err := decode(given)
	if err == nil {
		t.Fatalf("%v is taken", given)
	}
	for _, part := range told {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error %q does not tell %q", err, part)
		}
	}
}

// A limit that the error does not tell cannot be kept.
func TestDecodeLongPrefix(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("p", 1024) + "/"
	_, _, err := decode(given("ObjectPrefix", long))
	if err != nil && !strings.ContainsAny(strings.ReplaceAll(err.Error(), long, ""), "0123456789") {
		t.Errorf("a prefix of %d characters is refused without saying how many are allowed: %.100s…", len(long), err)
	}
}

func TestUnknownProperties(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		more map[string]any
		want []string
	}{
		{"a letter too many", map[string]any{"ObjectPrefixx": "a/"}, []string{"property ObjectPrefixx does not exist, did you mean ObjectPrefix?"}},
		{"another case", map[string]any{"externalID": "ab"}, []string{"property externalID does not exist, did you mean ExternalId?"}},
		{"of any type", map[string]any{"tags": []any{1.0}}, []string{"property tags does not exist, did you mean Tags?"}},
		{"two", map[string]any{"Prefix": "a/", "KmsKey": "k"}, []string{"property KmsKey does not exist, did you mean KmsKeyArn?", "property Prefix does not exist"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			all := given("BucketName", "my-analytics-exports")
			maps.Copy(all, test.more)
			got, unknown, err := decode(all)
			if err != nil || unknown == nil {
				t.Fatalf("got the errors %v and %v", err, unknown)
			}
			for _, part := range test.want {
				if !strings.Contains(unknown.Error(), part) {
					t.Errorf("the error %q does not tell %q", unknown, part)
				}
			}
			if diff := cmp.Diff(defaults(), got); diff != "" {
				t.Errorf("what is known was not read (-want +got):\n%s", diff)
			}
		})
	}
}

// The commonest slip of all: a misspelt BucketName is a missing one, too, and
// it is the spelling that the author must be told.
func TestMisspeltBucketName(t *testing.T) {
	t.Parallel()
	_, unknown, err := decode(map[string]any{"Bucketname": "b"})
	if err == nil || unknown == nil {
		t.Fatalf("got the errors %v and %v", err, unknown)
	}
	a := testAccess()
	_, err = a.Handle(t.Context(), testRequest("Create", map[string]any{"Bucketname": "b"}))
	if err == nil || !strings.Contains(err.Error(), "did you mean BucketName?") {
		t.Errorf("got %v, want the known name beside it", err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range propertySeeds() {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) { checkDecode(t, raw) })
}

func TestMutatedProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) { checkDecode(t, mutated.Text(t, propertySeeds())) })
}

func propertySeeds() []string {
	return []string{
		`{"BucketName":"my-analytics-exports"}`,
		`{"BucketName":"b-1","ExternalId":"ab","AccessMode":"Full","ObjectPrefix":"a/","RoleName":"r","BucketOwner":"123456789012"}`,
		`{"BucketName":"b-1","KmsKeyArn":"arn:aws:kms:eu-west-1:123456789012:alias/a","Verification":"Off","ProbeWrites":"false"}`,
		`{"BucketName":"b-1","Tags":[{"Key":"k","Value":"v"},{"Key":"K","Value":"v"}]}`,
		`{"BucketName":"b-1","Tags":[null,1,"x",{},{"Key":1}]}`,
		`{"BucketName":"arn:aws:s3:::b-1/*"}`, `{"BucketName":"s3://b-1/prefix"}`, `{"BucketName":"b--x-s3"}`,
		`{"BucketName":["b"],"Nonsense":{}}`, `{"":""}`, `{}`, `null`,
		`{"BucketName":"b-1","ObjectPrefix":"${aws:username}/"}`, `{"BucketName":"b-1","RoleName":"*"}`,
		`{"BucketName":"b-1","ObjectPrefix":"/a/"}`, `{"BucketName":"b-1","ObjectPrefix":"a*/"}`, `{"BucketName":"b-1","ExternalId":"a*"}`,
		`{"BucketName":"b-1","KmsKeyArn":"arn:aws:kms:eu-west-1:123456789012:key/*"}`,
	}
}

// Whatever properties arrive: no panic, and what is taken obeys the rules that
// the policies rely on.
func checkDecode(t rapid.TB, raw string) {
	t.Helper()
	var given map[string]any
	if json.Unmarshal([]byte(raw), &given) != nil {
		return
	}
	p, unknown, err := decode(given)
	for _, err := range []error{unknown, err} {
		if err != nil && !strings.HasPrefix(err.Error(), "property ") {
			t.Errorf("the error names no property: %v", err)
		}
	}
	if err != nil {
		return
	}
	everything := p.BucketName + p.ExternalID + p.RoleName + p.BucketOwner + p.KmsKeyARN
	if p.BucketName == "" || strings.ContainsAny(everything+p.ObjectPrefix, "*?") || strings.ContainsAny(everything, "${} \n\"") ||
		strings.Contains(p.ObjectPrefix, "${") || strings.HasPrefix(p.ObjectPrefix, "/") || len(p.RoleName) > maxRoleName || len(p.Tags) > maxTags {
		t.Errorf("%s is taken as %+v", raw, p)
	}
}
