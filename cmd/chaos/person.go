package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"crm-connectors/cmd/chaos/cut"
	"crm-connectors/cmd/chaos/lane"
	"crm-connectors/cmd/chaos/oracle"
	"crm-connectors/sim"
)

// maxVisits is how often a person comes back to a schedule's writes.
const maxVisits = 4

// attend plays the person whom the service hands things to: reconnects what is in error, looks into the CRM for what the service cannot tell, and
// says what to do. The person sees what a person would: the CRM and the write log.
func (t *trial) attend(ctx context.Context) error {
	for range maxVisits {
		acted := false
		if err := t.reconnect(ctx, &acted); err != nil {
			return err
		}
		for _, o := range t.orders {
			for _, row := range o.rows {
				if err := t.seeTo(ctx, o, row, &acted); err != nil {
					return err
				}
			}
		}
		if !acted {
			return nil
		}
		if err := t.settle(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (t *trial) reconnect(ctx context.Context, acted *bool) error {
	done := map[string]bool{}
	for _, o := range t.orders {
		down := slices.ContainsFunc(o.rows, func(r oracle.Row) bool { return r.Connection != "connected" })
		if key := o.workspace.String() + o.kind.crm; down && !done[key] {
			done[key], *acted = true, true
			if err := t.bench.lane.Connect(ctx, o.workspace, o.kind.crm); err != nil {
				return err
			}
		}
	}
	return nil
}

// seeTo settles one write by what the CRM holds.
func (t *trial) seeTo(ctx context.Context, o *order, row oracle.Row, acted *bool) error {
	if row.Status != "needs_review" && (row.Status != "failed" || row.Code == "contact_failed") {
		return nil
	}
	i := slices.IndexFunc(o.wants, func(w oracle.Want) bool { return w.Object == row.Object })
	entries, err := t.bench.log.Entries(o.from)
	if err != nil || i < 0 {
		return err
	}
	w := o.wants[i]
	say := map[string]any{"how": "retry"}
	id := w.Known
	if made := w.IDs(entries); id == "" && len(made) > 0 {
		id = made[0]
	}
	path := "/writes/" + row.Write + "/resolve"
	t.mu.Lock()
	dice := t.rng.IntN(6)
	t.mu.Unlock()
	switch {
	case dice < 2 || row.Code == "account_changed":
		say["how"] = "cancel"
	case id != "" && row.Status == "needs_review":
		say["how"], say["crm_object_id"] = "found", id
	case row.Status == "failed" && dice < 5:
		path, say = "/writes/"+row.Write+"/retry", nil
	}
	return t.tell(ctx, o, i, path, say, acted)
}

// tell makes a person's call. What the service refuses is no fault: things move on meanwhile.
func (t *trial) tell(ctx context.Context, o *order, want int, path string, say map[string]any, acted *bool) error {
	var body any
	if say != nil {
		body = say
	}
	replicas := t.bench.lane.Replicas()
	status, err := t.bench.lane.Call(ctx, replicas[0], http.MethodPost, path+"?workspace_id="+o.workspace.String(), body, nil)
	if err != nil {
		return nil //nolint:nilerr // it was killed just now, or the database is down
	}
	if status < http.StatusMultipleChoices {
		*acted = true
	}
	if say["how"] == "cancel" && status < http.StatusMultipleChoices {
		o.callOff(want)
	}
	if status == http.StatusBadRequest || status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusNotFound {
		return fmt.Errorf("%s %v: status %d", path, say, status)
	}
	return nil
}

// callOff notes that a person cancelled a record, and with a contact what belongs to it.
func (o *order) callOff(want int) { o.wants[want].Called = true }

// personFaults are what people do in the middle of it all, and what makes the rare steps of a write's life.
func personFaults(on tier) []func(*rand.Rand) fault {
	list := []func(*rand.Rand) fault{
		func(*rand.Rand) fault { return fault{kind: "a person disconnects", unseen: true, do: disconnect} },
		func(*rand.Rand) fault { return fault{kind: "a grant is revoked", unseen: true, do: revoke} },
		func(*rand.Rand) fault { return fault{kind: "a person cancels", unseen: true, do: cancelOne} },
		func(*rand.Rand) fault { return fault{kind: "another account", unseen: true, do: anotherAccount} },
		func(*rand.Rand) fault { return fault{kind: "many tries", unseen: true, do: manyTries} },
		rejectFault, poisonFault,
	}
	if on != tierSearch {
		list = append(list, func(*rand.Rand) fault { return fault{kind: "a day passes", unseen: true, skips: true, do: aDayPasses} })
	}
	if on == tierRead {
		list = append(list, copyFault)
	}
	return list
}

func (t *trial) anyOrder(r *rand.Rand) *order { return t.orders[r.IntN(len(t.orders))] }

// disconnect ends a connection and makes it again after a while.
func disconnect(ctx context.Context, t *trial, r *rand.Rand) error {
	return t.whileDown(ctx, t.anyOrder(r), r, func(*order) error { return sleep(ctx, wait(r, 50*time.Millisecond, 500*time.Millisecond)) })
}

// disconnect ends the connection of an order, as soon as anybody takes the call.
func (t *trial) disconnect(ctx context.Context, o *order) error {
	for {
		status, err := t.bench.lane.Call(ctx, t.bench.lane.Replicas()[0], http.MethodPost, "/disconnect-crm", map[string]any{"workspace_id": o.workspace, "crm": o.kind.crm}, nil)
		if err == nil && status < http.StatusMultipleChoices {
			return nil
		}
		if waited := sleep(ctx, pollEvery); waited != nil {
			return errors.Join(waited, err)
		}
	}
}

// revoke ends all grants at a CRM, as its administrator may. Nobody else may use a workspace that was connected before.
func revoke(ctx context.Context, t *trial, r *rand.Rand) error {
	crm := t.anyOrder(r).kind.crm
	t.bench.forget(crm)
	if err := t.bench.lane.Control(ctx, crm, http.MethodPost, "revoke-grants", nil, nil); err != nil || t.plan.person && r.IntN(2) == 0 {
		return err
	}
	err := sleep(ctx, wait(r, 500*time.Millisecond, 2*time.Second))
	for _, o := range t.orders {
		if o.kind.crm == crm && err == nil {
			err = t.bench.lane.Connect(ctx, o.workspace, crm)
		}
	}
	return err
}

// cancelOne cancels some write of an order that has not settled.
func cancelOne(ctx context.Context, t *trial, r *rand.Rand) error {
	o := t.anyOrder(r)
	select {
	case <-o.accepted:
	case <-ctx.Done():
		return ctx.Err()
	}
	_, err := t.cancel(ctx, o, "queued", "in_doubt", "blocked")
	return err
}

// anotherAccount connects a workspace to this account after ofAnotherAccount.
func anotherAccount(ctx context.Context, t *trial, r *rand.Rand) error {
	o := t.anyOrder(r)
	return errors.Join(t.ofAnotherAccount(ctx, o), t.bench.lane.Connect(ctx, o.workspace, o.kind.crm))
}

// ofAnotherAccount makes it that the workspace was connected to another account so far, which its writes were made for.
func (t *trial) ofAnotherAccount(ctx context.Context, o *order) error {
	_, _ = t.bench.lane.DB.Exec(ctx, `with c as (update crm_connections set account_id = '1' where workspace_id = $1 and crm = $2 returning id)
		update crm_write_log w set crm_account_id = '1' from c where w.connection_id = c.id and w.status in ('queued', 'in_doubt', 'blocked', 'sending')`, o.workspace, o.kind.crm)
	return ctx.Err() // the database may be down: there is no such story then
}

const inDoubtOf = ` where status = 'in_doubt' and sync_id = any($1)`

func (t *trial) syncs() []any {
	var ids []string
	for _, o := range t.orders {
		select {
		case <-o.accepted:
			ids = append(ids, o.sync.String())
		default:
		}
	}
	return []any{ids}
}

// whileInDoubt carries out sql for the writes that are in doubt, as soon as there are some.
func (t *trial) whileInDoubt(ctx context.Context, sql string) error {
	for range 100 {
		late, err := t.bench.lane.Late(ctx)
		if err != nil {
			return err
		}
		if late == 0 { // else time would not have passed for the CRM
			if tag, err := t.bench.lane.DB.Exec(ctx, sql+inDoubtOf, t.syncs()...); err == nil && tag.RowsAffected() > 0 {
				return nil
			}
		}
		if err := sleep(ctx, pollEvery); err != nil {
			return err
		}
	}
	return nil
}

// aDayPasses for writes that are in doubt, and in which nothing was learned.
func aDayPasses(ctx context.Context, t *trial, _ *rand.Rand) error {
	return t.whileInDoubt(ctx, `update crm_write_log set reconcile_at = now() - interval '25 hours', next_attempt_at = now() + interval '1 second'`)
}

// manyTries is what went before.
func manyTries(ctx context.Context, t *trial, _ *rand.Rand) error {
	return t.whileInDoubt(ctx, `update crm_write_log set failures = 8`)
}

// rejectFault makes a CRM refuse a create or update for what it says.
func rejectFault(r *rand.Rand) fault {
	crm := anyCRM(r)
	f := sim.Fault{Kind: sim.FaultStatus, Status: http.StatusBadRequest, Path: writing, Times: 1 + r.IntN(2)}
	if crm == lane.HubSpot {
		f.Body = `{"status":"error","message":"Property values were not valid","category":"VALIDATION_ERROR"}`
	} else {
		f.Body = `[{"message":"A rule of the org refuses it","errorCode":"FIELD_CUSTOM_VALIDATION_EXCEPTION","fields":[]}]`
	}
	return fault{kind: crm + " refuses", at: moment{first: true}, do: func(ctx context.Context, t *trial, _ *rand.Rand) error { return t.bench.lane.Fault(ctx, crm, f) }}
}

// poisonFault kills the service whenever it sends a write, three times over.
func poisonFault(r *rand.Rand) fault {
	return fault{kind: "poison", unseen: true, times: 3, at: moment{nth: 1, on: creates}, deed: func(t *trial, e lane.Event, _ *rand.Rand) (cut.Verdict, func(context.Context) error) {
		victim := t.bench.lane.Replicas()[0]
		killed := newDeed()
		return cut.Verdict{Do: func() { killed.done <- victim.Kill() }, Harm: cut.RST},
			func(ctx context.Context) error { return errors.Join(killed.wait(ctx), victim.Ensure(ctx)) }
	}}
}

// copyFault is a gateway that sends a create twice: the CRM holds a record more than once, and the service, whose answer is lost, must tell.
func copyFault(*rand.Rand) fault {
	return fault{kind: "a gateway repeats", spoil: true, at: moment{nth: 1, on: activities, own: true}, deed: func(t *trial, e lane.Event, _ *rand.Rand) (cut.Verdict, func(context.Context) error) {
		text, sent := slices.Clone(e.Text), newDeed()
		return cut.Verdict{Bytes: len(e.Text), Do: func() { sent.done <- t.bench.lane.Raw(t.ctx, e.Wire, text) }, Harm: cut.FIN}, sent.wait
	}}
}
