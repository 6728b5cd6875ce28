package output

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/lifecycle"
)

// The values of ExternalIdMode.
// https://github.com/bitmovin/bitmovin-api-sdk-go/blob/main/model/external_id_mode.go
const (
	generated = "GENERATED"
	global    = "GLOBAL"
	custom    = "CUSTOM"
)

// A props is what the author of a stack asks for. Empty fields were not given.
type props struct {
	SecretARN, SecretField                  string
	Name, Description                       string
	BucketName, RoleARN                     string
	ExternalIDMode, ExternalID              string
	OrganizationID                          string
	CloudRegion, SignatureVersion, MD5Field string
}

var (
	validSecret     = lifecycle.Matching(`^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@-]+$`)
	validBucket     = lifecycle.Counted(lifecycle.Matching(`^[a-z0-9][a-z0-9.-]+[a-z0-9]$`), 3, 63)
	validRole       = lifecycle.Matching(`^arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+$`)
	validExternalID = lifecycle.Counted(lifecycle.Matching(`^[\w+=,.@:/-]+$`), 2, 512)
	validRegion     = lifecycle.Matching(`^[A-Z]+(_[A-Z]+)+_\d$`)
	validWord       = lifecycle.Counted(lifecycle.Matching(`^[\w-]+$`), 1, 128)
)

// table returns the properties in the order of the documentation.
func table() lifecycle.Table[props] {
	anything := func(string) bool { return true }
	short := func(s string) bool { return len(s) <= 255 }
	text := lifecycle.Text[props]
	return lifecycle.Table[props]{
		{Name: "ApiKeySecretArn", Allowed: "the ARN of a secret of Secrets Manager", Required: true,
			Set: text(func(p *props) *string { return &p.SecretARN }, validSecret)},
		{Name: "ApiKeySecretField", Allowed: "the name of a field in a JSON secret",
			Set: text(func(p *props) *string { return &p.SecretField }, anything)},
		{Name: "Name", Allowed: "a text of at most 255 bytes", Required: true,
			Set: text(func(p *props) *string { return &p.Name }, short)},
		{Name: "BucketName", Allowed: "the name of a bucket, not its ARN", Required: true,
			Set: text(func(p *props) *string { return &p.BucketName }, validBucket)},
		{Name: "RoleArn", Allowed: "the ARN of an IAM role", Required: true,
			Set: text(func(p *props) *string { return &p.RoleARN }, validRole)},
		{Name: "ExternalIdMode", Allowed: "GENERATED, GLOBAL or CUSTOM",
			Set: text(func(p *props) *string { return &p.ExternalIDMode }, lifecycle.OneOf(generated, global, custom))},
		{Name: "ExternalId", Allowed: "2 to 512 characters of letters, digits and _+=,.@:/-",
			Set: text(func(p *props) *string { return &p.ExternalID }, validExternalID)},
		{Name: "Description", Allowed: "a text of at most 255 bytes",
			Set: text(func(p *props) *string { return &p.Description }, short)},
		{Name: "OrganizationId", Allowed: "the id of an organization",
			Set: text(func(p *props) *string { return &p.OrganizationID }, validWord)},
		{Name: "CloudRegion", Allowed: "a region as Bitmovin writes it, such as EU_WEST_1",
			Set: text(func(p *props) *string { return &p.CloudRegion }, validRegion)},
		{Name: "SignatureVersion", Allowed: "S3_V2 or S3_V4",
			Set: text(func(p *props) *string { return &p.SignatureVersion }, lifecycle.OneOf("S3_V2", "S3_V4"))},
		{Name: "Md5MetaTag", Allowed: "the name of a metadata tag: letters, digits, _ and -",
			Set: text(func(p *props) *string { return &p.MD5Field }, validWord)},
	}
}

// decode reads a resource's properties strictly. unknown names those which do
// not exist, apart from err, since a rollback ignores them.
func decode(given map[string]any) (p props, unknown, err error) {
	p.ExternalIDMode = generated
	unknown, err = table().Decode(given, &p)
	if err == nil && (p.ExternalIDMode == custom) != (p.ExternalID != "") {
		err = errors.New("property ExternalId must be given with ExternalIdMode CUSTOM, and only then")
	}
	return p, unknown, err
}

// output returns what Bitmovin is to store, as yet without the custom data.
func (p props) output() output {
	return output{
		Type: "S3_ROLE_BASED", Name: p.Name, Description: p.Description,
		BucketName: p.BucketName, RoleARN: p.RoleARN,
		ExternalID: p.ExternalID, ExternalIDMode: p.ExternalIDMode,
		CloudRegion: p.CloudRegion, SignatureVersion: p.SignatureVersion, MD5MetaTag: p.MD5Field,
	}
}

// digest tells one output from another by all that Bitmovin stores of it, and
// for whom. It is compared instead of what Bitmovin answers, which leaves some
// fields out and may add defaults. A property that is added later and not given
// does not change it.
func (p props) digest() string {
	body, err := json.Marshal(p.output())
	if err != nil {
		panic(fmt.Sprintf("encode an output: %v", err)) // it holds nothing but text
	}
	sum := sha256.Sum256(append(body, p.OrganizationID...))
	return hex.EncodeToString(sum[:])
}
