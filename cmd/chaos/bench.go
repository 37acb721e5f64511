package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"crm-connectors/cmd/chaos/lane"
	"crm-connectors/cmd/chaos/oracle"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// bench is a lane with what is used on it again and again. It is safe for concurrent use.
type bench struct {
	name string
	dir  string
	lane *lane.Lane
	log  *oracle.Log
	own  *lane.Cluster
	// spare takes own back at the end, for another bench.
	spare func(*lane.Cluster)

	world  world
	cutter *cutter

	mu         sync.Mutex
	made       int                       // orders
	judged     []judged                  // what was found, to be held against the whole log at the end
	changed    map[string]map[string]any // behaviour of the CRMs that is not the usual
	free       map[string][]uuid.UUID    // connected workspaces that nobody uses, by CRM
	connecting sync.Mutex
}

// world says what a bench is made of.
type world struct {
	service string // binary
	own     bool   // a Postgres of its own, which may crash
	cutting bool   // connections can be cut by workspace: the cutter must know every connection's token
	tier    tier
	// production leaves all waits as they are.
	production bool
}

// judged is a finding that nothing later may contradict.
type judged struct {
	want oracle.Want
	kind string
	made int
}

const (
	pollEvery   = 20 * time.Millisecond
	tokenWithin = 10 * time.Second
	heldWithin  = 3 * time.Second
)

// openBench starts a lane of a world.
func (h *harness) openBench(ctx context.Context, w world) (_ *bench, err error) {
	h.mu.Lock()
	h.benches++
	name := fmt.Sprintf("b%d", h.benches)
	h.mu.Unlock()
	b := &bench{name: name, dir: filepath.Join(h.dir, name), free: map[string][]uuid.UUID{}, changed: map[string]map[string]any{},
		world: w, cutter: newCutter(), spare: h.giveCluster}
	if err := os.Mkdir(b.dir, 0o711); err != nil { // the account of Postgres walks through
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	cluster := h.cluster
	if w.own {
		if cluster, err = h.ownCluster(ctx); err != nil {
			return nil, err
		}
		b.own = cluster
	}
	b.lane, err = lane.Start(ctx, lane.Options{Service: w.service, Sim: h.base, Dir: b.dir, Cluster: cluster, Ports: h.ports, Waits: h.waitsOf(w)})
	if err != nil {
		return nil, err
	}
	b.log = oracle.NewLog(b.lane.OpLog)
	if err := b.prepareTier(ctx); err != nil {
		return nil, err
	}
	if w.cutting {
		b.lane.SetProbe(b.cutter.judge)
	}
	return b, nil
}

func (b *bench) close() error {
	var err error
	if b.lane != nil {
		err = b.lane.Close()
	}
	if b.own != nil && err == nil {
		b.spare(b.own)
	} else if b.own != nil {
		err = errors.Join(err, b.own.Stop())
	}
	return errors.Join(err, os.RemoveAll(b.dir))
}

// workspace gives one that is connected to crm and that nobody else uses until it is given back.
func (b *bench) workspace(ctx context.Context, crm string) (uuid.UUID, error) {
	b.mu.Lock()
	if list := b.free[crm]; len(list) > 0 {
		w := list[len(list)-1]
		b.free[crm] = list[:len(list)-1]
		b.mu.Unlock()
		return w, nil
	}
	b.mu.Unlock()
	w := uuid.New()
	if !b.world.cutting {
		return w, b.lane.Connect(ctx, w, crm)
	}
	b.connecting.Lock() // one after the other: the cutter learns whose token is whose
	defer b.connecting.Unlock()
	b.cutter.learn(w)
	defer b.cutter.learn(uuid.Nil)
	if err := b.lane.Connect(ctx, w, crm); err != nil {
		return w, err
	}
	return w, b.showToken(ctx, w, crm)
}

// showToken waits until the connection's token has passed the cutter. A new connection is looked at by the service at once; where it
// is not, an outcome brings the token out.
func (b *bench) showToken(ctx context.Context, workspace uuid.UUID, crm string) error {
	for range 20 {
		if b.cutter.knows(workspace) {
			return nil
		}
		if err := sleep(ctx, pollEvery); err != nil {
			return err
		}
	}
	for _, k := range kinds() {
		if k.crm != crm {
			continue
		}
		o, err := b.prepareIn(ctx, k, workspace)
		if err != nil {
			return err
		}
		if err := errors.Join(b.send(ctx, o), b.settle(ctx, []*order{o}, tokenWithin)); err != nil {
			return err
		}
		break
	}
	if !b.cutter.knows(workspace) {
		return errors.New("the token of a new connection was not seen")
	}
	return nil
}

// giveBack lets others use an order's workspace, if all ended well in it.
func (b *bench) giveBack(o *order) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Contains(b.free[o.kind.crm], o.workspace) {
		b.free[o.kind.crm] = append(b.free[o.kind.crm], o.workspace)
	}
}

// forget drops the workspaces of a crm that nobody uses.
func (b *bench) forget(crm string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.free, crm)
}

// number is the next of the orders.
func (b *bench) number() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.made++
	return b.made
}

