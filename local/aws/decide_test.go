package aws

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	ownAccount   = "111122223333"
	otherAccount = "999999999999"
	roleARN      = "arn:aws:iam::111122223333:role/path/writer"
	sessionARN   = "arn:aws:sts::111122223333:assumed-role/writer/run"
	userARN      = "arn:aws:iam::111122223333:user/ann"
	objectARN    = "arn:aws:s3:::bucket/key"
	targetARN    = "arn:aws:iam::111122223333:role/target"
	keyARN       = "arn:aws:kms:us-east-1:111122223333:key/1"

	allowAll  = `{"Effect":"Allow","Action":"*","Resource":"*"}`
	allowRead = `{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}`
	denyRead  = `{"Effect":"Deny","Action":"s3:GetObject","Resource":"*"}`
	denyPut   = `{"Effect":"Deny","Action":"s3:PutObject","Resource":"*"}`

	guide       = "https://docs.aws.amazon.com/IAM/latest/UserGuide/"
	pageDeny    = guide + "reference_policies_evaluation-logic_AccessPolicyLanguage_Interplay.html"
	pageLogic   = guide + "reference_policies_evaluation-logic_policy-eval-denyallow.html"
	pageOne     = guide + "reference_policies_evaluation-logic_policy-eval-basics.html"
	pageCross   = guide + "reference_policies_evaluation-logic-cross-account.html"
	pageBound   = guide + "access_policies_boundaries.html"
	pageWho     = guide + "reference_policies_elements_principal.html"
	pageNotWho  = guide + "reference_policies_elements_notprincipal.html"
	pageTrust   = guide + "id_roles_compare-resource-policies.html"
	pageKey     = "https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html"
	pageSCP     = "https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html"
	pageRCP     = "https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html"
	pageVPC     = "https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html"
	pageMessage = guide + "troubleshoot_access-denied.html"
)

func parsed(t *testing.T, layer Layer, statements ...string) *document {
	t.Helper()
	d, err := parseDocument(layer, `{"Version":"2012-10-17","Statement":[`+strings.Join(statements, ",")+`]}`)
	if err != nil {
		t.Fatalf("parse %s: %v", layer, err)
	}
	return d
}

// forWhom makes a statement on everything; principal is JSON.
func forWhom(effect, principal string) string {
	return fmt.Sprintf(`{"Effect":%q,"Principal":%s,"Action":"*","Resource":"*"}`, effect, principal)
}

func named(name string) string { return fmt.Sprintf(`{"AWS":%q}`, name) }

// trusts makes a statement of a trust policy.
func trusts(effect, principal string) string {
	return fmt.Sprintf(`{"Effect":%q,"Principal":%s,"Action":"sts:AssumeRole"}`, effect, principal)
}

