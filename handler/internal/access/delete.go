package access

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/awserr"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/customresource"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/eventual"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/lifecycle"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/parallel"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/role"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/verify"
)

// delete removes the role that the event's physical id names. CloudFormation
// invents the id when it cancels a Create, and it may do so before that Create
// has made the role: so the role that the properties give is looked for too. A
// role that is not there is looked for again for a while: it may be too new to
// be seen. Only a Create that failed before it made any leaves nothing to doubt.
func (a *Access) delete(ctx context.Context, r *customresource.Request) error {
	doubt := eventual.InventedID
	if r.MadeNothing(r.PhysicalResourceID) {
		doubt = 0
	}
	watch := lifecycle.NewWatch(a.stacks, r, "")
	var removals []func(context.Context) error
	for _, name := range a.candidates(r) {
		removals = append(removals, func(ctx context.Context) error {
			err := a.remove(ctx, r, name, doubt, watch)
			if errors.Is(err, errInUse) && !role.SameName(name, r.PhysicalResourceID) {
				r.Log.WarnContext(ctx, "the role of that name is another incarnation's, which is complete, and is left alone", "error", err)
				return nil
			}
			return err
		})
	}
	return parallel.Try(ctx, removals...)
}

// errInUse keeps a Delete from a role that its stack goes on to use. Two
// incarnations of a resource may have one name: when a Create fails, its Delete
// may come after the next Create has made the role again.
var errInUse = errors.New("another incarnation of the resource has this role and is complete: nothing was touched")

// candidates returns the names that the role of a Delete may have. The one that the
// properties give is none where the physical id is a role's: once a rollback that
// failed is continued, the role that is to go has the properties of the one that stays.
func (a *Access) candidates(r *customresource.Request) []string {
	var names []string
	if validRoleName(r.PhysicalResourceID) {
		names = append(names, r.PhysicalResourceID)
	}
	noRole := len(names) == 0 || lifecycle.MadeUp(r, r.PhysicalResourceID)
	if name := a.nameOf(r); noRole && validRoleName(name) && !role.SameName(name, r.PhysicalResourceID) {
		names = append(names, name)
	}
	return names
}

// nameOf returns the role's name that the event's properties give. Properties
// of another version, or none, are no reason to fail a Delete.
func (a *Access) nameOf(r *customresource.Request) string {
	if name, ok := r.ResourceProperties["RoleName"].(string); ok && name != "" {
		return name
	}
	return a.derivedNameOf(r)
}

// remove deletes the role if it is the event's own, with its policies and what
// an interrupted check left in the bucket, and checks that it is gone. While there
// is none it looks again for as long as doubt says. A Delete leaves a role that a
// complete resource of the stack uses, as watch tells; it is nil where the stack has
// given the role up.
func (a *Access) remove(ctx context.Context, r *customresource.Request, name string, doubt time.Duration, watch *lifecycle.Watch) error {
	begun := time.Now()
	var taken time.Time // when the role was first deleted
	return eventual.Repeat(ctx, func(ctx context.Context) (until time.Time, err error) {
		asked := time.Now()
		var found *role.Role
		used := false
		parallel.Do(ctx,
			func(ctx context.Context) { found, err = a.getRoleWith(ctx, r.Event, name, a.roles.ListPolicies) },
			func(ctx context.Context) { used = watch != nil && uses(ctx, watch, name) },
		)
		switch {
		case err != nil:
			return time.Time{}, err
		case found == nil && taken.IsZero() && asked.Before(begun.Add(doubt)):
			return begun.Add(doubt), nil
		case found == nil:
			a.removeLeftovers(ctx, r, name, "")
			return time.Time{}, nil
		case !ownedBy(found, r.Event):
			r.Log.WarnContext(ctx, "role is not this resource's and is left alone", "role", found.ARN, "owner", ownerOf(found))
			if found.Tags[tagStackID] == "" { // else its owner may be checking it
				a.removeLeftovers(ctx, r, name, "")
			}
			return time.Time{}, nil
		case !a.provider.administers(found):
			return time.Time{}, a.provider.otherPrefix(found)
		case used:
			return begun.Add(eventual.OtherIncarnation), fmt.Errorf("delete role %s: %w", name, errInUse)
		case found.Unread != nil:
			return time.Time{}, found.Unread
		}
		if taken.IsZero() {
			taken = time.Now()
		}
		gone, err := a.take(ctx, r, found)
		switch {
		case gone:
			return time.Time{}, nil
		case awserr.Denied(err):
			return awserr.OwnDenialUntil(begun, err), err
		}
		return taken.Add(eventual.DeletedRole), err
	})
}

// uses asks whether the stack's resource lives and has the role. A stack that does
// not answer must not take the time that the deletion needs.
func uses(ctx context.Context, watch *lifecycle.Watch, name string) bool {
	ctx, cancel := eventual.WithFraction(ctx, 1)
	defer cancel()
	return watch.Uses(ctx, name)
}

// take strips and deletes the role, beside what an interrupted check left, and
// reports whether it is gone. A deletion that succeeded ends it: IAM may go on to
// show that role. Else what counts is not what was answered: the answer to a call
// that had its effect may be lost, and another run may delete the same role. While the
// role is there another try is worth it, for a policy may have been added meanwhile.
func (a *Access) take(ctx context.Context, r *customresource.Request, found *role.Role) (gone bool, err error) {
	if err = a.roles.Strip(ctx, found); err == nil {
		parallel.Do(ctx,
			func(ctx context.Context) { err = a.roles.Delete(ctx, found.Name) },
			func(ctx context.Context) { a.removeLeftovers(ctx, r, found.Name, "") },
		)
	}
	still, lookErr := a.getRole(ctx, found.Name)
	switch {
	case err == nil && (still == nil || still.ID == found.ID):
		return true, nil
	case lookErr != nil:
		return false, errors.Join(err, lookErr)
	case still == nil:
		return true, nil
	case err == nil:
		err = fmt.Errorf("role %s was made again after it was deleted", found.Name)
	}
	return false, err
}

// removeLeftovers takes away what an interrupted check of the role left in the
// bucket, as far as the properties tell which one, but not what the check of the
// request present writes. It is no reason to fail.
func (a *Access) removeLeftovers(ctx context.Context, r *customresource.Request, name, present string) {
	p, _, err := decode(r.ResourceProperties)
	if err != nil {
		return
	}
	if p.BucketOwner == "" {
		p.BucketOwner = r.AccountID
	}
	ctx, cancel := eventual.WithFraction(ctx, 1)
	defer cancel()
	probe := verify.New(a.cfg, verify.Target{Bucket: p.bucket(r.Partition), Owner: p.BucketOwner, RoleName: name, Request: present})
	if err := probe.RemoveLeftovers(ctx); err != nil {
		r.Log.WarnContext(ctx, "the bucket could not be searched for what a check may have left", "bucket", p.BucketName, "error", err)
	}
}
