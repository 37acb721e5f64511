package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"crm-connectors/store"
)

func (b *bench) rows() int { b.t.Helper(); return value[int](b, `select count(*) from crm_write_log`) }

func ids(writes []store.Write) []uuid.UUID {
	out := make([]uuid.UUID, len(writes))
	for i, w := range writes {
		out[i] = w.ID
	}
	return out
}

// altered is o with another payload in its last object.
func altered(o store.Outcome) store.Outcome {
	o.Objects = slices.Clone(o.Objects)
	o.Objects[len(o.Objects)-1].Payload = json.RawMessage(`{"other":true}`)
	return o
}

func TestAnOutcomeBecomesARowForEachObjectAndConnectedCRM(t *testing.T) {
	t.Parallel()
	b := setup(t)
	hubspot, salesforce := b.connect("hubspot", "hub1"), b.connect("salesforce", "org1")
	writes := b.append(b.outcome("e1"))
	if len(writes) != 6 {
		t.Fatalf("%d writes, want 6", len(writes))
	}
	for i, c := range []store.Connection{hubspot, salesforce} {
		for j, kind := range []string{"contact", "task", "rollup"} {
			w := writes[3*i+j]
			if w.ObjectType != kind || w.CRM != c.CRM || w.ConnectionID != c.ID || w.AccountID != c.AccountID || w.Status != store.Queued ||
				w.SyncID != store.SyncID(b.workspace, "e1") || w.WorkspaceID != b.workspace || w.ThreadID == nil || *w.ThreadID != "thread" ||
				w.IdempotencyKey != store.IdempotencyKey(b.workspace.String(), c.CRM, kind, w.ObjectID, w.Action, "e1") {
				t.Errorf("write %d is %+v", 3*i+j, w)
			}
			depends := value[*uuid.UUID](b, `select depends_on from crm_write_log where id = $1`, w.ID)
			if contact := writes[3*i].ID; (kind == "contact") != (depends == nil) || depends != nil && *depends != contact {
				t.Errorf("%s of %s depends on %v", kind, c.CRM, depends)
			}
		}
	}
	if !slices.IsSortedFunc(writes, func(a, b store.Write) int { return int(a.Seq - b.Seq) }) {
		t.Error("the writes are not in source order")
	}
	woken := b.bell.heard()
	if len(woken) != 2 || !slices.Contains(woken, hubspot.ID) || !slices.Contains(woken, salesforce.ID) {
		t.Errorf("woken %v, want both connections", woken)
	}
}

func TestARepeatGivesTheSameRowsAndWakesNobody(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("hubspot", "hub1")
	first := b.append(b.outcome("e1"))
	b.bell.heard()
	b.exec(`update crm_write_log set status = 'succeeded' where id = $1`, first[0].ID)
	again := b.outcome("e1")
	again.Objects[0].Payload = json.RawMessage(" { \"email\" :\t\"" + ada + "\" } ")
	second := b.append(again)
	if !slices.Equal(ids(first), ids(second)) || second[0].Status != store.Succeeded || b.rows() != 3 {
		t.Errorf("got %v (first is %s) and %d rows; want %v", ids(second), second[0].Status, b.rows(), ids(first))
	}
	if got := b.bell.heard(); len(got) != 0 {
		t.Errorf("woken %v, want nobody", got)
	}
}

func TestThreat27_AKeyWithAnotherPayloadIsRefusedAndNothingOfTheOutcomeIsStored(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("hubspot", "hub1")
	old := b.append(b.outcome("e1", contact(ada), task("t")))
	changed := altered(b.outcome("e1", rollup("new"), contact(ada), task("t")))
	good, last := b.outcome("e2"), b.outcome("e3")
	out, err := b.Append(t.Context(), []store.Outcome{good, changed, last}, b.bell.ring)
	if err != nil {
		t.Fatal(err)
	}
	var conflict *store.ConflictError
	sent, _ := store.PayloadHash(changed.Objects[2].Payload)
	if !errors.As(out[1].Err, &conflict) || conflict.Key != old[1].IdempotencyKey || conflict.StoredHash != old[1].PayloadHash || conflict.SentHash != sent {
		t.Errorf("got %#v, want a conflict of %s: %s, %s", out[1].Err, old[1].IdempotencyKey, old[1].PayloadHash, sent)
	}
	if out[1].Err != nil && (out[1].Err.Error() == "" || len(out[1].Writes) != 0) {
		t.Errorf("the refused outcome has %d writes", len(out[1].Writes))
	}
	if out[0].Err != nil || out[2].Err != nil || len(out[0].Writes) != 3 || len(out[2].Writes) != 3 {
		t.Errorf("the others: %v with %d writes, %v with %d", out[0].Err, len(out[0].Writes), out[2].Err, len(out[2].Writes))
	}
	if got := b.rows(); got != 8 {
		t.Errorf("%d rows, want 8", got)
	}
}

