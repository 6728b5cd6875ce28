package verify

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/awserr"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/parallel"
)

// uploads are the multipart uploads that a probe began.
type uploads struct {
	mu sync.Mutex
	// begun is set before the first call, whose answer may be lost.
	begun bool
	ids   []string
}

// begin begins an upload of the marker as the role.
func (p *Probe) begin(ctx context.Context, acl types.ObjectCannedACL) (id *string, err error) {
	p.uploads.mu.Lock()
	p.uploads.begun = true
	p.uploads.mu.Unlock()
	out, err := p.role.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &p.target.Bucket.Name, ExpectedBucketOwner: &p.target.Owner, Key: aws.String(p.marker()), ACL: acl,
	})
	if err != nil {
		return nil, err
	}
	p.uploads.mu.Lock()
	defer p.uploads.mu.Unlock()
	p.uploads.ids = append(p.uploads.ids, aws.ToString(out.UploadId))
	return out.UploadId, nil
}

// abortBegun aborts the uploads that the probe began. An answer that was lost
// may have begun more than it knows of, so that it looks for them; where it may
// not look, it aborts those that it knows.
func (p *Probe) abortBegun(ctx context.Context) error {
	if !p.uploads.begun {
		return nil
	}
	err := p.abortUploads(ctx, p.marker(), func(string) bool { return true })
	if !awserr.Denied(err) {
		return err
	}
	var abort []func(context.Context) error
	for _, id := range p.uploads.ids {
		abort = append(abort, func(ctx context.Context) error { return p.abort(ctx, p.marker(), id) })
	}
	return parallel.Try(ctx, abort...)
}

// abortUploads aborts the uploads whose keys begin with prefix and are the probe's.
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
			if key := aws.ToString(u.Key); mine(key) {
				abort = append(abort, func(ctx context.Context) error { return p.abort(ctx, key, aws.ToString(u.UploadId)) })
			}
		}
	}
	return parallel.Try(ctx, abort...)
}

// abort aborts an upload as the function, and where it may not, as the role:
// whoever began an upload may abort it.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions
func (p *Probe) abort(ctx context.Context, key, id string) error {
	in := &s3.AbortMultipartUploadInput{
		Bucket: &p.target.Bucket.Name, ExpectedBucketOwner: &p.target.Owner, Key: &key, UploadId: &id,
	}
	_, err := p.own.AbortMultipartUpload(ctx, in)
	if awserr.Denied(err) && p.role != nil {
		_, err = p.role.AbortMultipartUpload(ctx, in)
	}
	if awserr.HasCode(err, "NoSuchUpload") {
		return nil
	}
	return err
}
