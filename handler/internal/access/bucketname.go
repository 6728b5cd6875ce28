package access

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/lifecycle"
)

var hasBucketLetters = lifecycle.Counted(lifecycle.Matching(`^[a-z0-9][a-z0-9.-]+[a-z0-9]$`), 3, 63)

// checkBucketName returns what is wrong with the name of a bucket.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
func checkBucketName(name string) error {
	_, inARN, isARN := strings.Cut(name, ":s3:::")
	inURL, isURL := strings.CutPrefix(name, "s3://")
	switch {
	case isARN:
		return fmt.Errorf("property BucketName must be a name, not an ARN: use %q", head(inARN))
	case isURL:
		return fmt.Errorf("property BucketName must be a name, not a URL: use %q", head(inURL))
	case strings.HasSuffix(name, "--x-s3"):
		return fmt.Errorf("property BucketName: %q is a directory bucket, which Bitmovin cannot export to", name)
	case !hasBucketLetters(name) || reserved(name):
		return fmt.Errorf("property BucketName must be 3 to 63 lower-case letters, digits, dots and hyphens as S3 allows them, not %q", name)
	}
	return nil
}

// head returns what stands before the first slash.
func head(s string) string {
	s, _, _ = strings.Cut(s, "/")
	return s
}

// reserved reports whether S3 refuses a name although its characters are allowed.
func reserved(name string) bool {
	if strings.Contains(name, "..") {
		return true
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	for _, prefix := range []string{"xn--", "sthree-", "amzn-s3-demo-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	for _, suffix := range []string{"-s3alias", "--ol-s3", ".mrap", "--table-s3"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}