func TestDecide(t *testing.T) {
	t.Parallel()
	type docs []*document
	p := func(layer Layer, statements ...string) *document { return parsed(t, layer, statements...) }
	allowed := decision{Allowed: true}
	no := func(l Layer) decision { return decision{Layer: l} }
	never := func(l Layer) decision { return decision{Layer: l, Explicit: true} }

	// Unless a case says otherwise, the role's session puts an object into a
	// bucket of its own account.
	identity := func(statements ...string) func(*request) {
		return func(r *request) { r.Caller.Identity = append(r.Caller.Identity, p(LayerIdentity, statements...)) }
	}
	boundary := func(statements ...string) func(*request) {
		return func(r *request) { r.Caller.Boundary = p(LayerBoundary, statements...) }
	}
	narrowed := func(statements ...string) func(*request) {
		return func(r *request) { r.Caller.SessionPolicies = docs{p(LayerSession, statements...)} }
	}
	bucket := func(statements ...string) func(*request) {
		return func(r *request) { r.ResourcePolicy = p(LayerResource, statements...) }
	}
	guardrail := func(layer Layer, statements ...string) func(*request) {
		return func(r *request) { r.Guardrails = append(r.Guardrails, p(layer, statements...)) }
	}
	trust := func(statements ...string) func(*request) {
		return func(r *request) {
			r.Action, r.Resource, r.ResourcePolicy = "sts:AssumeRole", targetARN, p(LayerTrust, statements...)
		}
	}
	keyPolicy := func(statements ...string) func(*request) {
		return func(r *request) {
			r.Action, r.Resource, r.ResourcePolicy = "kms:GenerateDataKey", keyARN, p(LayerKey, statements...)
		}
	}
	asUser := func(r *request) { r.Caller.ARN, r.Caller.Session = userARN, "" }
	theirs := func(r *request) { r.ResourceAccount = otherAccount }
	service := func(r *request) { r.Caller = principal{Service: "lambda.amazonaws.com"} }
	anonymous := func(r *request) { r.Caller = principal{} }
	type edits []func(*request)

	cases := []struct {
		name, page string
		edits      edits
		want       decision
	}{
		{"nothing allows", pageLogic, nil, no(LayerIdentity)},
		{"identity allows", pageOne, edits{identity(allowAll)}, allowed},
		{"two identity policies add up", pageOne, edits{identity(allowRead), identity(allowAll, allowRead), identity(allowRead)}, allowed},
		{"identity allows another action", pageOne, edits{identity(allowRead)}, no(LayerIdentity)},
		{"deny beats allow in one policy", pageDeny, edits{identity(allowAll, denyPut)}, never(LayerIdentity)},
		{"deny wherever it stands", pageDeny, edits{identity(denyPut, allowAll, denyRead), identity(allowAll)}, never(LayerIdentity)},
		{"deny of another action", pageDeny, edits{identity(allowAll, `{"Effect":"Deny","NotAction":"s3:PutObject","Resource":"*"}`)}, allowed},
		{"deny in the bucket policy", pageDeny, edits{identity(allowAll), bucket(forWhom("Deny", `"*"`))}, never(LayerResource)},
		{"identity's deny beats the bucket policy", pageDeny, edits{identity(denyPut), bucket(forWhom("Allow", named(sessionARN)))}, never(LayerIdentity)},

		{"boundary allows nothing by itself", pageBound, edits{boundary(allowAll)}, no(LayerIdentity)},
		{"boundary and identity allow", pageBound, edits{identity(allowAll), boundary(allowAll)}, allowed},
		{"boundary lacks the action", pageBound, edits{identity(allowAll), boundary(allowRead)}, no(LayerBoundary)},
		{"boundary denies", pageBound, edits{identity(allowAll), boundary(allowAll, denyPut)}, never(LayerBoundary)},
		{"session policy lacks the action", pageOne, edits{identity(allowAll), narrowed(allowRead)}, no(LayerSession)},
		{"session policy denies", pageOne, edits{identity(allowAll), narrowed(allowAll, denyPut)}, never(LayerSession)},

		{"bucket policy names the role", pageLogic, edits{bucket(forWhom("Allow", named(roleARN)))}, allowed},
		{"bucket policy names the role, boundary limits", pageLogic, edits{bucket(forWhom("Allow", named(roleARN))), boundary(allowRead)}, no(LayerBoundary)},
		{"bucket policy names the role, session policy limits", pageLogic, edits{bucket(forWhom("Allow", named(roleARN))), narrowed(allowRead)}, no(LayerSession)},
		{"bucket policy names the session", pageLogic, edits{bucket(forWhom("Allow", named(sessionARN))), boundary(allowRead), narrowed(allowRead)}, allowed},
		{"bucket policy names the user", pageLogic, edits{asUser, bucket(forWhom("Allow", named(userARN))), boundary(allowRead)}, allowed},
		{"bucket policy names all, with the role as condition", pageLogic, edits{bucket(
			`{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"ArnEquals":{"aws:PrincipalArn":"` + roleARN + `"}}}`,
		), boundary(allowRead)}, allowed},
		{"bucket policy names another session", pageWho, edits{bucket(forWhom("Allow", named(sessionARN+"2")))}, no(LayerIdentity)},
		{"bucket policy names a role of the same name at another path", pageWho, edits{bucket(forWhom("Allow", named("arn:aws:iam::111122223333:role/writer")))}, no(LayerIdentity)},
		{"bucket policy names the account", pageWho, edits{bucket(forWhom("Allow", named("arn:aws:iam::111122223333:root")))}, no(LayerIdentity)},
		{"bucket policy denies the account", pageWho, edits{identity(allowAll), bucket(forWhom("Deny", named(ownAccount)))}, never(LayerResource)},
		{"bucket policy denies the role", pageWho, edits{identity(allowAll), bucket(forWhom("Deny", named(roleARN)))}, never(LayerResource)},
		{"a deleted principal is nobody", pageWho, edits{bucket(forWhom("Allow", named("AROAEXAMPLE")))}, no(LayerIdentity)},
		{"anonymous", pageWho, edits{anonymous, bucket(forWhom("Allow", `"*"`))}, allowed},
		{"anonymous, bucket policy names an account", pageWho, edits{anonymous, bucket(forWhom("Allow", named(ownAccount)))}, no(LayerResource)},

		{"deny to others spares account, role and session", pageNotWho, edits{identity(allowAll), bucket(notTo(ownAccount, roleARN, sessionARN))}, allowed},
		{"deny to others misses the session", pageNotWho, edits{identity(allowAll), bucket(notTo(ownAccount, roleARN))}, never(LayerResource)},
		{"deny to others misses the account", pageNotWho, edits{identity(allowAll), bucket(notTo(roleARN, sessionARN))}, never(LayerResource)},
		{"deny to others spares a service", pageNotWho, edits{service, bucket(forWhom("Allow", `"*"`),
			`{"Effect":"Deny","NotPrincipal":{"Service":"lambda.amazonaws.com"},"Action":"*","Resource":"*"}`)}, allowed},
		{"deny to others hits whoever has a boundary", pageNotWho, edits{identity(allowAll), boundary(allowAll), bucket(notTo(ownAccount, roleARN, sessionARN))}, never(LayerResource)},
		{"deny to others hits the anonymous", pageNotWho, edits{anonymous, bucket(forWhom("Allow", `"*"`), notTo(ownAccount))}, never(LayerResource)},

		{"cross-account, only identity", pageCross, edits{theirs, identity(allowAll)}, no(LayerResource)},
		{"cross-account, only the bucket policy", pageCross, edits{theirs, bucket(forWhom("Allow", named(sessionARN)))}, no(LayerIdentity)},
		{"cross-account, both", pageCross, edits{theirs, identity(allowAll), bucket(forWhom("Allow", named(roleARN)))}, allowed},
		{"cross-account, the account is enough", pageCross, edits{theirs, identity(allowAll), bucket(forWhom("Allow", named(ownAccount)))}, allowed},
		{"cross-account, both but the boundary", pageCross, edits{theirs, identity(allowAll), boundary(allowRead), bucket(forWhom("Allow", named(sessionARN)))}, no(LayerBoundary)},

		{"SCP lacks the action", pageSCP, edits{identity(allowAll), guardrail(LayerSCP, allowRead)}, no(LayerSCP)},
		{"SCP limits the bucket policy's grant, too", pageSCP, edits{bucket(forWhom("Allow", named(sessionARN))), guardrail(LayerSCP, allowRead)}, no(LayerSCP)},
		{"two SCPs of one account add up", pageSCP, edits{identity(allowAll), guardrail(LayerSCP, allowRead), guardrail(LayerSCP, allowAll)}, allowed},
		{"SCP denies", pageSCP, edits{identity(allowAll, denyPut), guardrail(LayerSCP, allowAll, denyPut)}, never(LayerSCP)},
		{"SCP does not bind services", pageSCP, edits{service, bucket(forWhom("Allow", `{"Service":"lambda.amazonaws.com"}`)), guardrail(LayerSCP, denyPut)}, allowed},
		{"RCP denies", pageRCP, edits{identity(allowAll), guardrail(LayerRCP, forWhom("Deny", `"*"`))}, never(LayerRCP)},
		{"RCP of another action", pageRCP, edits{identity(allowAll), guardrail(LayerRCP, `{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"*"}`)}, allowed},
		{"VPC endpoint lacks the action", pageVPC, edits{identity(allowAll), guardrail(LayerVPCEndpoint, forWhom("Allow", named(userARN)))}, no(LayerVPCEndpoint)},
		{"VPC endpoint denies", pageVPC, edits{identity(allowAll), guardrail(LayerVPCEndpoint, forWhom("Allow", `"*"`), forWhom("Deny", named(roleARN)))}, never(LayerVPCEndpoint)},

		{"trust names the role", pageTrust, edits{trust(trusts("Allow", named(roleARN)))}, allowed},
		{"trust names the role, boundary limits", pageTrust, edits{trust(trusts("Allow", named(roleARN))), boundary(allowRead)}, no(LayerBoundary)},
		{"trust names the account, identity allows", pageTrust, edits{trust(trusts("Allow", named(ownAccount))), identity(allowAll)}, allowed},
		{"trust names the account only", pageTrust, edits{trust(trusts("Allow", named(ownAccount)))}, no(LayerIdentity)},
		{"trust names somebody else", pageTrust, edits{trust(trusts("Allow", named(userARN))), identity(allowAll)}, no(LayerTrust)},
		{"trust denies", pageTrust, edits{trust(trusts("Allow", named(roleARN)), trusts("Deny", named(sessionARN)))}, never(LayerTrust)},
		{"trust names the service", pageTrust, edits{service, trust(trusts("Allow", `{"Service":["s3.amazonaws.com","lambda.amazonaws.com"]}`))}, allowed},
		{"trust names another service", pageTrust, edits{service, trust(trusts("Allow", `{"Service":"s3.amazonaws.com"}`))}, no(LayerTrust)},
		{"cross-account trust without identity", pageCross, edits{theirs, trust(trusts("Allow", named(roleARN)))}, no(LayerIdentity)},

		{"key policy names the role", pageKey, edits{keyPolicy(forWhom("Allow", named(roleARN)))}, allowed},
		{"key policy leaves it to the account", pageKey, edits{keyPolicy(forWhom("Allow", named(ownAccount))), identity(allowAll)}, allowed},
		{"key policy leaves it to the account, identity does not allow", pageKey, edits{keyPolicy(forWhom("Allow", named(ownAccount))), identity(allowRead)}, no(LayerIdentity)},
		{"key policy does not mention the account", pageKey, edits{keyPolicy(forWhom("Allow", named(userARN))), identity(allowAll)}, no(LayerKey)},
		{"key policy denies", pageKey, edits{keyPolicy(forWhom("Allow", named(ownAccount)), forWhom("Deny", `"*"`)), identity(allowAll)}, never(LayerKey)},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := request{
				Action: "s3:PutObject", Resource: objectARN, ResourceAccount: ownAccount,
				Caller: principal{ARN: roleARN, Session: sessionARN, Account: ownAccount},
			}
			for _, edit := range tc.edits {
				edit(&r)
			}
			got, err := decide(r)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("decide, after %s (-want +got):\n%s", tc.page, diff)
			}
		})
	}
}

