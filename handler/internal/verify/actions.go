package verify

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/awserr"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/eventual"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/parallel"
)

// markerText is the marker's content, for whoever comes upon it.
const markerText = "Written and deleted by the Bitmovin export access check. It is safe to delete.\n"

// TryBucket makes, as the role, the calls that need no object: it resolves the
// region, lists, and writes the marker.
func (p *Probe) TryBucket(ctx context.Context) {
	bucket := p.target.Bucket
	parallel.Do(ctx, func(ctx context.Context) {
		p.try(ctx, checkLocation, func(ctx context.Context) error {
			_, err := p.role.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: &bucket.Name, ExpectedBucketOwner: &p.target.Owner})
			return err
		})
	}, p.tryList, func(ctx context.Context) {
		p.try(ctx, checkPut, func(ctx context.Context) error { return p.write(ctx, "") })
	})
}

// tryList lists one key of the bucket. Where that is denied it lists below the
// target's prefix: if that is allowed for as long as policies take to settle, more
// waiting changes nothing.
func (p *Probe) tryList(ctx context.Context) {
	var denial error // of the bucket, while its prefix may be listed
	var since time.Time
	p.try(ctx, checkList, func(ctx context.Context) error {
		err := p.list(ctx, "")
		if p.target.Bucket.Prefix == "" || !awserr.Denied(err) || p.list(ctx, p.target.Bucket.Prefix) != nil {
			denial = nil
			return err
		}
		if denial == nil {
			since = time.Now()
		}
		if denial = err; time.Since(since) >= eventual.Unchanged {
			return nil
		}
		return err
	})
	if d, denied := awserr.AsDenial(denial); denied {
		p.Report.Set(checkList, Warn, "allowed only below "+p.target.Bucket.Prefix+": listing the bucket is "+d.String(), p.fix(d))
		p.Report.answer(checkList, denial)
	}
}

func (p *Probe) list(ctx context.Context, prefix string) error {
	in := &s3.ListObjectsV2Input{Bucket: &p.target.Bucket.Name, ExpectedBucketOwner: &p.target.Owner, MaxKeys: aws.Int32(1)}
	if prefix != "" {
		in.Prefix = &prefix
	}
	_, err := p.role.ListObjectsV2(ctx, in)
	return err
}

// TryObject makes the calls that need the marker: it sets an ACL, and makes
// sure that the role can neither read nor delete. It also writes in parts, which
// a KMS key allows by a permission of its own.
func (p *Probe) TryObject(ctx context.Context) {
	if p.Report.check(checkPut).Verdict != Pass {
		p.Report.Set(checkPutACL, NotTested, "needs an object, and none could be written", "")
		return
	}
	parallel.Do(ctx, func(ctx context.Context) {
		p.try(ctx, checkPutACL, p.setACL)
	}, p.tryParts, p.tryRead, p.tryDelete)
}

// writesObject reports whether the probe writes the marker. Where it must not,
// or where it could not delete it, it begins a multipart upload instead, which
// needs the same permissions and makes no object.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions
func (p *Probe) writesObject() bool { return p.target.Writes && !p.bucket.Undeletable }

// write writes the marker, or begins an upload of it, with a canned ACL if one
// is given.
func (p *Probe) write(ctx context.Context, acl types.ObjectCannedACL) error {
	if !p.writesObject() {
		_, err := p.begin(ctx, acl)
		return err
	}
	_, err := p.role.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &p.target.Bucket.Name, ExpectedBucketOwner: &p.target.Owner, Key: aws.String(p.marker()), ACL: acl,
		Body: strings.NewReader(markerText), ContentType: aws.String("text/plain"),
	})
	return err
}

// setACL proves s3:PutObjectAcl. Where ACLs are disabled PutObjectAcl is refused
// whoever calls it, and in another account's bucket the object's own ACL may allow
// it to whoever wrote the object. In both a write with this one ACL is accepted,
// and needs the same permission of the bucket's policy.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-auth-workflow-object-operation.html
func (p *Probe) setACL(ctx context.Context) error {
	const acl = types.ObjectCannedACLBucketOwnerFullControl
	if p.bucket.ACLsDisabled || p.foreign() || !p.writesObject() {
		return p.write(ctx, acl)
	}
	_, err := p.role.PutObjectAcl(ctx, &s3.PutObjectAclInput{
		Bucket: &p.target.Bucket.Name, ExpectedBucketOwner: &p.target.Owner, Key: aws.String(p.marker()), ACL: acl,
	})
	if awserr.HasCode(err, "AccessControlListNotSupported") || awserr.HasCode(err, "NoSuchKey") {
		// ACLs turned out to be disabled, or another run of the same request
		// has taken the marker away.
		return p.write(ctx, acl)
	}
	return err
}

// tryParts uploads one part as the role, where a customer's key encrypts it: the
// beginning of an upload and each part of it need different permissions.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html
func (p *Probe) tryParts(ctx context.Context) {
	if p.bucket.Key.ARN == "" {
		if p.Report.check(CheckEncryption).Verdict == NotTested {
			p.Report.Set(CheckEncryption, Pass, "lets the role write", "")
		}
		return
	}
	var upload *string
	p.try(ctx, CheckEncryption, func(ctx context.Context) (err error) {
		if upload == nil {
			if upload, err = p.begin(ctx, ""); err != nil {
				return err
			}
		}
		_, err = p.role.UploadPart(ctx, &s3.UploadPartInput{
			Bucket: &p.target.Bucket.Name, ExpectedBucketOwner: &p.target.Owner, Key: aws.String(p.marker()), UploadId: upload,
			PartNumber: aws.Int32(1), Body: strings.NewReader(markerText),
		})
		return err
	})
}

