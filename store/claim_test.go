package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"crm-connectors/store"
)

func TestAClaimedRowIsLeasedBeforeItIsSent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	b.append(b.outcome("e1", contact(ada)))
	row := b.claimOne(c.ID)
	if row.Status != store.Sending || row.Attempt != 1 || string(row.Payload) != `{"email": "`+ada+`"}` {
		t.Errorf("claimed %+v", row)
	}
	times := value[[]int](b, `select array[extract(epoch from lease_until - updated_at), extract(epoch from send_deadline - updated_at)]::int[]
		from crm_write_log where id = $1`, row.ID)
	if times[0] != 60 || times[1] != 30 {
		t.Errorf("held and sent within %v seconds, want 60 and 30", times)
	}
	wantObjects(t, "a second claim", b.claim(c.ID, 10))
}

func TestContactsAreClaimedFirstAndDependentsWaitForTheirs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	b.append(b.outcome("e1", contact("a@example.com"), task("t1")))
	b.append(b.outcome("e2", task("alone")))
	b.append(b.outcome("e3", contact("b@example.com"), rollup("r3")))
	first := b.claim(c.ID, 10)
	wantObjects(t, "first", first, "a@example.com", "b@example.com", "alone")
	wantObjects(t, "while the contacts are sent", b.claim(c.ID, 10))
	b.settle(became(first[0], store.Succeeded), became(first[1], store.InDoubt))
	second := b.claim(c.ID, 10)
	wantObjects(t, "after one contact", second, "t1")
	if got := second[0]; got.ContactID != "id-"+first[0].ID.String() || got.ContactType != "contact" || got.Email != "a@example.com" {
		t.Errorf("the task has contact %s %s, %s", got.ContactType, got.ContactID, got.Email)
	}
}

func TestAClaimTakesNoMoreThanItsLimit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	for i := range 3 {
		b.append(b.outcome(fmt.Sprint(i), task(fmt.Sprint(i))))
	}
	wantObjects(t, "two", b.claim(c.ID, 2), "0", "1")
	wantObjects(t, "the rest", b.claim(c.ID, 2), "2")
}

func TestAClaimFillsTheBatchOfEachKind(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	for _, name := range []string{"a", "b", "c", "d"} {
		b.append(b.outcome(name, contact(name+"@example.com"), task("t"+name), rollup("r"+name)))
	}
	first := b.claim(c.ID, 2)
	wantObjects(t, "contacts alone", first, "a@example.com", "b@example.com")
	b.settle(became(first[0], store.Succeeded), became(first[1], store.Succeeded))
	wantObjects(t, "two of each kind", b.claim(c.ID, 2), "c@example.com", "d@example.com", "ta", "ra", "tb", "rb")
}

func TestRowsBehindManyThatWaitForTheirContactsAreClaimed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	stuck := b.append(b.outcome("stuck", contact(ada), task("t")))
	b.append(b.outcome("free", task("free")))
	b.exec(`update crm_write_log set status = 'needs_review' where id = $1`, stuck[0].ID)
	b.exec(`insert into crm_write_log (id, sync_id, workspace_id, crm, connection_id, crm_account_id, object_type, object_id, action, source_event_id,
			idempotency_key, payload_json, payload_hash, depends_on, status, next_attempt_at)
		select gen_random_uuid(), sync_id, workspace_id, crm, connection_id, crm_account_id, 'task', n::text, 'create', source_event_id,
			n::text, '{}', '', $1, 'queued', now() - interval '1 hour' from crm_write_log, generate_series(1, 2500) n where id = $1`, stuck[0].ID)
	wantObjects(t, "the one that can go", b.claim(c.ID, 2), "free")
}

func TestAConnectionThatRestsIsNotClaimedFromAndNothingIsWrongWithIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	b.append(b.outcome("e1", task("t")))
	if err := b.Rest(t.Context(), c.ID, time.Hour); err != nil {
		t.Fatal(err)
	}
	wantObjects(t, "while it rests", b.claim(c.ID, 1))
	got, err := b.ConnectionByID(t.Context(), c.ID)
	if err != nil || got.LastError != nil || got.Status != store.ConnectionConnected {
		t.Errorf("got %v, %s, %v", got.LastError, got.Status, err)
	}
	b.exec(`update crm_connections set paused_until = now()`)
	wantObjects(t, "afterwards", b.claim(c.ID, 1), "t")
}

