package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/bitmovin"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// TestRegister: a bucket and a secret are all that is typed.
func TestRegister(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := newOutputEnv(t, options{})
		s := e.MustDeploy("BitmovinApiKeySecretArn", secretARN)
		first, role := e.output(), e.ExportRole()
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
		if diff := cmp.Diff(harness.Decode(t, harness.BitmovinTrust(first.ExternalID)), harness.Decode(t, role.Trust)); diff != "" {
			t.Errorf("trust policy (-want +got):\n%s", diff)
		}
		if want := harness.RoleNamePrefixOf(s.ID) + "access"; role.Name != want {
			t.Errorf("role %s, want %s", role.Name, want)
		}

		s = e.MustDeploy("BitmovinApiKeySecretArn", secretARN, "BucketName", otherBucket)
		second := e.output()
		if second.ID == first.ID || second.BucketName != otherBucket || s.Outputs["OutputId"] != second.ID {
			t.Errorf("after another bucket, output %+v, the stack's %s; before, %s", second, s.Outputs["OutputId"], first.ID)
		}
		if diff := cmp.Diff(harness.Decode(t, harness.BitmovinTrust(second.ExternalID)), harness.Decode(t, e.ExportRole().Trust)); diff != "" {
			t.Errorf("trust policy after another bucket (-want +got):\n%s", diff)
		}
	})
}

// TestRegisterThenChangeKey: what has to be deleted is deleted with the key that it
// was made with, whatever the template's parameters are by then.
func TestRegisterThenChangeKey(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		pairs []string
		kept  bool
		left  int
		// mayRead: the function may still read the old secret.
		mayRead bool
	}{
		{"another secret", []string{"BitmovinApiKeySecretArn", secretARN}, true, 1, false},
		{"another secret and bucket", []string{"BitmovinApiKeySecretArn", secretARN, "BucketName", otherBucket}, false, 1, false},
		{"no secret", nil, false, 0, false},
		{"no bucket", []string{"BitmovinApiKeySecretArn", oldSecretARN, "BitmovinApiKeySecretField", "key", "BucketName", ""}, false, 0, true},
	}
	for _, tt := range tests {
		harness.Run(t, tt.name, func(t *testing.T) {
			e := newOutputEnv(t, options{})
			e.MustDeploy("BitmovinApiKeySecretArn", oldSecretARN, "BitmovinApiKeySecretField", "key")
			before, writes := e.output(), e.count("create")+e.count("delete")
			e.MustDeploy(tt.pairs...)
			after := e.outputs()
			if len(after) != tt.left {
				t.Fatalf("there are %d outputs, want %d: %+v", len(after), tt.left, after)
			}
			if kept := tt.left == 1 && after[0].ID == before.ID; kept != tt.kept {
				t.Errorf("the output was kept: %t, want %t", kept, tt.kept)
			}
			if tt.kept && e.count("create")+e.count("delete") != writes {
				t.Error("the output was kept, but something was written")
			}
			mayRead := false
			e.Cloud.View(func(s *aws.State) {
				for _, p := range s.Policies {
					mayRead = mayRead || strings.Contains(p.Document, "secretsmanager") && strings.Contains(p.Document, oldSecretARN)
				}
			})
			if mayRead != tt.mayRead {
				t.Errorf("the function may still read the old secret: %t, want %t", mayRead, tt.mayRead)
			}
		})
	}
}

// TestSecretPermissions: without the parameter the function may read no secret,
// with it that one alone.
func TestSecretPermissions(t *testing.T) {
	t.Parallel()
	for name, secret := range map[string]string{"no secret": "", "another secret": secretARN} {
		harness.Run(t, name, func(t *testing.T) {
			e := newOutputEnv(t, options{})
			e.Provide("BitmovinApiKeySecretArn", secret)
			_, err := e.deployOutput(anOutput.With(properties{"ApiKeySecretArn": oldSecretARN}))
			if err == nil || !strings.Contains(err.Error(), "AccessDenied") {
				t.Errorf("error %v, want a denial", err)
			}
			denied := 0
			for _, c := range e.Cloud.Calls() {
				switch {
				case c.Service != "secretsmanager":
				case c.Status == http.StatusOK:
					t.Errorf("the function has read %s", c.Resource)
				default:
					denied++
				}
			}
			if denied == 0 {
				t.Error("the function has not tried to read the secret")
			}
		})
	}
}