// tryRead makes sure that the role cannot read the marker.
func (p *Probe) tryRead(ctx context.Context) {
	if !p.writesObject() {
		if p.target.Restricted {
			p.Report.Set(CheckNoRead, NotTested, "needs an object, and none is written", "")
		}
		return
	}
	p.tryNot(ctx, CheckNoRead, "s3:GetObject", func(ctx context.Context) error {
		out, err := p.role.GetObject(ctx, &s3.GetObjectInput{Bucket: &p.target.Bucket.Name, ExpectedBucketOwner: &p.target.Owner, Key: aws.String(p.marker())})
		if err == nil {
			_, _ = io.Copy(io.Discard, out.Body)
			return out.Body.Close()
		}
		if awserr.HasCode(err, "NoSuchKey") {
			return p.write(ctx, "")
		}
		return err
	})
}

// tryDelete makes sure that the role cannot delete, at a key where nothing is.
func (p *Probe) tryDelete(ctx context.Context) {
	if !p.writesObject() && p.bucket.Versioned {
		if p.target.Restricted {
			p.Report.Set(CheckNoDelete, NotTested, "would write a delete marker, and nothing is written", "")
		}
		return
	}
	p.tryNot(ctx, CheckNoDelete, "s3:DeleteObject", func(ctx context.Context) error {
		_, err := p.role.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &p.target.Bucket.Name, ExpectedBucketOwner: &p.target.Owner, Key: aws.String(p.absent())})
		return err
	})
}

// repeat makes a call as long as it is refused and until says that this may pass.
func (p *Probe) repeat(ctx context.Context, until func(error) time.Time, call func(context.Context) error) error {
	ctx, cancel := eventual.WithFraction(ctx, 3)
	defer cancel()
	var refusal error
	err := eventual.Repeat(ctx, func(ctx context.Context) (time.Time, error) {
		err := call(ctx)
		if awserr.Answered(err) {
			refusal = err
		}
		return until(err), err
	})
	if refusal != nil && err != nil && !awserr.Answered(err) {
		return refusal // no answer unsays nothing
	}
	return err
}

// try makes a call that must be allowed.
func (p *Probe) try(ctx context.Context, check string, call func(context.Context) error) {
	err := p.repeat(ctx, p.refusedUntil, call)
	d, denied := awserr.AsDenial(err)
	switch fix := p.fixOf(err); {
	case err == nil && p.Report.check(check).Verdict == Warn: // what was read still holds
	case err == nil:
		p.Report.Set(check, Pass, p.proof(check), "")
	case denied:
		p.fail(check, d.IsKMS(), d.String()+p.mayChange(d), p.fix(d), err)
	case awserr.Answered(err):
		p.fail(check, fix != "", "refused: "+awserr.Short(err), fix, err)
	default:
		p.Report.Set(check, NotTested, "got no answer: "+awserr.Short(err), "")
		p.Report.answer(check, err)
	}
}

// proof says what it proves that the call of a check was allowed.
func (p *Probe) proof(check string) string {
	if p.writesObject() || check != checkPut && check != checkPutACL {
		return "works"
	}
	return "works for an upload in parts; a policy may except those (s3:ObjectCreationOperation), and deny what is written in one"
}

// mayChange is what to say of a denial that nothing explains which this request did.
func (p *Probe) mayChange(d awserr.Denial) string {
	explained := !d.Explicit && p.lag.Changed.Add(eventual.RoleChanged).After(p.since)
	if p.lag.Once || explained {
		return ""
	}
	return " (a policy changed just now may take minutes)"
}

// fail records a failure, and where the bucket's key is at its root that of the
// encryption with it.
func (p *Probe) fail(check string, ofKey bool, detail, fix string, err error) {
	checks := []string{check}
	if ofKey {
		checks = append(checks, CheckEncryption)
	}
	for _, name := range checks {
		p.Report.Set(name, Fail, detail, fix)
		p.Report.answer(name, err)
	}
}

// tryNot makes a call that a restricted role must not be allowed.
func (p *Probe) tryNot(ctx context.Context, check, action string, call func(context.Context) error) {
	if !p.target.Restricted {
		p.Report.Set(check, NotTested, "does not apply to full access", "")
		return
	}
	ctx, cancel := eventual.WithFraction(ctx, 3)
	defer cancel()
	allowed := false
	err := eventual.Repeat(ctx, func(ctx context.Context) (time.Time, error) {
		err := call(ctx)
		if err == nil {
			allowed = true
			return p.allowedUntil(), nil
		}
		return time.Time{}, err
	})
	switch {
	case allowed && (err == nil || !awserr.Answered(err)): // no answer unsays nothing
		p.Report.Set(check, Warn, fmt.Sprintf("%s is allowed, which exports do not need: another policy grants it", action),
			"look in the bucket policy for a statement that grants "+action+" to this role or to everyone")
	case awserr.Denied(err):
		p.Report.Set(check, Pass, action+" is denied", "")
	default:
		p.Report.Set(check, NotTested, "got no clear answer: "+awserr.Short(err), "")
		p.Report.answer(check, err)
	}
}
