package access

import (
	"errors"
	"fmt"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/role"
)

// validate decides whether there is anything to be done, before the first write. A
// rollback ignores what is refused of the properties.
func (u *run) validate(refused error) error {
	switch {
	case u.current != nil && !u.owns():
		return fmt.Errorf("the role name %s is taken by %s, owned by %s: %s", u.current.Name, u.current.ARN, ownerOf(u.current), u.regain())
	case u.current != nil && !u.provider.administers(u.current):
		return u.provider.otherPrefix(u.current)
	case u.current == nil && u.provider.checkName(u.want.Name) != nil:
		return u.provider.checkName(u.want.Name)
	case u.rollback:
		return nil
	case u.current != nil && u.current.Unread != nil:
		return u.current.Unread
	case refused != nil:
		return refused
	case u.props.AccessMode == full && !u.provider.AllowFull:
		return errors.New("property AccessMode: the provider does not allow Full; its owner does with the parameter AllowFullAccess")
	case u.enforces() && u.probe.Report.Failed():
		return u.probe.Report.Err()
	}
	return nil
}

// regain says what to do about a role of the wanted name that is not the event's. The
// one that an Update or a rollback is about was, and has lost its tags or was made again.
func (u *run) regain() string {
	if !role.SameName(u.want.Name, u.r.PhysicalResourceID) {
		return "choose another RoleName"
	}
	return fmt.Sprintf("if it is this resource's, give it back the tags %s %s and %s %s; else delete it, or choose another RoleName",
		tagStackID, u.r.StackID, tagLogicalID, u.r.LogicalResourceID)
}
