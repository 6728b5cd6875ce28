package harness

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
)

// Published is the policy that Bitmovin publishes, for the account's bucket.
const Published = `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "BitmovinOutputBucketPermissions",
      "Effect": "Allow",
      "Action": ["s3:ListBucket", "s3:GetBucketLocation"],
      "Resource": "arn:aws:s3:::my-analytics-exports"
    },
    {
      "Sid": "BitmovinOutputObjectPermissions",
      "Effect": "Allow",
      "Action": ["s3:PutObject", "s3:PutObjectAcl"],
      "Resource": "arn:aws:s3:::my-analytics-exports/*"
    }
  ]
}`

// PublishedBelow is the published policy for a prefix in the bucket.
func PublishedBelow(prefix string) string {
	return strings.Replace(Published, BucketName+"/*", BucketName+"/"+prefix+"*", 1)
}

// BitmovinTrust is a trust policy with Bitmovin's statement alone.
func BitmovinTrust(externalID string) string {
	return fmt.Sprintf(`{
  "Version": "2012-10-17",
  "Statement": [{
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::630681592166:user/bitmovinCustomerS3Access"},
    "Action": "sts:AssumeRole",
    "Condition": {"StringEquals": {"sts:ExternalId": %q}}
  }]
}`, externalID)
}

func isExportRole(r *aws.Role) bool {
	return r.Path == "/" && strings.HasPrefix(r.Name, "bitmovin-") && r.Name != Bystander
}

// Roles returns copies of all roles, by [aws.RoleKey].
func (e *Env) Roles() map[string]aws.Role {
	roles := map[string]aws.Role{}
	e.Cloud.View(func(s *aws.State) {
		for key, r := range s.Roles {
			role := *r
			role.Inline, role.Tags = maps.Clone(r.Inline), maps.Clone(r.Tags)
			role.Attached = slices.Clone(r.Attached)
			roles[key] = role
		}
	})
	return roles
}

// ExportRoles returns copies of the provider's roles.
func (e *Env) ExportRoles() []aws.Role {
	var list []aws.Role
	roles := e.Roles()
	for _, key := range slices.Sorted(maps.Keys(roles)) {
		if r := roles[key]; isExportRole(&r) {
			list = append(list, r)
		}
	}
	return list
}

// ExportRole returns the provider's one role.
func (e *Env) ExportRole() aws.Role {
	e.Helper()
	roles := e.ExportRoles()
	if len(roles) != 1 {
		e.Fatalf("there are %d export roles, want one: %v", len(roles), roles)
	}
	return roles[0]
}

// EditRoles edits the provider's roles by hand.
func (e *Env) EditRoles(edit func(*aws.Role)) {
	e.Cloud.Edit(func(s *aws.State) {
		for _, r := range s.Roles {
			if isExportRole(r) {
				edit(r)
			}
		}
	})
}

// DeleteRolesByHand deletes the provider's roles by hand.
func (e *Env) DeleteRolesByHand() {
	e.Cloud.Edit(func(s *aws.State) {
		maps.DeleteFunc(s.Roles, func(_ string, r *aws.Role) bool { return isExportRole(r) })
	})
}

// Writes returns the operations that changed IAM so far.
func (e *Env) Writes() []string {
	var ops []string
	for _, c := range e.Cloud.Calls() {
		op, ok := strings.CutPrefix(c.Op, "iam:")
		if ok && !strings.HasPrefix(op, "Get") && !strings.HasPrefix(op, "List") && c.Status == 200 {
			ops = append(ops, op)
		}
	}
	return ops
}

// WantNoRoles checks that the provider has no role.
func (e *Env) WantNoRoles() {
	e.Helper()
	if roles := e.ExportRoles(); len(roles) > 0 {
		e.Errorf("roles are left: %+v", roles)
	}
}

// WantRole checks that the provider has one role, and that it is exactly what the
// properties ask for. RoleName and ExternalId must be among them.
func (e *Env) WantRole(s *cloudformation.Stack, p Properties) {
	e.Helper()
	roles := e.ExportRoles()
	if len(roles) != 1 {
		e.Errorf("there are %d export roles, want one: %+v", len(roles), roles)
		return
	}
	if diff := cmp.Diff(e.Desired(s, p), Actual(e.TB, roles[0])); diff != "" {
		e.Errorf("the role (-want +got):\n%s", diff)
	}
}

// A RoleState is a role as a test compares it: documents decoded.
type RoleState struct {
	Name, Boundary string
	Trust          any
	Inline         map[string]any
	Attached       []string
	Tags           map[string]string
}

// Actual returns the state of a role.
func Actual(tb testing.TB, r aws.Role) RoleState {
	tb.Helper()
	s := RoleState{Name: r.Name, Boundary: r.Boundary, Trust: Decode(tb, r.Trust), Inline: map[string]any{}, Attached: r.Attached, Tags: r.Tags}
	for name, text := range r.Inline {
		s.Inline[name] = Decode(tb, text)
	}
	if len(s.Attached) == 0 {
		s.Attached = nil
	}
	return s
}

// Desired returns the state that the properties in a stack ask for.
func (e *Env) Desired(s *cloudformation.Stack, p Properties) RoleState {
	text := func(name string) string { value, _ := p[name].(string); return value }
	r := RoleState{
		Name:     text("RoleName"),
		Boundary: e.Stack(ProviderStack).Resources["Boundary"].PhysicalID,
		Trust:    Decode(e.TB, BitmovinTrust(text("ExternalId"))),
		Inline:   map[string]any{"BitmovinExportAccess": Decode(e.TB, PublishedBelow(text("ObjectPrefix")))},
		Tags:     map[string]string{"bitmovin-export-access:stack-id": s.ID, "bitmovin-export-access:logical-id": LogicalID},
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

// Bystander is a role that somebody else has named like the provider's, and theirs an object.
const (
	Bystander = RoleNamePrefix + "bystander"
	theirs    = "theirs.csv"
)

// AddBystanders puts things into the account that are not to be touched.
func (e *Env) AddBystanders() {
	key := aws.RoleKey(Account, Bystander)
	e.Kept[key] = true
	e.Cloud.Edit(func(s *aws.State) {
		s.Roles[key] = &aws.Role{
			Account: Account, Name: Bystander, Path: "/", Trust: BitmovinTrust("theirs"), Inline: map[string]string{"theirs": Published},
		}
		s.Buckets[BucketName].Versions = []*aws.Version{{Key: theirs, VersionID: "null", Body: "theirs"}}
	})
	e.before = e.Roles()[key]
}

// WantBystanders checks that the bystanders are as they were.
func (e *Env) WantBystanders() {
	e.Helper()
	if diff := cmp.Diff(e.before, e.Roles()[aws.RoleKey(Account, Bystander)]); diff != "" {
		e.Errorf("the bystander was touched (-before +after):\n%s", diff)
	}
	e.Cloud.View(func(s *aws.State) {
		untouched := func(v *aws.Version) bool { return v.Key == theirs && v.Body == "theirs" && v.ACL == "" }
		if !slices.ContainsFunc(s.Buckets[BucketName].Versions, untouched) {
			e.Errorf("the bystanders' object was touched")
		}
	})
}
