package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
	"github.com/bitmovin/bitmovin-export-access/local/oracle"
)

// TestOracle asks an evaluator of policies that nobody of this project wrote for its
// opinion on what the desk decides: on every decision that the suites' runs recorded
// before, and on what roles of random properties may do. It decides on policies alone:
// not on what S3 does beside them, as with ACLs, public access blocks and
// ExpectedBucketOwner.
func TestOracle(t *testing.T) {
	recorded := os.Getenv("ORACLE_TEST")
	if recorded == "" {
		t.Skip("make test-oracle runs this: it needs node, and what make tools installs")
	}
	shown := map[string]int{}
	t.Run("recorded", func(t *testing.T) { compare(t, readDecisions(t, recorded), 2000, shown) })
	t.Run("roles", func(t *testing.T) { compare(t, roleDecisions(t), 2000, shown) })
	t.Run("language", func(t *testing.T) { compare(t, languageDecisions(t), 40, shown) })
	for _, f := range oracleFaults() {
		t.Logf("%d times: %s (%s)", shown[f.name], f.name, f.page)
		if shown[f.name] == 0 {
			t.Errorf("a known fault of the oracle does not show any more: %s", f.name)
		}
	}
}

// An oracleFault is something in which the oracle is known to be wrong, by a page of AWS's.
type oracleFault struct {
	name, page string
	// is tells the decisions that it is about.
	is func(aws.Decision, oracle.Answer) bool
}

func oracleFaults() []oracleFault {
	return []oracleFault{
		{
			"who began an upload may abort it without a permission", "https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions",
			func(d aws.Decision, a oracle.Answer) bool {
				return d.ByDefault && d.Allowed && a.Result == "ImplicitlyDenied"
			},
		},
		{
			"a * that ends a part of a resource's ARN runs on over colons",
			"https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html#reference_policies_elements_resource_wildcards",
			func(d aws.Decision, _ oracle.Answer) bool { return mentions(d, "arn:aws:s3:*:"+bucketName) },
		},
		{
			"an encryption context is a condition key, too", "https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-encryption-context",
			func(d aws.Decision, a oracle.Answer) bool {
				return slices.ContainsFunc(a.Ignored, func(key string) bool {
					return strings.HasPrefix(key, "kms:encryptioncontext:") && mentions(d, key)
				})
			},
		},
	}
}

// languageDecisions are about rules of the policy language that this product's own
// documents do not need, and a customer's may.
func languageDecisions(t *testing.T) []aws.Decision {
	t.Helper()
	const object = "arn:aws:s3:::" + bucketName + "/data/a:b.csv"
	var decisions []aws.Decision
	synctest.Test(t, func(t *testing.T) {
		e := newProviderEnv(t, options{Options: aws.Options{OnDecision: func(d aws.Decision) { decisions = append(decisions, d) }}})
		e.MustApp(base.With(properties{"Verification": "Off", "Tags": harness.Tags("team", "data", "Cost", "1")}))
		decisions = nil
		role := e.ExportRole()
		for _, statement := range []string{
			`"Resource":"arn:aws:s3:*:` + bucketName + `/data/*"`, `"Resource":"arn:aws:s3:*"`, `"Resource":"arn:aws:s3:*t/*"`,
			`"Resource":"arn:aws:s3:::*:b.csv"`, `"Resource":"arn:aws:s3:::` + bucketName + `/${aws:PrincipalTag/team}/*"`,
			`"Resource":"arn:aws:s3:::` + bucketName + `/${aws:PrincipalTag/Owner}*"`, `"Resource":"arn:aws:s3:::` + bucketName + `/data/?:?.csv"`,
			`"Resource":"arn:aws:s3:::` + bucketName + `/data/${*}"`, `"NotResource":"arn:aws:s3:::` + bucketName + `/data/*"`,
			`"Resource":"*","Condition":{"StringLike":{"aws:userid":"` + role.ID + `:*"}}`,
			`"Resource":"*","Condition":{"StringEquals":{"aws:userid":"` + role.ID + `"}}`,
			`"Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/Cost":"1","aws:PrincipalTag/TEAM":"data"}}`,
			`"Resource":"*","Condition":{"Null":{"s3:if-none-match":"false"}}`,
			`"Resource":"*","Condition":{"Bool":{"s3:ObjectCreationOperation":"true"}}`,
			`"Resource":"*","Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/bitmovin-export-*"}}`,
			`"Resource":"*","Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:*:role/bitmovin-export-*"}}`,
		} {
			for _, effect := range []string{"Allow", "Deny"} {
				e.EditRoles(func(r *aws.Role) {
					r.Boundary = ""
					r.Inline = map[string]string{"p": policyOf(`{"Effect":"` + effect + `","Action":"s3:PutObject",` + statement + `}`)}
					if effect == "Deny" {
						r.Inline["all"] = anything
					}
				})
				for _, context := range []map[string][]string{nil, {"s3:if-none-match": {"*"}, "s3:ObjectCreationOperation": {"true"}}} {
					_ = e.Cloud.Simulate(role.ARN(), "s3:PutObject", object, context) // OnDecision is told
				}
			}
		}
	})
	return decisions
}