func TestRegisterProperties(t *testing.T) {
	t.Parallel()
	role := anOutput["RoleArn"].(string)
	registered := []struct {
		name string
		p    properties
		want bitmovin.Output
	}{
		{"everything", properties{
			"ApiKeySecretArn": oldSecretARN, "ApiKeySecretField": "key", "Name": "all", "BucketName": bucketName, "RoleArn": role,
			"ExternalIdMode": "CUSTOM", "ExternalId": "mine", "Description": "All of it", "OrganizationId": "organization-2",
			"CloudRegion": "EU_WEST_1", "SignatureVersion": "S3_V4", "Md5MetaTag": "md5",
		}, bitmovin.Output{
			Organization: "organization-2", Type: "S3_ROLE_BASED", Name: "all", BucketName: bucketName, RoleARN: role,
			ExternalIDMode: "CUSTOM", ExternalID: "mine", Description: "All of it", CloudRegion: "EU_WEST_1", SignatureVersion: "S3_V4", MD5MetaTag: "md5",
		}},
		{"global external id", anOutput.With(properties{"ExternalIdMode": "GLOBAL"}), bitmovin.Output{
			Organization: harness.Organization, Type: "S3_ROLE_BASED", Name: "exports", BucketName: bucketName, RoleARN: role,
			ExternalIDMode: "GLOBAL", ExternalID: "global-of-" + harness.Organization,
		}},
	}
	for _, tt := range registered {
		harness.Run(t, tt.name, func(t *testing.T) {
			e := newOutputProviderEnv(t, options{})
			e.API.Edit(func(s *bitmovin.State) {
				s.Keys[harness.OldAPIKey] = append(s.Keys[harness.OldAPIKey], "organization-2")
			})
			s := e.mustDeployOutput(tt.p)
			got := e.output()
			tt.want.ID, tt.want.CreatedAt, tt.want.ModifiedAt, tt.want.CustomData = got.ID, got.CreatedAt, got.ModifiedAt, got.CustomData
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
			if s.Outputs["OutputId"] != got.ID || s.Outputs["ExternalId"] != got.ExternalID || s.Resources[outputID].PhysicalID != got.ID {
				t.Errorf("the stack's outputs %v and id %s do not name %+v", s.Outputs, s.Resources[outputID].PhysicalID, got)
			}
		})
	}
	refused := []struct {
		name string
		p    properties
		err  string
	}{
		{"unknown property", anOutput.With(properties{"BucketNames": "x"}), "did you mean BucketName?"},
		{"missing", properties{"ApiKeySecretArn": secretARN}, "property Name is required"},
		{"external id of Bitmovin's", anOutput.With(properties{"ExternalId": "mine"}), "property ExternalId must be given with ExternalIdMode CUSTOM, and only then"},
		{"key is JSON", anOutput.With(properties{"ApiKeySecretArn": oldSecretARN}), "name the key's field with ApiKeySecretField"},
		{"no such field", anOutput.With(withOldKey).With(properties{"ApiKeySecretField": "token"}), `its field "token" is not there`},
		{"foreign organization", anOutput.With(properties{"OrganizationId": "organization-9"}), "403 Forbidden: Forbidden; the user is not a member"},
	}
	for _, tt := range refused {
		harness.Run(t, tt.name, func(t *testing.T) {
			e := newOutputProviderEnv(t, options{})
			s, err := e.deployOutput(tt.p)
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
			e.WantStatus(s, "ROLLBACK_COMPLETE")
		})
	}
}

// TestReplaceOutput: a change of anything that Bitmovin stores makes a new output, a
// change of how the key is found does not.
func TestReplaceOutput(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change properties
		kept   bool
	}{
		{"nothing", properties{"ServiceTimeout": "600"}, true},
		{"secret", withOldKey, true},
		{"the default's own name", properties{"ExternalIdMode": "GENERATED"}, true},
		{"name", properties{"Name": "renamed"}, false},
		{"description", properties{"Description": "new"}, false},
		{"role", properties{"RoleArn": "arn:aws:iam::" + account + ":role/other"}, false},
		{"mode", properties{"ExternalIdMode": "GLOBAL"}, false},
		{"region", properties{"CloudRegion": "US_EAST_1"}, false},
	}
	for _, tt := range tests {
		harness.Run(t, tt.name, func(t *testing.T) {
			e := newOutputProviderEnv(t, options{})
			before := e.mustDeployOutput(anOutput).Resources[outputID].PhysicalID
			s := e.mustDeployOutput(anOutput.With(tt.change))
			if kept := e.output().ID == before; kept != tt.kept {
				t.Errorf("the output was kept: %t, want %t", kept, tt.kept)
			}
			if s.Resources[outputID].PhysicalID != e.output().ID || s.Outputs["ExternalId"] != e.output().ExternalID {
				t.Errorf("the stack has %s and %v, want %+v", s.Resources[outputID].PhysicalID, s.Outputs, e.output())
			}
			e.resend("Update")
			e.wantOutputOf(s)
		})
	}
	harness.Run(t, "what was deleted by hand", func(t *testing.T) {
		e := newOutputProviderEnv(t, options{})
		e.mustDeployOutput(anOutput)
		e.deleteOutputsByHand()
		e.wantOutputOf(e.mustDeployOutput(anOutput.With(properties{"ServiceTimeout": "600"})))
	})
}
