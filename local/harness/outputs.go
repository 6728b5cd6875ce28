package harness

import (
	"encoding/json"
	"slices"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/bitmovin"
)

// SecretARN is the secret with the API key, OldSecretARN one with another key of the
// same account, in the field key. The keys look like the secrets that must not get
// out.
const (
	SecretARN    = "arn:aws:secretsmanager:" + Region + ":" + Account + ":secret:bitmovin/key-AbCdEf"
	OldSecretARN = "arn:aws:secretsmanager:" + Region + ":" + Account + ":secret:bitmovin/old-key-GhIjKl"
	APIKey       = "secret-of-bitmovin-1"
	OldAPIKey    = "secret-of-bitmovin-2"
	// Organization is that of both keys.
	Organization = "organization-1"
)

// ForeignID begins the ids of outputs that somebody else made.
const ForeignID = "foreign-"

// AddAPIKeys adds two keys of Bitmovin's API, each in a secret, and somebody else's
// outputs in their organization. When the test ends these outputs alone may be left.
func (e *Env) AddAPIKeys() {
	e.foreign = []*bitmovin.Output{
		{ID: ForeignID + "1", Name: "exports", Organization: Organization},
		{ID: ForeignID + "2", Name: "exports", Organization: Organization, CustomData: json.RawMessage(
			`{"bitmovin-export-access:stack-id":"arn:aws:cloudformation:eu-west-1:123456789012:stack/other/1","bitmovin-export-access:logical-id":"Output"}`)},
	}
	e.API.Edit(func(s *bitmovin.State) {
		s.Keys[APIKey], s.Keys[OldAPIKey] = []string{Organization}, []string{Organization}
		s.Outputs = slices.Clone(e.foreign)
	})
	e.Cloud.Edit(func(s *aws.State) {
		s.Secrets[SecretARN], s.Secrets[OldSecretARN] = APIKey+"\n", `{"user":"x","key":"`+OldAPIKey+`"}`
	})
}

// checkOutputs checks that no output is left at Bitmovin but somebody else's.
func (e *Env) checkOutputs() {
	e.Helper()
	e.API.View(func(s *bitmovin.State) {
		if diff := cmp.Diff(e.foreign, s.Outputs, cmpopts.EquateEmpty()); diff != "" {
			e.Errorf("outputs that are left at Bitmovin (-want +got):\n%s", diff)
		}
	})
}
