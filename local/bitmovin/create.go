package bitmovin

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// create registers an output. A field that is not documented is refused: the
// real API may well ignore it, and then nothing would show the misspelling.
func (a *API) create(organization string, body []byte) response {
	var o Output
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil {
		return fail(http.StatusBadRequest, 1000, "Bad request", err.Error())
	}
	if wrong := o.check(); wrong != "" {
		return fail(http.StatusBadRequest, 1000, "Bad request", wrong)
	}
	if a.state.UniqueNames && slices.ContainsFunc(a.state.Outputs, func(other *Output) bool {
		return other.Organization == organization && other.Name == o.Name
	}) {
		return fail(http.StatusConflict, 1409, "Conflict", "an output of that name exists")
	}
	o.Organization, o.ID = organization, newUUID()
	o.CreatedAt = time.Now().UTC().Format(time.RFC3339)
	o.ModifiedAt = o.CreatedAt
	// https://github.com/bitmovin/bitmovin-api-sdk-go/blob/main/model/external_id_mode.go
	switch o.ExternalIDMode {
	case "GENERATED":
		o.ExternalID = newUUID()
	case "GLOBAL":
		o.ExternalID = "global-of-" + organization
	}
	a.state.Outputs = append(a.state.Outputs, &o)
	return result(http.StatusCreated, without(&o, nil))
}

// check says what is wrong with an output that is to be registered.
func (o *Output) check() string {
	switch {
	case o.ID != "" || o.CreatedAt != "" || o.ModifiedAt != "":
		return "id, createdAt and modifiedAt are read-only"
	case o.Type != "S3_ROLE_BASED":
		return "type must be S3_ROLE_BASED"
	case o.BucketName == "" || o.RoleARN == "":
		return "bucketName and roleArn are required"
	case !slices.Contains([]string{"", "CUSTOM", "GLOBAL", "GENERATED"}, o.ExternalIDMode):
		return "externalIdMode must be CUSTOM, GLOBAL or GENERATED"
	case o.ExternalID != "" && (o.ExternalIDMode == "GLOBAL" || o.ExternalIDMode == "GENERATED"):
		return "externalId is provided by the API in this mode"
	case !slices.Contains([]string{"", "S3_V2", "S3_V4"}, o.SignatureVersion):
		return "signatureVersion must be S3_V2 or S3_V4"
	}
	return ""
}

// newUUID returns a random UUID (RFC 9562, version 4).
func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: https://pkg.go.dev/crypto/rand#Read
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
