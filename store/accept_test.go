package store_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm-connectors/store"
)

// turns counts round trips: each time a client that has heard something speaks again.
type turns struct {
	net.Conn
	heard atomic.Bool
	n     *atomic.Int64
}

func (c *turns) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.heard.Store(true)
	}
	return n, err
}

func (c *turns) Write(b []byte) (int, error) {
	if c.heard.Swap(false) {
		c.n.Add(1)
	}
	return c.Conn.Write(b)
}

// counted is b's store over one connection whose round trips are counted.
func (b *bench) counted(mode pgx.QueryExecMode) (*store.Store, *atomic.Int64) {
	b.t.Helper()
	cfg := b.pool.Config()
	cfg.MaxConns, cfg.ConnConfig.DefaultQueryExecMode = 1, mode
	cfg.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false } // a slow machine lets connections idle
	n := new(atomic.Int64)
	dial := cfg.ConnConfig.DialFunc
	cfg.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		return &turns{Conn: c, n: n}, err
	}
	pool, err := pgxpool.NewWithConfig(b.t.Context(), cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(pool.Close)
	return store.New(pool, b.keyring), n
}

func TestAcceptingAnOutcomeIsOneRoundTrip(t *testing.T) {
	t.Parallel()
	for name, mode := range map[string]pgx.QueryExecMode{"to Postgres": pgx.QueryExecModeCacheStatement, "through a transaction pooler": pgx.QueryExecModeCacheDescribe} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.connect("hubspot", "hub1")
			s, trips := b.counted(mode)
			cost := func(what string, most int64, o store.Outcome) store.Appended {
				t.Helper()
				trips.Store(0)
				a, err := s.AppendOne(t.Context(), o)
				if err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				if n := trips.Load(); n > most {
					t.Errorf("%s took %d round trips, want %d", what, n, most)
				}
				return a
			}
			cost("the first outcome of a process, which learns what is connected and what the statements look like,", 12, b.outcome("e0"))
			cost("the first repeat", 4, b.outcome("e0"))
			b.exec(`delete from river.river_job`)
			for i := 1; i < 4; i++ {
				if a := cost("an outcome", 1, b.outcome(fmt.Sprint("e", i))); a.Err != nil || len(a.Writes) != 3 {
					t.Errorf("got %v with %d writes", a.Err, len(a.Writes))
				}
				if n := b.drains(); n != 1 {
					t.Errorf("%d drains are on their way, want 1", n)
				}
			}
			if a := cost("a repeat", 2, b.outcome("e1")); a.Err != nil || len(a.Writes) != 3 {
				t.Errorf("a repeat: %v with %d writes", a.Err, len(a.Writes))
			}
			var conflict *store.ConflictError
			if a := cost("a conflict", 2, altered(b.outcome("e1"))); !errors.As(a.Err, &conflict) || len(a.Writes) != 0 {
				t.Errorf("a conflict: %v with %d writes", a.Err, len(a.Writes))
			}
			if n := b.rows(); n != 12 {
				t.Errorf("%d rows, want 12", n)
			}
		})
	}
}

// drains are how many jobs are on their way.
func (b *bench) drains() int {
	b.t.Helper()
	return value[int](b, `select count(*) from river.river_job where kind = 'crm.drain' and state not in ('completed', 'cancelled', 'discarded')`)
}

// one accepts an outcome by itself and insists that it is stored.
func (b *bench) one(o store.Outcome) []store.Write {
	b.t.Helper()
	a, err := b.AppendOne(b.t.Context(), o)
	if err != nil || a.Err != nil {
		b.t.Fatalf("accept %s: %v, %v", o.SourceEventID, err, a.Err)
	}
	return a.Writes
}

func TestWhatIsAcceptedIsWhatAppendWouldStore(t *testing.T) {
	t.Parallel()
	b := setup(t)
	hubspot, salesforce := b.connect("hubspot", "hub1"), b.connect("salesforce", "org1")
	one := b.one(b.outcome("e1"))
	row := `select jsonb_agg(to_jsonb(w) - '{created_at,updated_at,next_attempt_at,seq}'::text[] order by seq)::text from crm_write_log w`
	accepted := value[string](b, row)
	b.exec(`delete from crm_write_log`)
	both := b.append(b.outcome("e1"))
	if appended := value[string](b, row); accepted != appended || !slices.Equal(ids(one), ids(both)) {
		t.Errorf("accepted\n%s\nappended\n%s", accepted, appended)
	}
	woken := value[[]string](b, `select array_agg(args->>'connection_id' order by id) from river.river_job`)
	want := []string{hubspot.ID.String(), salesforce.ID.String()}
	slices.Sort(want)
	if !slices.Equal(woken, want) {
		t.Errorf("woken %v, want %v", woken, want)
	}
}

