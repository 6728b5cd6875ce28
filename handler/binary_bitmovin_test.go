package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/bitmovin"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// TestBitmovin has Bitmovin's own Python SDK use local/bitmovin, the stand-in that
// every other test believes, and read what the function registered there:
// https://pypi.org/project/bitmovin-api-sdk/. It shows that paths, envelope, fields and
// their spelling are what Bitmovin's own programs send and expect.
//
// What it does not show is what Bitmovin's API itself does: which fields it leaves out
// of an answer, and what it refuses.
func TestBitmovin(t *testing.T) {
	if os.Getenv("BITMOVIN_TEST") == "" {
		t.Skip("make test-bitmovin runs this: it needs bitmovin-api-sdk, which make tools installs")
	}
	t.Run("outputs of each external id mode", func(t *testing.T) {
		api := bitmovin.Start(bitmovin.Options{RefuseRolePaths: true})
		t.Cleanup(api.Close)
		api.Edit(func(s *bitmovin.State) { s.Keys[harness.APIKey] = []string{harness.Organization} })
		t.Logf("\n%s", runSDK(t, api, "outputs"))
		if unknown := api.Unknown(); len(unknown) > 0 {
			t.Errorf("the SDK calls what local/bitmovin does not know: %v", unknown)
		}
	})
	t.Run("what the function registers", func(t *testing.T) {
		e := &outputEnv{newBinaryEnv(t, options{})}
		e.AddAPIKeys()
		e.Cloud.Edit(func(s *aws.State) {
			s.Buckets[otherBucket] = &aws.Bucket{Name: otherBucket, Account: account, Region: region, Ownership: "BucketOwnerEnforced"}
		})
		e.Provide("BitmovinApiKeySecretArn", secretARN)
		everything := anOutput.With(properties{
			"Name": "registered", "Description": "Made by the function", "CloudRegion": "EU_WEST_1", "SignatureVersion": "S3_V4", "Md5MetaTag": "md5",
		})
		for mode, p := range map[string]properties{
			"GENERATED": everything,
			"GLOBAL":    everything.With(properties{"ExternalIdMode": "GLOBAL"}),
			"CUSTOM":    everything.With(properties{"ExternalIdMode": "CUSTOM", "ExternalId": "mine"}),
		} {
			s := e.mustDeployOutput(p)
			e.wantReadBySDK(mode, p, s.Outputs["OutputId"], s.Outputs["ExternalId"])
		}
	})
}

// runSDK runs scripts/bitmovin_sdk.py and returns what it prints.
func runSDK(t *testing.T, api *bitmovin.API, args ...string) string {
	t.Helper()
	root := harness.Root(t)
	python := filepath.Join(root, ".aws-sam", "tools", "bitmovin", "bin", "python")
	cmd := exec.CommandContext(t.Context(), python, append([]string{filepath.Join(root, "scripts", "bitmovin_sdk.py"), api.URL()}, args...)...)
	cmd.Env = append(os.Environ(), "BITMOVIN_API_KEY="+harness.APIKey, "NO_PROXY=*")
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("bitmovin_sdk.py %s: %v\n%s%s", strings.Join(args, " "), err, &out, &said)
	}
	return out.String()
}

// wantReadBySDK checks that the SDK reads an output as its properties say, with the ids
// that the stack has.
func (e *outputEnv) wantReadBySDK(mode string, p properties, id, externalID string) {
	e.Helper()
	t := e.TB.(*testing.T)
	var read struct {
		Got        map[string]any
		Listed     []map[string]any
		CustomData map[string]string
	}
	if err := json.Unmarshal([]byte(runSDK(t, e.API, "read", id)), &read); err != nil {
		t.Fatal(err)
	}
	owner := read.CustomData
	if !strings.Contains(owner["bitmovin-export-access:stack-id"], ":stack/"+outputStack+"/") || owner["bitmovin-export-access:logical-id"] != outputID {
		t.Errorf("%s: custom data %v", mode, owner)
	}
	want := map[string]any{
		"id": id, "external_id": externalID, "external_id_mode": mode, "acl": []any{},
		"name": p["Name"], "description": p["Description"], "bucket_name": p["BucketName"], "role_arn": p["RoleArn"],
		"cloud_region": p["CloudRegion"], "signature_version": p["SignatureVersion"], "md5_meta_tag": p["Md5MetaTag"],
		"created_at": read.Got["created_at"], "modified_at": read.Got["modified_at"], "custom_data": read.Got["custom_data"],
	}
	if diff := cmp.Diff(want, read.Got); diff != "" || id == "" || externalID == "" {
		t.Errorf("%s: output %q with external id %q as the SDK gets it (-want +got):\n%s", mode, id, externalID, diff)
	}
	if diff := cmp.Diff([]map[string]any{want}, read.Listed); diff != "" {
		t.Errorf("%s: as the SDK lists it (-want +got):\n%s", mode, diff)
	}
	t.Logf("%s: registered by the function, got, listed and its custom data read by the SDK; external id %s", mode, externalID)
}
