package main

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
)

// TestEnforceTakesNothingOnTrust is the matrix: whatever a call of the role's
// comes to, on whatever bucket and by whatever way of proving, Enforce accepts
// only what calls have proven (which check sees to), and says why it does not.
func TestEnforceTakesNothingOnTrust(t *testing.T) {
	t.Parallel()
	type answer struct {
		name   string
		status int
		code   string
	}
	answers := []answer{
		{"denied", 403, "AccessDenied"}, {"refused", 400, "InvalidRequest"}, {"not found", 404, "NoSuchBucket"}, {"redirected", 301, "PermanentRedirect"},
	}
	ways := map[string]struct {
		bucket     func(*aws.Bucket)
		properties properties
	}{
		"object":          {nil, nil},
		"object, ACLs":    {func(b *aws.Bucket) { b.Ownership = "ObjectWriter" }, nil},
		"no object":       {nil, properties{"ProbeWrites": "false"}},
		"no object, ACLs": {func(b *aws.Bucket) { b.Ownership = "ObjectWriter" }, properties{"ProbeWrites": "false"}},
		"full access":     {nil, properties{"AccessMode": "Full"}},
		"versioned, retention": {func(b *aws.Bucket) {
			b.Versioning, b.LockEnabled, b.Lock = "Enabled", true, &aws.Retention{Mode: "GOVERNANCE", Days: 1}
		}, nil},
	}
	ops := []string{"sts:AssumeRole", "s3:GetBucketLocation", "s3:ListObjectsV2", "s3:PutObject", "s3:CreateMultipartUpload", "s3:PutObjectAcl"}
	cases, failed := atomic.Int64{}, atomic.Int64{}
	t.Cleanup(func() { t.Logf("%d cases, of which %d failed the create", cases.Load(), failed.Load()) })
	for way, w := range ways {
		t.Run(way, func(t *testing.T) {
			// One desk for all answers: what is not denied costs no wait.
			d := newChecked(t, options{timeout: 10 * time.Second}, "AllowFullAccess", "true")
			if w.bucket != nil {
				d.editBucket(w.bucket)
			}
			for _, op := range ops {
				for _, a := range answers {
					if a.code == "AccessDenied" && way != "object" && way != "no object, ACLs" {
						continue // it takes the whole wait each time
					}
					cases.Add(1)
					if d.takesNothingOnTrust(w.properties, op, a.status, a.code) {
						failed.Add(1)
					}
				}
			}
		})
	}
}

// takesNothingOnTrust creates the stack while every call of the operation, by
// the role or of sts:AssumeRole, gets the answer; and reports whether it failed.
func (d *desk) takesNothingOnTrust(p properties, op string, status int, code string) (failed bool) {
	d.Helper()
	var off atomic.Bool
	var struck atomic.Int64
	d.cloud.Inject(&aws.Fault{
		Op: op, Status: status, Code: code, Message: "said the matrix", Do: func() { struck.Add(1) },
		Match: func(c aws.Call) bool {
			return !off.Load() && (op == "sts:AssumeRole" || strings.HasSuffix(c.Caller, "/bitmovin-access-check"))
		},
	})
	_, err := d.check(p)
	off.Store(true)
	if (struck.Load() > 0) != (err != nil) {
		d.Errorf("%s answered %s %d times, and the create came to %v", op, code, struck.Load(), err)
	}
	if err != nil {
		if reason := d.verdictOf(d.latest("Create")).Reason; !strings.Contains(reason, "not verified: ") {
			d.Errorf("%s answered %s: the reason is %s", op, code, reason)
		}
	}
	d.delete(appStack)
	return err != nil
}
