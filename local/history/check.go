package history

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/bitmovin"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// roleName is the property RoleName, empty if the name is derived.
func (w Wanted) roleName(stack string) string {
	if w.Renamed {
		stack += "-renamed" // two resources of a stack cannot have one role
	}
	switch {
	case w.takesName():
		return w.RoleName
	case w.RoleName != "":
		return harness.RoleNamePrefix + stack + "-" + w.RoleName
	case w.Output:
		return harness.RoleNamePrefix + stack + "-registered"
	}
	return ""
}

// takesName reports whether the role's name may be another's.
func (w Wanted) takesName() bool { return w.RoleName == shared || w.RoleName == harness.Bystander }

func (w Wanted) logicalID() string {
	if w.Renamed {
		return "Renamed"
	}
	return harness.LogicalID
}

func (w Wanted) bucket() string { return []string{harness.BucketName, otherBucket}[w.Bucket] }

// template is the template of a stack.
func (w Wanted) template(stack string) []byte {
	token := map[string]any{"Fn::ImportValue": harness.ProviderStack + "-ServiceToken"}
	p := map[string]any{"ServiceToken": token, "BucketName": w.bucket()}
	for name, value := range map[string]string{
		"RoleName": w.roleName(stack), "ExternalId": w.ExternalID, "ObjectPrefix": w.Prefix, "AccessMode": w.AccessMode,
		"Verification": w.Verification, "ProbeWrites": w.ProbeWrites,
	} {
		if value != "" {
			p[name] = value
		}
	}
	if w.Tag != "" {
		p["Tags"] = harness.Tags("team", w.Tag)
	}
	if w.Trigger > 0 {
		p["VerificationTrigger"] = fmt.Sprint(w.Trigger)
	}
	access := map[string]any{"Type": "Custom::BitmovinExportAccess", "Properties": p}
	if w.Retained {
		access["DeletionPolicy"] = "Retain"
	}
	list := map[string]any{w.logicalID(): access}
	if w.Output {
		p["ExternalId"] = map[string]any{"Fn::GetAtt": []string{outputID, "ExternalId"}}
		list[outputID] = map[string]any{"Type": "Custom::BitmovinAnalyticsOutput", "Properties": map[string]any{
			"ServiceToken": token, "ApiKeySecretArn": harness.SecretARN, "Name": "exports", "BucketName": w.bucket(),
			"RoleArn": "arn:aws:iam::" + harness.Account + ":role/" + w.roleName(stack),
		}}
	}
	if w.Fails {
		list["Sibling"] = map[string]any{"Type": "AWS::S3::Bucket", "DependsOn": w.logicalID(), "Properties": map[string]any{"BucketName": harness.BucketName}}
	}
	text, err := json.Marshal(map[string]any{"Resources": list})
	if err != nil {
		panic(err)
	}
	return text
}

// parameters are those of template.yaml, which names the role itself.
func (w Wanted) parameters() map[string]string {
	p := map[string]string{
		"BucketName": w.bucket(), "ObjectPrefix": w.Prefix, "AllowFullAccess": "true", "VerificationTrigger": fmt.Sprint(w.Trigger),
	}
	for name, value := range map[string]string{"AccessMode": w.AccessMode, "Verification": w.Verification, "ProbeWrites": w.ProbeWrites} {
		if value != "" {
			p[name] = value
		}
	}
	if w.Output {
		p["BitmovinApiKeySecretArn"] = harness.SecretARN
	} else {
		p["ExternalId"] = w.ExternalID
	}
	return p
}

// check makes sure that a stack is what its status says.
func (l *life) check(st *stack) {
	o := st.operation
	st.operation = nil
	if st.id == "" {
		return
	}
	s, err := l.env.Engine.Stack(st.id)
	if err != nil {
		l.env.Fatalf("step %d: %v", l.number, err)
	}
	if o != nil {
		l.wantAnswers(st)
	}
	if st.own && st.cancelled {
		// The request may have lost its function, or its permissions, while it was at work.
		if l.dropMarkers(); l.struck && (strings.HasPrefix(s.Status, "ROLLBACK_") || strings.HasPrefix(s.Status, "DELETE_")) {
			l.dropAll(st)
		}
	}
	switch s.Status {
	case "CREATE_COMPLETE", "UPDATE_COMPLETE":
		if o != nil {
			st.wanted = st.next
		}
	case "UPDATE_ROLLBACK_COMPLETE":
	case "ROLLBACK_COMPLETE", "DELETE_COMPLETE":
		l.dropRetained(st, "")
		l.wantNothing(st, s)
		st.edits = nil
		if o != nil {
			l.wantReason(st, s, s.Status == "ROLLBACK_COMPLETE")
		}
		return
	default:
		l.free(st, s)
		return
	}
	if o != nil {
		l.wantReason(st, s, s.Status == "UPDATE_ROLLBACK_COMPLETE")
		if l.putRight(st, s) {
			st.edits, st.boundary = nil, l.boundary
			l.dropUntagged() // it may be in the way of the boundary's deletion
		}
	}
	l.dropRetained(st, st.wanted.logicalID())
	if len(st.edits) == 0 {
		l.wantRole(st, s)
	}
	l.wantOutputs(st)
	if o != nil {
		l.wantVerified(st, s)
	}
}

