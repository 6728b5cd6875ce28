package aws

import (
	"net/http"
	"net/url"
	"strings"
)

// Simulate decides whether a user or role may take an action on a resource, by
// the policies that decide on calls, and returns the [*Error] that would answer
// it: nil if it is allowed. It is for actions that no operation here stands for,
// such as iam:PassRole; the condition keys that go with them are the caller's to
// give. A resource's own policy counts where it is a bucket, an object or a key.
func (c *Cloud) Simulate(principalARN, action, resource string, context map[string][]string) error {
	keys := c.Credentials(principalARN)
	c.mu.Lock()
	defer c.mu.Unlock()
	k := &call{
		Call:    &Call{Caller: principalARN, Resource: resource, Params: url.Values{}},
		session: c.sessions[keys.AccessKeyID],
		http: &http.Request{
			RemoteAddr: "127.0.0.1:0",
			Header:     http.Header{"X-Amz-Security-Token": {keys.SessionToken}},
		},
	}
	if err := c.authenticate(k); err != nil {
		return err
	}
	r, err := c.simulated(k, action)
	if err != nil {
		return err
	}
	r.Context = context
	return c.allow(k, r)
}

// simulated is the request for an action on the resource that a call names.
func (c *Cloud) simulated(k *call, action string) (request, error) {
	if path, ok := strings.CutPrefix(k.Resource, "arn:aws:s3:::"); ok {
		name, _, _ := strings.Cut(path, "/")
		if b := c.state.Buckets[name]; b != nil {
			return c.s3Request(k, b, action)
		}
	}
	account, _ := splitARN(k.Resource)
	r := request{Action: action, Resource: k.Resource, ResourceAccount: account}
	if key := c.state.Keys[k.Resource]; key != nil {
		policy, err := parseDocument(LayerKey, c.inForce(kmsKey(key.ARN), key.Policy))
		if err != nil {
			return r, NotImplemented("the policy of key %s: %v", key.ARN, err)
		}
		r.ResourcePolicy = policy
	}
	return r, nil
}
