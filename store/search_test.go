package store_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm-connectors/store"
)

// hits are the ids that a search gives, newest first.
func (b *bench) hits(q store.Search) (ids []uuid.UUID) {
	b.t.Helper()
	if q.Limit == 0 {
		q.Limit = 50
	}
	writes, err := b.Search(b.t.Context(), q)
	if err != nil {
		b.t.Fatalf("search %+v: %v", q, err)
	}
	for _, w := range writes {
		ids = append(ids, w.ID)
	}
	return ids
}

func TestAWriteIsFoundByWhateverNamesIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "1")
	other := b.connectIn(uuid.New(), "2")
	writes := b.append(b.outcome("e1")) // contact, task, rollup
	o := b.outcome("e2", contact("eve@example.com"))
	o.WorkspaceID, o.ThreadID = other.WorkspaceID, "elsewhere"
	b.append(o)
	for _, w := range b.claim(c.ID, 10) {
		b.settle(became(w, store.Succeeded))
	}
	for _, w := range b.claim(c.ID, 10) {
		b.settle(became(w, store.Succeeded))
	}
	task := b.row(writes[1].ID)
	for what, want := range map[string]int{
		writes[1].ID.String(): 1, writes[0].SyncID.String(): 3, b.workspace.String(): 3, task.IdempotencyKey: 1, strings.ToUpper(task.IdempotencyKey): 1, task.Marker: 1,
		ada: 3, " Ada@Example.com ": 3, "thread": 3, "elsewhere": 1, task.CRMObjectID: 1, b.row(writes[0].ID).CRMObjectID: 1, uuid.NewString(): 0, "nothing": 0, "%": 0,
	} {
		if got := b.hits(store.Search{Text: what}); len(got) != want {
			t.Errorf("%q finds %d writes, want %d", what, len(got), want)
		}
	}
	if got := b.hits(store.Search{Text: "thread", WorkspaceID: other.WorkspaceID}); len(got) != 0 {
		t.Errorf("%d of another workspace", len(got))
	}
	if got := b.hits(store.Search{WorkspaceID: b.workspace, Limit: 2}); len(got) != 2 || got[0] != writes[2].ID {
		t.Errorf("the first page of a workspace is %v", got)
	}
	if got := b.hits(store.Search{ConnectionID: c.ID, Status: store.Succeeded, Before: writes[2].Seq}); len(got) != 2 || got[0] != writes[1].ID {
		t.Errorf("the second page of a connection is %v", got)
	}
}

func TestWithoutAWordASearchShowsWhatWentWrongEverywhere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "1")
	b.append(b.outcome("e1", contact(ada)))
	failed := became(b.claimOne(c.ID), store.Failed)
	failed.ErrorCode = "contact_invalid"
	b.settle(failed)
	waits := b.append(b.outcome("e2", contact("eve@example.com")))
	if got := b.hits(store.Search{}); len(got) != 1 || got[0] != failed.ID {
		t.Errorf("%v, want what failed", got)
	}
	if got := b.hits(store.Search{Status: store.Queued}); len(got) != 1 || got[0] != waits[0].ID {
		t.Errorf("%v, want what waits", got)
	}
	if got := b.hits(store.Search{ErrorCode: "other"}); len(got) != 0 {
		t.Errorf("%v have another code", got)
	}
	if got := b.hits(store.Search{CRM: "hubspot", ErrorCode: "contact_invalid", Status: store.Failed, ConnectionID: c.ID}); len(got) != 1 {
		t.Errorf("%v, want the one that failed", got)
	}
	if _, err := b.Search(t.Context(), store.Search{Status: store.Succeeded, Limit: 1}); !errors.Is(err, store.ErrSearchTooWide) {
		t.Errorf("%v, want that it is too wide", err)
	}
}