func TestDuplicatesInOneCallShareTheirRows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("hubspot", "hub1")
	o := b.outcome("e1")
	out, err := b.Append(t.Context(), []store.Outcome{o, o, altered(o), o}, b.bell.ring)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 1, 3} {
		if out[i].Err != nil || len(out[i].Writes) != 3 || !slices.Equal(ids(out[i].Writes), ids(out[0].Writes)) {
			t.Errorf("outcome %d: %v, %v; want the rows of the first", i, ids(out[i].Writes), out[i].Err)
		}
	}
	var conflict *store.ConflictError
	if !errors.As(out[2].Err, &conflict) {
		t.Errorf("the altered one: got %v, want a conflict", out[2].Err)
	}
	if got := b.rows(); got != 3 {
		t.Errorf("%d rows, want 3", got)
	}
}

func TestAnOutcomeThatDiffersOnlyFromARefusedOneIsStored(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("hubspot", "hub1")
	b.append(b.outcome("e1", task("old")))
	refused := altered(b.outcome("e1", contact(ada), task("old")))
	refused.Objects[0].Payload = json.RawMessage(`{"email":"ada@example.com","first":true}`)
	out, err := b.Append(t.Context(), []store.Outcome{refused, b.outcome("e1", contact(ada))}, b.bell.ring)
	if err != nil {
		t.Fatal(err)
	}
	if out[0].Err == nil || out[1].Err != nil || len(out[1].Writes) != 1 {
		t.Errorf("got %v and %v, want the first alone refused", out[0].Err, out[1].Err)
	}
}

func TestTwentyCallersOfOneOutcomeMakeOneSetOfRows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	for round := range 5 {
		got := make([][]uuid.UUID, 20)
		var wg sync.WaitGroup
		for i := range got {
			wg.Go(func() {
				out, err := b.Append(t.Context(), []store.Outcome{b.outcome(fmt.Sprint(round))}, b.bell.ring)
				if err != nil || out[0].Err != nil {
					t.Errorf("append: %v, %v", err, out[0].Err)
				}
				got[i] = ids(out[0].Writes)
			})
		}
		wg.Wait()
		for _, g := range got {
			if len(g) != 3 || !slices.Equal(g, got[0]) {
				t.Errorf("got %v, want %v", g, got[0])
			}
		}
		if woken := b.bell.heard(); b.rows() != 3*(round+1) || !slices.Equal(woken, []uuid.UUID{c.ID}) {
			t.Errorf("%d rows, woken %v; want %d rows and one wake", b.rows(), woken, 3*(round+1))
		}
	}
}

// Of two that insert one row at once, the later may meet the id of the row before its key is there to be met.
func TestARowThatIsMetByItsIDAloneIsTheSameRow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("hubspot", "hub1")
	first := b.append(b.outcome("e1"))
	b.exec(`update crm_write_log set idempotency_key = 'not there yet ' || id`)
	if second := b.append(b.outcome("e1")); !slices.Equal(ids(first), ids(second)) {
		t.Errorf("got %v, want %v", ids(second), ids(first))
	}
}

