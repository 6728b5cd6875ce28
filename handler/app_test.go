package main

import (
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
	"github.com/bitmovin/bitmovin-export-access/local/lambda"
)

// A small stack, app, has the resource from a provider stack that template.yaml
// is deployed as: it is what a test creates, updates, rolls back and deletes.
const (
	providerStack = "provider"
	appStack      = "app"
)

// properties of the resource in the stack app.
type properties map[string]any

// resources are what a template has beside the resource, by logical id.
type resources map[string]any

// with returns a copy of the properties with others in it.
func (p properties) with(more properties) properties {
	all := maps.Clone(p)
	maps.Copy(all, more)
	return all
}

// template returns the template of a stack like app.
func (p properties) template(more resources) []byte {
	all := maps.Clone(p)
	all["ServiceToken"] = map[string]any{"Fn::ImportValue": providerStack + "-ServiceToken"}
	list := resources{logicalID: map[string]any{"Type": "Custom::BitmovinExportAccess", "Properties": all}}
	maps.Copy(list, more)
	text, err := json.Marshal(map[string]any{"Resources": list})
	if err != nil {
		panic(err)
	}
	return text
}

// failing is a sibling of the resource that fails once the resource is done:
// the name of its bucket is taken.
func failing() resources {
	return resources{"Sibling": map[string]any{
		"Type": "AWS::S3::Bucket", "DependsOn": logicalID, "Properties": map[string]any{"BucketName": bucketName},
	}}
}

// newApp is a desk with the provider on it.
func newApp(t *testing.T, o options) *desk {
	t.Helper()
	t.Parallel()
	return startApp(t, o)
}

// startApp is newApp in a test that does not run beside others.
func startApp(tb testing.TB, o options) *desk {
	tb.Helper()
	d := startDesk(tb, o)
	d.provide()
	return d
}

// provide deploys the provider, with parameters, pairs of name and value.
func (d *desk) provide(pairs ...string) *cloudformation.Stack {
	d.Helper()
	p := parameters(pairs...)
	p["BucketName"] = ""
	s, err := d.deployText(providerStack, d.template(), p)
	if err != nil {
		d.Fatal(err)
	}
	return s
}

// function returns the provider's function.
func (d *desk) function() *lambda.Function {
	return d.engine.Function(d.stack(providerStack).Outputs["ServiceToken"])
}

// app creates or updates the stack app.
func (d *desk) app(p properties, more resources) (*cloudformation.Stack, error) {
	d.Helper()
	return d.deployText(appStack, p.template(more), nil)
}

// mustApp is app where nothing may go wrong.
func (d *desk) mustApp(p properties) *cloudformation.Stack {
	d.Helper()
	s, err := d.app(p, nil)
	if err != nil {
		d.Fatal(err)
	}
	return s
}

// stack returns a stack as it is now.
func (d *desk) stack(name string) *cloudformation.Stack {
	d.Helper()
	s, err := d.engine.Stack(name)
	if err != nil {
		d.Fatal(err)
	}
	return s
}

// wantRole sees that there is one export role, and that it is exactly what the
// properties ask for. RoleName and ExternalId must be among them.
func (d *desk) wantRole(s *cloudformation.Stack, p properties) {
	d.Helper()
	roles := d.exportRoles()
	if len(roles) != 1 {
		d.Errorf("there are %d export roles, want one: %+v", len(roles), roles)
		return
	}
	diff := cmp.Diff(d.desired(s, p), d.actual(roles[0]))
	if diff != "" {
		d.Errorf("the role (-want +got):\n%s", diff)
	}
}

// A roleState is a role as a test compares it: documents decoded.
type roleState struct {
	Name, Boundary string
	Trust          any
	Inline         map[string]any
	Attached       []string
	Tags           map[string]string
}