// putRight reports whether the operation has put the role right, since a hand was last
// at it: that only a request does.
func (l *life) putRight(st *stack, s *cloudformation.Stack) bool {
	r := l.latest(st)
	return r != nil && st.edited.Before(st.begun) && s.Resources[r.LogicalResourceID].Status != "UPDATE_FAILED"
}

// latest is the latest Create or Update of the resource in the operation; nil if there was none.
func (l *life) latest(st *stack) *cloudformation.Request {
	for _, r := range slices.Backward(l.env.Engine.Requests()[st.requests:]) {
		if r.StackID == st.id && r.LogicalResourceID == st.wanted.logicalID() && r.RequestType != "Delete" {
			return r
		}
	}
	return nil
}

// wantAnswers checks that each request of the operation is answered, unless each of its
// deliveries was killed: then the test answers for it.
func (l *life) wantAnswers(st *stack) {
	for _, r := range l.env.Engine.Requests()[st.requests:] {
		if r.StackID != st.id || len(l.env.Engine.Inbox().Puts(r.RequestID)) > 0 {
			continue
		}
		for _, a := range r.Invocation.Wait() {
			if !a.Killed {
				l.env.Errorf("step %d: the %s of %s has no answer: %s", l.number, r.RequestType, st.name, a.Err)
			}
		}
	}
}

// wantReason checks that an operation which failed had a reason to. The function gets
// over every mishap but a hand that is at the role or the bucket meanwhile, or has taken
// the tags from a role whose name the stack wants again.
func (l *life) wantReason(st *stack, s *cloudformation.Stack, failed bool) {
	if !failed || st.next.Fails || st.next.takesName() || st.cancelled || l.denied(st) || !st.edited.Before(st.begun) ||
		slices.Contains(st.edits, untags) {
		return
	}
	l.env.Errorf("step %d: the operation of %s failed for no reason: %s", l.number, st.name, lastFailures(s))
}

// denied reports whether the boundary, the bucket's policy or its key denies what
// exports need, and the check is not told to look away.
func (l *life) denied(st *stack) (is bool) {
	w := st.next
	if w.Verification == "Off" || w.Verification == "Warn" {
		return false
	}
	if l.narrow && !st.own {
		return true
	}
	l.env.Cloud.View(func(s *aws.State) {
		b := s.Buckets[w.bucket()]
		is = b.Policy != "" || b.KMSKey != "" && s.Keys[keyARN].State != "Enabled"
	})
	return is
}

// lastFailures tells the last events that are failures: the stack's own names no cause.
func lastFailures(s *cloudformation.Stack) string {
	failures := slices.DeleteFunc(slices.Clone(s.Events), func(e cloudformation.Event) bool { return !strings.HasSuffix(e.Status, "_FAILED") })
	if len(failures) == 0 {
		return s.Status
	}
	var lines []string
	for _, e := range failures[max(0, len(failures)-3):] {
		lines = append(lines, e.LogicalID+" "+e.Status+": "+e.Reason)
	}
	return strings.Join(lines, "; ")
}

// free brings a stack on that is stuck, which it may be only where a hand has deleted
// the role or taken its tags.
func (l *life) free(st *stack, s *cloudformation.Stack) {
	taken := func(edit string) bool { return edit == "the role deleted" || edit == untags }
	if !slices.ContainsFunc(st.edits, taken) && (!st.own || !st.cancelled || !l.struck) {
		l.env.Errorf("step %d: %s is stuck in %s: %s", l.number, st.name, s.Status, lastFailures(s))
	}
	l.dropUntagged()
	var o *cloudformation.Operation
	var err error
	if s.Status == "UPDATE_ROLLBACK_FAILED" {
		o, err = l.env.Engine.StartContinue(st.id)
	} else {
		o, err = l.env.Engine.StartDelete(st.id)
	}
	if err != nil {
		l.env.Fatalf("step %d: %s in %s: %v", l.number, st.name, s.Status, err)
	}
	l.operations++
	st.edits, st.boundary = nil, l.boundary // which a role that is made again gets
	if _, err := o.Wait(context.WithoutCancel(l.env.Context())); err != nil {
		l.env.Errorf("step %d: %s is stuck for good: %v", l.number, st.name, err)
	}
}

