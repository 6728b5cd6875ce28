package verify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/awserr"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/eventual"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/parallel"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/policy"
)

// A Bucket is what the function's own reads tell of a bucket.
type Bucket struct {
	// Region that it is in; the function's own where it could not be read.
	Region string
	// Key of its default encryption; the zero Key if it needs no permission.
	Key policy.Key
	// ACLsDisabled: nobody can set an ACL on its objects.
	ACLsDisabled bool
	// Versioned: what is deleted without a version's id stays.
	Versioned bool
	// Undeletable: what is written cannot be deleted at once, because of
	// retention or MFA delete, or nobody knows, because it could not be read.
	Undeletable bool
}

// Inspect reads the bucket as the function, before the role is made.
func (p *Probe) Inspect(ctx context.Context) Bucket {
	ctx, cancel := eventual.WithFraction(ctx, 1)
	defer cancel()
	read := func() {
		p.Report.clearDoubts()
		parallel.Do(ctx, p.head, p.readEncryption, p.readOwnership, p.readDeletability)
	}
	read()
	if p.region != p.cfg.Region {
		// Asked outside its own region, S3 only redirects.
		p.own = newS3(p.cfg, inRegion(p.region))
		read()
	}
	p.bucket.Region = p.region
	key := p.target.Key
	if key == "" {
		key = p.keyName
	}
	p.bucket.Key = policy.NewKey(p.target.Bucket.Partition, p.region, p.target.Account, key)
	return p.bucket
}

// whileDenied repeats a call of the function's own that the request can do without,
// while it is denied or the bucket is too new.
func (p *Probe) whileDenied(ctx context.Context, call func(context.Context) error) error {
	return eventual.Repeat(ctx, func(ctx context.Context) (time.Time, error) {
		err := call(ctx)
		switch {
		case awserr.Denied(err):
			return p.began.Add(eventual.Optional), err
		case isNotReady(err):
			return p.began.Add(eventual.NewBucket), err
		}
		return time.Time{}, err
	})
}

// head finds out whether the bucket exists, whose it is and where.
func (p *Probe) head(ctx context.Context) {
	err := p.whileDenied(ctx, func(ctx context.Context) error {
		_, err := p.own.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &p.target.Bucket.Name, ExpectedBucketOwner: &p.target.Owner})
		return err
	})
	p.region = bucketRegion(err, p.own.Options().Region)
	switch status := awserr.Status(err); {
	case err == nil && !isBitmovinRegion(p.region):
		p.Report.Set(CheckBucket, Warn, "exists in "+p.region+", a region that Bitmovin's API has no name for (CloudRegion); if it is an opt-in region, "+
			"Bitmovin's sessions may not be valid there", "ask Bitmovin whether it exports to "+p.region+", or use a bucket in another region")
	case err == nil:
		p.Report.Set(CheckBucket, Pass, "exists in "+p.region, "")
	case status == http.StatusNotFound:
		p.Report.Set(CheckBucket, Fail, fmt.Sprintf("%s does not exist", p.target.Bucket.Name),
			"create the bucket first, in the same stack with a Ref or a DependsOn, or correct BucketName")
	case status == http.StatusForbidden:
		p.Report.Set(CheckBucket, NotTested, fmt.Sprintf("%s belongs to another account than BucketOwner %s, or the function may not read it: both look alike",
			p.target.Bucket.Name, p.target.Owner), "")
	default:
		p.Report.Set(CheckBucket, NotTested, "could not be read: "+awserr.Short(err), "")
		p.Report.answer(CheckBucket, err)
	}
	if !isBitmovinRegion(p.region) {
		p.Report.doubt(CheckBucket)
	}
}

// bucketRegion returns the region that S3 names even when it refuses HeadBucket
// or redirects it; a bucket that answers is in the region that was asked.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html
func bucketRegion(err error, asked string) string {
	var resp *awshttp.ResponseError
	if errors.As(err, &resp) {
		if region := resp.Response.Header.Get("X-Amz-Bucket-Region"); region != "" {
			return region
		}
	}
	return asked
}

// foreign reports whether the bucket is another account's than the role's.
func (p *Probe) foreign() bool { return p.target.Owner != p.target.Account }

// readEncryption finds the KMS key of the bucket's default encryption. Where the
// author named it, it is believed; but another account's bucket may still name a
// key in a way that makes it one of the role's account.
func (p *Probe) readEncryption(ctx context.Context) {
	p.Report.Set(CheckEncryption, NotTested, "is decided by s3:PutObject", "")
	if p.target.Key != "" && !p.foreign() {
		return
	}
	var out *s3.GetBucketEncryptionOutput
	err := p.whileDenied(ctx, func(ctx context.Context) (err error) {
		out, err = p.own.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: &p.target.Bucket.Name, ExpectedBucketOwner: &p.target.Owner})
		return err
	})
	switch {
	case awserr.HasCode(err, "ServerSideEncryptionConfigurationNotFoundError"):
	case err != nil:
		fix := "set KmsKeyArn if the bucket's default encryption uses a customer's KMS key"
		if d, denied := awserr.AsDenial(err); denied && p.foreign() {
			fix = p.fixReading(d)
		}
		p.Report.Set(CheckEncryption, Warn, "could not be read: "+awserr.Short(err), fix)
		p.Report.answer(CheckEncryption, err)
		if p.foreign() {
			p.Report.doubt(CheckEncryption)
		}
	case out.ServerSideEncryptionConfiguration != nil:
		for _, rule := range out.ServerSideEncryptionConfiguration.Rules {
			if d := rule.ApplyServerSideEncryptionByDefault; d != nil {
				p.keyName = aws.ToString(d.KMSMasterKeyID)
				p.checkWritersKey(string(d.SSEAlgorithm))
			}
		}
	}
}

