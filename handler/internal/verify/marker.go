package verify

import (
	"context"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/parallel"
)

// Remove deletes, as the function, whatever the probe wrote: every version of
// the marker, delete markers beside it, and uploads. An object in a bucket that
// keeps no versions takes one call; else all is listed and deleted, for an
// answer that was lost may have left more than the probe knows of.
func (p *Probe) Remove(ctx context.Context) error {
	if p.writesObject() && !p.bucket.Versioned {
		return p.deleteVersion(ctx, p.marker(), nil)
	}
	return p.removeBelow(ctx, p.marker(), func(string) bool { return true })
}

// RemoveLeftovers deletes what interrupted probes of the role left, of any
// request. The bucket may be in another region than the function.
func (p *Probe) RemoveLeftovers(ctx context.Context) error {
	prefix := p.markerPrefix()
	// Another role's name may begin with this one's.
	own := regexp.MustCompile(`^[0-9a-f]{16}(\.absent)?$`)
	mine := func(key string) bool { return own.MatchString(strings.TrimPrefix(key, prefix)) }
	err := p.removeBelow(ctx, prefix, mine)
	if region := bucketRegion(err, p.region); region != p.region {
		p.own = s3.NewFromConfig(p.cfg, inRegion(region))
		err = p.removeBelow(ctx, prefix, mine)
	}
	if hasCode(err, "NoSuchBucket") {
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

func (p *Probe) abortUploads(ctx context.Context, prefix string, mine func(key string) bool) error {
	var abort []func(context.Context) error
	pages := s3.NewListMultipartUploadsPaginator(p.own, &s3.ListMultipartUploadsInput{
		Bucket: &p.target.Bucket.Name, ExpectedBucketOwner: &p.target.Owner, Prefix: &prefix,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, u := range page.Uploads {
			if !mine(aws.ToString(u.Key)) {
				continue
			}
			abort = append(abort, func(ctx context.Context) error {
				_, err := p.own.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
					Bucket: &p.target.Bucket.Name, ExpectedBucketOwner: &p.target.Owner, Key: u.Key, UploadId: u.UploadId,
				})
				if hasCode(err, "NoSuchUpload") {
					return nil
				}
				return err
			})
		}
	}
	return parallel.Try(ctx, abort...)
}