// dropRetained deletes by hand the roles that a stack has left and was to leave, but
// for that of a logical id.
func (l *life) dropRetained(st *stack, keep string) {
	if !st.retains {
		return
	}
	l.env.Cloud.Edit(func(s *aws.State) {
		maps.DeleteFunc(s.Roles, func(_ string, r *aws.Role) bool {
			return r.Tags[tagStackID] == st.id && r.Tags["bitmovin-export-access:logical-id"] != keep
		})
	})
}

// dropAll deletes by hand the roles and outputs of a stack.
func (l *life) dropAll(st *stack) {
	l.env.Cloud.Edit(func(s *aws.State) {
		maps.DeleteFunc(s.Roles, func(_ string, r *aws.Role) bool { return r.Tags[tagStackID] == st.id })
	})
	l.env.API.Edit(func(s *bitmovin.State) {
		s.Outputs = slices.DeleteFunc(s.Outputs, func(o *bitmovin.Output) bool { return strings.Contains(string(o.CustomData), st.id) })
	})
}

// dropMarkers deletes by hand what checks have left.
func (l *life) dropMarkers() {
	l.env.Cloud.Edit(func(s *aws.State) {
		for _, b := range s.Buckets {
			b.Uploads = nil
			b.Versions = slices.DeleteFunc(b.Versions, func(v *aws.Version) bool { return strings.Contains(v.Key, "_bitmovin-access-check/") })
		}
	})
}

// roles are those with the tags of the stack.
func (l *life) roles(st *stack) map[string]aws.Role {
	roles := l.env.Roles()
	maps.DeleteFunc(roles, func(_ string, r aws.Role) bool { return r.Tags[tagStackID] != st.id })
	return roles
}

// outputs are those that are registered for the stack.
func (l *life) outputs(st *stack) (list []bitmovin.Output) {
	l.env.API.View(func(s *bitmovin.State) {
		for _, o := range s.Outputs {
			if strings.Contains(string(o.CustomData), st.id) {
				list = append(list, *o)
			}
		}
	})
	return list
}

// wantNothing checks that there is nothing of a stack.
func (l *life) wantNothing(st *stack, s *cloudformation.Stack) {
	if roles := l.roles(st); len(roles) > 0 {
		l.env.Errorf("step %d: %s is %s, and there are roles of it: %v", l.number, st.name, s.Status, slices.Collect(maps.Keys(roles)))
	}
	if outputs := l.outputs(st); len(outputs) > 0 {
		l.env.Errorf("step %d: %s is %s, and there are outputs of it: %v", l.number, st.name, s.Status, outputs)
	}
}

func (l *life) wantOutputs(st *stack) {
	want := 0
	if st.wanted.Output {
		want = 1
	}
	if got := l.outputs(st); len(got) != want {
		l.env.Errorf("step %d: %s has %d outputs, want %d: %+v", l.number, st.name, len(got), want, got)
	}
}

// wantRole checks that a stack has one role, which is exactly what its properties ask for.
func (l *life) wantRole(st *stack, s *cloudformation.Stack) {
	roles := slices.Collect(maps.Values(l.roles(st)))
	resource := s.Resources[st.wanted.logicalID()]
	if len(roles) != 1 || roles[0].Name != resource.PhysicalID {
		l.env.Errorf("step %d: %s has %d roles, want the one of its resource, %s: %+v", l.number, st.name, len(roles), resource.PhysicalID, roles)
		return
	}
	actual := harness.Actual(l.tb, roles[0])
	dropExpired(actual.Trust)
	if diff := cmp.Diff(l.desired(st, resource), actual); diff != "" {
		l.env.Errorf("step %d: the role of %s (-want +got):\n%s", l.number, st.name, diff)
	}
}

// dropExpired takes the statements out of a trust policy that grant nothing any more.
func dropExpired(trust any) {
	document, _ := trust.(map[string]any)
	list, _ := document["Statement"].([]any)
	document["Statement"] = slices.DeleteFunc(list, func(s any) bool {
		statement, _ := s.(map[string]any)
		condition, _ := statement["Condition"].(map[string]any)
		before, _ := condition["DateLessThan"].(map[string]any)
		text, _ := before["aws:CurrentTime"].(string)
		end, err := time.Parse(time.RFC3339, text)
		return err == nil && end.Before(time.Now())
	})
}

