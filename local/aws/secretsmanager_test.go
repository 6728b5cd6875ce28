package aws_test

import (
	"errors"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
)

const (
	secretARN      = "arn:aws:secretsmanager:" + region + ":" + account + ":secret:team/key-AbCdEf"
	lockedARN      = "arn:aws:secretsmanager:" + region + ":" + account + ":secret:locked-AbCdEf"
	otherLockedARN = "arn:aws:secretsmanager:" + region + ":" + account + ":secret:locked-GhIjKl"
)

func TestGetSecretValue(t *testing.T) {
	t.Parallel()
	c := start(t, aws.Options{})
	c.Edit(func(s *aws.State) {
		s.Secrets[secretARN] = "hush"
		s.Secrets[lockedARN], s.SecretKeys[lockedARN] = "hush", keyARN
		s.Keys[keyARN] = &aws.Key{ARN: keyARN, State: "Enabled", Policy: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
			"Principal":{"AWS":"arn:aws:iam::` + account + `:root"},"Action":"kms:*","Resource":"*"}]}`}
		inline := s.Roles[aws.RoleKey(account, "writer")].Inline
		inline["Secret"] = allow(`"secretsmanager:GetSecretValue"`, `["`+secretARN+`","`+lockedARN+`","`+otherLockedARN+`"]`)
		inline["SecretKey"] = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*","Condition":{"StringEquals":{
			"kms:EncryptionContext:SecretARN":"` + lockedARN + `","kms:ViaService":"secretsmanager.` + region + `.amazonaws.com"}}}]}`
		s.Secrets[otherLockedARN], s.SecretKeys[otherLockedARN] = "hush", keyARN
	})
	tests := []struct {
		name, caller, region, secret string
		more                         func(*secretsmanager.GetSecretValueInput)
		want, code                   string
	}{
		{name: "allowed by name", caller: writer, secret: secretARN, want: "hush"},
		{name: "administrator", caller: admin, secret: secretARN, want: "hush"},
		{name: "a customer's key", caller: writer, secret: lockedARN, want: "hush"},
		{name: "a customer's key for another secret", caller: writer, secret: otherLockedARN, code: "AccessDeniedException"},
		{name: "another secret", caller: writer, secret: secretARN + "2", code: "AccessDeniedException"},
		{name: "none there", caller: admin, secret: secretARN + "2", code: "ResourceNotFoundException"},
		{name: "another region", caller: admin, region: "us-east-1", secret: secretARN, code: "ResourceNotFoundException"},
		{name: "not an ARN", caller: admin, secret: "team/key", code: "NotImplemented"},
		{name: "a version", caller: admin, secret: secretARN, code: "NotImplemented",
			more: func(in *secretsmanager.GetSecretValueInput) { in.VersionStage = sdk.String("AWSPREVIOUS") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := &secretsmanager.GetSecretValueInput{SecretId: &tt.secret}
			if tt.more != nil {
				tt.more(in)
			}
			if tt.region == "" {
				tt.region = region
			}
			out, err := secretsmanager.NewFromConfig(c.Config(tt.caller, tt.region)).GetSecretValue(t.Context(), in)
			if tt.code == "" {
				if err != nil || sdk.ToString(out.SecretString) != tt.want {
					t.Errorf("GetSecretValue = %v, %v, want %q", out, err, tt.want)
				}
				return
			}
			var api smithy.APIError
			if !errors.As(err, &api) || api.ErrorCode() != tt.code {
				t.Errorf("error %v, want %s", err, tt.code)
			}
			if err != nil && strings.Contains(err.Error(), "hush") {
				t.Errorf("the error tells the secret: %v", err)
			}
		})
	}
}
