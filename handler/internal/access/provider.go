package access

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/policy"
)

// bitmovin is the user by which Bitmovin assumes its customers' roles, in the
// partition aws.
// https://github.com/bitmovin/bitmovin-api-sdk-go/blob/main/model/analytics_s3_role_based_output.go
const bitmovin = "arn:aws:iam::630681592166:user/bitmovinCustomerS3Access"

// A Provider is what the owner of the function decides, and no resource can
// change: whom the roles trust, where they live and what caps them.
type Provider struct {
	// TrustedPrincipal is the ARN of the one user or role that may assume the roles.
	TrustedPrincipal string
	// Boundary is the ARN of the roles' permissions boundary; empty for none.
	Boundary string
	// RolePath begins and ends with a slash.
	RolePath string
	// AllowFull lets resources ask for AccessMode Full.
	AllowFull bool
	// Verifier is the ARN of the function's own role.
	Verifier string
}

// ProviderFromEnv reads the provider from the function's environment: TRUSTED_PRINCIPAL,
// PERMISSIONS_BOUNDARY_ARN, ROLE_PATH, ALLOW_FULL_ACCESS, VERIFIER_ROLE_ARN.
// What is wrong with it fails each Create and Update, and no Delete.
func ProviderFromEnv(getenv func(string) string) Provider {
	or := func(value, other string) string {
		if value == "" {
			return other
		}
		return value
	}
	return Provider{
		TrustedPrincipal: or(getenv("TRUSTED_PRINCIPAL"), bitmovin),
		Boundary:         getenv("PERMISSIONS_BOUNDARY_ARN"),
		RolePath:         or(getenv("ROLE_PATH"), "/bitmovin/"),
		AllowFull:        getenv("ALLOW_FULL_ACCESS") == "true",
		Verifier:         getenv("VERIFIER_ROLE_ARN"),
	}
}

// check returns what is wrong with the provider, for a function in the partition.
func (p Provider) check(partition string) error {
	var errs []error
	if err := policy.CheckPrincipal(p.TrustedPrincipal); err != nil {
		errs = append(errs, fmt.Errorf("TRUSTED_PRINCIPAL: %w", err))
	} else if !strings.HasPrefix(p.TrustedPrincipal, "arn:"+partition+":") {
		errs = append(errs, fmt.Errorf("TRUSTED_PRINCIPAL: %s is not in the partition %s", p.TrustedPrincipal, partition))
	}
	if err := policy.CheckPrincipal(p.Verifier); err != nil {
		errs = append(errs, fmt.Errorf("VERIFIER_ROLE_ARN: %w", err))
	}
	if !strings.HasPrefix(p.RolePath, "/") || !strings.HasSuffix(p.RolePath, "/") {
		errs = append(errs, fmt.Errorf("ROLE_PATH: %q does not begin and end with a slash", p.RolePath))
	}
	if len(errs) > 0 {
		return fmt.Errorf("the provider is set up wrongly: %w", errors.Join(errs...))
	}
	return nil
}
