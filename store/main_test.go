package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm-connectors/migrations"
	"crm-connectors/store"
	"crm-connectors/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

const ada = "ada@example.com"

var lease = store.Lease{Hold: time.Minute, Send: 30 * time.Second}

// bench is a store on a database of its own, with one workspace.
type bench struct {
	*store.Store
	keyring   *store.Keyring
	t         *testing.T
	pool      *pgxpool.Pool
	bell      *bell
	workspace uuid.UUID
}

// bell records who was woken, and refuses with err.
type bell struct {
	mu    sync.Mutex
	woken []uuid.UUID
	err   error
}

func (w *bell) ring(_ context.Context, _ pgx.Tx, id uuid.UUID) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.woken = append(w.woken, id)
	}
	return w.err
}

// heard gives who was woken since it was last asked.
func (w *bell) heard() []uuid.UUID {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.woken
	w.woken = nil
	return out
}

func migrate(ctx context.Context, url string) error {
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return err
	}
	defer pool.Close()
	_, err = migrations.Up(ctx, pool, slog.New(slog.DiscardHandler))
	return err
}

func setup(t *testing.T) *bench {
	t.Helper()
	cfg, err := pgxpool.ParseConfig(storetest.NewDatabase(t, migrate))
	if err != nil {
		t.Fatal(err)
	}
	cfg.MaxConns = 24
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	keys := keyring(t)
	return &bench{Store: store.New(pool, keys), keyring: keys, t: t, pool: pool, bell: &bell{}, workspace: uuid.New()}
}