func TestAWorkspaceNamedByItsIdHasASecondPage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("hubspot", "1")
	writes := b.append(b.outcome("e1"))
	first := b.hits(store.Search{Text: b.workspace.String(), Limit: 2})
	second := b.hits(store.Search{Text: b.workspace.String(), Limit: 2, Before: writes[1].Seq})
	if len(first) != 2 || len(second) != 1 {
		t.Errorf("first %d, second %d: want 2 and 1", len(first), len(second))
	}
}

func TestAWorkspaceNamedByItsIdIsNarrowedBeforeItIsCutToAPage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "1")
	b.append(b.outcome("e1", contact(ada)))
	b.settle(became(b.claimOne(c.ID), store.Failed))
	b.append(b.outcome("e2", contact("b@example.com")))
	b.append(b.outcome("e3", contact("c@example.com")))
	if got := b.hits(store.Search{Text: b.workspace.String(), Status: store.Failed, Limit: 2}); len(got) != 1 {
		t.Errorf("%d, want the one that failed", len(got))
	}
}

func TestAThreadIsFoundWhateverItsIdLooksLike(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("hubspot", "1")
	for i, thread := range []string{"thread-9", uuid.NewString(), "<abc@mail.example.com>", "abcdefghijklmnopqrstuvwxyz"} {
		o := b.outcome(uuid.NewString(), contact(string(rune('a'+i))+"@example.com"))
		o.ThreadID = thread
		b.append(o)
		if got := b.hits(store.Search{Text: thread}); len(got) != 1 {
			t.Errorf("thread %q: %d writes, want 1", thread, len(got))
		}
	}
}

func TestNoSearchReadsTheWholeLog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "1")
	b.append(b.outcome("e1"))
	b.exec(`insert into crm_write_log (id, sync_id, workspace_id, crm, connection_id, crm_account_id, object_type, object_id, action, source_event_id, idempotency_key, payload_json,
			payload_hash, thread_id, ordering_key, status, settled_at)
		select gen_random_uuid(), gen_random_uuid(), $1, 'hubspot', $2, '1', 'contact', n::text, 'upsert', n::text, encode(sha256(n::text::bytea), 'hex'), '{}', 'h', 'thread ' || n, n || '@example.com',
			case when n % 500 = 0 then 'failed' else 'succeeded' end, now() from generate_series(1, 30000) n`, b.workspace, c.ID)
	b.exec(`analyze crm_write_log`)
	cfg := b.pool.Config()
	cfg.MaxConns = 1 // which counts what it reads
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	read := func() (rows int64) {
		t.Helper()
		if _, err := pool.Exec(t.Context(), `select pg_stat_force_next_flush()`); err != nil {
			t.Fatal(err)
		}
		if err := pool.QueryRow(t.Context(), `select coalesce(sum(seq_tup_read), 0)::bigint from pg_stat_user_tables where relname = 'crm_write_log'`).Scan(&rows); err != nil {
			t.Fatal(err)
		}
		return rows
	}
	one, before := store.New(pool, b.keyring), read()
	for _, q := range []store.Search{{Text: uuid.NewString()}, {Text: "7@example.com"}, {Text: "thread 7"}, {Text: strings.Repeat("a", 64)}, {Text: strings.Repeat("a", 26)}, {},
		{Status: store.Failed, ErrorCode: "x"}, {Status: store.Queued}, {WorkspaceID: b.workspace}, {ConnectionID: c.ID, Status: store.Succeeded}, {Status: store.Sending}} {
		q.Limit = 50
		if _, err := one.Search(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		n := read() - before
		if before += n; n > 1000 { // what other connections read of the log while it was small counts late
			t.Errorf("%+v reads %d rows one after another", q, n)
		}
	}
	if _, err := pool.Exec(t.Context(), `select from crm_write_log where payload_hash = 'x'`); err != nil {
		t.Fatal(err)
	}
	if n := read() - before; n < 25000 {
		t.Errorf("the count does not see what it should: %d", n)
	}
}
