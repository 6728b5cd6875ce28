package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/lambda"
)

// A forged event is one that CloudFormation did not send.
type forged struct {
	*lambda.Invocation
	id     string
	fields map[string]any
}

// forge sends the function what a Create of the stack guest would be, but for
// the given fields.
func (g *guest) forge(fields map[string]any) forged {
	g.Helper()
	id := lambda.NewUUID()
	event := map[string]any{
		"RequestType": "Create", "RequestId": id, "ResponseURL": g.engine.Inbox().URL(id), "ResourceType": "Custom::BitmovinExportAccess",
		"LogicalResourceId": "Forged", "StackId": g.stack(guestStack).ID,
		"ResourceProperties": properties{"BucketName": bucketName, "Verification": "Off"},
	}
	maps.Copy(event, fields)
	payload, err := json.Marshal(event)
	if err != nil {
		g.Fatal(err)
	}
	return forged{g.engine.Function(g.stack(providerStack).Outputs["ServiceToken"]).Invoke(payload), id, fields}
}

// wantAnswer waits for the one answer to a forged event.
func (g *guest) wantAnswer(f forged, want string) {
	g.Helper()
	f.Wait()
	puts := g.engine.Inbox().Puts(f.id)
	if len(puts) != 1 {
		g.Fatalf("%v: %d answers, want one", f.fields, len(puts))
	}
	if v := decodeVerdict(g.TB, puts[0].Body); v.Status != want {
		g.Errorf("%v: %s (%s), want %s", f.fields, v.Status, v.Reason, want)
	}
}

// TestForgedEvent: an event of another account, region or type changes nothing
// and asks AWS nothing. (Who may invoke the function and names a stack of its
// own account and region, is believed.)
func TestForgedEvent(t *testing.T) {
	g := newGuest(t)
	guid := g.stack(guestStack).ID[strings.LastIndex(g.stack(guestStack).ID, "/")+1:]
	stack := func(place string) map[string]any {
		return map[string]any{"StackId": "arn:" + place + ":stack/" + guestStack + "/" + guid}
	}
	kind := func(name string) map[string]any { return map[string]any{"ResourceType": name} }
	for name, fields := range map[string]map[string]any{
		"another account":               stack("aws:cloudformation:" + region + ":999999999999"),
		"no account":                    stack("aws:cloudformation:" + region + ":"),
		"another region":                stack("aws:cloudformation:us-east-1:" + account),
		"another partition":             stack("aws-cn:cloudformation:" + region + ":" + account),
		"another service":               stack("aws:s3:" + region + ":" + account),
		"no stack's ARN":                {"StackId": "arn:aws:cloudformation:" + region + ":" + account + ":stackset/x:1"},
		"no ARN":                        {"StackId": account},
		"no stack":                      {"StackId": ""},
		"another type":                  kind("Custom::Other"),
		"a type in other letters":       kind("custom::bitmovinexportaccess"),
		"a type with more to it":        kind("Custom::BitmovinExportAccess/x"),
		"the nameless type":             kind("AWS::CloudFormation::CustomResource"),
		"another request":               {"RequestType": "Import"},
		"the same, in other letters":    {"RequestType": "create"},
		"another account's, to delete":  {"RequestType": "Delete", "PhysicalResourceId": nameIn(ownRole), "StackId": "arn:aws:cloudformation:" + region + ":999999999999:stack/app/1"},
		"another account's, to restore": {"RequestType": "Update", "PhysicalResourceId": nameIn(ownRole), "StackId": "arn:aws:cloudformation:" + region + ":999999999999:stack/app/1"},
	} {
		before := len(g.cloud.Calls())
		g.wantAnswer(g.forge(fields), "FAILED")
		for _, call := range g.cloud.Calls()[before:] {
			t.Errorf("%s: the function called %s", name, call.Op)
		}
	}
	g.wantHarmless()
}

// TestForgedPhysicalID: no event of one stack deletes or takes over a role that
// is another's, whatever its physical id says.
func TestForgedPhysicalID(t *testing.T) {
	g := newGuest(t)
	var updates, deletes []forged
	for _, id := range []string{nameIn(ownRole), strings.ToUpper(nameIn(ownRole)), "administrator", "other-role", "unbounded",
		"*", " ", "/administrator", "arn:aws:iam::" + account + ":role/administrator"} {
		// With a RoleName of the same text nothing else is looked for.
		event := map[string]any{
			"PhysicalResourceId": id, "ResourceProperties": properties{"BucketName": bucketName, "Verification": "Off", "RoleName": id},
		}
		event["RequestType"] = "Update"
		updates = append(updates, g.forge(maps.Clone(event)))
		event["RequestType"] = "Delete"
		deletes = append(deletes, g.forge(event))
	}
	for i := range updates {
		g.wantAnswer(updates[i], "FAILED")
		g.wantAnswer(deletes[i], "SUCCESS")
	}
	g.wantHarmless()
}

// TestPlantedRole: a role that somebody has made below the path and tagged as
// the resource's is put into its boundary, then rid of those it trusts and of
// what it may do, and only then gets the permissions.
func TestPlantedRole(t *testing.T) {
	g := newGuest(t)
	planted := &aws.Role{
		Account: account, Name: "planted", Path: rolePath, Trust: trustAccount, Inline: map[string]string{"All": anything}, Attached: []string{administratorAccess},
		Tags: map[string]string{"bitmovin-export-access:stack-id": g.stack(guestStack).ID, "bitmovin-export-access:logical-id": logicalID},
	}
	g.cloud.Edit(func(s *aws.State) { s.Roles[aws.RoleKey(account, "planted")] = planted })
	since := len(g.writes())
	if err := g.deploy(properties{"RoleName": "planted"}); err != nil {
		t.Fatal(err)
	}
	g.wantHarmless()
	g.wantCapped()
	want := []string{"PutRolePermissionsBoundary", "UpdateAssumeRolePolicy", "PutRolePolicy"}
	if diff := cmp.Diff(want, g.writes()[since:][:3]); diff != "" {
		t.Errorf("first writes (-want +got):\n%s", diff)
	}
	r := g.roles()[aws.RoleKey(account, "planted")]
	if len(r.Attached) != 0 || len(r.Inline) != 1 || slices.Contains(slices.Collect(maps.Values(r.Inline)), anything) {
		t.Errorf("the role still has %v and %v", r.Inline, r.Attached)
	}
}