func TestTheRowThatIsDueForLongestIsClaimedFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	for i, ago := range []int{10, 30, 20} {
		w := b.append(b.outcome(fmt.Sprint(i), task(fmt.Sprint(ago))))[0]
		b.exec(`update crm_write_log set next_attempt_at = now() - make_interval(secs => $2) where id = $1`, w.ID, ago)
	}
	wantObjects(t, "first", b.claim(c.ID, 1), "30")
	b.exec(`update crm_write_log set status = 'in_doubt' where status = 'queued'`)
	wantObjects(t, "first in doubt", b.claimDoubtful(c.ID, 1), "20")
}

func TestARowOfAnotherAccountIsNotClaimed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	w := b.append(b.outcome("e1", task("t")))[0]
	b.exec(`update crm_write_log set crm_account_id = 'hub0'`)
	wantObjects(t, "queued", b.claim(c.ID, 1))
	b.exec(`update crm_write_log set status = 'in_doubt'`)
	wantObjects(t, "in doubt", b.claimDoubtful(c.ID, 1))
	b.wantStatus(w.ID, store.InDoubt)
}

func TestARowIsNotClaimedBeforeItsTime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	w := b.append(b.outcome("e1", contact(ada)))[0]
	b.exec(`update crm_write_log set next_attempt_at = now() + interval '1 minute'`)
	wantObjects(t, "early", b.claim(c.ID, 10))
	b.exec(`update crm_write_log set status = 'in_doubt'`)
	wantObjects(t, "in doubt, early", b.claimDoubtful(c.ID, 10))
	b.exec(`update crm_write_log set next_attempt_at = now()`)
	wantObjects(t, "in doubt, in time", b.claimDoubtful(c.ID, 10), w.ObjectID)
}

func TestARowCarriesTheDealOfItsThreadInItsOwnCRMAndWorkspace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	deal := func(workspace uuid.UUID, crm, id string) uuid.UUID {
		return value[uuid.UUID](b, `insert into deals (workspace_id, crm, crm_deal_id) values ($1, $2, $3) returning id`, workspace, crm, id)
	}
	link := func(workspace uuid.UUID, thread string, deal uuid.UUID) {
		b.exec(`insert into thread_links (workspace_id, thread_id, deal_id) values ($1, $2, $3)`, workspace, thread, deal)
	}
	stranger := uuid.New()
	link(b.workspace, "mine", deal(b.workspace, "hubspot", "deal1"))
	link(b.workspace, "other crm", deal(b.workspace, "salesforce", "deal2"))
	foreign := deal(stranger, "hubspot", "deal3")
	link(b.workspace, "their deal", foreign)
	link(stranger, "their thread", foreign)
	want := map[string]string{"mine": "deal1", "other crm": "", "their deal": "", "their thread": "", "unknown": "", "": ""}
	for thread := range want {
		o := b.outcome("e "+thread, task(thread))
		o.ThreadID = thread
		b.append(o)
	}
	rows := b.claim(c.ID, 10)
	if len(rows) != len(want) {
		t.Fatalf("claimed %q", objects(rows))
	}
	for _, r := range rows {
		if got := r.DealID; got != want[r.ObjectID] {
			t.Errorf("thread %q: deal %q, want %q", r.ObjectID, got, want[r.ObjectID])
		}
		if got, err := b.DealID(t.Context(), b.workspace, "hubspot", r.ObjectID); err != nil || got != want[r.ObjectID] {
			t.Errorf("DealID of thread %q: %q, %v; want %q", r.ObjectID, got, err, want[r.ObjectID])
		}
	}
}

