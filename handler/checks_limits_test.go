package main

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/bitmovin"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// listBelow is a statement that allows everything but to list more of the bucket than what is
// below exports/.
const listBelow = `{"Effect":"Allow","NotAction":"s3:ListBucket","Resource":"*"},` +
	`{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*","Condition":{"StringLike":{"s3:prefix":"exports/*"}}}`

// listDenied is a bucket policy that denies the export roles the same.
func listDenied() string {
	return policyOf(`{"Effect":"Deny","Principal":"*","Action":"s3:ListBucket","Resource":"*",
		"Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/bitmovin-export-*"},"StringNotLike":{"s3:prefix":"exports/*"}}}`)
}

// TestListBelowPrefix: where listing is allowed below the prefix alone, that is a warning, and
// access counts as verified in part. It is found within seconds, whoever limits it.
func TestListBelowPrefix(t *testing.T) {
	t.Parallel()
	below := properties{"ObjectPrefix": "exports/"}
	for name, tc := range map[string]struct {
		provider   []string
		properties properties
		limit      func(*env)
		at         policyIn
	}{
		"bucket policy": {nil, below, func(e *env) { e.EditBucket(func(b *aws.Bucket) { b.Policy = listDenied() }) }, bucketPolicy},
		"boundary": {[]string{"PermissionsBoundaryArn", houseBoundary}, below, func(e *env) {
			e.Cloud.Edit(func(s *aws.State) { addHouseBoundary(s, listBelow) })
		}, houseBoundaryPolicy},
		"another account's bucket": {nil, below.With(foreignOwned), func(e *env) {
			e.foreignBucket(func(b *aws.Bucket) {
				b.Policy = strings.Replace(ownerPolicy(), `"s3:GetBucketLocation","s3:ListBucket",`, `"s3:GetBucketLocation",`, 1)
				b.Policy = paste(e, b.Policy, pasteable(e, `{"Effect":"Allow","Principal":{"AWS":"`+account+`"},"Action":"s3:ListBucket","Resource":"*",
					"Condition":{"StringLike":{"s3:prefix":"exports/*"}}}`))
			})
		}, bucketPolicy},
	} {
		harness.Run(t, name, func(t *testing.T) {
			e := newEnv(t, options{})
			tc.limit(e)
			e.Provide(tc.provider...)
			start := time.Now()
			if diff := cmp.Diff(cleanBut("s3:ListBucket", "WARN"), e.mustCheck(tc.properties)); diff != "" {
				t.Errorf("checks (-want +got):\n%s", diff)
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("it took %v", took)
			}
			if got := e.Last().Data["AccessVerified"]; got != "partial" {
				t.Errorf("AccessVerified is %s, want partial", got)
			}
			got := e.logged("s3:ListBucket")
			if !strings.Contains(got.Detail, "allowed only below exports/") || got.Answer == "" {
				t.Errorf("the log says %+v", got)
			}
			e.applyFix(got.Fix, tc.at)
			if diff := cmp.Diff(clean(), e.mustCheck(tc.properties.With(properties{"VerificationTrigger": "2"}))); diff != "" {
				t.Errorf("checks after the fix (-want +got):\n%s", diff)
			}
		})
	}
	harness.Run(t, "without a prefix", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.EditBucket(func(b *aws.Bucket) { b.Policy = listDenied() })
		if reason := e.mustFail(nil); !strings.Contains(reason, "not verified: s3:ListBucket: denied by an explicit Deny in the bucket policy") {
			t.Errorf("the reason is %s", reason)
		}
	})
	harness.Run(t, "below another prefix", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.EditBucket(func(b *aws.Bucket) { b.Policy = listDenied() })
		if reason := e.mustFail(properties{"ObjectPrefix": "others/"}); !strings.Contains(reason, "not verified: s3:ListBucket") {
			t.Errorf("the reason is %s", reason)
		}
	})
}

// TestListSettles: what is allowed below the prefix first, and in the whole bucket a moment
// later, is no reason to warn.
func TestListSettles(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.EditBucket(func(b *aws.Bucket) { b.Policy = listDenied() })
		var lists atomic.Int64
		e.Cloud.Inject(&aws.Fault{
			Op: "s3:ListObjectsV2", After: true, Match: asRole,
			Do: func() {
				if lists.Add(1) == 4 {
					e.EditBucket(func(b *aws.Bucket) { b.Policy = "" })
				}
			},
		})
		if diff := cmp.Diff(clean(), e.mustCheck(properties{"ObjectPrefix": "exports/"})); diff != "" {
			t.Errorf("checks (-want +got):\n%s", diff)
		}
	})
}