func notTo(spared ...string) string {
	return fmt.Sprintf(`{"Effect":"Deny","NotPrincipal":{"AWS":["%s"]},"Action":"*","Resource":"*"}`, strings.Join(spared, `","`))
}

func TestStatementMatches(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, action, resource, statement string
		want                              bool
	}{
		{"action without case", "s3:PutObject", objectARN, `"Action":"S3:putobject","Resource":"*"`, true},
		{"action with wildcards", "s3:PutObjectAcl", objectARN, `"Action":"s3:P?t*Acl","Resource":"*"`, true},
		{"action is matched whole", "s3:PutObjectAcl", objectARN, `"Action":"s3:PutObject","Resource":"*"`, false},
		{"one action of a list", "s3:PutObject", objectARN, `"Action":["s3:GetObject","s3:PutObject"],"Resource":"*"`, true},
		{"NotAction", "s3:PutObject", objectARN, `"NotAction":["iam:*","s3:Put*"],"Resource":"*"`, false},
		{"resource with case", "s3:PutObject", objectARN, `"Action":"*","Resource":"arn:aws:s3:::bucket/KEY"`, false},
		{"bucket is not its objects", "s3:PutObject", objectARN, `"Action":"*","Resource":"arn:aws:s3:::bucket"`, false},
		{"objects below a prefix", "s3:PutObject", "arn:aws:s3:::bucket/a:b/c", `"Action":"*","Resource":"arn:aws:s3:::bucket/a*"`, true},
		{"a * that ends a part runs on over parts", "iam:GetRole", "arn:aws:iam::1:role/a:role/b", `"Action":"*","Resource":"arn:aws:*:role/b"`, true},
		{"parts left out match anything", "iam:GetRole", roleARN, `"Action":"*","Resource":"arn:aws:iam::*"`, true},
		{"an action without resource", "s3:ListAllMyBuckets", "*", `"Action":"*","Resource":"arn:aws:s3:::*"`, false},
		{"NotResource", "s3:PutObject", objectARN, `"Action":"*","NotResource":"arn:aws:s3:::other/*"`, true},
		{"NotResource names it", "s3:PutObject", objectARN, `"Action":"*","NotResource":"arn:aws:s3:::bucket/*"`, false},
		{"variable", "s3:PutObject", "arn:aws:s3:::bucket/ann/x", `"Action":"*","Resource":"arn:aws:s3:::bucket/${aws:username}/*"`, true},
		{"variable of another", "s3:PutObject", "arn:aws:s3:::bucket/bob/x", `"Action":"*","Resource":"arn:aws:s3:::bucket/${aws:username}/*"`, false},
		{"variable that is absent", "s3:PutObject", "arn:aws:s3:::bucket/", `"Action":"*","Resource":"arn:aws:s3:::bucket/${sts:ExternalId}"`, false},
		{"a * that ends a part runs on over colons", "s3:PutObject", "arn:aws:s3:::bucket/x", `"Action":"*","Resource":"arn:aws:s3:*:bucket/x"`, true},
		{"no other * does", "s3:PutObject", "arn:aws:s3:::bucket/x", `"Action":"*","Resource":"arn:aws:s3:*t/x"`, false},
		{"what runs on must end right", "s3:PutObject", "arn:aws:s3:::bucket/x", `"Action":"*","Resource":"arn:aws:s3:*:bucket/y"`, false},
		{"escaped wildcard", "s3:PutObject", "arn:aws:s3:::bucket/x", `"Action":"*","Resource":"arn:aws:s3:::bucket/${*}"`, false},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := decide(request{
				Action: tc.action, Resource: tc.resource, ResourceAccount: ownAccount,
				Caller: principal{ARN: userARN, Account: ownAccount, Identity: []*document{parsed(t, LayerIdentity, `{"Effect":"Allow",`+tc.statement+`}`)}},
			})
			if err != nil {
				t.Fatal(err)
			}
			if got.Allowed != tc.want {
				t.Errorf("allowed: got %v, want %v", got.Allowed, tc.want)
			}
		})
	}
}

