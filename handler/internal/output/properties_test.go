package output

import (
	"maps"
	"testing"
)

var given = map[string]any{
	"ServiceToken": "arn", "ApiKeySecretArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:key-AbCdEf",
	"Name": "exports", "BucketName": "my-exports", "RoleArn": "arn:aws:iam::123456789012:role/bitmovin/exports",
}

func with(pairs ...string) map[string]any {
	m := maps.Clone(given)
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

func TestDecode(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		given map[string]any
		ok    bool
	}{
		{"the required ones", with(), true},
		{"custom", with("ExternalIdMode", "CUSTOM", "ExternalId", "e1"), true},
		{"custom without an id", with("ExternalIdMode", "CUSTOM"), false},
		{"an id without custom", with("ExternalId", "e1"), false},
		{"an id with global", with("ExternalIdMode", "GLOBAL", "ExternalId", "e1"), false},
		{"another mode", with("ExternalIdMode", "NONE"), false},
		{"a secret's name", with("ApiKeySecretArn", "key"), false},
		{"another service's ARN", with("ApiKeySecretArn", "arn:aws:ssm:eu-west-1:123456789012:parameter/key"), false},
		{"China", with("ApiKeySecretArn", "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:key-AbCdEf"), true},
		{"a bucket's ARN", with("BucketName", "arn:aws:s3:::my-exports"), false},
		{"a role's name", with("RoleArn", "exports"), false},
		{"a user's ARN", with("RoleArn", "arn:aws:iam::123456789012:user/exports"), false},
		{"a region", with("CloudRegion", "AP_SOUTHEAST_2"), true},
		{"AWS's region", with("CloudRegion", "eu-west-1"), false},
		{"a signature", with("SignatureVersion", "S3_V4"), true},
		{"another signature", with("SignatureVersion", "V4"), false},
		{"an organization with a line end", with("OrganizationId", "org\n"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, unknown, err := decode(tt.given); unknown != nil || (err == nil) != tt.ok {
				t.Errorf("decode: unknown %v, error %v, want success %t", unknown, err, tt.ok)
			}
		})
	}
}

// TestDigest: the digest tells apart what Bitmovin stores, and nothing else.
func TestDigest(t *testing.T) {
	t.Parallel()
	digest := func(m map[string]any) string {
		p, _, err := decode(m)
		if err != nil {
			t.Fatal(err)
		}
		return p.digest()
	}
	base := digest(with())
	// Of an output that is registered: a change would register all of them anew.
	if want := "123c1a0da6554d3da0ffe6345b4c8fb1e8283ce4531fe833e744f6d58e46e86f"; base != want {
		t.Errorf("digest %s, want %s", base, want)
	}
	for name, same := range map[string]map[string]any{
		"secret": with("ApiKeySecretArn", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:other-AbCdEf", "ApiKeySecretField", "key"),
		"mode":   with("ExternalIdMode", "GENERATED"),
	} {
		if digest(same) != base {
			t.Errorf("another %s makes another digest", name)
		}
	}
	seen := map[string]string{base: "nothing"}
	for name, other := range map[string]map[string]any{
		"Name": with("Name", "other"), "BucketName": with("BucketName", "other"), "RoleArn": with("RoleArn", "arn:aws:iam::123456789012:role/x"),
		"ExternalIdMode": with("ExternalIdMode", "GLOBAL"), "ExternalId": with("ExternalIdMode", "CUSTOM", "ExternalId", "e1"),
		"Description": with("Description", "other"), "OrganizationId": with("OrganizationId", "other"), "CloudRegion": with("CloudRegion", "EU_WEST_1"),
		"SignatureVersion": with("SignatureVersion", "S3_V2"), "Md5MetaTag": with("Md5MetaTag", "other"),
	} {
		d := digest(other)
		if twin, twice := seen[d]; twice {
			t.Errorf("%s makes the same digest as %s", name, twin)
		}
		seen[d] = name
	}
}
