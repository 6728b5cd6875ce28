package policy

import (
	"slices"
	"strings"
	"testing"
)

func TestLoses(t *testing.T) {
	t.Parallel()
	bucket := Bucket{Partition: "aws", Name: "exports"}.Permissions()
	key := Key{ARN: "arn:aws:kms:eu-west-1:123456789012:key/a", Region: "eu-west-1"}.Permissions()
	other := Key{ARN: "arn:aws:kms:eu-west-1:123456789012:key/b", Region: "eu-west-1"}.Permissions()
	both := slices.Concat(bucket, key)
	text := func(statements ...Statement) string { return New(statements...).String() }
	for name, test := range map[string]struct {
		former string
		now    []Statement
		want   bool
	}{
		"none":                    {"", both, false},
		"the same":                {text(both...), both, false},
		"other white space":       {strings.ReplaceAll(text(both...), ",", ", "), both, false},
		"a prefix":                {text(bucket...), Bucket{Partition: "aws", Name: "exports", Prefix: "a/"}.Permissions(), false},
		"a key more":              {text(bucket...), both, false},
		"a key less":              {text(both...), bucket, true},
		"another key":             {text(key...), other, true},
		"exports, for good":       {text(bucket...), nil, false},
		"an action more":          {strings.Replace(text(bucket...), PutObjectACL, "s3:GetObject", 1), bucket, true},
		"all actions":             {strings.Replace(text(bucket...), PutObjectACL, "*", 1), bucket, true},
		"all actions but":         {strings.Replace(text(bucket...), `"Action"`, `"NotAction"`, 1), bucket, true},
		"a Deny":                  {strings.Replace(text(bucket...), "Allow", "Deny", 1), bucket, true},
		"one statement, no list":  {`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`, bucket, true},
		"no policy at all":        {"text", bucket, true},
		"a statement without any": {`{"Statement":[{"Effect":"Allow","Resource":"*"}]}`, bucket, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := Loses(test.former, test.now); got != test.want {
				t.Errorf("got %t, want %t", got, test.want)
			}
		})
	}
}
