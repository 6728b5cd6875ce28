package main

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// TestEnforceTakesNothingOnTrust is the matrix: whatever a call of the role's comes
// to, on whatever bucket and by whatever way of proving, Enforce accepts only what
// calls have proven (check sees to that), and says why it does not accept the rest.
func TestEnforceTakesNothingOnTrust(t *testing.T) {
	t.Parallel()
	answers := []struct {
		name   string
		status int
		code   string
	}{
		{"denied", 403, "AccessDenied"}, {"refused", 400, "InvalidRequest"}, {"not found", 404, "NoSuchBucket"}, {"redirected", 301, "PermanentRedirect"},
	}
	objectWriter := func(b *aws.Bucket) { b.Ownership = "ObjectWriter" }
	retention := func(b *aws.Bucket) {
		b.Versioning, b.LockEnabled, b.Lock = "Enabled", true, &aws.Retention{Mode: "GOVERNANCE", Days: 1}
	}
	ways := []struct {
		name       string
		bucket     func(*aws.Bucket)
		properties properties
	}{
		{"object", nil, nil},
		{"object, ACLs", objectWriter, nil},
		{"no object", nil, properties{"ProbeWrites": "false"}},
		{"no object, ACLs", objectWriter, properties{"ProbeWrites": "false"}},
		{"full access", nil, properties{"AccessMode": "Full"}},
		{"versioned, retention", retention, nil},
	}
	ops := []string{"sts:AssumeRole", "s3:GetBucketLocation", "s3:ListObjectsV2", "s3:PutObject", "s3:CreateMultipartUpload", "s3:PutObjectAcl"}
	for _, way := range ways {
		for _, op := range ops {
			for _, a := range answers {
				harness.Run(t, way.name+"/"+op+"/"+a.name, func(t *testing.T) {
					e := newProviderEnv(t, options{}, "AllowFullAccess", "true")
					if way.bucket != nil {
						e.EditBucket(way.bucket)
					}
					e.takesNothingOnTrust(way.properties, op, a.status, a.code)
				})
			}
		}
	}
}

// takesNothingOnTrust creates the stack while every call of the operation, by the
// role or of sts:AssumeRole, gets the answer.
func (e *env) takesNothingOnTrust(p properties, op string, status int, code string) {
	e.Helper()
	var answered atomic.Int64
	e.Cloud.Inject(&aws.Fault{
		Op: op, Status: status, Code: code, Message: "said the matrix", Do: func() { answered.Add(1) },
		Match: func(c aws.Call) bool { return op == "sts:AssumeRole" || asRole(c) },
	})
	_, err := e.check(p)
	if (answered.Load() > 0) != (err != nil) {
		e.Errorf("%s answered %s %d times, and the create came to %v", op, code, answered.Load(), err)
	}
	if err != nil {
		if reason := e.VerdictOf(e.Latest("Create")).Reason; !strings.Contains(reason, "not verified: ") {
			e.Errorf("%s answered %s: the reason is %s", op, code, reason)
		}
	}
}
