package access

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/policy"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/role"
)

// bitmovin is the user by which Bitmovin assumes its customers' roles, in the
// partition aws.
// https://github.com/bitmovin/bitmovin-api-sdk-go/blob/main/model/analytics_s3_role_based_output.go
const bitmovin = "arn:aws:iam::630681592166:user/bitmovinCustomerS3Access"

// A Provider is what the owner of the function decides, and no resource can
// change: whom the roles trust, how their names begin and what caps them.
type Provider struct {
	// TrustedPrincipal is the ARN of the one user or role that may assume the roles.
	TrustedPrincipal string
	// Boundary is the ARN of the roles' permissions boundary; empty for none.
	Boundary string
	// RoleNamePrefix begins the name of each role that the function administers. The
	// roles are at the path /.
	RoleNamePrefix string
	// AllowFull lets resources ask for AccessMode Full.
	AllowFull bool
	// Verifier is the ARN of the function's own role.
	Verifier string
}

// ProviderFromEnv reads the provider from the function's environment: TRUSTED_PRINCIPAL,
// PERMISSIONS_BOUNDARY_ARN, ROLE_NAME_PREFIX, ALLOW_FULL_ACCESS, VERIFIER_ROLE_ARN.
// What is wrong with it fails each Create and Update, and no Delete.
func ProviderFromEnv(getenv func(string) string) Provider {
	return Provider{
		TrustedPrincipal: cmp.Or(getenv("TRUSTED_PRINCIPAL"), bitmovin),
		Boundary:         getenv("PERMISSIONS_BOUNDARY_ARN"),
		RoleNamePrefix:   getenv("ROLE_NAME_PREFIX"),
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
	if !validRoleNamePrefix(p.RoleNamePrefix) {
		errs = append(errs, fmt.Errorf("ROLE_NAME_PREFIX: %q is not 9 to 32 characters of letters, digits and _+=,.@-, with bitmovin in it and - at its end", p.RoleNamePrefix))
	}
	if len(errs) > 0 {
		return fmt.Errorf("the provider is set up wrongly: %w", errors.Join(errs...))
	}
	return nil
}

// checkName returns an error if the provider's roles cannot have the name. IAM's names are
// unique whatever their case, but its policies match them with case.
func (p Provider) checkName(name string) error {
	if strings.HasPrefix(name, p.RoleNamePrefix) {
		return nil
	}
	return fmt.Errorf("property RoleName: %q does not begin with %s, the RoleNamePrefix of the provider", name, p.RoleNamePrefix)
}

// administers reports whether the role is one that the function may write.
func (p Provider) administers(r *role.Role) bool {
	return strings.HasSuffix(r.ARN, ":role/"+r.Name) && p.checkName(r.Name) == nil
}

// otherPrefix is the error about a resource's role that the function may not write.
func (p Provider) otherPrefix(r *role.Role) error {
	return fmt.Errorf("%s is this resource's role, but the provider administers only role/%s*: nothing was changed. "+
		"Give the provider its former RoleNamePrefix back; to change it, delete the resources that have such roles first", r.ARN, p.RoleNamePrefix)
}
