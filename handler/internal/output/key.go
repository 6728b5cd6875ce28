package output

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/awserr"
)

// An apiKey gives root-level access to a Bitmovin account. It is behind a
// pointer, which nothing that prints a structure follows.
type apiKey struct{ text *string }

func newKey(text string) apiKey { return apiKey{&text} }

// reveal returns the key, for the one header that it goes into.
func (k apiKey) reveal() string { return *k.text }

// validKey reports whether a key can stand in a header.
func validKey(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

// A secretReader is Secrets Manager.
type secretReader interface {
	GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
}

// readKey reads the API key from a secret in whatever region, or from one field
// of it. No error quotes what the secret holds.
func (g *Registry) readKey(ctx context.Context, secretARN, field string) (apiKey, error) {
	name, err := arn.Parse(secretARN)
	if err != nil {
		return apiKey{}, fmt.Errorf("read the API key: %q is not the ARN of a secret", secretARN)
	}
	var out *secretsmanager.GetSecretValueOutput
	err = awserr.WhileDenied(ctx, time.Now(), func(ctx context.Context) (err error) {
		out, err = g.secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &secretARN},
			func(o *secretsmanager.Options) { o.Region = name.Region })
		return err
	})
	if err != nil {
		return apiKey{}, fmt.Errorf("read the API key from the secret %s: %w", secretARN, err)
	}
	key, err := parseKey(aws.ToString(out.SecretString), field)
	if err != nil {
		return apiKey{}, fmt.Errorf("read the API key from the secret %s: %w", secretARN, err)
	}
	return key, nil
}

// parseKey finds the key in the text of a secret.
func parseKey(text, field string) (apiKey, error) {
	if field != "" {
		var fields map[string]any
		if json.Unmarshal([]byte(text), &fields) != nil {
			return apiKey{}, fmt.Errorf("it is not a JSON object, so it has no field %q: leave ApiKeySecretField out for a plain secret", field)
		}
		value, ok := fields[field].(string)
		if !ok {
			return apiKey{}, fmt.Errorf("its field %q is not there, or no text", field)
		}
		text = value
	}
	text = strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(text, "{"):
		return apiKey{}, errors.New("it is JSON: name the key's field with ApiKeySecretField")
	case !validKey(text):
		return apiKey{}, errors.New("it does not hold a key: a key is one line of printable characters")
	}
	return newKey(text), nil
}
