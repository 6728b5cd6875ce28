package main

import (
	"encoding/json"
	"strings"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/bitmovin"
)

// snapshot returns all that the cloud and Bitmovin hold, as JSON.
func (d *desk) snapshot() string {
	var cloud, api []byte // they have nothing that JSON has not
	d.cloud.View(func(s *aws.State) { cloud, _ = json.Marshal(s) })
	d.api.View(func(s *bitmovin.State) { api, _ = json.Marshal(s) })
	return string(cloud) + string(api)
}

// An itemCount is how much an account holds of one kind.
type itemCount struct {
	kind  string
	count int
}

// inventory counts all that a stack and its function may make, the bucket's included.
func (d *desk) inventory(bucket string) (list []itemCount) {
	outputs := 0
	d.api.View(func(s *bitmovin.State) { outputs = len(s.Outputs) })
	d.cloud.View(func(s *aws.State) {
		verifiers, policies := 0, 0
		for _, role := range s.Roles {
			verifiers += strings.Count(role.Trust, `"Sid":"Verifier`)
		}
		for arn := range s.Policies {
			if !strings.HasPrefix(arn, "arn:aws:iam::aws:") {
				policies++
			}
		}
		list = []itemCount{
			{"IAM roles", len(s.Roles)},
			{"verifier statements in their trust policies", verifiers},
			{"managed policies", policies},
			{"log groups", len(s.LogGroups)},
			{"objects and delete markers in the bucket", len(s.Buckets[bucket].Versions)},
			{"multipart uploads to the bucket", len(s.Buckets[bucket].Uploads)},
			{"outputs at Bitmovin", outputs},
		}
	})
	return list
}
