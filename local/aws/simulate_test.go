package aws_test

import (
	"errors"
	"testing"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
)

func TestSimulate(t *testing.T) {
	t.Parallel()
	c := start(t, aws.Options{})
	c.Edit(func(s *aws.State) {
		s.Buckets[bucket].Policy = bucketPolicy("Deny", "s3:PutBucketPolicy", bucket)
		s.Keys[keyARN] = &aws.Key{ARN: keyARN, State: "Enabled", Policy: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
			"Principal":{"AWS":"` + writer + `"},"Action":"kms:Decrypt","Resource":"*"}]}`}
	})
	const role = "arn:aws:iam::" + account + ":role/any"
	for name, test := range map[string]struct {
		principal, action, resource string
		context                     map[string][]string
		code                        string
	}{
		"allowed by its own policy":     {admin, "iam:PassRole", role, nil, ""},
		"allowed by none":               {writer, "iam:PassRole", role, nil, "AccessDenied"},
		"denied by the bucket's policy": {admin, "s3:PutBucketPolicy", "arn:aws:s3:::" + bucket, nil, "AccessDenied"},
		"a bucket that is not there":    {admin, "s3:CreateBucket", "arn:aws:s3:::new", nil, ""},
		"allowed by the key's policy":   {writer, "kms:Decrypt", keyARN, nil, ""},
		"not by the key's policy":       {admin, "kms:Decrypt", keyARN, nil, "AccessDenied"},
		"a key that is not known":       {admin, "iam:PassRole", role, map[string][]string{"iam:PassedToService": {"x"}}, "NotImplemented"},
		"a principal that is not there": {"arn:aws:iam::" + account + ":role/none", "iam:PassRole", role, nil, "InvalidClientTokenId"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code := ""
			err := c.Simulate(test.principal, test.action, test.resource, test.context)
			if e, ok := errors.AsType[*aws.Error](err); ok {
				code = e.Code
			}
			if code != test.code || code == "" && err != nil {
				t.Errorf("got %v, want code %q", err, test.code)
			}
		})
	}
}