// TestDecideFailsLoudly shows that what is not understood never decides, even
// if another policy would have, or the statement is about something else.
func TestDecideFailsLoudly(t *testing.T) {
	t.Parallel()
	allow := func(condition string) string {
		return `{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":` + condition + `}`
	}
	forAll := func(condition string) string {
		return `{"Effect":"Allow","Action":"*","Resource":"*","Condition":` + condition + `}`
	}
	cases := []struct {
		name, statement, want string
		ctx                   map[string][]string
	}{
		{name: "unknown key of an unrelated statement", statement: allow(`{"StringEquals":{"s3:TlsVersion":"1.2"}}`), want: `"s3:tlsversion" is not known`},
		{name: "unknown key with IfExists", statement: forAll(`{"StringEqualsIfExists":{"aws:Surprise":"1"}}`), want: `"aws:surprise" is not known`},
		{name: "key of many values", statement: allow(`{"StringEquals":{"aws:TagKeys":"a"}}`), want: "needs ForAnyValue or ForAllValues"},
		{name: "unknown variable", statement: forAll(`{"StringEquals":{"aws:PrincipalArn":"${aws:Surprise}"}}`), want: `"aws:surprise" is not known`},
		{name: "variable of many values", statement: forAll(`{"StringEquals":{"aws:PrincipalArn":"${aws:TagKeys}"}}`), want: "has many values"},
		{name: "variable not closed", statement: `{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:username"}`, want: "not closed"},
		{name: "variable where none may be", statement: forAll(`{"NumericEquals":{"s3:max-keys":"${s3:max-keys}"}}`), ctx: map[string][]string{"s3:max-keys": {"10"}}, want: `"${s3:max-keys}"`},
		{name: "not a number", statement: forAll(`{"NumericEquals":{"s3:max-keys":"ten"}}`), ctx: map[string][]string{"s3:max-keys": {"10"}}, want: `"ten"`},
		{name: "not a date", statement: forAll(`{"DateLessThan":{"aws:CurrentTime":"soon"}}`), ctx: map[string][]string{"aws:currenttime": {"2026-01-01T00:00:00Z"}}, want: `"soon" is not a date`},
		{name: "not a boolean", statement: forAll(`{"Bool":{"aws:ViaAWSService":"maybe"}}`), want: `"maybe"`},
		{name: "not a null", statement: forAll(`{"Null":{"aws:ViaAWSService":"maybe"}}`), want: `"maybe"`},
		{name: "not a network", statement: forAll(`{"IpAddress":{"aws:SourceIp":"home"}}`), ctx: map[string][]string{"aws:sourceip": {"::1"}}, want: `"home"`},
		{name: "a service supplies an unknown key", statement: allowAll, ctx: map[string][]string{"S3:Prefix": {""}}, want: `"S3:Prefix" is not known`},
		{name: "a service supplies two values of one", statement: allowAll, ctx: map[string][]string{"s3:prefix": {"a", "b"}}, want: "has 2 values"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d, err := decide(request{
				Action: "s3:PutObject", Resource: objectARN, ResourceAccount: ownAccount, Context: tc.ctx,
				Caller: principal{ARN: userARN, Account: ownAccount, Identity: []*document{
					parsed(t, LayerIdentity, allowAll), parsed(t, LayerIdentity, tc.statement),
				}},
			})
			if err == nil || !strings.Contains(err.Error(), tc.want) || d.Allowed {
				t.Errorf("got %+v, %v; want an error with %s", d, err, tc.want)
			}
		})
	}
}