// send hands an order to the service until that accepts it, after the one that it is newer than.
func (b *bench) send(ctx context.Context, o *order) error {
	if o.after != nil {
		select {
		case <-o.after.accepted:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if o.held != nil {
		select {
		case <-o.held:
		case <-time.After(heldWithin):
		case <-ctx.Done():
		}
	}
	defer close(o.accepted)
	var err error
	o.sync, err = b.lane.Send(ctx, o.kind.crm, o.body)
	return err
}

const readRows = `select w.id::text, w.object_type, w.status, w.crm_object_id, w.error_code, w.error_cause, w.error_action, w.alarm, c.status,
	coalesce(c.last_error, '') from crm_write_log w join crm_connections c on c.id = w.connection_id where w.sync_id = $1`

// look reads the rows of an order, and says whether all of them have settled.
func (b *bench) look(ctx context.Context, o *order) (bool, error) {
	rows, err := b.lane.DB.Query(ctx, readRows, o.sync)
	if err != nil {
		return false, err
	}
	o.rows, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (oracle.Row, error) {
		var x oracle.Row
		err := r.Scan(&x.Write, &x.Object, &x.Status, &x.ID, &x.Code, &x.Cause, &x.Action, &x.Alarm, &x.Connection, &x.ConnectionCause)
		return x, err
	})
	if err != nil {
		return false, err
	}
	for _, r := range o.rows {
		if !r.Settled() {
			return false, nil
		}
	}
	return true, nil
}

// settle waits until all orders have settled and no CRM has anything left to execute, or until bound is over.
func (b *bench) settle(ctx context.Context, orders []*order, bound time.Duration) error {
	for deadline := time.Now().Add(bound); ; {
		settled := true
		for _, o := range orders {
			done, err := b.look(ctx, o)
			if err != nil && ctx.Err() != nil {
				return err
			}
			settled = settled && done && err == nil // the database may be down as part of the schedule
		}
		if settled {
			late, err := b.lane.Late(ctx)
			if err != nil {
				return err
			}
			if late == 0 {
				return nil
			}
		}
		if time.Now().After(deadline) {
			return nil // the judge calls it stuck
		}
		if err := sleep(ctx, pollEvery); err != nil {
			return err
		}
	}
}

// judge counts the fates of the orders of one schedule and describes those that are faults.
func (b *bench) judge(ctx context.Context, orders []*order) (verdict, error) {
	v := verdict{}
	for _, o := range orders {
		entries, err := b.log.Entries(o.from)
		if err != nil {
			return v, err
		}
		fine := true
		for _, w := range o.wants {
			f := oracle.Judge(w, o.rows, entries)
			fine = fine && f.Fate == oracle.Delivered
			b.note(judged{want: w, kind: o.kind.name, made: w.Made(entries)})
			switch f.Fate {
			case oracle.Duplicate:
				v.Duplicates++
				if f.Alarmed {
					v.Alarmed++
				}
			case oracle.Lost:
				v.Lost++
			case oracle.Stuck:
				v.Stuck++
			case oracle.Flagged:
				v.Flagged++
				v.flags = append(v.flags, o.kind.name+": "+f.Why)
				continue
			default:
				continue
			}
			v.problems = append(v.problems, fmt.Sprintf("%s: %s: %s\n%s", f.Fate, o.kind.name, f.Why, b.story(ctx, o)))
		}
		if fine {
			b.giveBack(o)
		}
	}
	return v, nil
}

func (b *bench) note(j judged) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.judged = append(b.judged, j)
}

// audit holds every finding of the bench against the log as it is now: what a process did late, long after its schedule was judged, counts too.
func (b *bench) audit() (verdict, error) {
	entries, err := b.log.Entries(0)
	v := verdict{}
	for _, j := range b.judged {
		if n := j.want.Made(entries); n > j.made && n > j.want.Most() {
			v.Duplicates++
			v.problems = append(v.problems, fmt.Sprintf("duplicate: %s: %s %s: %d records at last, %d when it was judged", j.kind, j.want.Object, j.want.Tag, n, j.made))
		}
	}
	return v, err
}

// story tells what is known of an order, for whoever looks for the cause.
func (b *bench) story(ctx context.Context, o *order) string {
	var s strings.Builder
	if o.after != nil {
		fmt.Fprintf(&s, "    of the one before:\n%s\n    and of this one:\n", b.story(ctx, o.after))
	}
	rows, err := b.lane.DB.Query(ctx, `select to_char(a.started_at, 'HH24:MI:SS.MS') || ' ' || w.object_type || ' ' || a.kind || ' ' || a.attempt || ' ' || a.outcome
		|| ' ' || a.error_code || ' ' || a.crm_object_id || ' ' || (select coalesce(string_agg(concat_ws(' ', c->>'method', c->>'route', c->>'status', c->>'error'), '; '), '')
			from jsonb_array_elements(a.calls_json) c)
		from crm_write_attempts a join crm_write_log w on w.id = a.write_id where w.sync_id = $1 order by a.started_at, a.id`, o.sync)
	if err == nil {
		var lines []string
		lines, err = pgx.CollectRows(rows, pgx.RowTo[string])
		for _, l := range lines {
			fmt.Fprintf(&s, "    %s\n", l)
		}
	}
	if err != nil {
		fmt.Fprintf(&s, "    its attempts could not be read: %v\n", err)
	}
	entries, err := b.log.Entries(o.from)
	if err == nil {
		for _, e := range entries {
			if !o.concerns(e) {
				continue
			}
			fmt.Fprintf(&s, "    %s CRM %s %s %s %v %v\n", e.At.Local().Format("15:04:05.000"), e.Op, e.Object, e.ID, e.Fields, e.To)
		}
	}
	for _, r := range o.rows {
		fmt.Fprintf(&s, "    row %+v\n", r)
	}
	return strings.TrimRight(s.String(), "\n")
}
