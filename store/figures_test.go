package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"crm-connectors/store"

	"github.com/google/uuid"
)

// again makes the next Figures count.
func (b *bench) again() {
	b.t.Helper()
	b.exec(`update crm_figures set due_at = now()`)
}

func (b *bench) figures() store.Figures {
	b.t.Helper()
	f, err := b.Figures(b.t.Context(), 3)
	if err != nil {
		b.t.Fatal(err)
	}
	return f
}

func TestFiguresTellHowTheWholeInstallationStands(t *testing.T) {
	t.Parallel()
	b := setup(t)
	hub, org := b.connect("hubspot", "hub1"), b.connect("salesforce", "org1")
	writes := map[string]store.Write{}
	for i, status := range []string{store.Queued, store.Sending, store.InDoubt, store.Reconciling, store.Blocked, store.NeedsReview, store.Failed, store.Succeeded, store.Cancelled} {
		o := b.outcome(status, contact(fmt.Sprintf("c%d@example.com", i)))
		o.CRMs = []string{"hubspot"}
		writes[status] = b.append(o)[0]
		b.exec(`update crm_write_log set status = $2, lease_until = case when $2 in ('sending', 'reconciling') then now() end,
			blocked_from = case when $2 = 'blocked' then 'queued' end where id = $1`, writes[status].ID, status)
	}
	o := b.outcome("org", task("t1"))
	o.CRMs = []string{"salesforce"}
	b.append(o)
	b.exec(`update crm_write_log set next_attempt_at = now() - interval '10 minutes' where status = 'queued' and crm = 'hubspot'`)
	b.exec(`update crm_write_log set reconcile_at = now() - interval '2 hours' where status = 'in_doubt'`)
	b.exec(`update crm_write_log set alarm = 'missing_in_crm' where status = 'succeeded'`)
	b.exec(`update crm_connections set silent_calls = 3, paused_until = now() + interval '1 hour' where id = $1`, org.ID)
	b.exec(`insert into river.river_leader (elected_at, expires_at, leader_id) values (now(), now() + interval '1 minute', 'one')`)
	_, err := b.pool.Exec(t.Context(), `select river.crm_wake($1)`, hub.ID)
	if err != nil {
		t.Fatal(err)
	}

	f := b.figures()
	open := map[string]int64{}
	for _, w := range f.Open {
		open[w.CRM+" "+w.Status] = w.Count
	}
	for _, w := range f.Queued {
		open[w.CRM+" queued"] += w.Count
	}
	want := map[string]int64{"hubspot queued": 1, "hubspot sending": 1, "hubspot in_doubt": 1, "hubspot reconciling": 1, "hubspot blocked": 1, "hubspot needs_review": 1,
		"hubspot failed": 1, "salesforce queued": 1}
	if fmt.Sprint(open) != fmt.Sprint(want) {
		t.Errorf("open writes %v, want %v", open, want)
	}
	if q := f.Queued; len(q) != 2 || q[0].Object != "contact" || q[0].DueFrom == nil || time.Since(*q[0].DueFrom).Round(time.Minute) != 10*time.Minute || q[1].Object != "task" || q[1].DueFrom != nil {
		t.Errorf("queued %+v, want a contact of HubSpot that is due since ten minutes, and a task of the connection that rests", q)
	}
	if len(f.Doubt) != 1 || time.Since(f.Doubt[0].From).Round(time.Hour) != 2*time.Hour {
		t.Errorf("doubt %+v, want one since two hours", f.Doubt)
	}
	conns := fmt.Sprint(f.Connections)
	if conns != "[{hubspot writing 1 0} {salesforce paused 1 1}]" {
		t.Errorf("connections %s", conns)
	}
	if fmt.Sprint(f.Alarms) != "[{hubspot missing_in_crm 1}]" || !f.Leader {
		t.Errorf("alarms %+v, leader %t", f.Alarms, f.Leader)
	}
	if len(f.Jobs) != 1 || f.Jobs[0].Queue != "drain_hubspot" || f.Jobs[0].State != "available" || f.Jobs[0].Count != 1 {
		t.Errorf("jobs %+v, want a drain of HubSpot that waits", f.Jobs)
	}
}

func TestFiguresAreCountedByOneReplicaAndReadByTheOthersUntilTheyAreOld(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("hubspot", "hub1")
	first := b.figures()
	b.append(b.outcome("e1", contact(ada)))
	other := store.New(b.pool, b.keyring)
	second, err := other.Figures(t.Context(), 3)
	if err != nil || !second.CountedAt.Equal(first.CountedAt) || len(second.Queued) != 0 {
		t.Errorf("a moment later: %+v, %v; want the same", second, err)
	}
	b.again()
	third, err := other.Figures(t.Context(), 3)
	if err != nil || !third.CountedAt.After(first.CountedAt) || len(third.Queued) != 1 {
		t.Errorf("when they are due: %+v, %v; want new ones", third, err)
	}
}

// What is counted must cost no more in a log of millions than what waits in it.
func TestFiguresReadTheLogByTheIndexesOfWhatDoesNotEndAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	b.append(b.outcome("e1", contact(ada)))
	b.exec(`insert into crm_write_log (id, sync_id, workspace_id, crm, connection_id, crm_account_id, object_type, object_id, action, source_event_id, idempotency_key,
		payload_json, payload_hash, status, marker)
		select gen_random_uuid(), $1, $1, 'hubspot', $2, 'hub1', 'task', 'o' || n, 'create', 'e' || n, 'k' || n, '{}', '', 'succeeded', ''
		from generate_series(1, 20000) n`, uuid.New(), c.ID)
	b.exec(`update crm_figures set due_at = now()`)
	_, err := b.pool.Exec(t.Context(), `vacuum (analyze) crm_write_log`)
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range store.FigureQueries() {
		rows, err := b.pool.Query(t.Context(), `explain `+strings.ReplaceAll(sql, "$1", "3"))
		if err != nil {
			t.Fatal(err)
		}
		plan := ""
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				t.Fatal(err)
			}
			plan += line + "\n"
		}
		if strings.Contains(plan, "Seq Scan on crm_write_log") {
			t.Errorf("the log is read as a whole:\n%s", plan)
		}
	}
}

func TestWhoAsksDoesNotWaitForACountThatIsSlowAndHasTheFormerFigures(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("hubspot", "hub1")
	former := b.figures()
	tx, err := b.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `lock table crm_write_log`); err != nil {
		t.Fatal(err)
	}
	b.again()
	began := time.Now()
	if got := b.figures(); !got.CountedAt.Equal(former.CountedAt) || time.Since(began) > 8*time.Second { // a scrape is given up after ten
		t.Errorf("after %s: figures of %s, want those of %s", time.Since(began), got.CountedAt, former.CountedAt)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); !b.figures().CountedAt.After(former.CountedAt); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the count that was slow never came to an end")
		}
	}
}