func TestOnlyTheNewestDrainOfALiveConnectionClaims(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	w := b.append(b.outcome("e1", contact("a@example.com")))[0]
	d := b.append(b.outcome("e2", contact("b@example.com")))[0]
	b.exec(`update crm_write_log set status = 'in_doubt' where id = $1`, d.ID)
	older, newest := b.drain(c.ID), b.drain(c.ID)
	wantNothing := func(what string, epoch int64) {
		t.Helper()
		rows, err := b.Claim(t.Context(), c.ID, epoch, 10, lease)
		doubtful, err2 := b.ClaimDoubtful(t.Context(), c.ID, epoch, 10, lease)
		if err != nil || err2 != nil || len(rows)+len(doubtful) != 0 {
			t.Errorf("%s: claimed %q and %q, %v, %v; want nothing", what, objects(rows), objects(doubtful), err, err2)
		}
	}
	wantNothing("an older drain", older)
	b.exec(`update crm_connections set paused_until = now() + interval '1 minute'`)
	wantNothing("paused", newest)
	b.exec(`update crm_connections set paused_until = now() - interval '1 second', status = 'error'`)
	wantNothing("in error", newest)
	b.exec(`update crm_connections set status = 'connected'`)
	wantObjects(t, "after the pause", b.claim(c.ID, 10), w.ObjectID)
	wantObjects(t, "in doubt, after the pause", b.claimDoubtful(c.ID, 10), d.ObjectID)
	if _, err := b.BeginDrain(t.Context(), uuid.New()); err == nil {
		t.Error("a drain of an unknown connection began")
	}
}

func TestTwoClaimersNeverShareARow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	const rows = 60
	for i := range rows {
		w := b.append(b.outcome(fmt.Sprint(i), task(fmt.Sprint(i))))[0]
		if i%2 == 1 {
			b.exec(`update crm_write_log set status = 'in_doubt' where id = $1`, w.ID)
		}
	}
	epoch := b.drain(c.ID)
	var mu sync.Mutex
	taken := map[uuid.UUID]int{}
	var wg sync.WaitGroup
	for _, claim := range []func() ([]store.Claimed, error){
		func() ([]store.Claimed, error) { return b.Claim(t.Context(), c.ID, epoch, 3, lease) },
		func() ([]store.Claimed, error) { return b.ClaimDoubtful(t.Context(), c.ID, epoch, 3, lease) },
	} {
		for range 5 {
			wg.Go(func() {
				for {
					got, err := claim()
					if err != nil {
						t.Errorf("claim: %v", err)
					}
					if len(got) == 0 {
						return
					}
					mu.Lock()
					for _, r := range got {
						taken[r.ID]++
					}
					mu.Unlock()
				}
			})
		}
	}
	wg.Wait()
	for id, n := range taken {
		if n != 1 {
			t.Errorf("row %s was taken %d times", id, n)
		}
	}
	// A claimer may end early, when others hold what it would take; nothing is lost by that.
	left := len(b.claim(c.ID, rows)) + len(b.claimDoubtful(c.ID, rows))
	if len(taken)+left != rows {
		t.Errorf("%d rows were taken and %d left, want %d in all", len(taken), left, rows)
	}
}

func TestAClaimSkipsARowThatSomebodyHolds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	held := b.append(b.outcome("e1", task("held")))[0]
	b.append(b.outcome("e2", task("free")))
	tx, err := b.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	if _, err := tx.Exec(t.Context(), `select from crm_write_log where id = $1 for update`, held.ID); err != nil {
		t.Fatal(err)
	}
	wantObjects(t, "claimed", b.claim(c.ID, 10), "free")
}

func TestRowsInDoubtAreClaimedAKindAtATimeAndOneThatTookDownWorkersAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	writes := b.append(b.outcome("e1", contact(ada), task("t1"), task("t2"), task("bad"), task("t3")))
	b.exec(`update crm_write_log set status = 'in_doubt', next_attempt_at = now() - make_interval(mins => 10 - seq::int)`)
	b.exec(`update crm_write_log set reclaims = 2 where id = $1`, writes[3].ID)
	wantObjects(t, "the contact first", b.claimDoubtful(c.ID, 10), ada)
	wantObjects(t, "then tasks", b.claimDoubtful(c.ID, 10), "t1", "t2", "t3")
	wantObjects(t, "and the one that took down workers", b.claimDoubtful(c.ID, 10), "bad")
	b.exec(`update crm_write_log set status = 'in_doubt', lease_until = null, next_attempt_at = now() - make_interval(mins => 10 - seq::int) where object_type = 'task'`)
	b.exec(`update crm_write_log set next_attempt_at = now() - interval '1 hour' where id = $1`, writes[3].ID)
	wantObjects(t, "alone where it is due first", b.claimDoubtful(c.ID, 10), "bad")
}
