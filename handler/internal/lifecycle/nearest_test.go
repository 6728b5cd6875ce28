package lifecycle

import "testing"

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"BucketName", "ExternalId", "AccessMode", "ObjectPrefix", "RoleName", "BucketOwner", "KmsKeyArn",
		"Verification", "ProbeWrites", "VerificationTrigger", "Tags"}
	for name, want := range map[string]string{
		"Bucket":              "BucketName",
		"bucketname":          "BucketName",
		"BUCKETNAME":          "BucketName",
		"ExternalID":          "ExternalId",
		"AcessMode":           "AccessMode",
		"ObjectPrefx":         "ObjectPrefix",
		"Rolename":            "RoleName",
		"BuckeOwner":          "BucketOwner",
		"KMSKeyArn":           "KmsKeyArn",
		"KmsKeyId":            "KmsKeyArn",
		"Verificaton":         "Verification",
		"ProbeWrite":          "ProbeWrites",
		"Tag":                 "Tags",
		"VerifcationTrigger":  "VerificationTrigger",
		"VerificationTrigger": "VerificationTrigger",
	} {
		if got := nearest(name, names); got != want {
			t.Errorf("nearest(%s) = %s, want %s", name, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "abd", 1}, {"abc", "ab", 1}, {"abc", "xabc", 1},
		{"kitten", "sitting", 3}, {"flaw", "lawn", 2}, {"abc", "xyz", 3},
	} {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("distance(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}
