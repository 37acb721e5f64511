package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"crm-connectors/cmd/chaos/cut"
	"crm-connectors/cmd/chaos/lane"
	"crm-connectors/cmd/chaos/oracle"
	"crm-connectors/sim"
)

// situations are faults that belong together: what leads to the steps of a write's life that chance alone takes too seldom. One schedule in
// situationEvery has one beside its other faults.
func situations(on tier) []func(*rand.Rand) []fault {
	list := []func(*rand.Rand) []fault{
		func(r *rand.Rand) []fault { return []fault{lateClaim(r)} },
		func(*rand.Rand) []fault { return []fault{poisonOne()} },
		func(*rand.Rand) []fault { return []fault{killedAndDown()} },
		whileDoubtful("a person cancels what is in doubt", func(ctx context.Context, t *trial, _ *rand.Rand) error {
			return t.cancelAny(ctx, "in_doubt")
		}),
		whileDoubtful("a person disconnects what is in doubt", disconnect),
		ofWhole(whileDoubtful("a person cancels what a lost connection holds", func(ctx context.Context, t *trial, r *rand.Rand) error {
			return t.whileDown(ctx, t.orders[0], r, func(o *order) error {
				_, err := t.cancel(ctx, o, "blocked")
				return err
			})
		})),
		whileDoubtful("another account after a disconnect", func(ctx context.Context, t *trial, r *rand.Rand) error {
			return t.whileDown(ctx, t.anyOrder(r), r, func(o *order) error { return t.ofAnotherAccount(ctx, o) })
		}),
		whileDoubtful("a grant is revoked in doubt", revoke),
	}
	switch on {
	case tierEnforced:
		list = append(list, func(*rand.Rand) []fault { return []fault{twiceFault()} })
	case tierRead:
		list = append(list, func(r *rand.Rand) []fault { return []fault{copyFault(r)} })
	}
	return list
}

const situationEvery = 3

// whileDoubtful loses the answer to the first write at each CRM, and does something once the service knows that it does not know.
func whileDoubtful(kind string, do func(context.Context, *trial, *rand.Rand) error) func(*rand.Rand) []fault {
	return func(*rand.Rand) []fault {
		var list []fault
		for _, crm := range []string{lane.HubSpot, lane.Salesforce} {
			list = append(list, atFirst(crm, sim.Fault{Kind: sim.FaultCutAfter, Path: writing}))
		}
		return append(list, fault{kind: kind, unseen: true, at: moment{nth: 1, on: creates}, do: func(ctx context.Context, t *trial, r *rand.Rand) error {
			if !t.untilDoubtful(ctx) {
				return ctx.Err()
			}
			return do(ctx, t, r)
		}})
	}
}

// ofWhole gives the plan an outcome with a contact and what belongs to it, before the others.
func ofWhole(situation func(*rand.Rand) []fault) func(*rand.Rand) []fault {
	return func(r *rand.Rand) []fault {
		list := situation(r)
		list[len(list)-1].whole = true
		return list
	}
}

// untilDoubtful waits until a write is in doubt, for two seconds.
func (t *trial) untilDoubtful(ctx context.Context) bool {
	for range 200 {
		var some bool
		err := t.bench.lane.DB.QueryRow(ctx, `select exists (select from crm_write_log`+inDoubtOf+`)`, t.syncs()...).Scan(&some)
		if err == nil && some {
			return true
		}
		if sleep(ctx, pollEvery/2) != nil {
			return false
		}
	}
	return false
}

// cancelAny cancels a write of this status.
func (t *trial) cancelAny(ctx context.Context, status string) error {
	for _, o := range t.orders {
		select {
		case <-o.accepted:
		default:
			continue
		}
		if done, err := t.cancel(ctx, o, status); done || err != nil {
			return err
		}
	}
	return nil
}