// desired is the role that a stack is to have.
func (l *life) desired(st *stack, r cloudformation.Resource) harness.RoleState {
	w := st.wanted
	s := harness.RoleState{
		Name: r.PhysicalID, Boundary: l.boundaryOf(st), Inline: map[string]any{},
		Trust: harness.Decode(l.tb, harness.BitmovinTrust(l.externalID(st, r))),
		Tags:  map[string]string{tagStackID: st.id, "bitmovin-export-access:logical-id": w.logicalID()},
	}
	if name := w.roleName(st.name); name != "" && !st.own && !strings.EqualFold(name, r.PhysicalID) {
		s.Name = name
	}
	if w.Tag != "" {
		s.Tags["team"] = w.Tag
	}
	var statements []any
	if w.AccessMode == "Full" {
		s.Attached = []string{"arn:aws:iam::aws:policy/AmazonS3FullAccess"}
	} else {
		text := strings.ReplaceAll(harness.PublishedBelow(w.Prefix), harness.BucketName, w.bucket())
		statements = harness.Decode(l.tb, text).(map[string]any)["Statement"].([]any)
	}
	l.env.Cloud.View(func(state *aws.State) {
		if state.Buckets[w.bucket()].KMSKey != "" {
			statements = append(statements, map[string]any{
				"Sid": "BitmovinOutputKeyPermissions", "Effect": "Allow", "Resource": keyARN,
				"Action":    []any{"kms:GenerateDataKey", "kms:Decrypt"},
				"Condition": map[string]any{"StringEquals": map[string]any{"kms:ViaService": "s3." + harness.Region + ".amazonaws.com"}},
			})
		}
	})
	if len(statements) > 0 {
		s.Inline[policyName] = map[string]any{"Version": "2012-10-17", "Statement": statements}
	}
	return s
}

func (l *life) boundaryOf(st *stack) string {
	if st.own {
		return l.env.Stack(st.id).Resources["Boundary"].PhysicalID
	}
	return boundaries[st.boundary]
}

// externalID is the one that Bitmovin has to send.
func (l *life) externalID(st *stack, r cloudformation.Resource) string {
	if outputs := l.outputs(st); st.wanted.Output && len(outputs) == 1 {
		return outputs[0].ExternalID
	}
	if st.wanted.ExternalID != "" {
		return st.wanted.ExternalID
	}
	return r.Attributes["ExternalId"]
}

// wantVerified checks that exports work where the function has said so, unless a hand
// has changed something since.
func (l *life) wantVerified(st *stack, s *cloudformation.Stack) {
	r := l.latest(st)
	if r == nil || !st.edited.Before(st.begun) {
		return
	}
	v := l.env.VerdictOf(r)
	resource := s.Resources[r.LogicalResourceID]
	if v.Status != "SUCCESS" || v.Data["AccessVerified"] != "true" || resource.PhysicalID != v.PhysicalResourceId {
		return
	}
	if err := l.export(v.Data["RoleArn"], l.externalID(st, resource), st.wanted.bucket(), st.wanted.Prefix); err != nil {
		l.env.Errorf("step %d: the access of %s is verified, and an export fails: %v", l.number, st.name, err)
	}
}

// export does as Bitmovin what an export does.
func (l *life) export(roleARN, externalID, bucket, prefix string) error {
	ctx := context.WithoutCancel(l.env.Context())
	cfg := l.env.Cloud.Config(bitmovinUser, harness.Region)
	out, err := sts.NewFromConfig(cfg).AssumeRole(ctx, &sts.AssumeRoleInput{
		RoleArn: &roleARN, ExternalId: &externalID, RoleSessionName: sdk.String("bitmovin"),
	})
	if err != nil {
		return err
	}
	c := out.Credentials
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.Credentials = credentials.NewStaticCredentialsProvider(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
	})
	key := prefix + "export.csv"
	defer l.env.Cloud.Edit(func(s *aws.State) {
		b := s.Buckets[bucket]
		b.Versions = slices.DeleteFunc(b.Versions, func(v *aws.Version) bool { return v.Key == key })
	})
	if _, err := client.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: &bucket}); err != nil {
		return err
	}
	if _, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix}); err != nil {
		return err
	}
	if _, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("a,b")}); err != nil {
		return err
	}
	_, err = client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("a,b"), ACL: "bucket-owner-full-control"})
	return err
}
