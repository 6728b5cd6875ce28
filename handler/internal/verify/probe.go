package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/awserr"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/eventual"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/policy"
)

// The checks of the four actions.
const (
	checkLocation = policy.GetBucketLocation
	checkList     = policy.ListBucket
	checkPut      = policy.PutObject
	checkPutACL   = policy.PutObjectACL
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
	// began is when the request began to be worked on: the function's own policy,
	// the bucket and its key may be as new. since and lag are those of [Probe.Expect].
	began, since time.Time
	lag          Lag
	// uploads are those that the probe began.
	uploads uploads
}

// New returns a probe of the target whose own calls are made with cfg.
func New(cfg aws.Config, t Target) *Probe {
	return &Probe{Report: NewReport(), cfg: cfg, target: t, own: newS3(cfg), region: cfg.Region, began: time.Now()}
}

// Rename is for a role that turned out to have its name in another case.
func (p *Probe) Rename(name, arn string) {
	p.target.RoleName, p.target.RoleARN, p.target.RolePattern = name, arn, arn
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

// A Lag tells what may explain for a while what the role's calls are answered. A
// zero time is that of no change.
type Lag struct {
	// Changed is when the role, its trust or its permissions were last made or changed.
	Changed time.Time
	// Taken is when something was taken away that may have allowed, or denied, more.
	Taken time.Time
	// Once: each call is made once, whatever its answer.
	Once bool
}

// Expect sets what may explain the answers to the calls that follow.
func (p *Probe) Expect(l Lag) { p.since, p.lag = time.Now(), l }

// refusedUntil returns until when what refuses a call of the role may pass.
func (p *Probe) refusedUntil(err error) time.Time {
	d, denied := awserr.AsDenial(err)
	doubted := p.since.Add(eventual.Unchanged)
	switch {
	case p.lag.Once:
		return time.Time{}
	case isNotReady(err):
		return p.began.Add(eventual.NewBucket)
	case !denied:
		return time.Time{}
	case !d.Explicit:
		return eventual.Later(doubted, p.lag.Changed.Add(eventual.RoleChanged))
	case d.Layer == awserr.IdentityPolicy || d.Layer == awserr.Boundary:
		return eventual.Later(doubted, p.lag.Taken.Add(eventual.RoleChanged))
	default:
		return doubted
	}
}

// allowedUntil returns until when a call may be allowed that is not to be.
func (p *Probe) allowedUntil() time.Time {
	if p.lag.Once {
		return time.Time{}
	}
	return eventual.Later(p.since.Add(eventual.Unchanged), p.lag.Taken.Add(eventual.TakenAway))
}