func keyring(t *testing.T) *store.Keyring {
	t.Helper()
	text, err := store.GenerateKeyset()
	if err != nil {
		t.Fatal(err)
	}
	ring, err := store.ParseKeyring(text)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// value reads one value; exec changes what no method of the store does, such as the time of a row.
func value[T any](b *bench, sql string, args ...any) T {
	b.t.Helper()
	var v T
	if err := b.pool.QueryRow(b.t.Context(), sql, args...).Scan(&v); err != nil {
		b.t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// exec puts rows where a test needs them, past the rules that the database has for their life.
func (b *bench) exec(sql string, args ...any) {
	b.t.Helper()
	err := pgx.BeginFunc(b.t.Context(), b.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(b.t.Context(), `set local session_replication_role = replica`); err != nil {
			return err
		}
		_, err := tx.Exec(b.t.Context(), sql, args...)
		return err
	})
	if err != nil {
		b.t.Fatalf("%s: %v", sql, err)
	}
}

func (b *bench) grant(crm, account string) store.NewGrant {
	return store.NewGrant{WorkspaceID: b.workspace, CRM: crm, AccountID: account, AccountName: "Example " + account, UserID: "u1",
		InstanceURL: "https://" + account + ".example.com", LoginURL: "https://login.example.com", Scopes: []string{"read", "write"},
		AccessToken: "access " + account, RefreshToken: "refresh " + account, ExpiresAt: time.Now().Add(time.Hour)}
}

// connect connects an account, also in the place of another.
func (b *bench) connect(crm, account string) store.Connection {
	b.t.Helper()
	g := b.grant(crm, account)
	if former, err := b.Connection(b.t.Context(), b.workspace, crm); err == nil {
		g.Replaces = former.AccountID
	}
	c, err := b.Connect(b.t.Context(), g, b.bell.ring)
	if err != nil {
		b.t.Fatalf("connect: %v", err)
	}
	b.bell.heard()
	return c
}

func contact(email string) store.Object {
	return store.Object{Type: "contact", ID: email, Action: "upsert", Payload: fmt.Appendf(nil, `{"email":%q}`, email), OrderingKey: email}
}

func task(id string) store.Object {
	return store.Object{Type: "task", ID: id, Action: "create", Payload: fmt.Appendf(nil, `{"subject":%q}`, id), DependsOn: "contact"}
}

func rollup(id string) store.Object {
	return store.Object{Type: "rollup", ID: id, Action: "create", Payload: fmt.Appendf(nil, `{"summary":%q}`, id), DependsOn: "contact"}
}

// outcome is of the bench's workspace; without objects it is a contact, a task and a rollup.
func (b *bench) outcome(event string, objects ...store.Object) store.Outcome {
	if len(objects) == 0 {
		objects = []store.Object{contact(ada), task("t " + event), rollup("r " + event)}
	}
	return store.Outcome{WorkspaceID: b.workspace, SourceEventID: event, ThreadID: "thread", Objects: objects}
}

// append stores one outcome and gives its writes.
func (b *bench) append(o store.Outcome) []store.Write {
	b.t.Helper()
	out, err := b.Append(b.t.Context(), []store.Outcome{o}, b.bell.ring)
	if err != nil || out[0].Err != nil {
		b.t.Fatalf("append %s: %v, %v", o.SourceEventID, err, out[0].Err)
	}
	return out[0].Writes
}

func (b *bench) row(id uuid.UUID) store.Write {
	b.t.Helper()
	w, err := b.Write(b.t.Context(), uuid.Nil, id)
	if err != nil {
		b.t.Fatal(err)
	}
	return w
}

// wantStatus reads the row and compares its status.
func (b *bench) wantStatus(id uuid.UUID, want string) store.Write {
	b.t.Helper()
	w := b.row(id)
	if w.Status != want {
		b.t.Errorf("%s %s is %s, want %s", w.ObjectType, w.ObjectID, w.Status, want)
	}
	return w
}

// drain begins a drain of the connection and gives its epoch.
func (b *bench) drain(id uuid.UUID) int64 {
	b.t.Helper()
	c, err := b.BeginDrain(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	return c.DrainEpoch
}

// claim takes up to limit rows as the newest drain.
func (b *bench) claim(id uuid.UUID, limit int) []store.Claimed {
	b.t.Helper()
	out, err := b.Claim(b.t.Context(), id, b.drain(id), limit, lease)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

func (b *bench) claimDoubtful(id uuid.UUID, limit int) []store.Claimed {
	b.t.Helper()
	out, err := b.ClaimDoubtful(b.t.Context(), id, b.drain(id), limit, lease)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

// claimOne claims and insists on exactly one row.
func (b *bench) claimOne(id uuid.UUID) store.Claimed {
	b.t.Helper()
	rows := b.claim(id, 1)
	if len(rows) != 1 {
		b.t.Fatalf("claimed %d rows, want 1", len(rows))
	}
	return rows[0]
}

// became is the settlement of a claimed row.
func became(c store.Claimed, status string) store.Settlement {
	now := time.Now()
	s := store.Settlement{ID: c.ID, Attempt: c.Attempt, Status: status, Kind: "send", StartedAt: now, EndedAt: now, Result: status}
	if status == store.Succeeded {
		s.CRMObjectType, s.CRMObjectID, s.Outcome = c.ObjectType, "id-"+c.ID.String(), "created"
	}
	return s
}

// settle moves rows on and insists that all of them moved.
func (b *bench) settle(s ...store.Settlement) {
	b.t.Helper()
	moved, err := b.Settle(b.t.Context(), s)
	if err != nil || moved != int64(len(s)) {
		b.t.Fatalf("settle moved %d of %d rows, %v", moved, len(s), err)
	}
}

// lockWaiter waits until somebody in the database waits for a lock.
func (b *bench) lockWaiter() {
	b.t.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if value[bool](b, `select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')`) {
			return
		}
	}
	b.t.Error("nobody waits for a lock")
}

func objects(rows []store.Claimed) []string {
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = r.ObjectID
	}
	return out
}

func wantObjects(t *testing.T, what string, rows []store.Claimed, want ...string) {
	t.Helper()
	if got := objects(rows); !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}