// mentions tells whether a policy has the text, in whatever case.
func mentions(d aws.Decision, text string) bool {
	for _, policies := range d.Policies {
		for _, p := range policies {
			if strings.Contains(strings.ToLower(p), strings.ToLower(text)) {
				return true
			}
		}
	}
	return false
}

// compare asks the oracle about decisions, and counts the known faults that it shows.
func compare(t *testing.T, decisions []aws.Decision, atLeast int, shown map[string]int) {
	t.Helper()
	if len(decisions) < atLeast {
		t.Fatalf("there are %d decisions to compare, want %d or more", len(decisions), atLeast)
	}
	answers, err := oracle.Ask(t.Context(), harness.Root(t), decisions)
	if err != nil {
		t.Fatal(err)
	}
	results, faults := map[string]int{}, 0
	for i, d := range decisions {
		got, want := answers[i], oracle.Result(d)
		if got.Result == want {
			results[want]++
			continue
		}
		known := slices.IndexFunc(oracleFaults(), func(f oracleFault) bool { return f.is(d, got) })
		if known >= 0 {
			shown[oracleFaults()[known].name]++
			continue
		}
		if faults++; faults <= 5 {
			text, _ := json.MarshalIndent(d, "", " ") // it was decoded from JSON, or can be encoded
			t.Errorf("the desk: %s (%s), the oracle: %s%s (ignoring %q):\n%s", want, d.Layer, got.Result, got.Error, got.Ignored, text)
		}
	}
	t.Logf("%d decisions: the same are %d allowed, %d denied by a statement, %d not allowed by any; not the same %d",
		len(decisions), results["Allowed"], results["ExplicitlyDenied"], results["ImplicitlyDenied"], faults)
	for _, result := range []string{"Allowed", "ExplicitlyDenied", "ImplicitlyDenied"} {
		if results[result] == 0 {
			t.Errorf("no decision is %s", result)
		}
	}
}

func readDecisions(t *testing.T, file string) []aws.Decision {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var list []aws.Decision
	seen := map[string]bool{}
	for decoder := json.NewDecoder(bytes.NewReader(text)); decoder.More(); {
		var d aws.Decision
		if err := decoder.Decode(&d); err != nil {
			t.Fatal(err)
		}
		if key := fmt.Sprint(d); !seen[key] {
			seen[key] = true
			list = append(list, d)
		}
	}
	return list
}

// oracleRoles is how many roles of random properties are made.
const oracleRoles = 30

// roleDecisions has roles made of random properties, and decides what each may do to
// its bucket, to another one, to keys and to itself.
func roleDecisions(t *testing.T) []aws.Decision {
	t.Helper()
	var decisions []aws.Decision
	seen := map[string]bool{}
	for seed := range uint64(oracleRoles) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				t.Helper()
				decide := func(d aws.Decision) {
					if key := fmt.Sprint(harness.Timeless(d)); !seen[key] {
						seen[key] = true
						decisions = append(decisions, d)
					}
				}
				random := rand.New(rand.NewPCG(seed, seed))
				e := newProviderEnv(t, options{Options: aws.Options{OnDecision: decide}, Seed: seed + 1}, "AllowFullAccess", "true")
				p := randomProperties(random)
				e.MustApp(p)
				role := e.ExportRole()
				e.Cloud.Edit(func(s *aws.State) {
					for _, arn := range []string{keyARN, otherKeyARN} {
						s.Keys[arn] = &aws.Key{ARN: arn, State: "Enabled", Policy: randomKeyPolicy(random, role)}
					}
				})
				for range 3 {
					e.EditBucket(func(b *aws.Bucket) { b.Account, b.Policy = randomOwner(random, role) })
					e.tryAll(role, fmt.Sprint(p["ObjectPrefix"]))
				}
				e.EditBucket(func(b *aws.Bucket) { b.Account, b.Policy = account, "" })
			})
		})
	}
	return decisions
}

func oneOf[T any](random *rand.Rand, list ...T) T { return list[random.IntN(len(list))] }

// randomProperties are those of a role that is not verified: no check changes the bucket.
func randomProperties(random *rand.Rand) properties {
	p := properties{
		"BucketName": bucketName, "Verification": "Off", "RoleName": oneOf(random, "bitmovin-export-app", "bitmovin-export-App+=,.@-_1", "bitmovin-export-x"),
		"ExternalId":   oneOf(random, "external-id-1", "a/b:c@d.e,f=g+h"),
		"AccessMode":   oneOf(random, "Restricted", "Restricted", "Restricted", "Full"),
		"ObjectPrefix": oneOf(random, "", "exports/", "a/b/c/", "a b/", "a+(b)[c]{d}/", "$a/.b/^/", "år/", "UPPER/"),
	}
	if random.IntN(3) == 0 {
		p["KmsKeyArn"] = keyARN
	}
	return p
}

