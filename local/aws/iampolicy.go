package aws

import (
	"net/http"
	"strings"
	"time"
)

// getPolicy follows https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetPolicy.html
func (c *Cloud) getPolicy(k *call) (any, error) {
	if err := k.known("PolicyArn"); err != nil {
		return nil, err
	}
	arn := k.Params.Get("PolicyArn")
	if err := c.allow(k, request{Action: "iam:GetPolicy", Resource: arn}); err != nil {
		return nil, err
	}
	if c.state.Policies[arn] == nil {
		return nil, fail(http.StatusNotFound, "NoSuchEntity", "Policy %s was not found.", arn)
	}
	type description struct{ PolicyName, Arn, Path, CreateDate, UpdateDate string }
	_, resource := splitARN(arn)
	history := c.texts[policyKey(arn)]
	name := baseName(resource)
	return struct{ Policy description }{description{
		name, arn, strings.TrimSuffix(strings.TrimPrefix(resource, "policy"), name),
		history.made.UTC().Format(time.RFC3339), history.changed().UTC().Format(time.RFC3339),
	}}, nil
}
