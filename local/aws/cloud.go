package aws

import (
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/bitmovin/bitmovin-export-access/local/network"
)

// Options says how slow the cloud is. The zero Options are a cloud that is
// immediate and consistent.
type Options struct {
	// Propagation is how long authorization and AssumeRole go on with a role as
	// it was before a change that came over HTTP. IAM is eventually consistent:
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
	Propagation time.Duration
	// PolicyPropagation is the same for what policies allow: a role's, if it is longer
	// than Propagation, for a change need not reach STS and the others at the same
	// time; managed policies', buckets' and keys', whoever changes them.
	PolicyPropagation time.Duration
	// ReadLag is the same for what IAM itself says of a role.
	ReadLag time.Duration
	// NewBucketLag is how long S3 does not know a bucket, and KMS not a key, that
	// was just made.
	// https://github.com/hashicorp/terraform-provider-aws/issues/49853
	// https://docs.aws.amazon.com/kms/latest/developerguide/accessing-kms.html#programming-eventual-consistency
	NewBucketLag time.Duration
	// Latency is the time that every call takes at least, once it has arrived.
	Latency time.Duration
	// IAMRate is how many IAM calls are served a second, a second's worth of
	// them at once; the others are throttled. 0 is no limit.
	IAMRate float64
	// OnDecision, if set, is told each decision; it may not call the cloud.
	OnDecision func(Decision)
	// Network that the cloud is reached by; sockets if it is nil.
	Network network.Network
}

// A Cloud is one running AWS, of all accounts and regions.
type Cloud struct {
	options Options
	url     string
	stop    func()

	mu    sync.Mutex // guards all below
	state *State
	past  map[string][]pastRole
	// texts are the histories of what lags by PolicyPropagation and NewBucketLag.
	texts    map[textKey]history
	sessions map[string]*session
	services map[place]Handler
	// documents are the policies of callers that were parsed, by layer and text.
	documents map[string]*document
	calls     []*Call
	unknown   []string
	faults    []*Fault
	serial    int
	tokens    float64
	refilled  time.Time
}

// Start starts a cloud. It has no account's things in it but the managed policies
// that AWS and the user that Bitmovin keep.
func Start(o Options) *Cloud {
	if o.Network == nil {
		o.Network = network.Sockets{}
	}
	c := &Cloud{
		options: o, state: seed(), past: map[string][]pastRole{}, texts: map[textKey]history{}, sessions: map[string]*session{},
		services: map[place]Handler{}, documents: map[string]*document{}, tokens: max(o.IAMRate, 1), refilled: time.Now(),
	}
	c.url, c.stop = o.Network.Serve(c)
	return c
}

// URL is the endpoint of every service, for AWS_ENDPOINT_URL.
func (c *Cloud) URL() string { return c.url }

// Close ends the cloud, and every call that hangs in it.
func (c *Cloud) Close() { c.stop() }

// View calls f with the state under the cloud's lock. What f keeps of it may
// change once it has returned.
func (c *Cloud) View(f func(*State)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(c.state)
}

// Edit lets f change the state under the cloud's lock, as an administrator's
// hand would; f may not call the cloud. What it changes of roles is effective at
// once, of other policies after [Options.PolicyPropagation].
func (c *Cloud) Edit(f func(*State)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := make(map[string]*Role, len(c.state.Roles))
	for key, role := range c.state.Roles {
		before[key] = role.clone()
	}
	texts := c.state.texts()
	f(c.state)
	c.rememberTexts(texts)
	for key, role := range c.state.Roles {
		if role.ID == "" {
			role.ID = c.id("AROA")
		}
		if !reflect.DeepEqual(before[key], role) {
			delete(c.past, key)
		}
		delete(before, key)
	}
	for key := range before {
		delete(c.past, key)
	}
}

// id returns a new id with the prefix that AWS gives to such things.
func (c *Cloud) id(prefix string) string {
	c.serial++
	return fmt.Sprintf("%s%016d", prefix, c.serial)
}
