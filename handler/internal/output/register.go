package output

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/cfn"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/customresource"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/lifecycle"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/parallel"
)

// tick is the unit of Bitmovin's times of creation.
const tick = time.Second

// A run registers one output, for one Create or Update.
type run struct {
	*Registry
	r     *customresource.Request
	watch *lifecycle.Watch
	api   *client
	props props
	want  owner
	// rollback: the stack is rolling back. What it had is restored.
	rollback bool
	// posted: this run may have made an output.
	posted bool
}

// register handles Create and Update alike.
func (g *Registry) register(ctx context.Context, r *customresource.Request) (_ map[string]any, err error) {
	if r.RequestType == cfn.RequestCreate {
		r.Report(nothing)
	}
	p, unknown, err := decode(r.ResourceProperties)
	if err != nil || unknown != nil && r.RequestType == cfn.RequestCreate {
		return nil, lifecycle.Invalid(unknown, err)
	}
	u := &run{Registry: g, r: r, watch: lifecycle.NewWatch(g.stacks, r, ""), props: p, want: owner{
		StackID: r.StackID, LogicalID: r.LogicalResourceID, RequestID: r.RequestID, Attempt: rand.Text(), Digest: p.digest(),
	}}
	var state lifecycle.State
	parallel.Do(ctx, func(ctx context.Context) {
		u.api, err = g.client(ctx, p.SecretARN, p.SecretField, p.OrganizationID)
	}, func(ctx context.Context) {
		state = u.watch.Ask(ctx)
	})
	if u.watch.GaveUp(state) {
		state = u.watch.Ask(ctx)
	}
	u.rollback = r.RequestType == cfn.RequestUpdate && state.RollingBack()
	if unknown != nil && !u.rollback {
		return nil, unknown
	}
	defer func() {
		if err != nil {
			u.undo(ctx)
		}
	}()
	var o *output
	if err == nil {
		o, err = u.converge(ctx, state)
	}
	if err != nil && u.keeps() && !errors.Is(err, lifecycle.ErrSuperseded) {
		r.Log.WarnContext(ctx, "the rollback changes nothing of the output, and could not ask for it", "output", r.PhysicalResourceID, "error", err)
		o, err = &output{ID: r.PhysicalResourceID}, nil
	}
	if err != nil {
		return nil, err
	}
	return u.attributes(o)
}

// keeps reports whether a rollback has nothing to bring back: the update that it undoes
// changed nothing that Bitmovin stores. A rollback that is continued may not tell what
// the update changed: then its old properties are the new ones.
func (u *run) keeps() bool {
	former, _, err := decode(u.r.OldResourceProperties)
	told := err == nil && !reflect.DeepEqual(u.r.OldResourceProperties, u.r.ResourceProperties)
	return u.rollback && !u.posted && told && former.digest() == u.want.Digest && registered(u.r.PhysicalResourceID)
}

// converge returns the output that the event asks for, and registers it if it
// is not there.
func (u *run) converge(ctx context.Context, state lifecycle.State) (*output, error) {
	standing := state.Standing(u.r.RequestType, u.rollback)
	if standing == lifecycle.GivenUp {
		return nil, u.stop(ctx, state)
	}
	o, err := u.find(ctx)
	if err != nil {
		return nil, err
	}
	if o == nil {
		if state.Answered() || standing != lifecycle.Awaited {
			return nil, state.Superseded("output")
		}
		if o, err = u.create(ctx); err != nil {
			return nil, err
		}
		if o, err = u.settle(ctx, o); err != nil {
			return nil, err
		}
	}
	u.r.Report(o.ID)
	if u.rollback {
		u.sweep(ctx, o)
	}
	return u.complete(ctx, o)
}

// complete reads the output by its id where the external id was left out.
func (u *run) complete(ctx context.Context, o *output) (*output, error) {
	if o.ExternalID != "" || u.props.ExternalID != "" {
		return o, nil
	}
	whole, err := u.api.get(ctx, o.ID)
	if err == nil && whole == nil {
		err = fmt.Errorf("output %s was deleted meanwhile", o.ID)
	}
	return whole, err
}

// find returns the output that the event asks for; nil if there is none. An
// Update keeps one with the wanted content: the one that it is about, or in a
// rollback the one that it had before.
func (u *run) find(ctx context.Context) (*output, error) {
	wanted := func(o owner) bool { return o.made(u.r.Event) }
	if u.r.RequestType == cfn.RequestUpdate {
		wanted = func(o owner) bool { return o.owns(u.r.Event) && o.Digest == u.want.Digest }
		now, err := u.present(ctx)
		if err != nil || now != nil && wanted(now.owner()) {
			return now, err
		}
	}
	found, err := u.owned(ctx, u.props.Name, wanted)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// present returns the output that an Update is about; nil if there is none.
func (u *run) present(ctx context.Context) (*output, error) {
	if !registered(u.r.PhysicalResourceID) {
		return nil, nil
	}
	return u.api.get(ctx, u.r.PhysicalResourceID)
}

// owned returns the outputs of that name whose owner is wanted, the oldest first.
func (u *run) owned(ctx context.Context, name string, wanted func(owner) bool) ([]*output, error) {
	found, err := u.api.named(ctx, name)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(o *output) bool { return !wanted(o.owner()) })
	slices.SortFunc(found, age)
	return found, nil
}

