package store_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connectors/store"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

func TestTroubledWritesAreGroupedByConnectionStatusAndCode(t *testing.T) {
	t.Parallel()
	b := setup(t)
	hub, org := b.connect("hubspot", "hub1"), b.connect("salesforce", "org1")
	b.append(b.outcome("e1"))
	b.append(b.outcome("e2", contact("b@example.com"), task("t2")))
	b.append(b.outcome("e3", contact("c@example.com")))
	b.exec(`update crm_write_log set status = 'failed', error_code = 'refused', error_class = 'rejected', error_cause = 'It was refused.', error_action = 'Mend it.',
		settled_at = now() - make_interval(hours => seq::int % 2 + 1) where crm = 'hubspot' and source_event_id in ('e1', 'e2')`)
	b.exec(`update crm_write_log set status = 'blocked', blocked_from = 'queued', error_code = 'grant_revoked' where crm = 'salesforce' and source_event_id = 'e2'`)
	b.exec(`update crm_write_log set status = 'needs_review', error_code = 'fate_unknown', settled_at = now() where crm = 'salesforce' and source_event_id = 'e3'`)
	b.exec(`update crm_write_log set error_code = 'crm_rate_limited' where crm = 'hubspot' and source_event_id = 'e3'`)
	got, err := b.TroubledWrites(t.Context(), 10)
	if err != nil || len(got) != 4 {
		t.Fatalf("got %+v, %v; want four groups", got, err)
	}
	failed := value[int](b, `select count(*) from crm_write_log where status = 'failed'`)
	blocked := value[int](b, `select count(*) from crm_write_log where status = 'blocked'`)
	for i, want := range []store.Troubled{{ConnectionID: org.ID, Status: store.NeedsReview, Code: "fate_unknown", Count: 1},
		{ConnectionID: hub.ID, Status: store.Failed, Code: "refused", Count: failed}, {ConnectionID: org.ID, Status: store.Blocked, Code: "grant_revoked", Count: blocked},
		{ConnectionID: hub.ID, Status: store.Queued, Code: "crm_rate_limited", Count: 1}} {
		if g := got[i]; g.ConnectionID != want.ConnectionID || g.Status != want.Status || g.Code != want.Code || g.Count != want.Count || g.More {
			t.Errorf("number %d is %+v, want %+v", i, g, want)
		}
	}
	if g := got[1]; g.Class != "rejected" || g.Cause != "It was refused." || g.Action != "Mend it." || g.Newest.Sub(g.Oldest).Round(time.Hour) != time.Hour {
		t.Errorf("what failed is %+v, an hour apart", g)
	}
	if first, err := b.TroubledWrites(t.Context(), 1); err != nil || len(first) != 1 || first[0].Status != store.NeedsReview {
		t.Errorf("the first alone is %+v, %v", first, err)
	}
}

// What the page costs must not grow with the log.
func TestTroubledWritesAreFoundByTheIndexesOfTheirStatus(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	b.exec(`insert into crm_write_log (id, sync_id, workspace_id, crm, connection_id, crm_account_id, object_type, object_id, action, source_event_id, idempotency_key,
		payload_json, payload_hash, status, marker, settled_at, error_code)
		select gen_random_uuid(), $1, $1, 'hubspot', $2, 'hub1', 'task', 'o' || n, 'create', 'e' || n, 'k' || n, '{}', '', case n % 2 when 0 then 'failed' else 'succeeded' end, '', now(), 'c'
		from generate_series(1, 10000) n`, uuid.New(), c.ID)
	if _, err := b.pool.Exec(t.Context(), `vacuum (analyze) crm_write_log`); err != nil {
		t.Fatal(err)
	}
	sql := strings.NewReplacer("$1", "20000", "$2", "10").Replace(store.TroubledQuery)
	var plan string
	if err := pgx.BeginFunc(t.Context(), b.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), `set local enable_seqscan = off`); err != nil {
			return err
		}
		rows, err := tx.Query(t.Context(), `explain `+sql)
		if err != nil {
			return err
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		plan = strings.Join(lines, "\n")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(plan, "Seq Scan on crm_write_log") || !strings.Contains(plan, "crm_write_log_troubled") {
		t.Errorf("the log is read as a whole:\n%s", plan)
	}
}

func TestConnectionsInTroubleAreThoseNamedAndThoseWithAnErrorOfTheirOwn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	all := b.everyHealth()
	b.exec(`update crm_connections set last_error = 'Revoked.' where status in ('error', 'disconnected')`)
	fine := b.connectIn(uuid.New(), "named")
	got, err := b.ConnectionsInTrouble(t.Context(), []uuid.UUID{fine.ID}, 10)
	var accounts []string
	for _, c := range got {
		accounts = append(accounts, c.AccountID)
	}
	slices.Sort(accounts)
	if want := []string{"error", "named", "paused", "trouble"}; err != nil || !slices.Equal(accounts, want) {
		t.Errorf("got %v, %v; want %v", accounts, err, want)
	}
	if one, err := b.ConnectionsInTrouble(t.Context(), nil, 1); err != nil || len(one) != 1 || one[0].ID != all["error"].ID {
		t.Errorf("the worst alone is not the one in error: %d, %v", len(one), err)
	}
}
