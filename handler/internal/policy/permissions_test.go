package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNewKey(t *testing.T) {
	t.Parallel()
	const id = "1234abcd-12ab-34cd-56ef-1234567890ab"
	tests := []struct{ name, partition, key, want string }{
		{"none", "aws", "", ""},
		{"AWS's own", "aws", "aws/s3", ""},
		{"AWS's own by alias", "aws", "alias/aws/s3", ""},
		{"AWS's own by ARN", "aws", "arn:aws:kms:eu-west-1:123456789012:alias/aws/s3", ""},
		{"by ARN", "aws", keyARN, keyARN},
		{"another account's", "aws", "arn:aws:kms:eu-west-1:999999999999:key/" + id, "arn:aws:kms:eu-west-1:999999999999:key/" + id},
		{"by id", "aws", id, keyARN},
		{"of many regions", "aws", "mrk-1234abcd", "arn:aws:kms:eu-west-1:123456789012:key/mrk-1234abcd"},
		{"by alias", "aws", "alias/exports/raw", aliasARN},
		{"by an alias's ARN", "aws", aliasARN, aliasARN},
		{"by an alias that ends as AWS's does", "aws", "alias/my-alias/aws/s3", "arn:aws:kms:eu-west-1:123456789012:alias/my-alias/aws/s3"},
		{"by id in another partition", "aws-us-gov", id, "arn:aws-us-gov:kms:eu-west-1:123456789012:key/" + id},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			want := Key{ARN: test.want, Region: "eu-west-1"}
			if test.want == "" {
				want = Key{}
			}
			got := NewKey(test.partition, "eu-west-1", "123456789012", test.key)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if none := len(got.Permissions()) == 0; none != (test.want == "") {
				t.Errorf("got the permissions %v", got.Permissions())
			}
		})
	}
}
