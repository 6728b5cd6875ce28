package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
	"github.com/bitmovin/bitmovin-export-access/local/lambda"
)

// A forged event is one that CloudFormation did not send.
type forged struct {
	*lambda.Invocation
	id     string
	fields map[string]any
}

// forge sends the function what a Create of the consumer's stack would be, but for
// the given fields.
func (c *consumer) forge(fields map[string]any) forged {
	c.Helper()
	c.forged++
	id := fmt.Sprint("forged-", c.forged)
	event := map[string]any{
		"RequestType": "Create", "RequestId": id, "ResponseURL": c.Engine.Inbox().URL(id), "ResourceType": "Custom::BitmovinExportAccess",
		"LogicalResourceId": "Forged", "StackId": c.Stack(consumerStack).ID,
		"ResourceProperties": properties{"BucketName": bucketName, "Verification": "Off"},
	}
	maps.Copy(event, fields)
	payload, err := json.Marshal(event)
	if err != nil {
		c.Fatal(err)
	}
	return forged{c.Invoke(payload), id, fields}
}

// wantAnswer waits for the one answer to a forged event.
func (c *consumer) wantAnswer(f forged, want string) {
	c.Helper()
	f.Wait()
	puts := c.Engine.Inbox().Puts(f.id)
	if len(puts) != 1 {
		c.Fatalf("%v: %d answers, want one", f.fields, len(puts))
	}
	if v := harness.DecodeVerdict(c.TB, puts[0].Body); v.Status != want {
		c.Errorf("%v: %s (%s), want %s", f.fields, v.Status, v.Reason, want)
	}
}

// guidOfStack stands for the last part of the id of the consumer's stack.
const guidOfStack = "<guid>"

// TestForgedEvent: an event of another account, region or type changes nothing
// and asks AWS nothing. (Who may invoke the function and names a stack of its
// own account and region, is believed.)
func TestForgedEvent(t *testing.T) {
	t.Parallel()
	stack := func(place string) map[string]any {
		return map[string]any{"StackId": "arn:" + place + ":stack/" + consumerStack + "/" + guidOfStack}
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
		harness.Run(t, name, func(t *testing.T) {
			c := newConsumer(t)
			if id, ok := fields["StackId"].(string); ok {
				own := c.Stack(consumerStack).ID
				fields["StackId"] = strings.ReplaceAll(id, guidOfStack, own[strings.LastIndex(own, "/")+1:])
			}
			before := len(c.Cloud.Calls())
			c.wantAnswer(c.forge(fields), "FAILED")
			for _, call := range c.Cloud.Calls()[before:] {
				t.Errorf("the function called %s", call.Op)
			}
			c.wantHarmless()
		})
	}
}

// TestForgedPhysicalID: no event of one stack deletes or takes over a role that
// is another's, whatever its physical id says.
func TestForgedPhysicalID(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		c := newConsumer(t)
		var updates, deletes []forged
		for _, id := range []string{nameIn(ownRole), strings.ToUpper(nameIn(ownRole)), "administrator", nameIn(otherRole), nameIn(unboundedRole),
			nameIn(capitalsRole), nameIn(pathRole),
			"*", " ", "/administrator", "arn:aws:iam::" + account + ":role/administrator"} {
			// With a RoleName of the same text nothing else is looked for.
			event := map[string]any{
				"PhysicalResourceId": id, "ResourceProperties": properties{"BucketName": bucketName, "Verification": "Off", "RoleName": id},
			}
			event["RequestType"] = "Update"
			updates = append(updates, c.forge(maps.Clone(event)))
			event["RequestType"] = "Delete"
			deletes = append(deletes, c.forge(event))
		}
		for i := range updates {
			c.wantAnswer(updates[i], "FAILED")
			c.wantAnswer(deletes[i], "SUCCESS")
		}
		c.wantHarmless()
	})
}

// TestPlantedRole: a role that somebody has given the prefix and tagged as
// the resource's is put into its boundary, then rid of those it trusts and of
// what it may do, and only then gets the permissions.
func TestPlantedRole(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		c := newConsumer(t)
		const plantedRole = prefix + "planted"
		planted := &aws.Role{
			Account: account, Name: plantedRole, Path: "/", Trust: trustAccount, Inline: map[string]string{"All": anything}, Attached: []string{administratorAccess},
			Tags: map[string]string{"bitmovin-export-access:stack-id": c.Stack(consumerStack).ID, "bitmovin-export-access:logical-id": logicalID},
		}
		c.Cloud.Edit(func(s *aws.State) { s.Roles[aws.RoleKey(account, plantedRole)] = planted })
		since := len(c.Writes())
		if err := c.deploy(properties{"RoleName": plantedRole}); err != nil {
			t.Fatal(err)
		}
		c.wantHarmless()
		c.wantCapped()
		want := []string{"PutRolePermissionsBoundary", "UpdateAssumeRolePolicy", "PutRolePolicy"}
		if diff := cmp.Diff(want, c.Writes()[since:][:3]); diff != "" {
			t.Errorf("first writes (-want +got):\n%s", diff)
		}
		r := c.Roles()[aws.RoleKey(account, plantedRole)]
		if len(r.Attached) != 0 || len(r.Inline) != 1 || slices.Contains(slices.Collect(maps.Values(r.Inline)), anything) {
			t.Errorf("the role still has %v and %v", r.Inline, r.Attached)
		}
	})
}
