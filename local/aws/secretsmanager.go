package aws

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// nameJSON names the operation of a service that speaks JSON, "service.Operation"
// in the target header. It knows only parameters that are text.
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/asm_access.html
func (k *call) nameJSON(target string) {
	_, op, _ := strings.Cut(target, ".")
	k.Op, k.Params = k.Service+":"+op, url.Values{}
	var body map[string]any
	if json.Unmarshal(k.body, &body) != nil {
		body = map[string]any{"Body": "malformed"}
	}
	for name, value := range body {
		k.Params.Set(name, fmt.Sprint(value))
	}
	k.Resource = k.Params.Get("SecretId")
}

// secretsManager serves Secrets Manager.
func (c *Cloud) secretsManager(k *call) (*reply, error) {
	if k.Op != "secretsmanager:GetSecretValue" {
		return nil, NotImplemented("%s", k.Op)
	}
	if err := k.known("SecretId"); err != nil {
		return nil, err
	}
	return c.getSecretValue(k)
}

// getSecretValue knows secrets by their ARN alone. It authorizes before it looks,
// so that a denial does not tell whether there is such a secret.
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
func (c *Cloud) getSecretValue(k *call) (*reply, error) {
	parts := strings.SplitN(k.Resource, ":", 7)
	if len(parts) != 7 || parts[2] != "secretsmanager" || parts[5] != "secret" {
		return nil, NotImplemented("a secret by another name than its ARN: %q", k.Resource)
	}
	err := c.allow(k, request{Action: k.Op, Resource: k.Resource, ResourceAccount: parts[4]})
	if key := c.state.SecretKeys[k.Resource]; err == nil && key != "" {
		err = c.decryptSecret(k, key)
	}
	if err != nil {
		if e := asError(err); e.Code == "AccessDenied" { // the protocol's own code and status
			return nil, fail(http.StatusBadRequest, "AccessDeniedException", "%s", e.Message)
		}
		return nil, err
	}
	text, ok := c.state.Secrets[k.Resource]
	if !ok || parts[3] != k.Region {
		return nil, fail(http.StatusBadRequest, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
	}
	name := parts[6]
	if i := strings.LastIndex(name, "-"); i > 0 {
		name = name[:i]
	}
	return jsonReply(http.StatusOK, map[string]any{"ARN": k.Resource, "Name": name, "SecretString": text})
}

// decryptSecret decides on what Secrets Manager does with a key in the caller's name.
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
func (c *Cloud) decryptSecret(k *call, arn string) error {
	key := c.state.Keys[arn]
	if key == nil {
		return NotImplemented("the key %s of a secret", arn)
	}
	policy, err := parseDocument(LayerKey, c.inForce(kmsKey(key.ARN), key.Policy))
	if err != nil {
		return NotImplemented("the policy of key %s: %v", arn, err)
	}
	account, _ := splitARN(arn)
	return c.allow(k, request{
		Action: "kms:Decrypt", Resource: arn, ResourceAccount: account, ResourcePolicy: policy,
		Context: map[string][]string{
			"aws:ViaAWSService":               {"true"},
			"kms:ViaService":                  {"secretsmanager." + k.Region + ".amazonaws.com"},
			"kms:EncryptionContext:SecretARN": {k.Resource},
			"kms:EncryptionContextKeys":       {"SecretARN", "SecretVersionId"},
		},
	})
}
