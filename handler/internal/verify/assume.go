package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/awserr"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/eventual"
)

// sessionDuration is the shortest that STS gives.
const sessionDuration = 15 * time.Minute

// assertEvery is how often the caller checks that the role still trusts the function.
const assertEvery = 5 * time.Second

// errLost ends the repetition of a call, whatever the error behind it is.
var errLost = errors.New("the role is not to be assumed any more")

// Assume assumes the role with its external id, as Bitmovin does, and reports
// whether it could. After every few seconds of denial it calls reassert, by which
// the caller checks that the role still trusts the function. An error of reassert
// ends it and is returned.
func (p *Probe) Assume(ctx context.Context, reassert func(context.Context) error) (bool, error) {
	client := sts.NewFromConfig(p.cfg)
	began, asserted := time.Now(), time.Now()
	var out *sts.AssumeRoleOutput
	var lost error
	err := p.repeat(ctx, p.assumeRefusedUntil, func(ctx context.Context) (err error) {
		if time.Since(asserted) >= assertEvery {
			if lost = reassert(ctx); lost != nil {
				return errLost
			}
			asserted = time.Now()
		}
		out, err = client.AssumeRole(ctx, &sts.AssumeRoleInput{
			RoleArn:         &p.target.RoleARN,
			RoleSessionName: aws.String("bitmovin-access-check"),
			ExternalId:      &p.target.ExternalID,
			DurationSeconds: aws.Int32(int32(sessionDuration.Seconds())),
		})
		return err
	})
	if lost != nil {
		return false, lost
	}
	if err != nil {
		p.reportAssume(err, time.Since(began))
		return false, nil
	}
	p.Report.Set(CheckAssumeRole, Pass, "works with the external id", "")
	c := out.Credentials
	p.role = newS3(p.cfg, inRegion(p.region), func(o *s3.Options) {
		o.Credentials = credentials.NewStaticCredentialsProvider(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
	})
	return true, nil
}

// assumeRefusedUntil returns until when a refusal to assume the role may pass. The
// call is the function's own, and the role's trust policy has a say in it.
func (p *Probe) assumeRefusedUntil(err error) time.Time {
	d, denied := awserr.AsDenial(err)
	switch {
	case p.lag.Once:
		return time.Time{}
	case denied && d.MayLag():
		return p.lag.Changed.Add(eventual.RoleChanged)
	}
	return awserr.OwnDenialUntil(p.began, err)
}

// reportAssume records why the role could not be assumed.
func (p *Probe) reportAssume(err error, waited time.Duration) {
	d, denied := awserr.AsDenial(err)
	verdict, detail, fix := Fail, "could not be tried: "+awserr.Short(err), ""
	switch {
	case !awserr.Answered(err):
		verdict = NotTested
	case denied && d.MayLag():
		detail = fmt.Sprintf("still denied after %d s: the role has not propagated, or a policy denies it to the function", int(waited.Seconds()))
		fix = p.fixAssume(d)
	case denied:
		detail, fix = d.String(), p.fixAssume(d)
	}
	p.Report.Set(CheckAssumeRole, verdict, detail, fix)
	p.Report.answer(CheckAssumeRole, err)
}
