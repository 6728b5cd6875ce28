package verify

import (
	"context"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/awserr"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/eventual"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/parallel"
)

// Prepare makes, before anything is written, the calls by which the function
// takes the marker away again. A policy may well let the role write and forbid
// everyone else to delete; then no object is written. It runs beside Assume.
func (p *Probe) Prepare(ctx context.Context) {
	if !p.writesObject() {
		return
	}
	ctx, cancel := eventual.WithFraction(ctx, 1)
	defer cancel()
	err := p.whileDenied(ctx, func(ctx context.Context) error {
		if !p.bucket.Versioned {
			return p.removeUnversioned(ctx)
		}
		return parallel.Try(ctx,
			func(ctx context.Context) error { return p.removeVersions(ctx, p.marker(), always) },
			// Of a key that has no such version this deletes nothing, and makes no delete marker.
			func(ctx context.Context) error { return p.deleteVersion(ctx, p.marker(), aws.String("null")) },
		)
	})
	if d, denied := awserr.AsDenial(err); denied {
		p.bucket.Undeletable = true
		p.Report.Set(CheckObjectLock, Warn, "the function could not delete an object again ("+d.String()+"), so that none is written to check",
			p.fixRemoval(d))
		p.Report.answer(CheckObjectLock, err)
	}
}

// Remove takes away whatever the probe wrote, and records what it could not.
func (p *Probe) Remove(ctx context.Context) error {
	err := p.removeWritten(ctx)
	if err == nil {
		return nil
	}
	fix := "delete the object, with all of its versions, and abort its uploads"
	if d, denied := awserr.AsDenial(err); denied {
		fix = p.fixRemoval(d)
	}
	p.Report.Set(CheckObjectLock, Warn, "what the check wrote, "+p.marker()+", could not be removed: "+awserr.Short(err), fix)
	p.Report.answer(CheckObjectLock, err)
	return err
}

// removeWritten takes away every version of the marker, delete markers beside it,
// and uploads. An object in a bucket that keeps no versions takes one call; else
// all are listed, for an answer that was lost may have left more than the probe
// knows of.
func (p *Probe) removeWritten(ctx context.Context) error {
	return parallel.Try(ctx, p.abortBegun, func(ctx context.Context) error {
		switch {
		case !p.writesObject():
			return nil
		case p.bucket.Versioned:
			return p.removeVersions(ctx, p.marker(), always)
		default:
			return p.removeUnversioned(ctx)
		}
	})
}

// removeUnversioned deletes the marker in a bucket that kept no versions when it was
// read. Where somebody has enabled them since, that hides it behind a delete marker,
// and S3 says so: then every version is to go.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html
func (p *Probe) removeUnversioned(ctx context.Context) error {
	out, err := p.own.DeleteObject(ctx, &s3.DeleteObjectInput{
		Bucket: &p.target.Bucket.Name, ExpectedBucketOwner: &p.target.Owner, Key: aws.String(p.marker()),
	})
	if err != nil || !aws.ToBool(out.DeleteMarker) {
		return err
	}
	p.bucket.Versioned = true
	return p.removeVersions(ctx, p.marker(), always)
}

// always takes every key.
func always(string) bool { return true }

// RemoveLeftovers deletes what interrupted probes of the role left, of any
// request but the probe's own. The bucket may be in another region than the function.
func (p *Probe) RemoveLeftovers(ctx context.Context) error {
	prefix := p.markerPrefix()
	// Another role's name may begin with this one's.
	own := regexp.MustCompile(`^[0-9a-f]{16}(\.absent)?$`)
	mine := func(key string) bool {
		return own.MatchString(strings.TrimPrefix(key, prefix)) && !strings.HasPrefix(key, p.marker())
	}
	err := p.removeBelow(ctx, prefix, mine)
	redirect := err
	if awserr.HasCode(err, "IllegalLocationConstraintException") {
		// To or from an opt-in region only a HEAD is told the region.
		_, redirect = p.own.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &p.target.Bucket.Name, ExpectedBucketOwner: &p.target.Owner})
	}
	if region := bucketRegion(redirect, p.region); region != p.region {
		p.own = newS3(p.cfg, inRegion(region))
		err = p.removeBelow(ctx, prefix, mine)
	}
	if awserr.HasCode(err, "NoSuchBucket") {
		return nil
	}
	return err
}

// removeBelow deletes the versions and aborts the uploads whose keys begin with
// prefix and are the probe's.
func (p *Probe) removeBelow(ctx context.Context, prefix string, mine func(key string) bool) error {
	return parallel.Try(ctx,
		func(ctx context.Context) error { return p.removeVersions(ctx, prefix, mine) },
		func(ctx context.Context) error { return p.abortUploads(ctx, prefix, mine) },
	)
}

func (p *Probe) removeVersions(ctx context.Context, prefix string, mine func(key string) bool) error {
	var remove []func(context.Context) error
	pages := s3.NewListObjectVersionsPaginator(p.own, &s3.ListObjectVersionsInput{
		Bucket: &p.target.Bucket.Name, ExpectedBucketOwner: &p.target.Owner, Prefix: &prefix,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		add := func(key, version *string) {
			if mine(aws.ToString(key)) {
				remove = append(remove, func(ctx context.Context) error { return p.deleteVersion(ctx, *key, version) })
			}
		}
		for _, v := range page.Versions {
			add(v.Key, v.VersionId)
		}
		for _, m := range page.DeleteMarkers {
			add(m.Key, m.VersionId)
		}
	}
	return parallel.Try(ctx, remove...)
}

func (p *Probe) deleteVersion(ctx context.Context, key string, version *string) error {
	_, err := p.own.DeleteObject(ctx, &s3.DeleteObjectInput{
		Bucket: &p.target.Bucket.Name, ExpectedBucketOwner: &p.target.Owner, Key: &key, VersionId: version,
	})
	return err
}