// create registers the output. When an answer is lost, it looks for the output
// before it tries again.
func (u *run) create(ctx context.Context) (o *output, err error) {
	body := u.props.output()
	if body.CustomData, err = json.Marshal(u.want); err != nil {
		return nil, fmt.Errorf("encode the custom data: %w", err)
	}
	before := u.r.PhysicalID()
	u.r.Report(uncertain + u.r.RequestID)
	lost := func(err error) bool { return errors.Is(err, errLost) }
	err = retry(ctx, u.pauses, lost, func() (err error) {
		if u.posted {
			if o, err = u.find(ctx); err != nil || o != nil {
				return err
			}
		}
		o, err = u.api.create(ctx, body)
		u.posted = u.posted || err == nil || lost(err)
		if err == nil || lost(err) {
			return err
		}
		// If names are unique, it may be this event's own output that is in the way.
		if there, findErr := u.find(ctx); findErr == nil && there != nil {
			o, err = there, nil
		}
		return err
	})
	if err != nil && !u.posted {
		u.r.Report(before)
	}
	return o, err
}

// settle leaves one of the outputs that deliveries of the event have made at the
// same time: the oldest. One of the same tick may not be seen yet, so it waits
// for the tick's end. It also sees whether the stack still wants an output.
func (u *run) settle(ctx context.Context, o *output) (*output, error) {
	if !sleep(ctx, tick) {
		return nil, fmt.Errorf("no time was left to see that output %s is the only one", o.ID)
	}
	var all []*output
	var err error
	var state lifecycle.State
	parallel.Do(ctx, func(ctx context.Context) {
		all, err = u.owned(ctx, u.props.Name, func(o owner) bool { return o.made(u.r.Event) })
	}, func(ctx context.Context) { state = u.watch.Ask(ctx) })
	if err != nil {
		return nil, err
	}
	if err := u.stop(ctx, state); err != nil {
		return nil, err
	}
	// What the answer to the POST told, the list may leave out. A list that lags
	// does not make it the oldest.
	at := slices.IndexFunc(all, func(other *output) bool { return other.ID == o.ID })
	if at < 0 {
		all = append(all, o)
	} else {
		all[at] = o
	}
	for _, other := range all[1:] {
		if err := u.api.delete(ctx, other.ID); err != nil {
			return nil, err
		}
	}
	return all[0], nil
}

// stop ends a run that the stack does not want any more. CloudFormation may have
// sent the Delete that follows a cancelled Create before the output was
// registered: then it is this run that removes it.
func (u *run) stop(ctx context.Context, state lifecycle.State) error {
	standing := state.Standing(u.r.RequestType, u.rollback)
	if standing == lifecycle.Awaited {
		return nil
	}
	err := state.Superseded("output")
	if standing == lifecycle.Overtaken && u.r.RequestType == cfn.RequestCreate {
		return err // what it made lives on
	}
	_, removeErr := u.api.remove(ctx, u.props.Name, func(o owner) bool { return o.made(u.r.Event) })
	return errors.Join(err, removeErr)
}

// undo removes what a failed run has made. It need not succeed: the physical id
// tells the Delete that follows what to look for.
func (u *run) undo(ctx context.Context) {
	if !u.posted {
		return
	}
	ctx, cancel := customresource.CleanUp(ctx)
	defer cancel()
	_, err := u.api.remove(ctx, u.props.Name, func(o owner) bool { return o.made(u.r.Event) && o.Attempt == u.want.Attempt })
	if err != nil {
		u.r.Log.WarnContext(ctx, "an output that was made for this request may be left until its Delete", "error", err)
	}
}

// sweep removes what the Update that is rolled back has registered, which
// CloudFormation knows nothing of if that Update gave no answer. The output of
// the event is CloudFormation's to delete.
func (u *run) sweep(ctx context.Context, keep *output) {
	name, _ := u.r.OldResourceProperties["Name"].(string)
	before, err := u.owned(ctx, cmp.Or(name, u.props.Name), func(o owner) bool { return o.owns(u.r.Event) })
	for _, o := range before {
		if o.ID != keep.ID && o.ID != u.r.PhysicalResourceID {
			err = errors.Join(err, u.api.delete(ctx, o.ID))
		}
	}
	if err != nil {
		u.r.Log.WarnContext(ctx, "an output of the update that is rolled back may be left", "error", err)
	}
}

// attributes returns the resource's attributes. Bitmovin gives out an external
// id with the output, and may not tell it a second time; then no other resource
// could be given it, but for what a rollback restores as it was.
func (u *run) attributes(o *output) (map[string]any, error) {
	data := map[string]any{"OutputId": o.ID}
	switch id := cmp.Or(o.ExternalID, u.props.ExternalID); {
	case id != "":
		data["ExternalId"] = id
	case !u.rollback:
		return nil, fmt.Errorf("output %s is registered, but Bitmovin does not tell its external id again: "+
			"another Name registers a new output", o.ID)
	}
	return data, nil
}
