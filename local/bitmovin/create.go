package bitmovin

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// create registers an output. A field that is not documented is refused: the
// real API may well ignore it, and then nothing would show the misspelling.
func (a *API) create(organization string, body []byte) response {
	var o Output
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil {
		if strings.Contains(err.Error(), "unknown field") {
			a.unknown = append(a.unknown, "create: "+err.Error())
		}
		return fail(http.StatusBadRequest, 1000, "Bad request", err.Error())
	}
	if wrong := o.check(a.options.RefuseRolePaths); wrong != "" {
		return fail(http.StatusBadRequest, 1000, "Bad request", wrong)
	}
	if a.state.UniqueNames && slices.ContainsFunc(a.state.Outputs, func(other *Output) bool {
		return other.Organization == organization && other.Name == o.Name
	}) {
		return fail(http.StatusConflict, 1409, "Conflict", "an output of that name exists")
	}
	o.Organization, o.ID = organization, a.ids.UUID("output")
	o.CreatedAt = time.Now().UTC().Format(time.RFC3339)
	o.ModifiedAt = o.CreatedAt
	// https://github.com/bitmovin/bitmovin-api-sdk-go/blob/main/model/external_id_mode.go
	switch o.ExternalIDMode {
	case "GENERATED":
		o.ExternalID = a.ids.UUID("external id")
	case "GLOBAL":
		o.ExternalID = "global-of-" + organization
	}
	a.state.Outputs = append(a.state.Outputs, &o)
	return result(http.StatusCreated, without(&o, nil))
}

// CloudRegions are the regions of S3 that Bitmovin knows, by its own names.
// https://github.com/bitmovin/bitmovin-api-sdk-go/blob/main/model/aws_cloud_region.go
var CloudRegions = []string{
	"US_EAST_1", "US_EAST_2", "US_WEST_1", "US_WEST_2", "EU_WEST_1", "EU_WEST_2", "EU_WEST_3", "EU_CENTRAL_1", "EU_NORTH_1",
	"AP_SOUTHEAST_1", "AP_SOUTHEAST_2", "AP_NORTHEAST_1", "AP_NORTHEAST_2", "AP_SOUTH_1", "SA_EAST_1", "CA_CENTRAL_1",
}

// check says what is wrong with an output that is to be registered.
func (o *Output) check(refuseRolePaths bool) string {
	switch {
	case o.ID != "" || o.CreatedAt != "" || o.ModifiedAt != "":
		return "id, createdAt and modifiedAt are read-only"
	case o.Type != "S3_ROLE_BASED":
		return "type must be S3_ROLE_BASED"
	case o.BucketName == "" || o.RoleARN == "":
		return "bucketName and roleArn are required"
	case refuseRolePaths && strings.Count(o.RoleARN, "/") > 1:
		return "roleArn must be the ARN of a role without a path"
	case !slices.Contains([]string{"", "CUSTOM", "GLOBAL", "GENERATED"}, o.ExternalIDMode):
		return "externalIdMode must be CUSTOM, GLOBAL or GENERATED"
	case o.ExternalID != "" && (o.ExternalIDMode == "GLOBAL" || o.ExternalIDMode == "GENERATED"):
		return "externalId is provided by the API in this mode"
	case !slices.Contains([]string{"", "S3_V2", "S3_V4"}, o.SignatureVersion):
		return "signatureVersion must be S3_V2 or S3_V4"
	case o.CloudRegion != "" && !slices.Contains(CloudRegions, o.CloudRegion):
		return "cloudRegion must be a region of AWS's as Bitmovin writes it"
	case slices.ContainsFunc(o.ACL, func(e ACLEntry) bool { return e.Permission != "PUBLIC_READ" && e.Permission != "PRIVATE" }):
		return "the permission of an acl must be PUBLIC_READ or PRIVATE"
	}
	return ""
}
