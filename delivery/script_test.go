package delivery

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/store"
	"crm-connectors/store/storetest"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// script is a CRM whose every answer the test writes. The simulators judge the connectors; here it is delivery's own decisions
// that are judged, so the answers must be exact.
type script struct {
	mu      sync.Mutex
	deliver func(a connectors.Account, w connectors.Write) connectors.Result
	find    func(w connectors.Write) (connectors.Finding, error)
	refresh func(a connectors.Account) (connectors.Grant, error)
	crm     connectors.CRM                                                  // empty: HubSpot
	reach   func(ctx context.Context, w connectors.Write) *connectors.Error // nil: every delivery reaches the CRM
	batch   int                                                             // 0: 1
	lists   int
	sent    []connectors.Write
	probe   func() (connectors.Capabilities, error) // nil: nothing is offered
	probes  int
	marked  func(connectors.Object) ([]connectors.MarkedRecord, error) // nil: they cannot be listed
	finds   int
	renewed int
	revoked int
}

func (s *script) MaxBatch() int { return max(1, s.batch) }

func (s *script) CRM() connectors.CRM { return cmp.Or(s.crm, connectors.HubSpot) }

func (s *script) Deliver(ctx context.Context, a connectors.Account, writes []connectors.Write) []connectors.Result {
	out := make([]connectors.Result, len(writes))
	s.mu.Lock()
	s.lists++
	s.mu.Unlock()
	for i, w := range writes {
		s.mu.Lock()
		s.sent = append(s.sent, w)
		f, reach := s.deliver, s.reach
		s.mu.Unlock()
		if reach != nil {
			if out[i].Err = reach(ctx, w); out[i].Err != nil {
				continue
			}
		}
		out[i] = f(a, w)
	}
	return out
}

func (s *script) Find(_ context.Context, _ connectors.Account, w connectors.Write) (connectors.Finding, error) {
	s.mu.Lock()
	s.finds++
	f := s.find
	s.mu.Unlock()
	return f(w)
}

func (s *script) Probe(context.Context, connectors.Account) (connectors.Capabilities, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.probes++
	if s.probe == nil {
		return connectors.Capabilities{}, nil
	}
	return s.probe()
}

func (s *script) Marked(_ context.Context, _ connectors.Account, object connectors.Object, _ time.Time) ([]connectors.MarkedRecord, error) {
	if s.marked == nil {
		return nil, connectors.ErrCannotFind
	}
	return s.marked(object)
}

func (s *script) Provision(context.Context, connectors.Account) (connectors.Capabilities, error) {
	return connectors.Capabilities{}, nil
}

func (s *script) CheckSettings(context.Context, connectors.Account, connectors.Settings) (connectors.SettingsReport, error) {
	return connectors.SettingsReport{}, nil
}

func (s *script) Refresh(_ context.Context, a connectors.Account) (connectors.Grant, error) {
	s.mu.Lock()
	s.renewed++
	f := s.refresh
	s.mu.Unlock()
	return f(a)
}

func (s *script) Plan(_ context.Context, a connectors.Account, writes []connectors.Write) []connectors.Plan {
	out := make([]connectors.Plan, len(writes))
	for i, w := range writes {
		out[i] = connectors.Plan{Err: s.deliver(a, w).Err}
	}
	return out
}

func (s *script) Revoke(context.Context, connectors.Account) error { s.revoked++; return nil }

func (s *script) AuthorizeURL(connectors.App, string, connectors.Secret) (string, error) {
	return "https://crm.example.com/authorize", nil
}

func (s *script) Exchange(context.Context, connectors.App, string, connectors.Secret) (connectors.Grant, error) {
	return connectors.Grant{}, nil
}

// answer replaces what deliveries are told, from now on.
func (s *script) answer(f func(connectors.Account, connectors.Write) connectors.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deliver = f
}

func (s *script) sends() []connectors.Write {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]connectors.Write(nil), s.sent...)
}

func (s *script) deliveries() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lists
}

func (s *script) refreshes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.renewed
}

func accepted(_ connectors.Account, w connectors.Write) connectors.Result {
	return connectors.Result{Ref: connectors.Ref{Type: "records", ID: "id-" + w.ID[:8]}, Outcome: connectors.Created}
}

func refuse(class connectors.Class) connectors.Result {
	return connectors.Result{Err: &connectors.Error{Class: class, Code: "code_" + string(class), Cause: "The CRM said " + string(class) + ".", Action: "Do something."}}
}

func refusing(class connectors.Class) func(connectors.Account, connectors.Write) connectors.Result {
	return func(connectors.Account, connectors.Write) connectors.Result { return refuse(class) }
}

// once answers first so, and afterwards with accepted.
func once(first connectors.Result) func(connectors.Account, connectors.Write) connectors.Result {
	var mu sync.Mutex
	done := map[string]bool{}
	return func(a connectors.Account, w connectors.Write) connectors.Result {
		mu.Lock()
		defer mu.Unlock()
		if !done[w.ID] {
			done[w.ID] = true
			return first
		}
		return accepted(a, w)
	}
}

type bench struct {
	t         *testing.T
	pool      *pgxpool.Pool
	store     *store.Store
	crm       *script
	engine    *Engine
	workspace uuid.UUID
	conn      store.Connection
}

