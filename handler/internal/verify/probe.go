package verify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/policy"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/poll"
)

// The checks of the four actions.
const (
	checkLocation = policy.GetBucketLocation
	checkList     = policy.ListBucket
	checkPut      = policy.PutObject
	checkPutACL   = policy.PutObjectACL
)

// How long a call is repeated whose answer may not be final yet.
const (
	// Propagation is how long a new role may take until it can be used: usually
	// 10 to 30 s, rarely a minute.
	Propagation = 120 * time.Second
	// Settling is how long an answer is doubted that is not explained by a
	// change that has yet to propagate, as an explicit deny is.
	Settling = 5 * time.Second
)

// A Target is what a [Probe] is to prove: that this role can write to this bucket.
type Target struct {
	Bucket policy.Bucket
	// Owner is the account that the bucket must belong to.
	Owner string
	// Account of the role, and its name and ARN.
	Account, RoleName, RoleARN string
	// RolePattern is the pattern of ARNs by which others are told to name the
	// role: that of its successor matches, too, when the stack is made anew.
	RolePattern string
	ExternalID  string
	// Verifier is the ARN of the function's own role.
	Verifier string
	// Boundary is the ARN of the role's permissions boundary, if it has one.
	Boundary string
	// Key of the bucket's default encryption, where the author named it.
	Key string
	// Writes allows the probe to write an object, the marker.
	Writes bool
	// Restricted roles must be able to do the four actions and nothing more.
	Restricted bool
	// Request is the id of the event, the same on every attempt.
	Request string
}

// A Probe checks one target. Its methods stand in the order in which they are
// called; each records what it found in the Report.
type Probe struct {
	Report *Report

	cfg    aws.Config
	target Target
	bucket Bucket
	// region and keyName are what head and readEncryption found, side by side.
	region, keyName string
	// writersKey: S3 looks the key up in the account of whoever writes, which is
	// not the bucket's owner.
	writersKey bool
	// own makes S3 calls as the function, role as the assumed role; both in the
	// bucket's own region.
	own, role *s3.Client
	// until ends the wait for what was written to propagate.
	until time.Time
	// uploads are those that the probe began.
	uploads uploads
}

// New returns a probe of the target whose own calls are made with cfg.
func New(cfg aws.Config, t Target) *Probe {
	return &Probe{Report: NewReport(), cfg: cfg, target: t, own: newS3(cfg), region: cfg.Region}
}

// marker is the key of the object that the probe writes: the same on each
// attempt of one request, so that a retry overwrites what an interrupted
// attempt left.
func (p *Probe) marker() string {
	sum := sha256.Sum256([]byte(p.target.Request))
	return p.markerPrefix() + hex.EncodeToString(sum[:markerHash/2])
}

// markerHash is the number of hexadecimal digits that end a marker's key.
const markerHash = 16

// markerFolder is what every marker's key has below the target's prefix.
const markerFolder = "_bitmovin-access-check/"

// markerPrefix begins the key of every marker of the role.
func (p *Probe) markerPrefix() string {
	return p.target.Bucket.Prefix + markerFolder + p.target.RoleName + "-"
}

// absent is the key beside the marker of an object that does not exist.
func (p *Probe) absent() string { return p.marker() + ".absent" }

// newS3 returns a client that addresses buckets by path where AWS_ENDPOINT_URL or
// AWS_ENDPOINT_URL_S3 names another S3 than AWS's: bucket.localhost resolves
// nowhere.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
func newS3(cfg aws.Config, options ...func(*s3.Options)) *s3.Client {
	return s3.NewFromConfig(cfg, append(options, func(o *s3.Options) {
		o.UsePathStyle = o.UsePathStyle || o.BaseEndpoint != nil
	})...)
}

// inRegion is an option of one S3 call.
func inRegion(region string) func(*s3.Options) {
	return func(o *s3.Options) { o.Region = region }
}

// Wait sets how long the role's calls are repeated while they are denied: until
// the time limit, less a quarter of what is left of ctx, so that clean-up and
// verdict have their time too.
func (p *Probe) Wait(ctx context.Context, limit time.Duration) {
	p.until = time.Now().Add(limit)
	ctx, cancel := poll.Quarters(ctx, 3)
	defer cancel()
	if end, ok := ctx.Deadline(); ok && end.Before(p.until) {
		p.until = end
	}
}

// Until returns when the wait that [Probe.Wait] set ends.
func (p *Probe) Until() time.Time { return p.until }