func TestWhatIsConnectedAnewIsSeenByTheNextOutcome(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	b.one(b.outcome("e1"))
	b.fail(c)
	for _, w := range b.one(b.outcome("in error")) {
		if w.Status != store.Blocked {
			t.Errorf("a write for a connection in error is %s", w.Status)
		}
	}
	b.connect("salesforce", "org1")
	if got := b.one(b.outcome("both")); len(got) != 6 {
		t.Errorf("%d writes after a second CRM was connected, want 6", len(got))
	}
	for _, crm := range []string{"hubspot", "salesforce"} {
		if err := b.Disconnect(t.Context(), b.workspace, crm); err != nil {
			t.Fatal(err)
		}
	}
	var missing *store.NotConnectedError
	if a, err := b.AppendOne(t.Context(), b.outcome("nowhere")); err != nil || !errors.As(a.Err, &missing) {
		t.Errorf("after all were disconnected: %v, %v", err, a.Err)
	}
	again := b.connect("hubspot", "hub2")
	for _, w := range b.one(b.outcome("again")) {
		if w.ConnectionID != again.ID || w.AccountID != "hub2" {
			t.Errorf("a write for %s of %s, want %s of hub2", w.ConnectionID, w.AccountID, again.ID)
		}
	}
}

func TestAnObjectThatComesLaterSharesTheFateOfItsContact(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	old := b.one(b.outcome("e1", contact(ada)))[0]
	waiting := b.one(b.outcome("e1", contact(ada), task("t")))
	if len(waiting) != 2 || waiting[0].ID != old.ID || waiting[1].Status != store.Queued {
		t.Errorf("got %+v, want the old contact and a task that waits for it", waiting)
	}
	b.settle(became(b.claimOne(c.ID), store.Failed))
	if late := b.one(b.outcome("e1", contact(ada), rollup("r"))); len(late) != 2 {
		t.Errorf("%d writes, want 2", len(late))
	}
	for _, w := range value[[]uuid.UUID](b, `select array_agg(id) from crm_write_log where object_type <> 'contact'`) {
		b.wantStatus(w, store.Failed)
	}
	var conflict *store.ConflictError
	changed := b.outcome("e1", rollup("new"), altered(b.outcome("", contact(ada))).Objects[0])
	if a, err := b.AppendOne(t.Context(), changed); err != nil || !errors.As(a.Err, &conflict) || b.rows() != 3 {
		t.Errorf("a new object beside a changed one: %v, %v and %d rows, want a conflict and 3", err, a.Err, b.rows())
	}
}

func TestNothingIsStoredWhenTheDatabaseCannotWake(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("hubspot", "hub1")
	b.exec(`alter table river.river_job add constraint closed check (kind <> 'crm.drain')`)
	if _, err := b.AppendOne(t.Context(), b.outcome("e1")); err == nil || b.rows() != 0 {
		t.Errorf("got %v and %d rows, want an error and none", err, b.rows())
	}
}

func TestARepeatIsWokenForNoMore(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("hubspot", "hub1")
	b.one(b.outcome("e1"))
	b.exec(`delete from river.river_job`)
	b.one(b.outcome("e1"))
	if n := b.drains(); n != 0 {
		t.Errorf("%d drains are on their way, want none", n)
	}
}

func TestADrainThatEndsWhileAnOutcomeIsAcceptedIsFollowedByAnother(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	b.one(b.outcome("e1", task("1")))
	b.exec(`update river.river_job set state = 'running'`)
	ending, err := b.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ending.Exec(t.Context(), `select from crm_connections where id = $1 for update`, c.ID); err != nil {
		t.Fatal(err)
	}
	var accepting sync.WaitGroup
	accepting.Go(func() { b.one(b.outcome("e2", task("2"))) })
	b.lockWaiter()
	if _, err := ending.Exec(t.Context(), `update river.river_job set state = 'completed', finalized_at = now()`); err != nil {
		t.Fatal(err)
	}
	if err := ending.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	accepting.Wait()
	if n := b.drains(); n != 1 {
		t.Errorf("%d drains are on their way, want 1", n)
	}
}
