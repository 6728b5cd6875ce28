package access

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestProviderFromEnv(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		env  map[string]string
		want Provider
	}{
		{"nothing", nil, Provider{TrustedPrincipal: "arn:aws:iam::630681592166:user/bitmovinCustomerS3Access"}},
		{"everything", map[string]string{
			"TRUSTED_PRINCIPAL": "arn:aws-cn:iam::1:user/u", "PERMISSIONS_BOUNDARY_ARN": "arn:b", "ROLE_NAME_PREFIX": "p-",
			"ALLOW_FULL_ACCESS": "true", "VERIFIER_ROLE_ARN": testVerifier,
		}, Provider{TrustedPrincipal: "arn:aws-cn:iam::1:user/u", Boundary: "arn:b", RoleNamePrefix: "p-", AllowFull: true, Verifier: testVerifier}},
		{"full access in another spelling", map[string]string{"ALLOW_FULL_ACCESS": "True"},
			Provider{TrustedPrincipal: bitmovin}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, ProviderFromEnv(func(name string) string { return test.env[name] })); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestProviderCheck(t *testing.T) {
	t.Parallel()
	china := func(p *Provider) {
		p.TrustedPrincipal, p.Verifier = "arn:aws-cn:iam::123456789012:user/u", "arn:aws-cn:iam::123456789012:role/f"
	}
	tests := []struct {
		name, partition string
		change          func(*Provider)
		told            []string // none: it is right
	}{
		{"the defaults", "aws", func(*Provider) {}, nil},
		{"another principal", "aws", func(p *Provider) { p.TrustedPrincipal = "arn:aws:iam::123456789012:role/a/b" }, nil},
		{"China", "aws-cn", china, nil},
		{"the shortest prefix", "aws", func(p *Provider) { p.RoleNamePrefix = "bitmovin-" }, nil},
		{"the longest prefix", "aws", func(p *Provider) { p.RoleNamePrefix = "team_+=,.@-bitmovin-exports-eu1-" }, nil},
		{"no boundary", "aws", func(p *Provider) { p.Boundary = "" }, nil},
		{"China without a principal of its own", "aws-cn", func(p *Provider) { china(p); p.TrustedPrincipal = bitmovin },
			[]string{"TRUSTED_PRINCIPAL", "is not in the partition aws-cn"}},
		{"GovCloud without a principal of its own", "aws-us-gov", func(p *Provider) { p.Verifier = "arn:aws-us-gov:iam::123456789012:role/f" },
			[]string{"TRUSTED_PRINCIPAL", "is not in the partition aws-us-gov"}},
		{"a partition's begin", "aws-c", china, []string{"is not in the partition aws-c"}},
		{"everybody", "aws", func(p *Provider) { p.TrustedPrincipal = "*" }, []string{`TRUSTED_PRINCIPAL: "*" is not`}},
		{"an account", "aws", func(p *Provider) { p.TrustedPrincipal = "arn:aws:iam::630681592166:root" }, []string{"TRUSTED_PRINCIPAL", "root"}},
		{"a service", "aws", func(p *Provider) { p.TrustedPrincipal = "ec2.amazonaws.com" }, []string{"TRUSTED_PRINCIPAL"}},
		{"no verifier", "aws", func(p *Provider) { p.Verifier = "" }, []string{"VERIFIER_ROLE_ARN"}},
		{"everybody a verifier", "aws", func(p *Provider) { p.Verifier = "*" }, []string{"VERIFIER_ROLE_ARN"}},
		{"an account a verifier", "aws", func(p *Provider) { p.Verifier = "arn:aws:iam::123456789012:root" }, []string{"VERIFIER_ROLE_ARN"}},
		{"no prefix", "aws", func(p *Provider) { p.RoleNamePrefix = "" }, []string{"ROLE_NAME_PREFIX"}},
		{"a prefix without its end", "aws", func(p *Provider) { p.RoleNamePrefix = "bitmovin-exports" }, []string{`ROLE_NAME_PREFIX: "bitmovin-exports"`}},
		{"a prefix without bitmovin", "aws", func(p *Provider) { p.RoleNamePrefix = "bit-movin-" }, []string{`ROLE_NAME_PREFIX: "bit-movin-"`}},
		{"a prefix in capitals", "aws", func(p *Provider) { p.RoleNamePrefix = "BITMOVIN-" }, []string{"ROLE_NAME_PREFIX"}},
		{"a path for a prefix", "aws", func(p *Provider) { p.RoleNamePrefix = "bitmovin/exports-" }, []string{"ROLE_NAME_PREFIX"}},
		{"a pattern for a prefix", "aws", func(p *Provider) { p.RoleNamePrefix = "*bitmovin-" }, []string{"ROLE_NAME_PREFIX"}},
		{"a prefix that is too long", "aws", func(p *Provider) { p.RoleNamePrefix = "bitmovin-" + strings.Repeat("x", 23) + "-" }, []string{"ROLE_NAME_PREFIX"}},
		{"everything wrong", "aws", func(p *Provider) { *p = Provider{} }, []string{"TRUSTED_PRINCIPAL", "VERIFIER_ROLE_ARN", "ROLE_NAME_PREFIX"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := testProvider()
			test.change(&p)
			err := p.check(test.partition)
			if (err == nil) != (test.told == nil) {
				t.Fatalf("got the error %v", err)
			}
			for _, part := range test.told {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error %q does not tell %q", err, part)
				}
			}
		})
	}
}