// setup makes a connected workspace on a database of its own. change may shorten the engine's waits.
func setup(t *testing.T, change ...func(*Config)) *bench {
	t.Helper()
	b := &bench{t: t, workspace: uuid.New()}
	b.crm = &script{deliver: accepted,
		find: func(connectors.Write) (connectors.Finding, error) {
			return connectors.Finding{}, connectors.ErrCannotFind
		},
		refresh: func(a connectors.Account) (connectors.Grant, error) {
			return connectors.Grant{AccessToken: connectors.NewSecret(a.AccessToken.Reveal() + "+"), ExpiresAt: time.Now().Add(time.Hour)}, nil
		}}
	pool, err := pgxpool.New(t.Context(), storetest.NewDatabase(t, storetest.Migrate))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	b.pool = pool
	keyset, err := store.GenerateKeyset()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := store.ParseKeyring(keyset)
	if err != nil {
		t.Fatal(err)
	}
	b.store = store.New(pool, keys)
	b.engine = b.newEngine(change...)
	b.conn = b.connect("account-1", time.Now().Add(time.Hour))
	return b
}

func (b *bench) newEngine(change ...func(*Config)) *Engine {
	b.t.Helper()
	cfg := Config{Pool: b.pool, Store: b.store, Connectors: []connectors.Connector{b.crm}, Log: zerolog.Nop(), Workers: 4,
		FirstLook: time.Millisecond, LookAgain: 20 * time.Millisecond, DeadGrantWait: 20 * time.Millisecond, SweepEvery: time.Hour}
	for _, f := range change {
		f(&cfg)
	}
	e, err := New(cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	return e
}

// connect connects an account, also in the place of another.
func (b *bench) connect(account string, expires time.Time) store.Connection {
	b.t.Helper()
	former, _ := b.store.Connection(b.t.Context(), b.workspace, "hubspot")
	c, err := b.store.Connect(b.t.Context(), store.NewGrant{WorkspaceID: b.workspace, CRM: "hubspot", AccountID: account, Replaces: former.AccountID,
		AccessToken: "access", RefreshToken: "refresh", ExpiresAt: expires}, b.engine.Wake)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

func (b *bench) start(e *Engine) {
	b.t.Helper()
	if err := e.Start(context.WithoutCancel(b.t.Context())); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := e.Stop(ctx); err != nil {
			b.t.Errorf("stop: %v", err)
		}
	})
}

// append takes an outcome with the objects named, which may be contact, task and rollup.
func (b *bench) append(event string, objects ...string) []store.Write {
	b.t.Helper()
	o := store.Outcome{WorkspaceID: b.workspace, SourceEventID: event}
	depends := ""
	for _, name := range objects {
		switch name {
		case "contact":
			o.Objects = append(o.Objects, object(name, event+"@example.com", "upsert", connectors.Contact{Email: event + "@example.com"}, "", event+"@example.com"))
			depends = name
		case "task":
			o.Objects = append(o.Objects, object(name, "t-"+event, "create", connectors.Task{ID: "t-" + event, Subject: "S"}, depends, ""))
		case "rollup":
			o.Objects = append(o.Objects, object(name, "r-"+event, "create", connectors.Rollup{ID: "r-" + event, Summary: "S"}, depends, ""))
		}
	}
	out, err := b.store.Append(b.t.Context(), []store.Outcome{o}, b.engine.Wake)
	if err != nil || out[0].Err != nil {
		b.t.Fatalf("append: %v, %v", err, out)
	}
	return out[0].Writes
}

func object(kind, id, action string, payload any, depends, ordering string) store.Object {
	raw, err := json.Marshal(payload)
	if err != nil {
		panic(err)
	}
	return store.Object{Type: kind, ID: id, Action: action, Payload: raw, DependsOn: depends, OrderingKey: ordering}
}

func (b *bench) write(id uuid.UUID) store.Write {
	b.t.Helper()
	w, err := b.store.Write(context.WithoutCancel(b.t.Context()), uuid.Nil, id)
	if err != nil {
		b.t.Fatal(err)
	}
	return w
}

// until waits for a write to get to a state and gives it; the test fails after half a minute.
func (b *bench) until(id uuid.UUID, status string) store.Write {
	b.t.Helper()
	b.eventually(func() (bool, string) {
		w := b.write(id)
		return w.Status == status, fmt.Sprintf("write is %s (%s %s), want %s", w.Status, w.ErrorCode, w.ErrorCause, status)
	})
	return b.write(id)
}

func (b *bench) eventually(ok func() (bool, string)) {
	b.t.Helper()
	b.eventuallyWithin(30*time.Second, ok)
}

func (b *bench) eventuallyWithin(limit time.Duration, ok func() (bool, string)) {
	b.t.Helper()
	deadline := time.Now().Add(limit)
	for {
		done, state := ok()
		if done {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("after %s: %s", limit, state)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (b *bench) connection() store.Connection {
	b.t.Helper()
	c, err := b.store.ConnectionByID(context.WithoutCancel(b.t.Context()), b.conn.ID)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

func (b *bench) exec(sql string, args ...any) {
	b.t.Helper()
	if _, err := b.pool.Exec(b.t.Context(), sql, args...); err != nil {
		b.t.Fatal(err)
	}
}

// runDue ends every wait that the log and the connection hold, as if time had passed, and wakes the delivery.
func (b *bench) runDue() {
	b.t.Helper()
	ctx := b.t.Context()
	err := pgx.BeginFunc(ctx, b.pool, func(tx pgx.Tx) error {
		// The connection first, as every waker does: a drain that is about to end must not miss what follows.
		if _, err := tx.Exec(ctx, `update crm_connections set paused_until = null where id = $1`, b.conn.ID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `update crm_write_log set next_attempt_at = now() where status in ('queued', 'in_doubt')`); err != nil {
			return err
		}
		return b.engine.Wake(ctx, tx, b.conn.ID)
	})
	if err != nil {
		b.t.Fatal(err)
	}
}
