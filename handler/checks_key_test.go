package main

import (
	"strings"
	"testing"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

const (
	keyAlias   = "alias/exports"
	aliasARN   = "arn:aws:kms:" + region + ":" + account + ":" + keyAlias
	foreignKey = "arn:aws:kms:" + region + ":" + otherAccount + ":key/5678abcd-12ab-34cd-56ef-1234567890ab"
)

// keyAllows is a statement of a key policy that leaves the actions to the
// account's own policies.
func keyAllows(actions string) string {
	return `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:root"},"Action":` + actions + `,"Resource":"*"}`
}

// keyDenies is a statement of a key policy that denies the export roles an action.
func keyDenies(action string) string {
	return `{"Effect":"Deny","Principal":"*","Action":"` + action + `","Resource":"*",` + exportRolesOnly + `}`
}

// encrypt makes a key with an alias and a policy, and encrypts the bucket with
// it, by that name.
func encrypt(s *aws.State, name string, statements ...string) {
	s.Keys[keyARN] = &aws.Key{ARN: keyARN, State: "Enabled", Policy: policyOf(statements...), Aliases: []string{keyAlias}}
	b := s.Buckets[bucketName]
	b.Algorithm, b.KMSKey = "aws:kms", name
}

// keyDenials are denials of the bucket's key.
func keyDenials() []denial {
	const put = "s3:PutObject"
	const generate = "kms:GenerateDataKey is denied"
	return []denial{{
		name: "key policy has neither role nor account", check: put, layer: generate + " because nothing allows it in the KMS key's policy",
		deny: func(s *aws.State) {
			encrypt(s, keyARN, `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::`+otherAccount+`:root"},"Action":"kms:*","Resource":"*"}`)
		},
		where: "add to the policy of the KMS key " + keyARN, at: keyPolicy,
	}, {
		name: "key policy denies", check: put, layer: generate + " by an explicit Deny in the KMS key's policy",
		deny:  func(s *aws.State) { encrypt(s, keyARN, keyAllows(`"kms:*"`), keyDenies("kms:GenerateDataKey")) },
		where: "the policy of the KMS key " + keyARN, at: keyPolicy,
	}, {
		// An object of one part can be written, a greater one cannot.
		name: "key policy lacks kms:Decrypt", check: "Encryption", layer: "kms:Decrypt is denied because nothing allows it in the KMS key's policy",
		deny:  func(s *aws.State) { encrypt(s, keyARN, keyAllows(`"kms:GenerateDataKey"`)) },
		where: "add to the policy of the KMS key " + keyARN, at: keyPolicy,
	}, {
		name: "by alias, key policy lacks the account", check: put, layer: generate,
		deny: func(s *aws.State) {
			encrypt(s, aliasARN, `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::`+otherAccount+`:root"},"Action":"kms:*","Resource":"*"}`)
		},
		where: "add to the policy of the KMS key " + keyARN, at: keyPolicy,
	}, {
		name: "boundary lacks the key", check: put, layer: generate + " because nothing allows it in the role's permissions boundary",
		provider: []string{"PermissionsBoundaryArn", houseBoundary},
		deny: func(s *aws.State) {
			encrypt(s, keyARN, keyAllows(`"kms:*"`))
			addHouseBoundary(s, `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`)
		},
		where: "add to the permissions boundary " + houseBoundary, at: houseBoundaryPolicy,
	}, {
		name: "boundary lacks the key, by alias", check: put, layer: generate + " because nothing allows it in the role's permissions boundary",
		provider: []string{"PermissionsBoundaryArn", houseBoundary},
		deny: func(s *aws.State) {
			encrypt(s, aliasARN, keyAllows(`"kms:*"`))
			addHouseBoundary(s, `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`)
		},
		where: "add to the permissions boundary " + houseBoundary, at: houseBoundaryPolicy,
	}, {
		name: "SCP lacks the key", check: put, layer: generate + " because nothing allows it in a service control policy (SCP)",
		deny: func(s *aws.State) {
			encrypt(s, keyARN, keyAllows(`"kms:*"`))
			setGuardrail(s, aws.LayerSCP, `{"Effect":"Allow","NotAction":"kms:*","Resource":"*"}`)
		},
		where: "add to the organization's service control policy (SCP)", at: guardrailPolicy,
	}, {
		name: "another account's key", check: put, layer: generate + ", and AWS does not say by which policy",
		deny: func(s *aws.State) {
			s.Keys[foreignKey] = &aws.Key{ARN: foreignKey, State: "Enabled", Policy: policyOf(
				`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + otherAccount + `:root"},"Action":"kms:*","Resource":"*"}`)}
			b := s.Buckets[bucketName]
			b.Algorithm, b.KMSKey = "aws:kms", foreignKey
		},
		where: "add to the policy of the KMS key " + foreignKey + ", which must exist in " + region,
		at:    func(s *aws.State) *string { return &s.Keys[foreignKey].Policy },
	}}
}

// TestKeys: the bucket's key is found by whatever name, the role may use it through S3
// alone, and that is proven, with an object and without.
func TestKeys(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		key        string
		properties properties
		resource   string
	}{
		"by ARN":                {keyARN, nil, keyARN},
		"by id":                 {strings.TrimPrefix(keyARN, "arn:aws:kms:"+region+":"+account+":key/"), nil, keyARN},
		"by alias":              {keyAlias, nil, strings.TrimSuffix(aliasARN, keyAlias) + "key/*"},
		"by an alias's ARN":     {aliasARN, nil, strings.TrimSuffix(aliasARN, keyAlias) + "key/*"},
		"named by ARN":          {keyARN, properties{"KmsKeyArn": keyARN}, keyARN},
		"named by alias":        {keyARN, properties{"KmsKeyArn": aliasARN}, strings.TrimSuffix(aliasARN, keyAlias) + "key/*"},
		"below a prefix":        {keyARN, properties{"ObjectPrefix": "exports/"}, keyARN},
		"without an object":     {keyARN, properties{"ProbeWrites": "false"}, keyARN},
		"AWS's own":             {"", nil, ""},
		"AWS's own by alias":    {"alias/aws/s3", nil, ""},
		"Full access has a key": {keyARN, properties{"AccessMode": "Full"}, keyARN},
	} {
		harness.Run(t, name, func(t *testing.T) {
			e := newProviderEnv(t, options{}, "AllowFullAccess", "true")
			e.Cloud.Edit(func(s *aws.State) { encrypt(s, tc.key, keyAllows(`"kms:*"`)) })
			if got := e.mustCheck(tc.properties)["Encryption"]; got != "PASS" {
				t.Errorf("Encryption is %s, want PASS", got)
			}
			statement := ""
			for _, text := range e.ExportRole().Inline {
				if _, after, ok := strings.Cut(text, "BitmovinOutputKeyPermissions"); ok {
					statement = after
				}
			}
			if tc.resource == "" && statement == "" {
				return
			}
			for _, want := range []string{`"` + tc.resource + `"`, `"kms:ViaService":"s3.` + region + `.amazonaws.com"`} {
				if !strings.Contains(statement, want) {
					t.Errorf("the key's statement does not say %s: %s", want, statement)
				}
			}
		})
	}
}

// TestUnusableKey: with a key that nobody can use the create fails, and the reason says
// what to do about it.
func TestUnusableKey(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		spoil, repair func(*aws.State)
		fix           string
	}{
		"disabled": {
			func(s *aws.State) { s.Keys[keyARN].State = "Disabled" }, func(s *aws.State) { s.Keys[keyARN].State = "Enabled" },
			"enable the KMS key",
		},
		"to be deleted": {
			func(s *aws.State) { s.Keys[keyARN].State = "PendingDeletion" }, func(s *aws.State) { s.Keys[keyARN].State = "Enabled" },
			"cancel the deletion of the KMS key",
		},
		"gone": {
			func(s *aws.State) { delete(s.Keys, keyARN) }, func(s *aws.State) { encrypt(s, keyARN, keyAllows(`"kms:*"`)) },
			"use a KMS key that exists in the bucket's region",
		},
	} {
		for mode, p := range map[string]properties{"object": nil, "no object": {"ProbeWrites": "false"}} {
			harness.Run(t, name+", "+mode, func(t *testing.T) {
				e := newProviderEnv(t, options{})
				e.Cloud.Edit(func(s *aws.State) {
					encrypt(s, keyARN, keyAllows(`"kms:*"`))
					tc.spoil(s)
				})
				reason := e.mustFail(p)
				if !strings.Contains(reason, "s3:PutObject, Encryption: refused: KMS.") || !strings.Contains(reason, tc.fix) {
					t.Errorf("the reason does not name %q: %s", tc.fix, reason)
				}
				e.Cloud.Edit(tc.repair)
				e.mustCheck(p)
			})
		}
	}
}

// TestWrongKeyNamed: KmsKeyArn is not the bucket's key; the reason names the right one.
func TestWrongKeyNamed(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.Cloud.Edit(func(s *aws.State) { encrypt(s, keyARN, keyAllows(`"kms:*"`)) })
		reason := e.mustFail(properties{"KmsKeyArn": foreignKey})
		e.mustCheck(properties{"KmsKeyArn": keyInReason(t, reason)})
	})
}

