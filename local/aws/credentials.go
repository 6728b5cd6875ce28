package aws

import (
	"context"
	"fmt"
	"hash/crc32"
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
	// arn of the user or the session.
	arn string
	// role is the key of a session's role and roleID its id: the sessions of a
	// deleted role do not work with a later one of the same name.
	role, roleID string
	// expires is zero for what never does.
	expires time.Time
}

// Credentials returns new credentials of a user, or of a session of a role, as
// Lambda hands one to its function. They work as long as the principal, which
// must exist, does.
func (c *Cloud) Credentials(principalARN string) Credentials {
	c.mu.Lock()
	defer c.mu.Unlock()
	account, resource := splitARN(principalARN)
	role := c.state.Roles[RoleKey(account, baseName(resource))]
	if role == nil || role.ARN() != principalARN {
		return c.issue(session{arn: principalARN}).Credentials
	}
	return c.issue(role.session("local")).Credentials
}

// session returns a session of the role.
func (r *Role) session(name string) session {
	arn := fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s/%s", r.Account, r.Name, name)
	return session{arn: arn, role: RoleKey(r.Account, r.Name), roleID: r.ID}
}

// Config returns a configuration of the SDK's clients for a principal that
// calls this cloud, with checksums as the SDK's default configuration has them. A
// failed call is not retried.
func (c *Cloud) Config(principalARN, region string) aws.Config {
	keys := c.Credentials(principalARN)
	return aws.Config{
		Region:       region,
		BaseEndpoint: aws.String(c.URL()),
		HTTPClient:   &http.Client{Transport: c.options.Network},
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },

		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported,
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

// authenticate finds out whether a caller's credentials are good, and what its
// policies are. S3 has codes of its own:
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList
// https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
func (c *Cloud) authenticate(k *call) error {
	s, s3 := k.session, k.Service == "s3"
	if s == nil || s.role == "" && c.state.Users[s.arn] == nil || s.role != "" && c.roleOf(s) == nil {
		if s3 {
			return fail(http.StatusForbidden, "InvalidAccessKeyId",
				"The AWS Access Key Id you provided does not exist in our records.")
		}
		return fail(http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid.")
	}
	switch wrong := s.SessionToken != k.http.Header.Get("X-Amz-Security-Token"); {
	case wrong && s3:
		return fail(http.StatusBadRequest, "InvalidToken", "The provided token is malformed or otherwise invalid.")
	case wrong:
		return fail(http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid.")
	case !s.expired():
		return c.gather(k)
	case s3:
		return fail(http.StatusBadRequest, "ExpiredToken", "The provided token has expired.")
	}
	return fail(http.StatusForbidden, "ExpiredToken", "The security token included in the request is expired")
}

func (s *session) expired() bool { return !s.expires.IsZero() && time.Now().After(s.expires) }

// roleOf returns the role of a session as authorization sees it, or nil.
func (c *Cloud) roleOf(s *session) *Role {
	if role := c.role(s.role, c.options.Propagation); role != nil && role.ID == s.roleID {
		return role
	}
	return nil
}

// permitted returns the role of a session with the permissions that are in force, which
// may be none yet.
func (c *Cloud) permitted(s *session) *Role {
	role := c.role(s.role, max(c.options.Propagation, c.options.PolicyPropagation))
	if role == nil || role.ID != s.roleID {
		return &Role{}
	}
	return role
}

// gather collects the policies of a call's caller. A boundary that is gone allows
// nothing: IAM deletes none that a role has, but that of a role which is gone itself, and
// whose sessions go on for a while.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeletePolicy.html
func (c *Cloud) gather(k *call) error {
	s := k.session
	account, _ := splitARN(s.arn)
	if s.role == "" {
		k.caller = principal{ARN: s.arn, Account: account, UserID: userID(s.arn)}
		return c.identityPolicies(&k.caller, c.state.Users[s.arn].Inline, nil)
	}
	role := c.roleOf(s)
	k.caller = principal{
		ARN: role.ARN(), Session: s.arn, Account: account, UserID: role.ID + ":" + baseName(s.arn), Tags: role.Tags,
	}
	role = c.permitted(s)
	if c.state.Roles[s.role] == nil && c.state.Policies[role.Boundary] == nil && role.Boundary != "" {
		k.caller.Boundary = &document{}
		return nil
	}
	if role.Boundary != "" {
		boundary, err := c.managed(LayerBoundary, role.Boundary)
		if err != nil {
			return err
		}
		k.caller.Boundary = boundary
	}
	return c.identityPolicies(&k.caller, role.Inline, role.Attached)
}

// userID is the unique id of a user, which is always the same here.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
func userID(arn string) string { return fmt.Sprintf("AIDA%08X", crc32.ChecksumIEEE([]byte(arn))) }

func (c *Cloud) identityPolicies(p *principal, inline map[string]string, attached []string) error {
	for name, text := range inline {
		d, err := c.document(LayerIdentity, text)
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
	d, err := c.document(layer, c.inForce(policyKey(arn), policy.Document))
	if err != nil {
		return nil, NotImplemented("managed policy %s: %v", arn, err)
	}
	return d, nil
}

// document is parseDocument for policies that decide on call after call: those
// of a caller. The caller holds c.mu.
func (c *Cloud) document(layer Layer, text string) (*document, error) {
	key := string(layer) + " " + text
	if d := c.documents[key]; d != nil {
		return d, nil
	}
	d, err := parseDocument(layer, text)
	if err == nil {
		c.documents[key] = d
	}
	return d, err
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