// ownersKey is what lets the owner of another account's bucket read what the role
// writes there.
const ownersKey = "its owner sets the bucket's default encryption to SSE-S3 (AES256), or to a customer's KMS key, by the key's ARN"

// checkWritersKey warns of a default key of another account's bucket that S3
// looks up in the account of whoever writes: the owner cannot use it.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_ServerSideEncryptionByDefault.html
func (p *Probe) checkWritersKey(algorithm string) {
	byARN := strings.HasPrefix(p.keyName, "arn:") && !strings.HasSuffix(p.keyName, ":alias/aws/s3")
	p.writersKey = p.foreign() && strings.HasPrefix(algorithm, "aws:kms") && !byARN
	if p.writersKey {
		p.Report.warn(CheckEncryption, "names no customer's key by its ARN: S3 takes a key of account "+p.target.Account+
			", with which the bucket's owner cannot decrypt", ownersKey)
	}
}

// readOwnership finds out whether the bucket has ACLs, and whose the exports
// will be. A bucket without ownership controls is older than them, and has ACLs.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
func (p *Probe) readOwnership(ctx context.Context) {
	var out *s3.GetBucketOwnershipControlsOutput
	err := p.whileDenied(ctx, func(ctx context.Context) (err error) {
		out, err = p.own.GetBucketOwnershipControls(ctx, &s3.GetBucketOwnershipControlsInput{Bucket: &p.target.Bucket.Name, ExpectedBucketOwner: &p.target.Owner})
		return err
	})
	if err != nil && !awserr.HasCode(err, "OwnershipControlsNotFoundError") {
		p.Report.Set(CheckObjectOwnership, NotTested, "could not be read: "+awserr.Short(err), "")
		p.Report.answer(CheckObjectOwnership, err)
		if p.foreign() {
			p.Report.doubt(CheckObjectOwnership)
		}
		return
	}
	if err == nil && out.OwnershipControls != nil {
		p.bucket.ACLsDisabled = slices.ContainsFunc(out.OwnershipControls.Rules, func(r types.OwnershipControlsRule) bool {
			return r.ObjectOwnership == types.ObjectOwnershipBucketOwnerEnforced
		})
	}
	switch {
	case p.bucket.ACLsDisabled:
		p.Report.Set(CheckObjectOwnership, Warn, "disables ACLs (BucketOwnerEnforced): an export that asks for a public ACL is refused", "")
	case p.foreign():
		p.Report.warn(CheckObjectOwnership, "leaves what the role writes to account "+p.target.Account+": the bucket's owner cannot read the exports",
			"its owner sets the bucket's object ownership to BucketOwnerEnforced")
	default:
		p.Report.Set(CheckObjectOwnership, Pass, "lets ACLs be set", "")
	}
}

// readDeletability finds out whether the marker could be deleted once written.
func (p *Probe) readDeletability(ctx context.Context) {
	var lock *s3.GetObjectLockConfigurationOutput
	var versioning *s3.GetBucketVersioningOutput
	var lockErr, versioningErr error
	parallel.Do(ctx, func(ctx context.Context) {
		lockErr = p.whileDenied(ctx, func(ctx context.Context) (err error) {
			lock, err = p.own.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: &p.target.Bucket.Name, ExpectedBucketOwner: &p.target.Owner})
			return err
		})
	}, func(ctx context.Context) {
		versioningErr = p.whileDenied(ctx, func(ctx context.Context) (err error) {
			versioning, err = p.own.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &p.target.Bucket.Name, ExpectedBucketOwner: &p.target.Owner})
			return err
		})
	})
	if awserr.HasCode(lockErr, "ObjectLockConfigurationNotFoundError") {
		lock, lockErr = &s3.GetObjectLockConfigurationOutput{}, nil
	}
	if err := errors.Join(lockErr, versioningErr); err != nil {
		p.bucket.Versioned, p.bucket.Undeletable = true, true
		p.Report.Set(CheckObjectLock, NotTested, "could not be read, so that no object is written: "+awserr.Short(err), "")
		p.Report.answer(CheckObjectLock, err)
		p.Report.doubt(CheckObjectLock)
		return
	}
	retention := lock.ObjectLockConfiguration != nil && lock.ObjectLockConfiguration.Rule != nil
	mfa := versioning.MFADelete == types.MFADeleteStatusEnabled
	p.bucket.Versioned = versioning.Status != ""
	p.bucket.Undeletable = retention || mfa
	switch {
	case retention:
		p.Report.warn(CheckObjectLock, "has a default retention: no object is written to check; exports cannot be deleted before it ends, "+
			"and S3 takes only uploads with a checksum: whether Bitmovin sends one is not known", "")
	case mfa:
		p.Report.Set(CheckObjectLock, Warn, "has MFA delete: no object is written to check, as it could not be deleted", "")
	default:
		p.Report.Set(CheckObjectLock, Pass, "retains nothing", "")
	}
}

// isNotReady reports whether err is what S3 answers, or KMS through it, while a
// bucket or its key is seconds old or is just being changed. A HEAD has no body that
// could name a code.
// https://github.com/hashicorp/terraform-provider-aws/issues/49853
// https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
func isNotReady(err error) bool {
	return awserr.HasCode(err, "NoSuchBucket", "NotFound", "OperationAborted",
		"KMS.NotFoundException", "KMS.DisabledException", "KMS.InvalidStateException", "KMS.KMSInvalidStateException")
}
