package aws

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Credentials are long-lived; SessionToken is empty for a user.
type Credentials struct{ AccessKeyID, SecretAccessKey, SessionToken string }

// A session is an access key: of a user, or of a role's session.
type session struct {
	Credentials
	user string
	// role is the key of the role and roleID its id: the sessions of a deleted
	// role do not work with a later one of the same name.
	role, roleID, name string
	// expires is zero for what never does.
	expires time.Time
}

// Credentials returns new credentials of a user, or of a session of a role, as
// Lambda hands one to its function. They work as long as the principal exists.
func (c *Cloud) Credentials(principalARN string) Credentials {
	c.mu.Lock()
	defer c.mu.Unlock()
	account, resource := splitARN(principalARN)
	if !strings.HasPrefix(resource, "role/") {
		return c.issue(session{user: principalARN}).Credentials
	}
	key := RoleKey(account, baseName(resource))
	s := session{role: key, name: "local"}
	if role := c.state.Roles[key]; role != nil {
		s.roleID = role.ID
	}
	return c.issue(s).Credentials
}

// Config returns a configuration of the SDK's clients for a principal that
// calls this cloud. A failed call is not retried.
func (c *Cloud) Config(principalARN, region string) aws.Config {
	keys := c.Credentials(principalARN)
	return aws.Config{
		Region:       region,
		BaseEndpoint: aws.String(c.URL()),
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{
				AccessKeyID: keys.AccessKeyID, SecretAccessKey: keys.SecretAccessKey, SessionToken: keys.SessionToken,
			}, nil
		}),
	}
}

func (c *Cloud) issue(s session) *session {
	s.AccessKeyID = c.id("AKIA")
	if s.role != "" {
		s.AccessKeyID = "ASIA" + s.AccessKeyID[len("AKIA"):]
		s.SessionToken = "token-of-" + s.AccessKeyID
	}
	s.SecretAccessKey = "secret-of-" + s.AccessKeyID
	c.sessions[s.AccessKeyID] = &s
	return &s
}

// identify reads from the signature who calls which service.
func (c *Cloud) identify(k *call) {
	var accessKey string
	accessKey, k.Region, k.Service = scope(k.http.Header.Get("Authorization"))
	s := c.sessions[accessKey]
	switch {
	case accessKey == "":
		k.err = fail(http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token")
		return
	case s == nil:
		k.err = k.invalid("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
		return
	case s.SessionToken != k.http.Header.Get("X-Amz-Security-Token"):
		k.err = k.invalid("InvalidToken", "The provided token is malformed or otherwise invalid.")
		return
	case !s.expires.IsZero() && time.Now().After(s.expires):
		k.err = fail(http.StatusForbidden, "ExpiredToken", "The security token included in the request is expired")
		if k.Service == "s3" {
			k.err = fail(http.StatusBadRequest, "ExpiredToken", "The provided token has expired.")
		}
		return
	}
	k.caller, k.err = c.principal(k, s)
	k.account, k.Caller = k.caller.Account, k.caller.ARN
	if k.caller.Session != "" {
		k.Caller = k.caller.Session
	}
}

// invalid is the error of credentials that are not known. S3 has codes of its own:
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList
// https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
func (k *call) invalid(s3Code, s3Message string) error {
	if k.Service == "s3" {
		return fail(http.StatusForbidden, s3Code, "%s", s3Message)
	}
	return fail(http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid.")
}

// principal gathers what the policies say about a session's principal.
func (c *Cloud) principal(k *call, s *session) (principal, error) {
	if s.user != "" {
		user := c.state.Users[s.user]
		if user == nil {
			return principal{}, k.invalid("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
		}
		account, _ := splitARN(user.ARN)
		p := principal{ARN: user.ARN, Account: account}
		err := c.identityPolicies(&p, user.Inline, nil)
		return p, err
	}
	role := c.role(s.role, c.options.Propagation)
	if role == nil || role.ID != s.roleID {
		return principal{}, k.invalid("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
	}
	p := principal{ARN: role.ARN(), Session: role.session(s.name), Account: role.Account}
	if role.Boundary != "" {
		boundary, err := c.managed(LayerBoundary, role.Boundary)
		if err != nil {
			return p, err
		}
		p.Boundary = boundary
	}
	err := c.identityPolicies(&p, role.Inline, role.Attached)
	return p, err
}

func (r *Role) session(name string) string {
	return fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s/%s", r.Account, r.Name, name)
}

func (c *Cloud) identityPolicies(p *principal, inline map[string]string, attached []string) error {
	for name, text := range inline {
		d, err := parseDocument(LayerIdentity, text)
		if err != nil {
			return NotImplemented("policy %s of %s: %v", name, p.ARN, err)
		}
		p.Identity = append(p.Identity, d)
	}
	for _, arn := range attached {
		d, err := c.managed(LayerIdentity, arn)
		if err != nil {
			return err
		}
		p.Identity = append(p.Identity, d)
	}
	return nil
}

func (c *Cloud) managed(layer Layer, arn string) (*document, error) {
	policy := c.state.Policies[arn]
	if policy == nil {
		return nil, NotImplemented("managed policy %s", arn)
	}
	d, err := parseDocument(layer, policy.Document)
	if err != nil {
		return nil, NotImplemented("managed policy %s: %v", arn, err)
	}
	return d, nil
}

// splitARN returns the account and the resource part of an ARN.
func splitARN(arn string) (account, resource string) {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return parts[4], parts[5]
	}
	return "", ""
}

// baseName returns what follows the last slash.
func baseName(path string) string { return path[strings.LastIndex(path, "/")+1:] }
