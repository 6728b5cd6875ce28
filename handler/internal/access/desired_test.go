package access

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/policy"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/role"
)

const (
	fullPolicy = "arn:aws:iam::aws:policy/AmazonS3FullAccess"
	testKey    = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd"
)

// wanted returns the role.Desired state of a resource with these changes of the
// properties, on a bucket with the default encryption of that key.
func wanted(key string, change ...func(*props)) role.Desired {
	p := defaults()
	p.RoleName, p.ExternalID = "bitmovin-exports", "external"
	p.Tags = map[string]string{"team": "video"}
	for _, c := range change {
		c(&p)
	}
	d := newDesired(testRequest("Update", nil), testProvider(), p)
	setPermissions(&d, p, "aws", policy.NewKey("aws", "eu-west-1", testAccount, key))
	return d
}

func inFull(p *props) { p.AccessMode = full }

func TestNewDesired(t *testing.T) {
	t.Parallel()
	restricted := policy.Bucket{Partition: "aws", Name: "my-analytics-exports"}.Permissions()
	key := policy.Key{ARN: testKey, Region: "eu-west-1"}.Permissions()
	document := func(s ...policy.Statement) *policy.Document { d := policy.New(s...); return &d }
	tests := []struct {
		name     string
		got      role.Desired
		inline   *policy.Document
		attached []string
	}{
		{"restricted", wanted(""), document(restricted...), nil},
		{"restricted, with a key", wanted(testKey), document(append(restricted, key...)...), nil},
		{"restricted, with AWS's key", wanted("alias/aws/s3"), document(restricted...), nil},
		{"full", wanted("", inFull), nil, []string{fullPolicy}},
		{"full, with a key", wanted(testKey, inFull), document(key...), []string{fullPolicy}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			want := role.Desired{
				Name: "bitmovin-exports", ARN: "arn:aws:iam::123456789012:role/bitmovin-exports",
				Trust:    policy.Trust(bitmovin, "external"),
				Inline:   test.inline,
				Attached: test.attached,
				Boundary: "arn:aws:iam::123456789012:policy/boundary",
				Tags: map[string]string{
					"team": "video", "bitmovin-export-access:stack-id": testStack, "bitmovin-export-access:logical-id": "ExportAccess",
				},
			}
			if diff := cmp.Diff(want, test.got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A rolePlay is a role on which IAM's part of the changes is played.
type rolePlay struct{ role.Role }

// apply makes the changes, as the calls of this package do.
func (r *rolePlay) apply(d role.Desired, c role.Changes) {
	if c.Boundary {
		r.Boundary = d.Boundary
	}
	if c.Trust {
		r.Trust = d.Trust.String()
	}
	if c.Inline {
		r.Own = d.Inline.String()
		if !slices.Contains(r.Inline, role.PolicyName) {
			r.Inline = append(r.Inline, role.PolicyName)
		}
	}
	for _, name := range c.RemoveInline {
		r.Inline = slices.DeleteFunc(r.Inline, func(n string) bool { return n == name })
		if name == role.PolicyName {
			r.Own = ""
		}
	}
	r.Attached = append(role.Without(r.Attached, c.Detach), c.Attach...)
	for key, value := range c.Tag {
		r.untag(key)
		r.Tags[key] = value
	}
	for _, key := range c.Untag {
		r.untag(key)
	}
}

// untag takes a tag away; IAM compares keys without case.
func (r *rolePlay) untag(key string) {
	maps.DeleteFunc(r.Tags, func(k, _ string) bool { return strings.EqualFold(k, key) })
}

// asWanted returns a role that is just as desired.
func asWanted(d role.Desired) *rolePlay {
	r := &rolePlay{role.Role{Name: d.Name, ARN: d.ARN, Tags: map[string]string{}}}
	r.apply(d, d.Compare(&r.Role, nil))
	return r
}

var compareChanges = cmpopts.EquateEmpty()

// TestTakesAway: which changes leave something in force for a while that may allow more
// than the new state, and which of them may be all that allows what is checked.
func TestTakesAway(t *testing.T) {
	t.Parallel()
	const fullAccess = "arn:aws:iam::aws:policy/AmazonS3FullAccess"
	for name, test := range map[string]struct {
		want           role.Desired
		drift          func(*role.Role)
		takes, narrows bool
	}{
		"nothing":           {wanted(testKey), func(*role.Role) {}, false, false},
		"another trust":     {wanted(""), func(r *role.Role) { r.Trust = "{}" }, false, false},
		"another prefix":    {wanted(""), func(r *role.Role) { r.Own = strings.Replace(r.Own, "exports/*", "former/*", 1) }, false, false},
		"no policy":         {wanted(testKey), func(r *role.Role) { r.Own, r.Inline = "", nil }, false, false},
		"a statement more":  {wanted(""), func(r *role.Role) { r.Own = strings.Replace(r.Own, "s3:PutObjectAcl", "s3:GetObject", 1) }, true, true},
		"another key":       {wanted(testKey), func(r *role.Role) { r.Own = strings.Replace(r.Own, testKey, testKey+"x", 1) }, true, true},
		"another boundary":  {wanted(""), func(r *role.Role) { r.Boundary = "other" }, true, true},
		"no boundary":       {wanted(""), func(r *role.Role) { r.Boundary = "" }, true, true},
		"a foreign policy":  {wanted(""), func(r *role.Role) { r.Inline = append(r.Inline, "foreign") }, true, true},
		"a foreign managed": {wanted(""), func(r *role.Role) { r.Attached = []string{"foreign"} }, true, true},
		"full access":       {wanted(""), func(r *role.Role) { r.Attached = []string{fullAccess} }, true, false},
		"restricted, in full": {wanted("", inFull), func(r *role.Role) {
			r.Inline, r.Own, r.Attached = []string{role.PolicyName}, wanted("").Inline.String(), nil
		}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := asWanted(test.want)
			test.drift(&r.Role)
			c := test.want.Compare(&r.Role, nil)
			if takes, narrows := c.Takes(), c.Narrows(fullAccess); takes != test.takes || narrows != test.narrows {
				t.Errorf("takes away: %t, narrows: %t, want %t and %t", takes, narrows, test.takes, test.narrows)
			}
		})
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		want role.Desired
		// drift is what was done to a role that was as wanted.
		drift   func(*role.Role)
		oldTags []string
		changes role.Changes
		names   []string
		// permissions: what the role may do has changed.
		permissions bool
	}{
		{name: "nothing", want: wanted("")},
		{name: "nothing, in full", want: wanted(testKey, inFull)},
		{name: "other white space", want: wanted(testKey), drift: func(r *role.Role) {
			r.Trust, r.Own = strings.ReplaceAll(r.Trust, ",", ", "), strings.ReplaceAll(r.Own, ":{", " : { ")
		}},
		{name: "a list of one", want: wanted(""), drift: func(r *role.Role) {
			r.Trust = strings.Replace(r.Trust, `"sts:AssumeRole"`, `["sts:AssumeRole"]`, 1)
		}},
		{name: "another boundary", want: wanted(""), drift: func(r *role.Role) { r.Boundary = "arn:aws:iam::aws:policy/AdministratorAccess" },
			changes: role.Changes{Boundary: true}, names: []string{"permissions boundary"}, permissions: true},
		{name: "no boundary", want: wanted(""), drift: func(r *role.Role) { r.Boundary = "" },
			changes: role.Changes{Boundary: true}, names: []string{"permissions boundary"}, permissions: true},
		{name: "a boundary that the provider does not name", want: func() role.Desired { d := wanted(""); d.Boundary = ""; return d }(),
			drift: func(r *role.Role) { r.Boundary = "arn:aws:iam::123456789012:policy/by-hand" }},
		{name: "another principal", want: wanted(""), drift: func(r *role.Role) { r.Trust = policy.Trust("AIDAJQABLZS4A3QDU576Q", "external").String() },
			changes: role.Changes{Trust: true}, names: []string{"trust policy"}},
		{name: "another external id", want: wanted(""), drift: func(r *role.Role) { r.Trust = policy.Trust(bitmovin, "other").String() },
			changes: role.Changes{Trust: true}, names: []string{"trust policy"}},
		{name: "a verifier left in the trust", want: wanted(""), drift: func(r *role.Role) {
			r.Trust = policy.Trust(bitmovin, "external", policy.Statement{Sid: "Verifier"}).String()
		}, changes: role.Changes{Trust: true}, names: []string{"trust policy"}},
		{name: "an edited policy", want: wanted(""), drift: func(r *role.Role) { r.Own = strings.Replace(r.Own, "s3:PutObjectAcl", "s3:*", 1) },
			changes: role.Changes{Inline: true, Lost: true}, names: []string{"inline policy"}, permissions: true},
		{name: "no policy", want: wanted(""), drift: func(r *role.Role) { r.Own, r.Inline = "", nil },
			changes: role.Changes{Inline: true}, names: []string{"inline policy"}, permissions: true},
		{name: "a foreign inline policy", want: wanted(""), drift: func(r *role.Role) { r.Inline = append(r.Inline, "foreign") },
			changes: role.Changes{RemoveInline: []string{"foreign"}}, names: []string{"remove inline foreign"}, permissions: true},
		{name: "a foreign attached policy", want: wanted(""), drift: func(r *role.Role) { r.Attached = []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"} },
			changes: role.Changes{Detach: []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"}},
			names:   []string{"detach arn:aws:iam::aws:policy/ReadOnlyAccess"}, permissions: true},
		{name: "from full to restricted", want: wanted(""), drift: func(r *role.Role) { *r = asWanted(wanted("", inFull)).Role },
			changes: role.Changes{Inline: true, Detach: []string{fullPolicy}}, names: []string{"inline policy", "detach " + fullPolicy}, permissions: true},
		{name: "from restricted to full", want: wanted("", inFull), drift: func(r *role.Role) { *r = asWanted(wanted("")).Role },
			changes: role.Changes{Attach: []string{fullPolicy}, RemoveInline: []string{role.PolicyName}},
			names:   []string{"attach " + fullPolicy, "remove inline " + role.PolicyName}, permissions: true},
		{name: "full, its policy detached", want: wanted("", inFull), drift: func(r *role.Role) { r.Attached = nil },
			changes: role.Changes{Attach: []string{fullPolicy}}, names: []string{"attach " + fullPolicy}, permissions: true},
		{name: "a key", want: wanted(testKey), drift: func(r *role.Role) { *r = asWanted(wanted("")).Role },
			changes: role.Changes{Inline: true}, names: []string{"inline policy"}, permissions: true},
		{name: "a tag's value", want: wanted(""), drift: func(r *role.Role) { r.Tags["team"] = "audio" },
			changes: role.Changes{Tag: map[string]string{"team": "video"}}, names: []string{"tags"}},
		{name: "a tag less", want: wanted(""), drift: func(r *role.Role) { delete(r.Tags, "team") },
			changes: role.Changes{Tag: map[string]string{"team": "video"}}, names: []string{"tags"}},
		{name: "a tag's case", want: wanted(""), drift: func(r *role.Role) { delete(r.Tags, "team"); r.Tags["Team"] = "video" }},
		{name: "a tag's case and value", want: wanted(""), drift: func(r *role.Role) { delete(r.Tags, "team"); r.Tags["Team"] = "audio" },
			changes: role.Changes{Tag: map[string]string{"team": "video"}}, names: []string{"tags"}},
		{name: "a tag by hand", want: wanted(""), drift: func(r *role.Role) { r.Tags["by"] = "hand" }},
		{name: "a tag that was wanted", want: wanted(""), drift: func(r *role.Role) { r.Tags["old"] = "x"; r.Tags["by"] = "hand" }, oldTags: []string{"old", "team"},
			changes: role.Changes{Untag: []string{"old"}}, names: []string{"tags"}},
		{name: "a tag that was wanted in another case", want: wanted(""), drift: func(r *role.Role) { r.Tags["Old"] = "x" }, oldTags: []string{"oLD", "TEAM"},
			changes: role.Changes{Untag: []string{"Old"}}, names: []string{"tags"}},
		{name: "a tag that was wanted, gone already", want: wanted(""), oldTags: []string{"old"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := asWanted(test.want)
			if test.drift != nil {
				test.drift(&r.Role)
			}
			got := test.want.Compare(&r.Role, test.oldTags)
			if diff := cmp.Diff(test.changes, got, compareChanges); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.names, got.Names()); diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
			if got.Permissions() != test.permissions {
				t.Errorf("permissions: got %t", got.Permissions())
			}
		})
	}
}

// Twice is once: whatever the role was like, after the changes nothing is left
// to be changed, whatever an Update before it named is gone, and nothing by
// hand but what the resource decides.
func TestTwiceIsOnce(t *testing.T) {
	t.Parallel()
	documents := rapid.SampledFrom([]string{"", "{", policy.New().String(), wanted("").Trust.String(), wanted("").Inline.String(), wanted(testKey).Inline.String()})
	arns := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{fullPolicy, "arn:aws:iam::aws:policy/a", "arn:aws:iam::aws:policy/b"}), 0, 3, rapid.ID[string])
	keys := rapid.SampledFrom([]string{"team", "Team", "TEAM", "cost", "Cost", "old", "OLD", "by hand"})
	tags := rapid.Map(rapid.MapOf(keys, rapid.SampledFrom([]string{"", "video", "x"})), withoutCase)
	rapid.Check(t, func(t *rapid.T) {
		d := wanted(rapid.SampledFrom([]string{"", testKey, "alias/raw"}).Draw(t, "key"), func(p *props) {
			p.AccessMode = rapid.SampledFrom([]string{restricted, full}).Draw(t, "mode")
			p.Tags = tags.Draw(t, "tags")
		})
		if rapid.Bool().Draw(t, "no boundary") {
			d.Boundary = ""
		}
		r := &rolePlay{role.Role{
			Trust:    documents.Draw(t, "trust"),
			Boundary: rapid.SampledFrom([]string{"", "arn:other", d.Boundary}).Draw(t, "boundary"),
			Tags:     tags.Draw(t, "role's tags"),
			Policies: role.Policies{Own: documents.Draw(t, "own"), Attached: arns.Draw(t, "attached"),
				Inline: rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"x", "y"}), 0, 2, rapid.ID[string]).Draw(t, "inline")},
		}}
		if r.Own != "" {
			r.Inline = append(r.Inline, role.PolicyName)
		}
		boundary, before := r.Boundary, maps.Clone(r.Tags)
		old := rapid.SliceOfDistinct(keys, strings.ToLower).Draw(t, "old tags")

		r.apply(d, d.Compare(&r.Role, old))

		for _, oldTags := range [][]string{old, nil} {
			left := d.Compare(&r.Role, oldTags)
			if diff := cmp.Diff(role.Changes{}, left, compareChanges); diff != "" || len(left.Names()) > 0 || left.Permissions() {
				t.Fatalf("the second time there is still to be changed: %s", diff)
			}
		}
		if d.Boundary == "" && r.Boundary != boundary {
			t.Fatalf("the boundary by hand became %q", r.Boundary)
		}
		for key, value := range d.Tags {
			if there, ok := role.TagKey(r.Tags, key); !ok || r.Tags[there] != value {
				t.Fatalf("the tag %s is %v, want %s", key, r.Tags, value)
			}
		}
		for key, value := range before {
			_, wanted := role.TagKey(d.Tags, key)
			named := slices.ContainsFunc(old, func(k string) bool { return strings.EqualFold(k, key) })
			if _, there := r.Tags[key]; !wanted && there == named {
				t.Fatalf("the tag %s=%s, named before: %t, is there now: %t", key, value, named, there)
			}
		}
	})
}

// withoutCase keeps one of the keys that IAM takes for one.
func withoutCase(tags map[string]string) map[string]string {
	one := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		if _, ok := role.TagKey(one, key); !ok {
			one[key] = tags[key]
		}
	}
	return one
}
