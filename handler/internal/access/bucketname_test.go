package access

import (
	"strings"
	"testing"
)

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
func TestBucketName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"abc", "123", "my-analytics-exports", "a.b.c", "a-.b", "a--b", "example.com", strings.Repeat("b", 63),
		"192.168.5", "192.168.5.4.5", "192.168.5.400", "axn--b", "b-s3alias-b", "amzn-s3", "mrap",
		"exports-123456789012-eu-west-1-an", // of an account's own namespace
	} {
		if err := checkBucketName(name); err != nil {
			t.Errorf("%s is refused: %v", name, err)
		}
	}
	tests := []struct{ name, bucket, told string }{
		{"none", "", "is required"},
		{"too short", "ab", "3 to 63"},
		{"too long", strings.Repeat("b", 64), "3 to 63"},
		{"capitals", "Exports", `not "Exports"`},
		{"an underscore", "my_exports", "letters, digits, dots and hyphens"},
		{"a space", "my exports", "letters, digits, dots and hyphens"},
		{"a slash", "exports/prefix", "letters, digits, dots and hyphens"},
		{"a wildcard", "exports*", "letters, digits, dots and hyphens"},
		{"a variable", "${aws:username}", "letters, digits, dots and hyphens"},
		{"a line break", "exports\n", "letters, digits, dots and hyphens"},
		{"other letters", "exporté", "letters, digits, dots and hyphens"},
		{"begins with a hyphen", "-exports", "letters"},
		{"ends with a hyphen", "exports-", "letters"},
		{"begins with a dot", ".exports", "letters"},
		{"ends with a dot", "exports.", "letters"},
		{"two dots", "my..exports", "as S3 allows them"},
		{"an IP address", "192.168.5.4", "as S3 allows them"},
		{"xn--", "xn--exports", "as S3 allows them"},
		{"sthree-", "sthree-exports", "as S3 allows them"},
		{"sthree-configurator", "sthree-configurator-exports", "as S3 allows them"},
		{"amzn-s3-demo-", "amzn-s3-demo-bucket", "as S3 allows them"},
		{"-s3alias", "exports-s3alias", "as S3 allows them"},
		{"--ol-s3", "exports--ol-s3", "as S3 allows them"},
		{".mrap", "exports.mrap", "as S3 allows them"},
		{"--table-s3", "exports--table-s3", "as S3 allows them"},
		{"a directory bucket", "exports--use1-az5--x-s3", "directory bucket"},
		{"an ARN", "arn:aws:s3:::exports", `not an ARN: use "exports"`},
		{"an ARN in China", "arn:aws-cn:s3:::exports", `not an ARN: use "exports"`},
		{"an ARN of objects", "arn:aws:s3:::exports/raw/*", `not an ARN: use "exports"`},
		{"a URL", "s3://exports", `not a URL: use "exports"`},
		{"a URL with a prefix", "s3://exports/raw/", `not a URL: use "exports"`},
		{"a URL in capitals", "S3://exports", "BucketName"},
		{"an access point", "arn:aws:s3:eu-west-1:123456789012:accesspoint/exports", "BucketName"},
		{"a URL of nothing", "s3://", "BucketName"},
		{"an ARN of nothing", "arn:aws:s3:::", "BucketName"},
		{"a web address", "https://exports.s3.amazonaws.com", "BucketName"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			refused(t, map[string]any{"BucketName": test.bucket}, "property BucketName", test.told)
		})
	}
}