// cancel cancels a write of the order that has one of the statuses, contacts first, and says whether there was one.
func (t *trial) cancel(ctx context.Context, o *order, statuses ...string) (bool, error) {
	var id, object string
	err := t.bench.lane.DB.QueryRow(ctx, `select id::text, object_type from crm_write_log where sync_id = $1 and status = any($2)
		order by object_type <> 'contact', random() limit 1`, o.sync, statuses).Scan(&id, &object)
	if err != nil {
		return false, nil //nolint:nilerr // there is none, or the database is down
	}
	acted := false
	i := slices.IndexFunc(o.wants, func(w oracle.Want) bool { return w.Object == object })
	err = t.tell(ctx, o, i, "/writes/"+id+"/resolve", map[string]any{"how": "cancel"}, &acted)
	return acted, err
}

// whileDown ends the connection of an order, does something, and makes it again.
func (t *trial) whileDown(ctx context.Context, o *order, r *rand.Rand, do func(*order) error) error {
	return errors.Join(t.disconnect(ctx, o), do(o), sleep(ctx, wait(r, 50*time.Millisecond, 500*time.Millisecond)), t.bench.lane.Connect(ctx, o.workspace, o.kind.crm))
}

// lateClaim holds a claim's commit back until the time to send is over, or nearly.
func lateClaim(r *rand.Rand) fault {
	held := wait(r, 950*time.Millisecond, 1700*time.Millisecond)
	return fault{kind: "late claim", at: moment{nth: 1 + r.IntN(3), on: claiming, wire: lane.Postgres},
		deed: func(t *trial, _ lane.Event, _ *rand.Rand) (cut.Verdict, func(context.Context) error) {
			return cut.Verdict{Do: func() { _ = sleep(t.ctx, held) }}, nil
		}}
}

// poisonOne kills the service whenever it sends the last record of the first outcome.
func poisonOne() fault {
	f := poisonFault(nil)
	kill := f.deed
	f.times = 100
	f.deed = func(t *trial, e lane.Event, r *rand.Rand) (cut.Verdict, func(context.Context) error) {
		wants := t.orders[0].wants
		if !strings.Contains(string(e.Text), wants[len(wants)-1].Tag) {
			return lane.Pass(e), nil
		}
		return kill(t, e, r)
	}
	return f
}

// killedAndDown kills the service at a call, and ends a connection before anybody can take over what was being sent.
func killedAndDown() fault {
	f := fault{kind: "killed, and a person disconnects", unseen: true, at: moment{nth: 1, on: creates}}
	f.deed = func(t *trial, e lane.Event, r *rand.Rand) (cut.Verdict, func(context.Context) error) {
		victim, killed := anyReplica(t, r), newDeed()
		own := rand.New(rand.NewPCG(r.Uint64(), 5)) // it must repeat
		o := t.anyOrder(own)
		if i := slices.IndexFunc(t.orders, func(o *order) bool { return o.kind.crm == e.Wire }); i >= 0 {
			o = t.orders[i]
		}
		return cut.Verdict{Bytes: len(e.Text), Do: func() { killed.done <- victim.Kill() }}, func(ctx context.Context) error {
			return errors.Join(killed.wait(ctx), victim.Ensure(ctx), t.whileDown(ctx, o, own, func(*order) error { return sleep(ctx, pastLease) }))
		}
	}
	return f
}

// pastLease is longer than a lease lasts (build.Waits) and the sweep that follows it.
const pastLease = 2500 * time.Millisecond

// twiceFault is a gateway that sends a create twice and passes the second answer on: an account that enforces the marker says that it is there.
func twiceFault() fault {
	return fault{kind: "a gateway repeats, unseen", at: moment{nth: 1, on: newTask}, deed: func(t *trial, e lane.Event, _ *rand.Rand) (cut.Verdict, func(context.Context) error) {
		if !strings.Contains(string(e.Text), uniqueProperty) { // the connection is so new that the account's property is not counted on
			return lane.Pass(e), nil
		}
		text, sent := slices.Clone(e.Text), newDeed()
		return cut.Verdict{Do: func() { sent.done <- t.bench.lane.Raw(t.ctx, e.Wire, text) }}, sent.wait
	}}
}

// uniqueProperty is the one by which HubSpot refuses a copy, where the service sends it: connectors/hubspot's markerProperty.
const uniqueProperty = `"outcome_marker"`
