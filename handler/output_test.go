package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/bitmovin"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
)

const (
	// secretARN is the secret with the API key, oldSecretARN one with another key of
	// the same account. The keys look like the secrets that must not get out.
	secretARN    = "arn:aws:secretsmanager:" + region + ":" + account + ":secret:bitmovin/key-AbCdEf"
	oldSecretARN = "arn:aws:secretsmanager:" + region + ":" + account + ":secret:bitmovin/old-key-GhIjKl"
	apiKey       = "secret-of-bitmovin-1"
	oldAPIKey    = "secret-of-bitmovin-2"
	organization = "organization-1"
	otherBucket  = "other-analytics-exports"
	// shortly is the timeout of a function that is to reach it.
	shortly  = 9 * time.Second
	outputID = "Output"
)

// A bureau is a desk with Bitmovin's API beside it, in a case of a [crowd].
// When the case ends it sees that no output is left but those that were there.
type bureau struct {
	*desk
	api   *bitmovin.API
	heals atomic.Bool
}

// healOnRollback ends what the API suffers from when a stack rolls back.
func (b *bureau) healOnRollback() { b.heals.Store(true) }

func newBureau(t *testing.T, o options) *bureau {
	t.Helper()
	b := &bureau{api: startAPI(t)}
	o.env = map[string]string{"BITMOVIN_API_URL": b.api.URL()}
	b.desk = startDesk(t, o)
	b.listen(func(e cloudformation.Event) {
		if b.heals.Load() && strings.Contains(e.Status, "ROLLBACK_IN_PROGRESS") {
			b.api.Heal()
		}
	})
	b.addSecrets()
	b.cloud.Edit(func(s *aws.State) {
		s.Buckets[otherBucket] = &aws.Bucket{Name: otherBucket, Account: account, Region: region, Ownership: "BucketOwnerEnforced"}
	})
	return b
}

// startAPI starts Bitmovin's API with two keys and somebody else's outputs. When
// the test ends, these alone may be left.
func startAPI(t *testing.T) *bitmovin.API {
	t.Helper()
	api := bitmovin.Start(bitmovin.Options{})
	foreign := []*bitmovin.Output{
		{ID: "foreign-1", Name: "exports", Organization: organization},
		{ID: "foreign-2", Name: "exports", Organization: organization, CustomData: json.RawMessage(
			`{"bitmovin-export-access:stack-id":"arn:aws:cloudformation:eu-west-1:123456789012:stack/other/1","bitmovin-export-access:logical-id":"Output"}`)},
	}
	api.Edit(func(s *bitmovin.State) {
		s.Keys[apiKey], s.Keys[oldAPIKey] = []string{organization}, []string{organization}
		s.Outputs = slices.Clone(foreign)
	})
	t.Cleanup(func() {
		api.View(func(s *bitmovin.State) {
			if diff := cmp.Diff(foreign, s.Outputs); diff != "" {
				t.Errorf("outputs that are left (-want +got):\n%s", diff)
			}
		})
		api.Close()
	})
	return api
}

// addSecrets makes the secrets with the API's keys, plain and as JSON.
func (d *desk) addSecrets() {
	d.cloud.Edit(func(s *aws.State) {
		s.Secrets[secretARN], s.Secrets[oldSecretARN] = apiKey+"\n", `{"user":"x","key":"`+oldAPIKey+`"}`
	})
}

// add starts a test with a desk of its own.
func (c *crowd) add(name string, test func(b *bureau)) {
	c.addWith(name, options{}, test)
}

func (c *crowd) addWith(name string, o options, test func(b *bureau)) {
	c.start(name, func(t *testing.T) { t.Helper(); test(newBureau(t, o)) })
}

// own returns the outputs that the function registered, the oldest first.
func (b *bureau) own() []bitmovin.Output {
	var list []bitmovin.Output
	b.api.View(func(s *bitmovin.State) {
		for _, o := range s.Outputs {
			if !strings.HasPrefix(o.ID, "foreign-") {
				list = append(list, *o)
			}
		}
	})
	return list
}

// theOwn returns the one output that the function registered.
func (b *bureau) theOwn() bitmovin.Output {
	b.Helper()
	list := b.own()
	if len(list) != 1 {
		b.Fatalf("there are %d outputs, want one: %+v", len(list), list)
	}
	return list[0]
}

// count returns how many calls of an operation the API has seen.
func (b *bureau) count(op string) (n int) {
	for _, c := range b.api.Calls() {
		if c.Op == op {
			n++
		}
	}
	return n
}

// again delivers the latest request of a type a further time, and waits until
// that is answered.
func (b *bureau) again(kind string) { b.send(b.latest(kind).Event) }

// late is again when the answer counts no more, and need not be the same.
func (b *bureau) late(kind string) verdict {
	return b.deliver(b.latest(kind).Event)
}

// latest returns the latest request of a type.
func (b *bureau) latest(kind string) *cloudformation.Request {
	b.Helper()
	return b.latestOf(outputID, kind)
}

