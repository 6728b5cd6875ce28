package access

import (
	"context"

	"github.com/aws/aws-lambda-go/cfn"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/policy"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/role"
)

// formerRole returns the role of the resource if the function may not write it, for the
// provider's RoleNamePrefix was another one when it was made; else nil. It may be the one
// that an Update replaces: its Delete would fail, and CloudFormation forget it.
func (u *run) formerRole(ctx context.Context) (*role.Role, error) {
	found, id := u.current, u.r.PhysicalResourceID
	toBringBack := u.rollback && u.owns()
	if !toBringBack && u.r.RequestType == cfn.RequestUpdate && u.provider.checkName(id) != nil && !role.SameName(id, u.want.Name) {
		var err error
		if found, err = u.getRole(ctx, id); err != nil {
			return nil, err
		}
	}
	if found == nil || !ownedBy(found, u.r.Event) || u.provider.administers(found) {
		return nil, nil
	}
	return found, nil
}

// isBack reports whether a former role is the one that a rollback is to bring back, with
// the external id and the tags that it is to have: more of it the function may not read.
// What else its trust policy says, and its boundary, may be the provider's change.
func (u *run) isBack(former *role.Role) bool {
	if !u.rollback || former != u.current && !sameButPrefix(u.r.Event, former.Name, u.want.Name) {
		return false
	}
	c := u.want.Compare(former, oldTagKeys(u.r.Event))
	return policy.Demands(former.Trust, u.props.ExternalID) && len(c.Tag)+len(c.Untag) == 0
}

// leaveFormer returns the attributes of a rollback that leaves a former role as it is: the
// update that it undoes has failed because of the role, and changed nothing.
func (u *run) leaveFormer(ctx context.Context, former *role.Role) map[string]any {
	u.r.Log.WarnContext(ctx, "the rollback leaves the role as it is", "error", u.provider.otherPrefix(former))
	u.want.Name, u.want.ARN, u.props.RoleName = former.Name, former.ARN, former.Name
	u.r.Report(former.Name)
	return u.attributes()
}