// keyInReason returns the ARN to which the reason says to set KmsKeyArn.
func keyInReason(t *testing.T, reason string) string {
	t.Helper()
	_, arn, _ := strings.Cut(reason, "set KmsKeyArn to ")
	arn, _, _ = strings.Cut(arn, " ")
	if arn != keyARN {
		t.Errorf("the reason names the key %q, want %s: %s", arn, keyARN, reason)
	}
	return arn
}

// TestKeyCannotBeRead: the function may not read the bucket's encryption. The
// answer to the write names the key, and with that in KmsKeyArn all is well.
func TestKeyCannotBeRead(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.Cloud.Edit(func(s *aws.State) { encrypt(s, keyARN, keyAllows(`"kms:*"`)) })
		e.Cloud.Inject(&aws.Fault{Op: "s3:GetBucketEncryption", Status: 403, Code: "AccessDenied", Message: "Access Denied"})
		reason := e.mustFail(nil)
		checks := e.mustCheck(properties{"KmsKeyArn": keyInReason(t, reason)})
		if checks["Encryption"] != "PASS" {
			t.Errorf("Encryption is %s, want PASS", checks["Encryption"])
		}
	})
}

// TestNoKeyCannotBeRead: the same where the bucket has no key is only a warning.
func TestNoKeyCannotBeRead(t *testing.T) {
	harness.Bubble(t, func(t *testing.T) {
		e := newProviderEnv(t, options{})
		e.Cloud.Inject(&aws.Fault{Op: "s3:GetBucketEncryption", Status: 403, Code: "AccessDenied", Message: "Access Denied"})
		if got := e.mustCheck(nil)["Encryption"]; got != "WARN" {
			t.Errorf("Encryption is %s, want WARN", got)
		}
		if got := e.logged("Encryption"); !strings.Contains(got.Fix, "set KmsKeyArn") {
			t.Errorf("the log says %+v", got)
		}
	})
}