func TestDecideRefusesMisplacedPolicies(t *testing.T) {
	t.Parallel()
	identity := parsed(t, LayerIdentity, allowAll)
	for name, r := range map[string]request{
		"resource policy": {ResourcePolicy: identity},
		"guardrail":       {Guardrails: []*document{identity}},
		"canonical user": {ResourcePolicy: parsed(t, LayerResource,
			forWhom("Deny", `{"CanonicalUser":"`+strings.Repeat("a", 64)+`"}`))},
	} {
		if d, err := decide(r); err == nil {
			t.Errorf("%s: got %+v, want an error", name, d)
		}
	}
}

// TestMessage pins the texts of https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
// and https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html.
func TestMessage(t *testing.T) {
	t.Parallel()
	put := request{Action: "s3:PutObject", Resource: objectARN, ResourceAccount: ownAccount, Caller: principal{ARN: roleARN, Session: sessionARN, Account: ownAccount}}
	assume := request{Action: "sts:AssumeRole", Resource: targetARN, ResourceAccount: ownAccount, Caller: principal{ARN: userARN, Account: ownAccount}}
	encrypt := request{Action: "kms:GenerateDataKey", Resource: keyARN, ResourceAccount: ownAccount, Caller: put.Caller}
	elsewhere := func(r request) request { r.ResourceAccount = otherAccount; return r }
	const (
		noPut     = "User: " + sessionARN + " is not authorized to perform: s3:PutObject on resource: \"" + objectARN + "\" "
		noAssume  = "User: " + userARN + " is not authorized to perform: sts:AssumeRole on resource: " + targetARN
		noEncrypt = "User: " + sessionARN + " is not authorized to perform: kms:GenerateDataKey on resource: " + keyARN
	)
	cases := []struct {
		name string
		r    request
		d    decision
		want string
	}{
		{"identity", put, decision{Layer: LayerIdentity}, noPut + "because no identity-based policy allows the s3:PutObject action"},
		{"identity denies", put, decision{Layer: LayerIdentity, Explicit: true}, noPut + "with an explicit deny in an identity-based policy"},
		{"boundary", put, decision{Layer: LayerBoundary}, noPut + "because no permissions boundary allows the s3:PutObject action"},
		{"boundary denies", put, decision{Layer: LayerBoundary, Explicit: true}, noPut + "with an explicit deny in a permissions boundary"},
		{"session", put, decision{Layer: LayerSession}, noPut + "because no session policy allows the s3:PutObject action"},
		{"bucket policy denies", put, decision{Layer: LayerResource, Explicit: true}, noPut + "with an explicit deny in a resource-based policy"},
		{"SCP", put, decision{Layer: LayerSCP}, noPut + "because no service control policy allows the s3:PutObject action"},
		{"SCP denies", put, decision{Layer: LayerSCP, Explicit: true}, noPut + "with an explicit deny in a service control policy"},
		{"RCP denies", put, decision{Layer: LayerRCP, Explicit: true}, noPut + "with an explicit deny in a resource control policy"},
		{"VPC endpoint", put, decision{Layer: LayerVPCEndpoint}, noPut + "because no VPC endpoint policy allows the s3:PutObject action"},
		{"VPC endpoint denies", put, decision{Layer: LayerVPCEndpoint, Explicit: true}, noPut + "with an explicit deny in a VPC endpoint policy"},
		{"S3 of another account", elsewhere(put), decision{Layer: LayerResource}, "Access Denied"},
		{"trust", assume, decision{Layer: LayerTrust}, noAssume + " because no role trust policy allows the sts:AssumeRole action"},
		{"trust denies", assume, decision{Layer: LayerTrust, Explicit: true}, noAssume + " with an explicit deny in the role trust policy"},
		{"role of another account", elsewhere(assume), decision{Layer: LayerTrust}, noAssume},
		{"key of another account", elsewhere(encrypt), decision{Layer: LayerKey}, "User: " + sessionARN + " is not authorized to perform: " +
			"kms:GenerateDataKey on this resource because the resource does not exist in this Region, no resource-based policies allow access, " +
			"or a resource-based policy explicitly denies access"},
		{"key policy", encrypt, decision{Layer: LayerKey}, noEncrypt + " because no resource-based policy allows the kms:GenerateDataKey action"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, tc.d.message(tc.r)); diff != "" {
				t.Errorf("message, after %s (-want +got):\n%s", pageMessage, diff)
			}
		})
	}
}