// randomOwner is whose the bucket is, and its policy, of up to two statements.
func randomOwner(random *rand.Rand, role aws.Role) (owner, policy string) {
	owner = oneOf(random, account, account, otherAccount)
	session := "arn:aws:sts::" + account + ":assumed-role/" + role.Name + "/local"
	var statements []string
	for range random.IntN(3) {
		s := map[string]any{
			"Effect":    oneOf(random, "Allow", "Allow", "Deny"),
			"Principal": oneOf[any](random, "*", map[string]string{"AWS": account}, map[string]string{"AWS": role.ARN()}, map[string]string{"AWS": session}),
			"Action":    oneOf[any](random, "s3:*", "s3:PutObject", []string{"s3:Put*", "s3:GetObject?cl"}, "s3:ListBucket"),
			"Resource": oneOf[any](random, "*", "arn:aws:s3:::"+bucketName+"*", []string{"arn:aws:s3:::" + bucketName, "arn:aws:s3:::" + bucketName + "/*"},
				"arn:aws:s3:::"+bucketName+"/exports/*"),
		}
		if condition := oneOf[any](random,
			nil, nil,
			map[string]any{"Bool": map[string]any{"aws:SecureTransport": oneOf(random, "true", "false")}},
			map[string]any{"ArnLike": map[string]any{"aws:PrincipalArn": "arn:aws:iam::*:role/bitmovin-export-*"}},
			map[string]any{"StringNotEquals": map[string]any{"aws:PrincipalAccount": oneOf(random, account, otherAccount)}},
			map[string]any{"StringLike": map[string]any{"s3:prefix": "exports/*"}},
			map[string]any{"StringNotEqualsIfExists": map[string]any{"aws:PrincipalOrgID": "o-1"}},
			map[string]any{"IpAddress": map[string]any{"aws:SourceIp": []string{"127.0.0.0/8", "10.0.0.0/8"}}},
		); condition != nil {
			s["Condition"] = condition
		}
		text, _ := json.Marshal(s) // strings alone
		statements = append(statements, string(text))
	}
	if len(statements) == 0 {
		return owner, ""
	}
	return owner, policyOf(statements...)
}

// otherKeyARN is a key that no property names.
const otherKeyARN = "arn:aws:kms:" + region + ":" + account + ":key/0000abcd-12ab-34cd-56ef-1234567890ab"

// randomKeyPolicy leaves the key to the account's policies, or to the role, or to nobody
// that is here.
func randomKeyPolicy(random *rand.Rand, role aws.Role) string {
	return policyOf(fmt.Sprintf(`{"Effect":"Allow","Principal":{"AWS":%q},"Action":"kms:*","Resource":"*"}`,
		oneOf(random, "arn:aws:iam::"+account+":root", "arn:aws:iam::"+account+":root", role.ARN(), "arn:aws:iam::"+otherAccount+":root")))
}

// tryAll decides on what exports do, and on what is next to it.
func (e *env) tryAll(role aws.Role, prefix string) {
	e.Helper()
	try := func(action, resource string, context map[string][]string) {
		// It is denied or allowed, and either is told to OnDecision.
		_ = e.Cloud.Simulate(role.ARN(), action, resource, context)
	}
	for _, bucket := range []string{bucketName, bucketName + "-2", "other.bucket"} {
		arn := "arn:aws:s3:::" + bucket
		for _, action := range []string{
			"ListBucket", "GetBucketLocation", "ListBucketVersions", "ListBucketMultipartUploads", "GetBucketPolicy", "PutBucketPolicy", "DeleteBucket",
		} {
			try("s3:"+action, arn, nil)
		}
		try("s3:ListBucket", arn, map[string][]string{"s3:prefix": {prefix}})
		for _, action := range []string{
			"PutObject", "PutObjectAcl", "GetObject", "GetObjectAcl", "DeleteObject", "DeleteObjectVersion", "PutObjectTagging", "PutObjectVersionAcl",
			"AbortMultipartUpload", "PutObjectRetention",
		} {
			for _, key := range []string{prefix + "export.csv", prefix + "a/b:c.csv", strings.TrimSuffix(prefix, "/") + "x", strings.ToUpper(prefix) + "x", "exports/x"} {
				try("s3:"+action, arn+"/"+key, nil)
			}
		}
	}
	for _, key := range []string{keyARN, otherKeyARN} {
		for _, action := range []string{"GenerateDataKey", "Decrypt", "Encrypt", "DescribeKey", "PutKeyPolicy"} {
			try("kms:"+action, key, nil)
			try("kms:"+action, key, map[string][]string{"kms:ViaService": {"s3." + region + ".amazonaws.com"}})
			try("kms:"+action, key, map[string][]string{"kms:ViaService": {"secretsmanager." + region + ".amazonaws.com"}})
		}
	}
	for _, action := range []string{"iam:PutRolePolicy", "iam:PassRole", "iam:DeleteRolePermissionsBoundary", "sts:AssumeRole"} {
		try(action, role.ARN(), nil)
	}
	try("s3:ListAllMyBuckets", "*", nil)
	try("iam:ListRoles", "*", nil)
}