func (d *desk) actual(r aws.Role) roleState {
	s := roleState{Name: r.Name, Boundary: r.Boundary, Trust: decode(d.TB, r.Trust), Inline: map[string]any{}, Attached: r.Attached, Tags: r.Tags}
	for name, text := range r.Inline {
		s.Inline[name] = decode(d.TB, text)
	}
	if len(s.Attached) == 0 {
		s.Attached = nil
	}
	return s
}

func (d *desk) desired(s *cloudformation.Stack, p properties) roleState {
	text := func(name string) string { value, _ := p[name].(string); return value }
	r := roleState{
		Name:     text("RoleName"),
		Boundary: d.stack(providerStack).Resources["Boundary"].PhysicalID,
		Trust:    decode(d.TB, bitmovinTrust(text("ExternalId"))),
		Inline:   map[string]any{"BitmovinExportAccess": decode(d.TB, publishedBelow(text("ObjectPrefix")))},
		Tags:     map[string]string{"bitmovin-export-access:stack-id": s.ID, "bitmovin-export-access:logical-id": logicalID},
	}
	if text("AccessMode") == "Full" {
		r.Inline, r.Attached = map[string]any{}, []string{"arn:aws:iam::aws:policy/AmazonS3FullAccess"}
	}
	tags, _ := p["Tags"].([]any)
	for _, tag := range tags {
		pair, _ := tag.(map[string]any)
		r.Tags[pair["Key"].(string)] = pair["Value"].(string)
	}
	return r
}

// tags is the property Tags of the pairs of key and value.
func tags(pairs ...string) []any {
	var list []any
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, map[string]any{"Key": pairs[i], "Value": pairs[i+1]})
	}
	return list
}

// bystander is a role that is nobody's business here, and theirs an object.
const (
	bystander = "bystander"
	theirs    = "theirs.csv"
)

// addBystanders puts things on the desk that are not to be touched.
func (d *desk) addBystanders() {
	d.leaves[aws.RoleKey(account, bystander)] = true
	d.cloud.Edit(func(s *aws.State) {
		s.Roles[aws.RoleKey(account, bystander)] = &aws.Role{
			Account: account, Name: bystander, Path: "/", Trust: bitmovinTrust("theirs"), Inline: map[string]string{"theirs": published},
		}
		s.Buckets[bucketName].Versions = []*aws.Version{{Key: theirs, VersionID: "null", Body: "theirs"}}
	})
	d.before = d.roles()[aws.RoleKey(account, bystander)]
}

// wantBystanders sees that the bystanders are as they were, and that no check
// has left anything beside them in the bucket.
func (d *desk) wantBystanders() {
	d.Helper()
	if diff := cmp.Diff(d.before, d.roles()[aws.RoleKey(account, bystander)]); diff != "" {
		d.Errorf("the bystander was touched (-before +after):\n%s", diff)
	}
	d.cloud.View(func(s *aws.State) {
		found := false
		for _, v := range s.Buckets[bucketName].Versions {
			if v.Key == theirs && v.Body == "theirs" && v.ACL == "" {
				found = true
				continue
			}
			d.Errorf("%s (version %s) is left in the bucket", v.Key, v.VersionID)
		}
		if !found {
			d.Errorf("the bystanders' object was touched")
		}
		for _, u := range s.Buckets[bucketName].Uploads {
			d.Errorf("an upload of %s is left in the bucket", u.Key)
		}
	})
}

// end deletes what there is of the stack app, after which nothing is left.
func (d *desk) end() {
	d.Helper()
	if _, err := d.engine.Stack(appStack); err == nil {
		d.delete(appStack)
	}
	d.wantBystanders()
}

// wantInTime sees that no attempt ran into its deadline.
func (d *desk) wantInTime() {
	d.Helper()
	for _, r := range d.engine.Requests() {
		for i, a := range r.Invocation.Wait() {
			if a.TimedOut {
				d.Errorf("%s of %s, attempt %d: the function ran into its deadline after %v", r.RequestType, r.PhysicalResourceID, i+1, a.Duration.Round(time.Millisecond))
			}
		}
	}
}
