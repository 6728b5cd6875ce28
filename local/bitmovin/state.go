package bitmovin

import "encoding/json"

// State is everything that the API holds. Tests read and change it through
// [API.View] and [API.Edit]; the function only ever reaches it over HTTP.
type State struct {
	// Keys are the valid API keys, each with the organizations that it may act
	// for, its own first.
	Keys map[string][]string
	// Outputs of all organizations, the oldest first.
	Outputs []*Output
	// ListOmits and GetOmits are the fields that the answers leave out, as they
	// are spelled in JSON: "customData", "externalId", "roleArn".
	ListOmits, GetOmits []string
	// UniqueNames refuses an output of a name that another one has.
	UniqueNames bool
}

// An Output is an analytics output with a role.
// https://github.com/bitmovin/bitmovin-api-sdk-go/blob/main/model/analytics_s3_role_based_output.go
type Output struct {
	Organization string `json:"-"`

	ID               string          `json:"id"`
	CreatedAt        string          `json:"createdAt"`
	ModifiedAt       string          `json:"modifiedAt"`
	Type             string          `json:"type"`
	Name             string          `json:"name,omitempty"`
	Description      string          `json:"description,omitempty"`
	CustomData       json.RawMessage `json:"customData,omitempty"`
	BucketName       string          `json:"bucketName"`
	RoleARN          string          `json:"roleArn"`
	ExternalID       string          `json:"externalId,omitempty"`
	ExternalIDMode   string          `json:"externalIdMode,omitempty"`
	MD5MetaTag       string          `json:"md5MetaTag,omitempty"`
	CloudRegion      string          `json:"cloudRegion,omitempty"`
	SignatureVersion string          `json:"signatureVersion,omitempty"`
	ACL              []ACLEntry      `json:"acl,omitempty"`
}

// An ACLEntry says who may read what is written through an output.
// https://github.com/bitmovin/bitmovin-api-sdk-go/blob/main/model/acl_entry.go
type ACLEntry struct {
	// Permission is PUBLIC_READ or PRIVATE.
	Permission string `json:"permission"`
	// Scope is stored and not used.
	Scope string `json:"scope,omitempty"`
}
