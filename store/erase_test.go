package store_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"crm-connectors/store"

	"github.com/jackc/pgx/v5/pgxpool"
)

func TestAnErasedContactIsNowhereAndARepeatIsStillKnown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	first := b.append(b.outcome("e1"))
	b.settle(became(b.claimOne(c.ID), store.Succeeded)) // its task and rollup wait
	other := b.append(b.outcome("e2", contact("grace@example.com")))
	before := b.rows()
	out, err := b.EraseContact(t.Context(), b.workspace, ada, "ops@example.com")
	if err != nil || out != (store.ContactErased{Writes: 3, Cancelled: 2}) {
		t.Fatalf("%+v, %v; want three writes erased, of which two are cancelled", out, err)
	}
	if strings.Contains(b.dump(), ada) {
		t.Error("the contact's address is still in the database")
	}
	if n := value[int](b, `select count(*) from crm_write_log where payload_json::text like '%e1%'`); n != 0 {
		t.Errorf("what was agreed is still in %d writes", n)
	}
	for _, w := range first[1:] {
		b.wantStatus(w.ID, store.Cancelled)
	}
	b.wantStatus(other[0].ID, store.Queued)
	again, err := b.Append(t.Context(), []store.Outcome{b.outcome("e1")}, b.bell.ring)
	if err != nil || b.rows() != before {
		t.Errorf("a late repeat made %d rows, %v, %+v", b.rows()-before, err, again)
	}
	if out, err := b.EraseContact(t.Context(), b.workspace, ada, "ops@example.com"); err != nil || out.Cancelled != 0 {
		t.Errorf("the second time: %+v, %v", out, err)
	}
}

func TestAContactThatAWorkerHoldsIsPendingUntilItIsSettled(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	b.append(b.outcome("e1", contact(ada)))
	held := b.claimOne(c.ID)
	if out, err := b.EraseContact(t.Context(), b.workspace, ada, "x"); err != nil || out.Pending != 1 || out.Writes != 0 {
		t.Errorf("%+v, %v; want it pending", out, err)
	}
	b.settle(became(held, store.Succeeded))
	if out, err := b.EraseContact(t.Context(), b.workspace, ada, "x"); err != nil || out.Pending != 0 || out.Writes != 1 {
		t.Errorf("%+v, %v; want it erased", out, err)
	}
}

func TestAnErasedWorkspaceLeavesOneLineOfRecord(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("hubspot", "hub1")
	b.append(b.outcome("e1"))
	b.begin("verifier")
	connections, writes, err := b.EraseWorkspace(t.Context(), b.workspace, "ops@example.com")
	if err != nil || connections != 1 || writes != 3 {
		t.Fatalf("%d connections and %d writes, %v; want 1 and 3", connections, writes, err)
	}
	for _, table := range []string{"crm_connections", "crm_write_log", "crm_write_attempts", "crm_object_links", "oauth_states"} {
		if n := value[int](b, `select count(*) from `+table); n != 0 {
			t.Errorf("%d rows of %s are left", n, table)
		}
	}
	if n := value[int](b, `select count(*) from crm_audit where workspace_id = $1 and action = 'workspace.erase'`, b.workspace); n != 1 {
		t.Errorf("%d lines of record, want one", n)
	}
}

func TestWhatHubSpotSaysOfRecordsIsKnownOfTheirContacts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	b.append(b.outcome("e1", contact(ada)))
	b.settle(became(b.claimOne(c.ID), store.Succeeded))
	link := func() string {
		return value[string](b, `select coalesce((select crm_object_id from crm_object_links where email = $1), '')`, ada)
	}
	id := link()
	if err := b.FollowRecords(t.Context(), "hubspot", "another account", []string{id}, "77"); err != nil || link() != id {
		t.Errorf("another account's merge: %v, linked to %q", err, link())
	}
	if err := b.FollowRecords(t.Context(), "hubspot", "hub1", []string{id}, "77"); err != nil || link() != "77" {
		t.Errorf("merged: %v, linked to %q, want 77", err, link())
	}
	if err := b.ForgetRecords(t.Context(), "hubspot", "hub1", []string{"77"}); err != nil || link() != "" {
		t.Errorf("deleted: %v, linked to %q, want nothing", err, link())
	}
	if err := b.EraseRecords(t.Context(), "hubspot", "hub1", []string{id}, "HubSpot"); err != nil || strings.Contains(b.dump(), ada) {
		t.Errorf("erased: %v; or the address is still there", err)
	}
}

func TestTheDatabaseIsAwayOnlyWhenItCannotBeReached(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, wrong := b.pool.Exec(t.Context(), `select 1/0`)
	if store.Away(wrong) || store.Away(store.ErrNotFound) || store.Away(context.Canceled) {
		t.Error("an error of a statement, of ours or of the caller's is taken for the database's absence")
	}
	_, ended := b.pool.Exec(t.Context(), `select pg_terminate_backend(pg_backend_pid())`)
	if !store.Away(ended) {
		t.Errorf("a backend that was ended: %v", ended)
	}
	nobody, err := pgxpool.New(t.Context(), "postgres://x@127.0.0.1:1/x?connect_timeout=2")
	if err != nil {
		t.Fatal(err)
	}
	defer nobody.Close()
	if err := nobody.Ping(t.Context()); !store.Away(err) {
		t.Errorf("nobody listens: %v", err)
	}
}

func TestConnectionsThatEndSoonAndAreInUseAreRefreshedAhead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	expiring := func() int {
		t.Helper()
		list, err := b.ExpiringConnections(t.Context(), 10*time.Minute, time.Hour, 10)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	if expiring() != 0 {
		t.Error("one that is good for an hour and was never used is refreshed")
	}
	b.exec(`update crm_connections set token_expires_at = now() + interval '5 minutes'`)
	if expiring() != 0 {
		t.Error("one that nobody uses is refreshed")
	}
	b.drain(c.ID)
	if expiring() != 1 {
		t.Error("one that ends in five minutes and is in use is not refreshed")
	}
	b.exec(`update crm_connections set refresh_lease_until = now() + interval '1 minute'`)
	if expiring() != 0 {
		t.Error("one that somebody refreshes now is refreshed by another")
	}
}
