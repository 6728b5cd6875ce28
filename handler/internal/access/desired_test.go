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
)

const (
	fullPolicy = "arn:aws:iam::aws:policy/AmazonS3FullAccess"
	testKey    = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd"
)

// wanted returns the desired state of a resource with these changes of the
// properties, on a bucket with the default encryption of that key.
func wanted(key string, change ...func(*props)) desired {
	p := defaults()
	p.RoleName, p.ExternalID = "bitmovin-exports", "external"
	p.Tags = map[string]string{"team": "video"}
	for _, c := range change {
		c(&p)
	}
	d := newDesired(testRequest("Update", nil), testProvider(), p)
	d.allow(p, "aws", policy.NewKey("aws", "eu-west-1", testAccount, key))
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
		got      desired
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
			want := desired{
				name: "bitmovin-exports", arn: "arn:aws:iam::123456789012:role/bitmovin-exports",
				trust:    policy.Trust(bitmovin, "external"),
				inline:   test.inline,
				attached: test.attached,
				boundary: "arn:aws:iam::123456789012:policy/boundary",
				tags: map[string]string{
					"team": "video", "bitmovin-export-access:stack-id": testStack, "bitmovin-export-access:logical-id": "ExportAccess",
				},
			}
			if diff := cmp.Diff(want, test.got, cmp.AllowUnexported(desired{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A rolePlay is a role on which IAM's part of the changes is played.
type rolePlay struct{ role }

// apply makes the changes, as the calls of this package do.
func (r *rolePlay) apply(d desired, c changes) {
	if c.boundary {
		r.boundary = d.boundary
	}
	if c.trust {
		r.trust = d.trust.String()
	}
	if c.inline {
		r.own = d.inline.String()
		if !slices.Contains(r.inline, policyName) {
			r.inline = append(r.inline, policyName)
		}
	}
	for _, name := range c.removeInline {
		r.inline = slices.DeleteFunc(r.inline, func(n string) bool { return n == name })
		if name == policyName {
			r.own = ""
		}
	}
	r.attached = append(without(r.attached, c.detach), c.attach...)
	for key, value := range c.tag {
		r.untag(key)
		r.tags[key] = value
	}
	for _, key := range c.untag {
		r.untag(key)
	}
}

// untag takes a tag away; IAM compares keys without case.
func (r *rolePlay) untag(key string) {
	maps.DeleteFunc(r.tags, func(k, _ string) bool { return strings.EqualFold(k, key) })
}

// asWanted returns a role that is just as desired.
func asWanted(d desired) *rolePlay {
	r := &rolePlay{role{name: d.name, arn: d.arn, tags: map[string]string{}}}
	r.apply(d, d.compare(&r.role, nil))
	return r
}

var compareChanges = cmp.Options{cmp.AllowUnexported(changes{}), cmpopts.EquateEmpty()}

// TestTakesAway: which changes leave something in force for a while that may allow more
// than the new state, and which of them may be all that allows what is checked.
func TestTakesAway(t *testing.T) {
	t.Parallel()
	const fullAccess = "arn:aws:iam::aws:policy/AmazonS3FullAccess"
	for name, test := range map[string]struct {
		want           desired
		drift          func(*role)
		takes, narrows bool
	}{
		"nothing":             {wanted(testKey), func(*role) {}, false, false},
		"another trust":       {wanted(""), func(r *role) { r.trust = "{}" }, false, false},
		"another prefix":      {wanted(""), func(r *role) { r.own = strings.Replace(r.own, "exports/*", "former/*", 1) }, false, false},
		"no policy":           {wanted(testKey), func(r *role) { r.own, r.inline = "", nil }, false, false},
		"a statement more":    {wanted(""), func(r *role) { r.own = strings.Replace(r.own, "s3:PutObjectAcl", "s3:GetObject", 1) }, true, true},
		"another key":         {wanted(testKey), func(r *role) { r.own = strings.Replace(r.own, testKey, testKey+"x", 1) }, true, true},
		"another boundary":    {wanted(""), func(r *role) { r.boundary = "other" }, true, true},
		"no boundary":         {wanted(""), func(r *role) { r.boundary = "" }, true, true},
		"a foreign policy":    {wanted(""), func(r *role) { r.inline = append(r.inline, "foreign") }, true, true},
		"a foreign managed":   {wanted(""), func(r *role) { r.attached = []string{"foreign"} }, true, true},
		"full access":         {wanted(""), func(r *role) { r.attached = []string{fullAccess} }, true, false},
		"restricted, in full": {wanted("", inFull), func(r *role) { r.inline, r.own, r.attached = []string{policyName}, wanted("").inline.String(), nil }, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := asWanted(test.want)
			test.drift(&r.role)
			c := test.want.compare(&r.role, nil)
			if takes, narrows := c.takes(), c.narrows(fullAccess); takes != test.takes || narrows != test.narrows {
				t.Errorf("takes away: %t, narrows: %t, want %t and %t", takes, narrows, test.takes, test.narrows)
			}
		})
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		want desired
		// drift is what was done to a role that was as wanted.
		drift   func(*role)
		oldTags []string
		changes changes
		names   []string
		// permissions: what the role may do has changed.
		permissions bool
	}{
		{name: "nothing", want: wanted("")},
		{name: "nothing, in full", want: wanted(testKey, inFull)},
		{name: "other white space", want: wanted(testKey), drift: func(r *role) {
			r.trust, r.own = strings.ReplaceAll(r.trust, ",", ", "), strings.ReplaceAll(r.own, ":{", " : { ")
		}},
		{name: "a list of one", want: wanted(""), drift: func(r *role) {
			r.trust = strings.Replace(r.trust, `"sts:AssumeRole"`, `["sts:AssumeRole"]`, 1)
		}},
		{name: "another boundary", want: wanted(""), drift: func(r *role) { r.boundary = "arn:aws:iam::aws:policy/AdministratorAccess" },
			changes: changes{boundary: true}, names: []string{"permissions boundary"}, permissions: true},
		{name: "no boundary", want: wanted(""), drift: func(r *role) { r.boundary = "" },
			changes: changes{boundary: true}, names: []string{"permissions boundary"}, permissions: true},
		{name: "a boundary that the provider does not name", want: func() desired { d := wanted(""); d.boundary = ""; return d }(),
			drift: func(r *role) { r.boundary = "arn:aws:iam::123456789012:policy/by-hand" }},
		{name: "another principal", want: wanted(""), drift: func(r *role) { r.trust = policy.Trust("AIDAJQABLZS4A3QDU576Q", "external").String() },
			changes: changes{trust: true}, names: []string{"trust policy"}},
		{name: "another external id", want: wanted(""), drift: func(r *role) { r.trust = policy.Trust(bitmovin, "other").String() },
			changes: changes{trust: true}, names: []string{"trust policy"}},
		{name: "a verifier left in the trust", want: wanted(""), drift: func(r *role) {
			r.trust = policy.Trust(bitmovin, "external", policy.Statement{Sid: "Verifier"}).String()
		}, changes: changes{trust: true}, names: []string{"trust policy"}},
		{name: "an edited policy", want: wanted(""), drift: func(r *role) { r.own = strings.Replace(r.own, "s3:PutObjectAcl", "s3:*", 1) },
			changes: changes{inline: true, lost: true}, names: []string{"inline policy"}, permissions: true},
		{name: "no policy", want: wanted(""), drift: func(r *role) { r.own, r.inline = "", nil },
			changes: changes{inline: true}, names: []string{"inline policy"}, permissions: true},
		{name: "a foreign inline policy", want: wanted(""), drift: func(r *role) { r.inline = append(r.inline, "foreign") },
			changes: changes{removeInline: []string{"foreign"}}, names: []string{"remove inline foreign"}, permissions: true},
		{name: "a foreign attached policy", want: wanted(""), drift: func(r *role) { r.attached = []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"} },
			changes: changes{detach: []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"}},
			names:   []string{"detach arn:aws:iam::aws:policy/ReadOnlyAccess"}, permissions: true},
		{name: "from full to restricted", want: wanted(""), drift: func(r *role) { *r = asWanted(wanted("", inFull)).role },
			changes: changes{inline: true, detach: []string{fullPolicy}}, names: []string{"inline policy", "detach " + fullPolicy}, permissions: true},
		{name: "from restricted to full", want: wanted("", inFull), drift: func(r *role) { *r = asWanted(wanted("")).role },
			changes: changes{attach: []string{fullPolicy}, removeInline: []string{policyName}},
			names:   []string{"attach " + fullPolicy, "remove inline " + policyName}, permissions: true},
		{name: "full, its policy detached", want: wanted("", inFull), drift: func(r *role) { r.attached = nil },
			changes: changes{attach: []string{fullPolicy}}, names: []string{"attach " + fullPolicy}, permissions: true},
		{name: "a key", want: wanted(testKey), drift: func(r *role) { *r = asWanted(wanted("")).role },
			changes: changes{inline: true}, names: []string{"inline policy"}, permissions: true},
		{name: "a tag's value", want: wanted(""), drift: func(r *role) { r.tags["team"] = "audio" },
			changes: changes{tag: map[string]string{"team": "video"}}, names: []string{"tags"}},
		{name: "a tag less", want: wanted(""), drift: func(r *role) { delete(r.tags, "team") },
			changes: changes{tag: map[string]string{"team": "video"}}, names: []string{"tags"}},
		{name: "a tag's case", want: wanted(""), drift: func(r *role) { delete(r.tags, "team"); r.tags["Team"] = "video" }},
		{name: "a tag's case and value", want: wanted(""), drift: func(r *role) { delete(r.tags, "team"); r.tags["Team"] = "audio" },
			changes: changes{tag: map[string]string{"team": "video"}}, names: []string{"tags"}},
		{name: "a tag by hand", want: wanted(""), drift: func(r *role) { r.tags["by"] = "hand" }},
		{name: "a tag that was wanted", want: wanted(""), drift: func(r *role) { r.tags["old"] = "x"; r.tags["by"] = "hand" }, oldTags: []string{"old", "team"},
			changes: changes{untag: []string{"old"}}, names: []string{"tags"}},
		{name: "a tag that was wanted in another case", want: wanted(""), drift: func(r *role) { r.tags["Old"] = "x" }, oldTags: []string{"oLD", "TEAM"},
			changes: changes{untag: []string{"Old"}}, names: []string{"tags"}},
		{name: "a tag that was wanted, gone already", want: wanted(""), oldTags: []string{"old"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := asWanted(test.want)
			if test.drift != nil {
				test.drift(&r.role)
			}
			got := test.want.compare(&r.role, test.oldTags)
			if diff := cmp.Diff(test.changes, got, compareChanges); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.names, got.names()); diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
			if got.permissions() != test.permissions {
				t.Errorf("permissions: got %t", got.permissions())
			}
		})
	}
}

// Twice is once: whatever the role was like, after the changes nothing is left
// to be changed, whatever an Update before it named is gone, and nothing by
// hand but what the resource decides.
func TestTwiceIsOnce(t *testing.T) {
	t.Parallel()
	documents := rapid.SampledFrom([]string{"", "{", policy.New().String(), wanted("").trust.String(), wanted("").inline.String(), wanted(testKey).inline.String()})
	arns := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{fullPolicy, "arn:aws:iam::aws:policy/a", "arn:aws:iam::aws:policy/b"}), 0, 3, rapid.ID[string])
	keys := rapid.SampledFrom([]string{"team", "Team", "TEAM", "cost", "Cost", "old", "OLD", "by hand"})
	tags := rapid.Map(rapid.MapOf(keys, rapid.SampledFrom([]string{"", "video", "x"})), withoutCase)
	rapid.Check(t, func(t *rapid.T) {
		d := wanted(rapid.SampledFrom([]string{"", testKey, "alias/raw"}).Draw(t, "key"), func(p *props) {
			p.AccessMode = rapid.SampledFrom([]string{restricted, full}).Draw(t, "mode")
			p.Tags = tags.Draw(t, "tags")
		})
		if rapid.Bool().Draw(t, "no boundary") {
			d.boundary = ""
		}
		r := &rolePlay{role{
			trust:    documents.Draw(t, "trust"),
			boundary: rapid.SampledFrom([]string{"", "arn:other", d.boundary}).Draw(t, "boundary"),
			tags:     tags.Draw(t, "role's tags"),
			policies: policies{own: documents.Draw(t, "own"), attached: arns.Draw(t, "attached"),
				inline: rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"x", "y"}), 0, 2, rapid.ID[string]).Draw(t, "inline")},
		}}
		if r.own != "" {
			r.inline = append(r.inline, policyName)
		}
		boundary, before := r.boundary, maps.Clone(r.tags)
		old := rapid.SliceOfDistinct(keys, strings.ToLower).Draw(t, "old tags")

		r.apply(d, d.compare(&r.role, old))

		for _, oldTags := range [][]string{old, nil} {
			left := d.compare(&r.role, oldTags)
			if diff := cmp.Diff(changes{}, left, compareChanges); diff != "" || len(left.names()) > 0 || left.permissions() {
				t.Fatalf("the second time there is still to be changed: %s", diff)
			}
		}
		if d.boundary == "" && r.boundary != boundary {
			t.Fatalf("the boundary by hand became %q", r.boundary)
		}
		for key, value := range d.tags {
			if there, ok := tagKey(r.tags, key); !ok || r.tags[there] != value {
				t.Fatalf("the tag %s is %v, want %s", key, r.tags, value)
			}
		}
		for key, value := range before {
			_, wanted := tagKey(d.tags, key)
			named := slices.ContainsFunc(old, func(k string) bool { return strings.EqualFold(k, key) })
			if _, there := r.tags[key]; !wanted && there == named {
				t.Fatalf("the tag %s=%s, named before: %t, is there now: %t", key, value, named, there)
			}
		}
	})
}

// withoutCase keeps one of the keys that IAM takes for one.
func withoutCase(tags map[string]string) map[string]string {
	one := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		if _, ok := tagKey(one, key); !ok {
			one[key] = tags[key]
		}
	}
	return one
}