// TestRegions: a bucket may be in a region that Bitmovin does not know, and Bitmovin's
// sessions may not be valid in an opt-in region: that is warned of. There, too, nothing that
// an interrupted check has left outlives the stack.
func TestRegions(t *testing.T) {
	t.Parallel()
	regions := map[string]string{"ap-northeast-3": "WARN", "me-south-1": "WARN", "eu-south-2": "WARN"}
	for _, name := range bitmovin.CloudRegions {
		regions[strings.ToLower(strings.ReplaceAll(name, "_", "-"))] = "PASS"
	}
	for where, verdict := range regions {
		harness.Run(t, where, func(t *testing.T) {
			e := newProviderEnv(t, options{})
			e.EditBucket(func(b *aws.Bucket) { b.Region = where })
			if diff := cmp.Diff(cleanBut("Bucket", verdict), e.mustCheck(nil)); diff != "" {
				t.Errorf("checks (-want +got):\n%s", diff)
			}
			if got := e.logged("Bucket"); (verdict == "WARN") != (strings.Contains(got.Detail, "opt-in region") && strings.Contains(got.Fix, where)) {
				t.Errorf("the log says %+v", got)
			}
			data := e.Last().Data
			verified := map[string]string{"PASS": "true", "WARN": "partial"}[verdict]
			if data["BucketRegion"] != where || data["AccessVerified"] != verified {
				t.Errorf("BucketRegion is %s, AccessVerified %s", data["BucketRegion"], data["AccessVerified"])
			}
			e.wantNothingWritten(0)
			e.leaveMarkers(bucketName, "", e.ExportRole().Name)
			e.Delete(appStack)
			e.wantNothingWritten(0)
		})
	}
}

// TestPartsProveLess: a policy that demands conditional writes excepts uploads in parts. Where
// an object is written, that is found; where none may be, the check says what it cannot know.
func TestPartsProveLess(t *testing.T) {
	t.Parallel()
	const names = "s3:ObjectCreationOperation"
	conditional := policyOf(`{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"*",
		"Condition":{"Null":{"s3:if-none-match":"true"},"Bool":{"` + names + `":"true"}}}`)
	harness.Run(t, "object", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.EditBucket(func(b *aws.Bucket) { b.Policy = conditional })
		if reason := e.mustFail(nil); !strings.Contains(reason, "not verified: s3:PutObject: denied by an explicit Deny in the bucket policy") {
			t.Errorf("the reason is %s", reason)
		}
		e.EditBucket(func(b *aws.Bucket) { b.Policy = "" })
		e.mustCheck(nil)
		if got := e.logged("s3:PutObject"); strings.Contains(got.Detail, names) {
			t.Errorf("the log says %+v of an object", got)
		}
	})
	harness.Run(t, "no object", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.EditBucket(func(b *aws.Bucket) { b.Policy = conditional })
		e.mustCheck(properties{"ProbeWrites": "false"})
		for _, check := range []string{"s3:PutObject", "s3:PutObjectAcl"} {
			if got := e.logged(check); got.Verdict != "PASS" || !strings.Contains(got.Detail, names) {
				t.Errorf("the log says %+v", got)
			}
		}
	})
	harness.Run(t, "retention", func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.Cloud.Edit(func(s *aws.State) {
			encrypt(s, keyARN, keyAllows(`"kms:*"`))
			b := s.Buckets[bucketName]
			b.Versioning, b.LockEnabled, b.Lock = "Enabled", true, &aws.Retention{Mode: "COMPLIANCE", Days: 1}
		})
		e.mustCheck(nil)
		if got := e.logged("ObjectLock"); !strings.Contains(got.Detail, "only uploads with a checksum: whether Bitmovin sends one is not known") {
			t.Errorf("the log says %+v", got)
		}
		if got := e.logged("s3:PutObject"); !strings.Contains(got.Detail, names) {
			t.Errorf("the log says %+v", got)
		}
	})
}

// TestMarkerStays: what a check has written and cannot remove is named, and nothing fails.
func TestMarkerStays(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status int
		code   string
		fix    string
	}{
		"denied":  {403, "AccessDenied", `"s3:DeleteObject"`},
		"refused": {400, "InvalidRequest", "delete the object"},
	} {
		harness.Run(t, name, func(t *testing.T) {
			e := newProviderEnv(t, options{})
			var written, mended atomic.Bool
			e.Cloud.Inject(&aws.Fault{Op: "s3:PutObject", Do: func() { written.Store(true) }})
			e.Cloud.Inject(&aws.Fault{
				Op: "s3:DeleteObject", Status: tc.status, Code: tc.code, Message: "no",
				Match: func(c aws.Call) bool { return !asRole(c) && written.Load() && !mended.Load() },
			})
			if diff := cmp.Diff(cleanBut("ObjectLock", "WARN"), e.mustCheck(nil)); diff != "" {
				t.Errorf("checks (-want +got):\n%s", diff)
			}
			var key string
			e.Cloud.View(func(s *aws.State) { key = s.Buckets[bucketName].Versions[0].Key })
			got := e.logged("ObjectLock")
			if !strings.Contains(got.Detail, key+", could not be removed") || !strings.Contains(got.Fix, tc.fix) || got.Answer == "" {
				t.Errorf("the log says %+v, want %s", got, key)
			}
			mended.Store(true)
		})
	}
}

// TestVersionsKeptMeanwhile: somebody enables the bucket's versioning once it was read.
// Then a deletion without a version's id would leave the marker behind a delete marker.
func TestVersionsKeptMeanwhile(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"s3:GetBucketVersioning", "s3:DeleteObject", "s3:PutObject"} {
		harness.Run(t, "after "+op, func(t *testing.T) {
			e := newProviderEnv(t, options{})
			e.Cloud.Inject(&aws.Fault{Op: op, Times: 1, After: true, Do: func() {
				e.EditBucket(func(b *aws.Bucket) { b.Versioning = "Enabled" })
			}})
			e.MustApp(base)
			e.WantNoMarkers()
		})
	}
}