// provide deploys the template as a provider that may read both secrets' keys.
func (b *bureau) provide() {
	b.Helper()
	s := b.desk.provide("BitmovinApiKeySecretArn", secretARN)
	b.cloud.Edit(func(state *aws.State) {
		role := state.Roles[aws.RoleKey(account, s.Resources["ProviderRole"].PhysicalID)]
		role.Inline["OldKey"] = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"` + oldSecretARN + `"}]}`
	})
}

// An order is the properties of the resource in a stack that has nothing else.
type order map[string]any

var plainOrder = order{
	"ApiKeySecretArn": secretARN, "Name": "exports", "BucketName": bucketName, "RoleArn": "arn:aws:iam::" + account + ":role/exports",
}

// with returns a copy of the order with another property, or without it if the
// value is empty.
func (p order) with(name, value string) order {
	c := order{}
	for k, v := range p {
		c[k] = v
	}
	c[name] = value
	return c
}

// template returns a stack with the resource, and with a bucket that cannot be
// made after it if the stack is to fail.
func (p order) template(fail bool) []byte {
	all := p.with("ServiceToken", "")
	all["ServiceToken"] = map[string]any{"Fn::ImportValue": "provider-ServiceToken"}
	list := map[string]any{outputID: map[string]any{"Type": "Custom::BitmovinAnalyticsOutput", "Properties": all}}
	if fail {
		list["Sibling"] = map[string]any{"Type": "AWS::S3::Bucket", "DependsOn": outputID, "Properties": map[string]any{"BucketName": bucketName}}
	}
	attribute := func(name string) any {
		return map[string]any{"Value": map[string]any{"Fn::GetAtt": []string{outputID, name}}}
	}
	text, err := json.Marshal(map[string]any{
		"Resources": list, "Outputs": map[string]any{"OutputId": attribute("OutputId"), "ExternalId": attribute("ExternalId")},
	})
	if err != nil {
		panic(err)
	}
	return text
}

// place creates or updates the stack of an order.
func (b *bureau) place(p order) (*cloudformation.Stack, error) {
	b.Helper()
	return b.deployText("orders", p.template(false), nil)
}

func (b *bureau) mustPlace(p order) *cloudformation.Stack {
	b.Helper()
	s, err := b.place(p)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// TestRegister: a bucket and a secret are all that is typed.
func TestRegister(t *testing.T) {
	t.Parallel()
	b := newBureau(t, options{})
	s := b.mustDeploy("BitmovinApiKeySecretArn", secretARN)
	first, role := b.theOwn(), b.exportRole()
	want := map[string]string{
		"OutputId": first.ID, "ExternalId": first.ExternalID, "RoleArn": first.RoleARN, "BucketRegion": region,
		"AccessVerified": "true", "Checks": s.Outputs["Checks"],
	}
	if diff := cmp.Diff(want, s.Outputs); diff != "" {
		t.Errorf("outputs of the stack (-want +got):\n%s", diff)
	}
	if first.RoleARN != role.ARN() || first.BucketName != bucketName || first.ExternalIDMode != "GENERATED" {
		t.Errorf("output %+v, want role %s and bucket %s", first, role.ARN(), bucketName)
	}
	if diff := cmp.Diff(decode(t, bitmovinTrust(first.ExternalID)), decode(t, role.Trust)); diff != "" {
		t.Errorf("trust policy (-want +got):\n%s", diff)
	}
	guid := strings.Split(s.ID, "/")[2]
	if want := "bitmovin-export-" + strings.Split(guid, "-")[0]; role.Name != want {
		t.Errorf("role %s, want %s", role.Name, want)
	}

	s = b.mustDeploy("BitmovinApiKeySecretArn", secretARN, "BucketName", otherBucket)
	second := b.theOwn()
	if second.ID == first.ID || second.BucketName != otherBucket || s.Outputs["OutputId"] != second.ID {
		t.Errorf("after another bucket, output %+v, the stack's %s; before, %s", second, s.Outputs["OutputId"], first.ID)
	}
	if diff := cmp.Diff(decode(t, bitmovinTrust(second.ExternalID)), decode(t, b.exportRole().Trust)); diff != "" {
		t.Errorf("trust policy after another bucket (-want +got):\n%s", diff)
	}
}

// TestRegisterTheOldWay: what has to be deleted is deleted with the key that it
// was made with, whatever the template's parameters are by then.
func TestRegisterTheOldWay(t *testing.T) {
	c := newCrowd(t)
	defer c.wait()
	steps := []struct {
		name  string
		pairs []string
		kept  bool
		left  int
	}{
		{"another secret", []string{"BitmovinApiKeySecretArn", secretARN}, true, 1},
		{"another secret and bucket", []string{"BitmovinApiKeySecretArn", secretARN, "BucketName", otherBucket}, false, 1},
		{"no secret", nil, false, 0},
		{"no bucket", []string{"BitmovinApiKeySecretArn", oldSecretARN, "BitmovinApiKeySecretField", "key", "BucketName", ""}, false, 0},
	}
	for _, tt := range steps {
		c.add(tt.name, func(b *bureau) {
			b.mustDeploy("BitmovinApiKeySecretArn", oldSecretARN, "BitmovinApiKeySecretField", "key")
			before, writes := b.theOwn(), b.count("create")
			b.mustDeploy(tt.pairs...)
			after := b.own()
			if len(after) != tt.left {
				b.Fatalf("there are %d outputs, want %d: %+v", len(after), tt.left, after)
			}
			if kept := tt.left == 1 && after[0].ID == before.ID; kept != tt.kept {
				b.Errorf("the output was kept: %t, want %t", kept, tt.kept)
			}
			if tt.kept && b.count("create")+b.count("delete") != writes {
				b.Error("the output was kept, but something was written")
			}
			b.cloud.View(func(s *aws.State) {
				for _, p := range s.Policies {
					if strings.Contains(p.Document, oldSecretARN) != (tt.name == "no bucket") && strings.Contains(p.Document, "secretsmanager") && strings.Contains(p.Document, oldSecretARN) {
						b.Errorf("the function may still read the old secret: %s", p.Document)
					}
				}
			})
		})
	}
}

// TestSecretPermissions: without the parameter the function may read no secret,
// with it that one alone.
func TestSecretPermissions(t *testing.T) {
	c := newCrowd(t)
	defer c.wait()
	for _, secret := range []string{"", secretARN} {
		c.addWith(secret, options{timeout: shortly}, func(b *bureau) {
			if _, err := b.deployText("provider", b.template(), map[string]string{"BucketName": "", "BitmovinApiKeySecretArn": secret}); err != nil {
				b.Fatal(err)
			}
			_, err := b.place(plainOrder.with("ApiKeySecretArn", oldSecretARN))
			if err == nil || !strings.Contains(err.Error(), "AccessDenied") {
				b.Errorf("error %v, want a denial", err)
			}
			for _, c := range b.cloud.Calls() {
				if c.Service == "secretsmanager" && c.Status == http.StatusOK {
					b.Errorf("the function has read %s", c.Resource)
				}
			}
		})
	}
}

func TestRegisterProperties(t *testing.T) {
	c := newCrowd(t)
	defer c.wait()
	tests := []struct {
		name  string
		order order
		err   string
		want  bitmovin.Output
	}{
		{"everything", order{
			"ApiKeySecretArn": oldSecretARN, "ApiKeySecretField": "key", "Name": "all", "BucketName": bucketName, "RoleArn": plainOrder["RoleArn"],
			"ExternalIdMode": "CUSTOM", "ExternalId": "mine", "Description": "All of it", "OrganizationId": "organization-2",
			"CloudRegion": "EU_WEST_1", "SignatureVersion": "S3_V4", "Md5MetaTag": "md5",
		}, "", bitmovin.Output{
			Organization: "organization-2", Type: "S3_ROLE_BASED", Name: "all", BucketName: bucketName, RoleARN: plainOrder["RoleArn"].(string),
			ExternalIDMode: "CUSTOM", ExternalID: "mine", Description: "All of it", CloudRegion: "EU_WEST_1", SignatureVersion: "S3_V4", MD5MetaTag: "md5",
		}},
		{"global external id", plainOrder.with("ExternalIdMode", "GLOBAL"), "", bitmovin.Output{
			Organization: organization, Type: "S3_ROLE_BASED", Name: "exports", BucketName: bucketName, RoleARN: plainOrder["RoleArn"].(string),
			ExternalIDMode: "GLOBAL", ExternalID: "global-of-" + organization,
		}},
		{"unknown property", plainOrder.with("BucketNames", "x"), "did you mean BucketName?", bitmovin.Output{}},
		{"missing", order{"ApiKeySecretArn": secretARN}, "property Name is required", bitmovin.Output{}},
		{"external id of Bitmovin's", plainOrder.with("ExternalId", "mine"), "property ExternalId must be given with ExternalIdMode CUSTOM, and only then", bitmovin.Output{}},
		{"key is JSON", plainOrder.with("ApiKeySecretArn", oldSecretARN), "name the key's field with ApiKeySecretField", bitmovin.Output{}},
		{"no such field", plainOrder.with("ApiKeySecretArn", oldSecretARN).with("ApiKeySecretField", "token"), `its field "token" is not there`, bitmovin.Output{}},
		{"foreign organization", plainOrder.with("OrganizationId", "organization-9"), "403 Forbidden: Forbidden; the user is not a member", bitmovin.Output{}},
	}
	for _, tt := range tests {
		c.add(tt.name, func(b *bureau) {
			b.api.Edit(func(s *bitmovin.State) { s.Keys[oldAPIKey] = append(s.Keys[oldAPIKey], "organization-2") })
			b.provide()
			s, err := b.place(tt.order)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					b.Errorf("error %v, want %q", err, tt.err)
				}
				if s.Status != "ROLLBACK_COMPLETE" {
					b.Errorf("stack is %s, want ROLLBACK_COMPLETE", s.Status)
				}
				return
			}
			if err != nil {
				b.Fatal(err)
			}
			got := b.theOwn()
			tt.want.ID, tt.want.CreatedAt, tt.want.ModifiedAt, tt.want.CustomData = got.ID, got.CreatedAt, got.ModifiedAt, got.CustomData
			if tt.want.ExternalID == "" {
				tt.want.ExternalID = got.ExternalID
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				b.Errorf("output (-want +got):\n%s", diff)
			}
			if s.Outputs["OutputId"] != got.ID || s.Outputs["ExternalId"] != got.ExternalID || s.Resources[outputID].PhysicalID != got.ID {
				b.Errorf("the stack's outputs %v and id %s do not name %+v", s.Outputs, s.Resources[outputID].PhysicalID, got)
			}
		})
	}
}

// TestReplace: a change of anything that Bitmovin stores makes a new output, a
// change of how the key is found does not.
func TestReplace(t *testing.T) {
	c := newCrowd(t)
	defer c.wait()
	tests := []struct {
		name  string
		order order
		kept  bool
	}{
		{"nothing", plainOrder.with("ServiceTimeout", "600"), true},
		{"secret", plainOrder.with("ApiKeySecretArn", oldSecretARN).with("ApiKeySecretField", "key"), true},
		{"the default's own name", plainOrder.with("ExternalIdMode", "GENERATED"), true},
		{"name", plainOrder.with("Name", "renamed"), false},
		{"description", plainOrder.with("Description", "new"), false},
		{"role", plainOrder.with("RoleArn", "arn:aws:iam::"+account+":role/other"), false},
		{"mode", plainOrder.with("ExternalIdMode", "GLOBAL"), false},
		{"region", plainOrder.with("CloudRegion", "US_EAST_1"), false},
	}
	for _, tt := range tests {
		c.add(tt.name, func(b *bureau) {
			b.provide()
			before := b.mustPlace(plainOrder).Resources[outputID].PhysicalID
			s := b.mustPlace(tt.order)
			if kept := b.theOwn().ID == before; kept != tt.kept {
				b.Errorf("the output was kept: %t, want %t", kept, tt.kept)
			}
			if s.Resources[outputID].PhysicalID != b.theOwn().ID || s.Outputs["ExternalId"] != b.theOwn().ExternalID {
				b.Errorf("the stack has %s and %v, want %+v", s.Resources[outputID].PhysicalID, s.Outputs, b.theOwn())
			}
			b.again("Update")
			if got := b.theOwn().ID; got != s.Resources[outputID].PhysicalID {
				b.Errorf("the same update again made %s", got)
			}
		})
	}
	c.add("what was deleted by hand", func(b *bureau) {
		b.provide()
		b.mustPlace(plainOrder)
		b.api.Edit(func(s *bitmovin.State) { s.Outputs = s.Outputs[:2] })
		s := b.mustPlace(plainOrder.with("ServiceTimeout", "600"))
		if got := b.theOwn().ID; got != s.Resources[outputID].PhysicalID {
			b.Errorf("the stack has %s, want %s", s.Resources[outputID].PhysicalID, got)
		}
	})
}

// A scene is something that happens to one request, and what the API then holds
// is what the stack's status says. Each is played with an API that tells all,
// and with ones that leave out what is not documented.
type scene struct {
	name string
	// before is what the stack has already; nil if it is to be made.
	before order
	// after is what it is to get; nil if it is to be deleted.
	after order
	// rollback: a sibling fails once after is reached.
	rollback bool
}

func scenes() []scene {
	other := plainOrder.with("BucketName", otherBucket).with("Name", "renamed")
	return []scene{
		{name: "create", after: plainOrder},
		{name: "create rolled back", after: plainOrder, rollback: true},
		{name: "replace", before: plainOrder, after: other},
		{name: "keep", before: plainOrder, after: plainOrder.with("ApiKeySecretArn", oldSecretARN).with("ApiKeySecretField", "key")},
		{name: "replace rolled back", before: plainOrder, after: other, rollback: true},
		{name: "delete", before: plainOrder},
	}
}

// play plays the scene and sees what is left.
func (sc scene) play(b *bureau, strike func()) {
	b.Helper()
	b.provide()
	var before bitmovin.Output
	if sc.before != nil {
		b.mustPlace(sc.before)
		before = b.theOwn()
	}
	strike()
	if sc.after == nil {
		b.delete("orders")
		sc.check(b, "DELETE_COMPLETE", "", before)
		return
	}
	s, err := b.deployText("orders", sc.after.template(sc.rollback), nil)
	sc.check(b, s.Status, s.Resources[outputID].PhysicalID, before)
	if !sc.rollback && err != nil {
		b.Error(err)
	}
}

func (sc scene) check(b *bureau, status, id string, before bitmovin.Output) {
	b.Helper()
	now := b.own()
	switch status {
	case "DELETE_COMPLETE", "ROLLBACK_COMPLETE":
		if len(now) > 0 {
			b.Errorf("the stack is %s, and outputs are left: %+v", status, now)
		}
		return
	case "UPDATE_ROLLBACK_COMPLETE":
		if id != before.ID {
			b.Errorf("after the rollback the stack has %s, want %s as before", id, before.ID)
		}
	case "CREATE_COMPLETE", "UPDATE_COMPLETE":
	default:
		b.Errorf("the stack is %s", status)
	}
	if len(now) != 1 || now[0].ID != id {
		b.Errorf("the stack is %s with %s, the outputs are %+v", status, id, now)
	}
}

// TestOutputFaults strikes every call of every scene with every fault that a
// request gets over. The calls are those of a clean run.
func TestOutputFaults(t *testing.T) {
	faults := map[string]func(*bureau) *bitmovin.Fault{
		"error 503": func(*bureau) *bitmovin.Fault {
			return &bitmovin.Fault{Status: http.StatusServiceUnavailable, Body: "<html>"}
		},
		"answer 502":  func(*bureau) *bitmovin.Fault { return &bitmovin.Fault{Status: http.StatusBadGateway, After: true} },
		"reset after": func(*bureau) *bitmovin.Fault { return &bitmovin.Fault{Reset: true, After: true} },
		"kill before": func(b *bureau) *bitmovin.Fault { return &bitmovin.Fault{Do: b.kill, Reset: true} },
		"kill after":  func(b *bureau) *bitmovin.Fault { return &bitmovin.Fault{Do: b.kill, Reset: true, After: true} },
		"limited": func(*bureau) *bitmovin.Fault {
			return &bitmovin.Fault{Status: http.StatusTooManyRequests, Header: http.Header{"X-Ratelimit-Reset": {"1"}}}
		},
	}
	c := newCrowd(t)
	defer c.wait()
	for _, sc := range scenes() {
		c.add(sc.name, func(b *bureau) {
			from := 0
			sc.play(b, func() { from = len(b.api.Calls()) })
			nth := map[string]int{}
			for _, call := range b.api.Calls()[from:] {
				for name, fault := range faults {
					skip := nth[call.Op]
					c.add(fmt.Sprintf("%s/%s %d/%s", sc.name, call.Op, skip+1, name), func(b *bureau) {
						sc.play(b, func() {
							f := fault(b)
							f.Op, f.Skip, f.Times = call.Op, skip, 1
							b.api.Inject(f)
						})
					})
				}
				nth[call.Op]++
			}
		})
	}
}

// TestReticence plays the scenes with an API that leaves out of its answers what
// is not documented to be in them, and with one that wants names to be unique.
func TestReticence(t *testing.T) {
	c := newCrowd(t)
	defer c.wait()
	for name, omit := range map[string]func(*bitmovin.State){
		"a list": func(s *bitmovin.State) { s.ListOmits = []string{"customData", "externalId", "roleArn", "createdAt"} },
		"no name twice": func(s *bitmovin.State) {
			s.UniqueNames = true
			for _, o := range s.Outputs {
				o.Name = o.ID
			}
		},
		"a list and a get": func(s *bitmovin.State) {
			s.ListOmits, s.GetOmits = []string{"customData"}, []string{"customData", "roleArn"}
		},
	} {
		for _, sc := range scenes() {
			c.add(name+"/"+sc.name, func(b *bureau) {
				b.api.Edit(omit)
				sc.play(b, func() {})
			})
		}
	}
}

// TestExternalIDToldOnce: where Bitmovin tells a generated external id only once,
// what needs it again fails with what to do, and a rollback does not need it.
func TestExternalIDToldOnce(t *testing.T) {
	c := newCrowd(t)
	defer c.wait()
	once := func(s *bitmovin.State) { s.ListOmits, s.GetOmits = []string{"externalId"}, []string{"externalId"} }
	for _, sc := range scenes() {
		if sc.name != "keep" {
			c.add(sc.name, func(b *bureau) {
				b.api.Edit(once)
				sc.play(b, func() {})
			})
		}
	}
	c.add("lost answer", func(b *bureau) {
		b.api.Edit(once)
		b.provide()
		b.api.Inject(&bitmovin.Fault{Op: "create", Times: 1, After: true, Reset: true})
		s, err := b.place(plainOrder)
		if err == nil || !strings.Contains(err.Error(), "does not tell its external id again") || s.Status != "ROLLBACK_COMPLETE" {
			b.Errorf("stack is %s (%v), want ROLLBACK_COMPLETE with the reason", s.Status, err)
		}
	})
	c.add("keep", func(b *bureau) {
		b.api.Edit(once)
		b.provide()
		id := b.mustPlace(plainOrder).Resources[outputID].PhysicalID
		s, err := b.place(plainOrder.with("ServiceTimeout", "600"))
		if err == nil || s.Status != "UPDATE_ROLLBACK_COMPLETE" || b.theOwn().ID != id {
			b.Errorf("stack is %s (%v) with %s, want UPDATE_ROLLBACK_COMPLETE with %s", s.Status, err, b.theOwn().ID, id)
		}
	})
	c.add("keep a custom one", func(b *bureau) {
		b.api.Edit(once)
		b.provide()
		mine := plainOrder.with("ExternalIdMode", "CUSTOM").with("ExternalId", "mine")
		b.mustPlace(mine)
		if got := b.mustPlace(mine.with("ServiceTimeout", "600")).Outputs["ExternalId"]; got != "mine" {
			b.Errorf("ExternalId = %q, want mine", got)
		}
	})
}

// TestDeliveredTwice: one request makes one output, however often it comes.
func TestDeliveredTwice(t *testing.T) {
	c := newCrowd(t)
	defer c.wait()
	for _, repeat := range []string{"first", "second", "third", "fourth"} {
		c.add("at once, "+repeat, func(b *bureau) {
			b.provide()
			var twin sync.WaitGroup
			// Both look before either registers, and both register in one second,
			// so that only their random ids tell which one is to stay.
			b.api.Inject(&bitmovin.Fault{Op: "create", Times: 1, Do: func() {
				twin.Go(func() { b.again("Create") })
				for b.count("create") < 2 {
					time.Sleep(time.Millisecond)
				}
				time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
			}})
			b.api.Inject(&bitmovin.Fault{Op: "create", Times: 1, Do: func() {
				time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(1300 * time.Millisecond)))
			}})
			s := b.mustPlace(plainOrder)
			twin.Wait()
			b.waitForAll()
			if got := b.theOwn(); got.ID != s.Resources[outputID].PhysicalID || got.ExternalID != s.Outputs["ExternalId"] {
				b.Errorf("the stack has %s, the API %+v", s.Resources[outputID].PhysicalID, got)
			}
		})
	}
	c.add("at once, names being unique", func(b *bureau) {
		b.api.Edit(func(s *bitmovin.State) { s.UniqueNames = true })
		b.provide()
		var twin sync.WaitGroup
		b.api.Inject(&bitmovin.Fault{Op: "create", Times: 1, Do: func() {
			twin.Go(func() { b.again("Create") })
			for b.count("create") < 2 {
				time.Sleep(time.Millisecond)
			}
		}})
		s := b.mustPlace(plainOrder.with("Name", "unique"))
		twin.Wait()
		b.waitForAll()
		if got := b.theOwn(); got.ID != s.Resources[outputID].PhysicalID {
			b.Errorf("the stack has %s, the API %+v", s.Resources[outputID].PhysicalID, got)
		}
	})
	c.add("later", func(b *bureau) {
		b.provide()
		s := b.mustPlace(plainOrder)
		b.again("Create")
		if got := b.theOwn().ID; got != s.Resources[outputID].PhysicalID || b.count("create") != 1 {
			b.Errorf("the stack has %s, the API %s", s.Resources[outputID].PhysicalID, got)
		}
	})
	c.add("after it was replaced", func(b *bureau) {
		b.provide()
		b.mustPlace(plainOrder)
		s := b.mustPlace(plainOrder.with("Description", "new"))
		if v := b.late("Create"); v.Status != "FAILED" {
			b.Errorf("the late Create is %+v, want FAILED", v)
		}
		if got := b.theOwn().ID; got != s.Resources[outputID].PhysicalID {
			b.Errorf("the stack has %s, the API %s", s.Resources[outputID].PhysicalID, got)
		}
	})
	c.add("after its delete", func(b *bureau) {
		b.provide()
		b.mustPlace(plainOrder)
		b.delete("orders")
		b.again("Delete")
		if v := b.late("Create"); v.Status != "FAILED" {
			b.Errorf("the late Create is %+v, want FAILED", v)
		}
		if left := b.own(); len(left) > 0 {
			b.Errorf("outputs are left: %+v", left)
		}
	})
	c.add("among many of that name", func(b *bureau) {
		b.provide()
		many := 250
		b.api.Edit(func(s *bitmovin.State) {
			for i := range many {
				s.Outputs = append(s.Outputs, &bitmovin.Output{
					ID: fmt.Sprintf("foreign-many-%d", i), Name: "exports", Organization: organization, CustomData: json.RawMessage(`{"their":"own"}`),
				})
			}
		})
		b.api.Inject(&bitmovin.Fault{Op: "create", Times: 1, After: true, Reset: true})
		s := b.mustPlace(plainOrder)
		if got := b.theOwn().ID; got != s.Resources[outputID].PhysicalID || b.count("create") != 1 {
			b.Errorf("the stack has %s, the API %s after %d creates", s.Resources[outputID].PhysicalID, got, b.count("create"))
		}
		b.delete("orders")
		b.api.Edit(func(s *bitmovin.State) { s.Outputs = s.Outputs[:2] })
	})
}

// TestCancelledCreate: CloudFormation sends Delete with an id of its own while
// Create runs. Whichever comes first, no output is left.
func TestCancelledCreate(t *testing.T) {
	c := newCrowd(t)
	defer c.wait()
	for name, f := range map[string]*bitmovin.Fault{
		"before the look":                {Op: "list"},
		"before the output":              {Op: "create"},
		"before the output, lost answer": {Op: "create", After: true, Reset: true},
		"after the output":               {Op: "create", After: true},
		"before the second look":         {Op: "list", Skip: 1},
	} {
		for _, pause := range []time.Duration{time.Second, 7 * time.Second} {
			c.add(fmt.Sprintf("%s/%s", name, pause), func(b *bureau) {
				b.provide()
				started := make(chan *cloudformation.Operation, 1)
				strike := &bitmovin.Fault{Op: f.Op, Skip: f.Skip, After: f.After, Reset: f.Reset, Times: 1, Do: func() {
					(<-started).Cancel()
					time.Sleep(pause)
				}}
				b.api.Inject(strike)
				o, err := b.engine.Start("orders", plainOrder.template(false), nil)
				if err != nil {
					b.Fatal(err)
				}
				started <- o
				s, _ := o.Wait(b.Context())
				if s.Status != "ROLLBACK_COMPLETE" {
					b.Errorf("stack is %s, want ROLLBACK_COMPLETE", s.Status)
				}
				b.waitForAll()
				if left := b.own(); len(left) > 0 {
					b.Errorf("outputs are left: %+v", left)
				}
			})
		}
	}
}

// TestCancelledCreateAtItsDeadline: the Delete has looked in vain, then Bitmovin
// registers the output, and Create does not learn it before its time is over.
func TestCancelledCreateAtItsDeadline(t *testing.T) {
	t.Parallel()
	b := newBureau(t, options{timeout: 15 * time.Second})
	b.provide()
	started := make(chan *cloudformation.Operation, 1)
	b.api.Inject(&bitmovin.Fault{Op: "create", Times: 1, Do: func() {
		(<-started).Cancel()
		time.Sleep(7 * time.Second)
	}})
	b.api.Inject(&bitmovin.Fault{Op: "create", After: true, Hang: true})
	o, err := b.engine.Start("orders", plainOrder.template(false), nil)
	if err != nil {
		t.Fatal(err)
	}
	started <- o
	if s, _ := o.Wait(t.Context()); s.Status != "ROLLBACK_COMPLETE" {
		t.Errorf("stack is %s, want ROLLBACK_COMPLETE", s.Status)
	}
	b.waitForAll()
	if left := b.own(); len(left) > 0 {
		t.Errorf("outputs are left: %+v", left)
	}
}

// TestNoAnswer: the function is killed in each delivery once it has registered
// the output, and CloudFormation does not learn its id.
func TestNoAnswer(t *testing.T) {
	c := newCrowd(t)
	defer c.wait()
	for _, sc := range scenes() {
		if sc.rollback || sc.after == nil || sc.name == "keep" {
			continue
		}
		c.add(sc.name, func(b *bureau) {
			b.healOnRollback()
			sc.after = sc.after.with("ServiceTimeout", "4")
			b.provide()
			var before bitmovin.Output
			if sc.before != nil {
				b.mustPlace(sc.before)
				before = b.theOwn()
			}
			b.api.Inject(&bitmovin.Fault{Op: "create", Times: 1, After: true, Reset: true, Do: func() {
				b.api.Inject(&bitmovin.Fault{Do: b.kill, Reset: true})
				b.kill()
			}})
			s, err := b.place(sc.after)
			if err == nil || !strings.Contains(err.Error(), "did not receive a response") || b.count("create") < 1 {
				b.Errorf("error %v after %d creates, want no response", err, b.count("create"))
			}
			sc.check(b, s.Status, s.Resources[outputID].PhysicalID, before)
			b.answerFor("the function")
		})
	}
}

// TestDeleteLooksAgain: what a Create that was killed has asked for may come
// after the Delete that CloudFormation sends with an id of its own.
func TestDeleteLooksAgain(t *testing.T) {
	t.Parallel()
	b := newBureau(t, options{})
	b.provide()
	b.mustPlace(plainOrder)
	o := b.theOwn()
	b.api.Edit(func(s *bitmovin.State) { s.Outputs = s.Outputs[:2] })
	came := make(chan bool)
	time.AfterFunc(time.Second, func() {
		b.api.Edit(func(s *bitmovin.State) { s.Outputs = append(s.Outputs, &o) })
		close(came)
	})
	event := b.latest("Create").Event
	event.RequestType, event.PhysicalResourceID, event.RequestID = "Delete", "orders-Output-1A2B3C", "delete-invented"
	event.ResponseURL = b.engine.Inbox().URL(event.RequestID)
	b.send(event)
	<-came
	if left := b.own(); len(left) > 0 {
		t.Errorf("outputs are left: %+v", left)
	}
}

// TestDown: with Bitmovin down until the deadline a request fails in time, with
// the status, and nothing is left once Bitmovin is back.
func TestDown(t *testing.T) {
	c := newCrowd(t)
	defer c.wait()
	down := func(op string, after bool) *bitmovin.Fault {
		return &bitmovin.Fault{Op: op, After: after, Status: http.StatusServiceUnavailable, Body: "down for maintenance"}
	}
	for name, f := range map[string]*bitmovin.Fault{
		"every call":             down("", false),
		"every answer":           down("", true),
		"the create":             down("create", false),
		"the create's answer on": {Op: "create", Times: 1, After: true, Reset: true},
		"the look before it":     down("list", false),
	} {
		c.addWith("create, from "+name, options{timeout: shortly}, func(b *bureau) {
			b.provide()
			if f.Reset {
				f.Do = func() { b.api.Inject(down("", false)) }
			}
			b.api.Inject(f)
			s, err := b.place(plainOrder)
			if err == nil || !strings.Contains(err.Error(), "503 Service Unavailable") {
				b.Errorf("stack is %s: %v, want one with the status", s.Status, err)
			}
			b.api.Heal()
			b.delete("orders")
		})
	}
	c.addWith("replace, from the create's answer on", options{timeout: shortly}, func(b *bureau) {
		b.healOnRollback()
		b.provide()
		b.mustPlace(plainOrder)
		before := b.theOwn()
		b.api.Inject(&bitmovin.Fault{Op: "create", Times: 1, After: true, Reset: true, Do: func() { b.api.Inject(down("", false)) }})
		s, err := b.place(plainOrder.with("Description", "new"))
		if err == nil || s.Status != "UPDATE_ROLLBACK_COMPLETE" || s.Resources[outputID].PhysicalID != before.ID || b.theOwn().ID != before.ID {
			b.Errorf("stack is %s (%v) with %+v, want UPDATE_ROLLBACK_COMPLETE with %s", s.Status, err, b.theOwn(), before.ID)
		}
	})
	c.addWith("delete", options{timeout: shortly}, func(b *bureau) {
		b.provide()
		b.mustPlace(plainOrder)
		b.api.Inject(down("", false))
		if s, err := b.engine.Delete(b.Context(), "orders"); err == nil || s.Status != "DELETE_FAILED" {
			b.Errorf("stack is %v: %v, want DELETE_FAILED", s, err)
		}
		b.api.Heal()
	})
	c.add("an answer that hangs", func(b *bureau) {
		b.provide()
		b.api.Inject(&bitmovin.Fault{Op: "create", Times: 1, After: true, Hang: true})
		s := b.mustPlace(plainOrder)
		if got := b.theOwn().ID; got != s.Resources[outputID].PhysicalID || b.count("create") != 1 {
			b.Errorf("the stack has %s, the API %s after %d creates", s.Resources[outputID].PhysicalID, got, b.count("create"))
		}
	})
}

// TestKeyRevoked: without a key nothing is said to be gone that may be there.
func TestKeyRevoked(t *testing.T) {
	c := newCrowd(t)
	defer c.wait()
	revoke := func(s *bitmovin.State) { delete(s.Keys, apiKey) }
	restore := func(s *bitmovin.State) { s.Keys[apiKey] = []string{organization} }
	c.add("create", func(b *bureau) {
		b.api.Edit(revoke)
		b.provide()
		s, err := b.place(plainOrder)
		if err == nil || !strings.Contains(err.Error(), "401 Unauthorized") || s.Status != "ROLLBACK_COMPLETE" {
			b.Errorf("stack is %s (%v), want ROLLBACK_COMPLETE with the status", s.Status, err)
		}
	})
	c.add("update", func(b *bureau) {
		b.provide()
		id := b.mustPlace(plainOrder).Resources[outputID].PhysicalID
		b.cloud.Edit(func(s *aws.State) { s.Secrets[oldSecretARN] = "revoked" })
		s, err := b.place(plainOrder.with("ApiKeySecretArn", oldSecretARN))
		if err == nil || s.Status != "UPDATE_ROLLBACK_COMPLETE" || b.theOwn().ID != id {
			b.Errorf("stack is %s (%v) with %s, want UPDATE_ROLLBACK_COMPLETE with %s", s.Status, err, b.theOwn().ID, id)
		}
	})
	c.add("delete", func(b *bureau) {
		b.provide()
		b.mustPlace(plainOrder)
		b.api.Edit(revoke)
		if _, err := b.engine.Delete(b.Context(), "orders"); err == nil || !strings.Contains(err.Error(), "401 Unauthorized") {
			b.Errorf("error %v, want one with the status", err)
		}
		b.api.Edit(restore)
	})
}

// TestDeleteLeavesForeignOutputs: what does not name this stack and resource is
// not deleted, whatever the physical id is.
func TestDeleteLeavesForeignOutputs(t *testing.T) {
	t.Parallel()
	b := newBureau(t, options{})
	b.provide()
	b.mustPlace(plainOrder)
	for _, id := range []string{"foreign-1", "foreign-2", "no-such-output", "output-not-registered", "Output-not-created"} {
		event := b.latest("Create").Event
		event.RequestType, event.PhysicalResourceID, event.RequestID = "Delete", id, "delete-"+id
		event.ResponseURL = b.engine.Inbox().URL(event.RequestID)
		b.send(event)
		if v := decodeVerdict(t, b.engine.Inbox().Puts(event.RequestID)[0].Body); v.Status != "SUCCESS" {
			t.Errorf("delete %s: %+v, want SUCCESS", id, v)
		}
	}
	b.theOwn()
}