func TestAConnectionThatFailsDuringAnAppendBlocksItsRows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	var failing sync.WaitGroup
	out, err := b.Append(t.Context(), []store.Outcome{b.outcome("e1")}, func(context.Context, pgx.Tx, uuid.UUID) error {
		failing.Go(func() {
			if failed, err := b.FailConnection(t.Context(), c.ID, c.TokenGeneration, dead); err != nil || !failed {
				t.Errorf("fail connection: %v, %v", failed, err)
			}
		})
		b.lockWaiter()
		return nil
	})
	if err != nil || out[0].Err != nil {
		t.Fatal(err, out[0].Err)
	}
	failing.Wait()
	for _, w := range out[0].Writes {
		b.wantStatus(w.ID, store.Blocked)
	}
}

// Two calls that share two outcomes in opposite order wait for each other, and Postgres ends one of them.
func TestCallsThatShareOutcomesInOppositeOrderBothSucceed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("hubspot", "hub1")
	first, second := b.outcome("first", task("1")), b.outcome("second", task("2"))
	id := b.append(second)[0].ID
	row := value[string](b, `select to_jsonb(w)::text from crm_write_log w where id = $1`, id)
	b.exec(`delete from crm_write_log`)
	var inside sync.Once
	begun := make(chan struct{})
	var calls sync.WaitGroup
	calls.Go(func() { // as if it were a call of first and then second
		_, err := b.Append(t.Context(), []store.Outcome{first}, func(ctx context.Context, tx pgx.Tx, _ uuid.UUID) error {
			inside.Do(func() {
				close(begun)
				b.lockWaiter()
			})
			_, err := tx.Exec(ctx, `insert into crm_write_log overriding system value
				select * from jsonb_populate_record(null::crm_write_log, $1) on conflict do nothing`, row)
			return err
		})
		if err != nil {
			t.Errorf("first, second: %v", err)
		}
	})
	<-begun
	if _, err := b.Append(t.Context(), []store.Outcome{second, first}, b.bell.ring); err != nil {
		t.Errorf("second, first: %v", err)
	}
	calls.Wait()
	if got := b.rows(); got != 2 {
		t.Errorf("%d rows, want 2", got)
	}
}

func TestWithoutALiveConnectionAnOutcomeIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	refused := func(o store.Outcome, crm string) {
		t.Helper()
		out, err := b.Append(t.Context(), []store.Outcome{o}, b.bell.ring)
		var missing *store.NotConnectedError
		if err != nil || !errors.As(out[0].Err, &missing) || missing.CRM != crm || missing.Error() == "" {
			t.Errorf("got %v, %v; want not connected to %q", err, out[0].Err, crm)
		}
	}
	refused(b.outcome("e1"), "")
	b.connect("hubspot", "hub1")
	both := b.outcome("e1")
	both.CRMs = []string{"hubspot", "salesforce"}
	refused(both, "salesforce")
	foreign := b.outcome("e1")
	foreign.WorkspaceID = uuid.New()
	refused(foreign, "")
	if err := b.Disconnect(t.Context(), b.workspace, "hubspot"); err != nil {
		t.Fatal(err)
	}
	refused(b.outcome("e1"), "")
	if got := b.rows(); got != 0 {
		t.Errorf("%d rows, want none", got)
	}
}

func TestOutcomesForAConnectionInErrorAreKeptBlocked(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fail(b.connect("hubspot", "hub1"))
	for _, w := range b.append(b.outcome("e1")) {
		b.wantStatus(w.ID, store.Blocked)
	}
}

func TestNothingIsStoredWhenTheWakeFails(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("hubspot", "hub1")
	b.bell.err = errors.New("no")
	if _, err := b.Append(t.Context(), []store.Outcome{b.outcome("e1")}, b.bell.ring); !errors.Is(err, b.bell.err) {
		t.Errorf("got %v, want the wake's error", err)
	}
	if got := b.rows(); got != 0 {
		t.Errorf("%d rows, want none", got)
	}
}

func TestAPayloadThatIsNotJSONStoresNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("hubspot", "hub1")
	bad := b.outcome("e1", contact(ada))
	bad.Objects[0].Payload = json.RawMessage(`{`)
	if _, err := b.Append(t.Context(), []store.Outcome{b.outcome("e2"), bad}, b.bell.ring); err == nil || b.rows() != 0 {
		t.Errorf("got %v and %d rows, want an error and none", err, b.rows())
	}
}
