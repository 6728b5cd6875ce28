package output

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/customresource"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/eventual"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/lifecycle"
)

// delete removes the output that the event's physical id names. Properties of
// another version, or none, are no reason to fail: no output was made with them.
func (g *Registry) delete(ctx context.Context, r *customresource.Request) error {
	text := func(name string) string {
		s, _ := r.ResourceProperties[name].(string)
		return s
	}
	if r.PhysicalResourceID == nothing || !validSecret(text("ApiKeySecretArn")) {
		return nil
	}
	api, err := g.client(ctx, text("ApiKeySecretArn"), text("ApiKeySecretField"), text("OrganizationId"))
	request, lost := strings.CutPrefix(r.PhysicalResourceID, uncertain)
	switch {
	case err != nil && invented(r.Event):
		// A key that cannot be had has made nothing either.
		r.Log.WarnContext(ctx, "whether a cancelled Create left an output is not known", "error", err)
		return nil
	case err != nil:
		return err
	case lost:
		return api.search(ctx, text("Name"), func(o owner) bool { return o.owns(r.Event) && o.RequestID == request })
	case invented(r.Event):
		// Which of the resource's Creates it was is not told: a later one may have
		// registered the output that the stack uses now.
		watch := lifecycle.NewWatch(g.stacks, r, "")
		err := api.search(ctx, text("Name"), func(o owner) bool { return o.owns(r.Event) && !watch.UsesOnceCreated(ctx, o.outputID) })
		if refused(err) {
			r.Log.WarnContext(ctx, "whether a cancelled Create left an output is not known", "error", err)
			return nil
		}
		return err
	}
	return api.deleteOwn(ctx, r)
}

// deleteOwn deletes the output of the event's physical id if it is the event's own.
func (c *client) deleteOwn(ctx context.Context, r *customresource.Request) error {
	o, err := c.get(ctx, r.PhysicalResourceID)
	if err != nil || o == nil {
		return err
	}
	if owner := o.owner(); !owner.owns(r.Event) {
		r.Log.WarnContext(ctx, "output is not this resource's and is left alone", "output", o.ID, "owner", owner.String())
		return nil
	}
	return c.delete(ctx, o.ID)
}

// search removes outputs that a request without an answer may have made, or may
// be making: what it does not find it looks for again.
func (c *client) search(ctx context.Context, name string, wanted func(owner) bool) error {
	began := time.Now()
	return eventual.Repeat(ctx, func(ctx context.Context) (time.Time, error) {
		found, err := c.remove(ctx, name, wanted)
		if found || err != nil {
			return time.Time{}, err
		}
		return began.Add(eventual.InventedID), nil
	})
}

// remove deletes the outputs of that name whose owner is wanted, and reports
// whether there were any.
func (c *client) remove(ctx context.Context, name string, wanted func(owner) bool) (found bool, err error) {
	all, err := c.named(ctx, name)
	for _, o := range all {
		if wanted(o.owner()) {
			found, err = true, errors.Join(err, c.delete(ctx, o.ID))
		}
	}
	return found, err
}
