package store_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"

	"crm-connectors/store"
)

func (b *bench) list(f store.Filter) []store.Write {
	b.t.Helper()
	if f.WorkspaceID == uuid.Nil {
		f.WorkspaceID = b.workspace
	}
	if f.Limit == 0 {
		f.Limit = 100
	}
	writes, err := b.Writes(b.t.Context(), f)
	if err != nil {
		b.t.Fatal(err)
	}
	return writes
}

func TestAWorkspaceSeesItsOwnWritesAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("hubspot", "hub1")
	w := b.append(b.outcome("e1"))[0]
	for _, workspace := range []uuid.UUID{b.workspace, uuid.Nil} {
		if got, err := b.Write(t.Context(), workspace, w.ID); err != nil || got.ID != w.ID {
			t.Errorf("workspace %s: %v, %v; want the write", workspace, got.ID, err)
		}
		if got, err := b.SyncWrites(t.Context(), workspace, w.SyncID); err != nil || len(got) != 3 || got[0].ID != w.ID {
			t.Errorf("workspace %s: %d writes, %v; want 3 in source order", workspace, len(got), err)
		}
	}
	stranger := uuid.New()
	if _, err := b.Write(t.Context(), stranger, w.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a foreign write: got %v, want ErrNotFound", err)
	}
	if _, err := b.SyncWrites(t.Context(), stranger, w.SyncID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a foreign sync: got %v, want ErrNotFound", err)
	}
	if _, err := b.Write(t.Context(), uuid.Nil, uuid.New()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an unknown write: got %v, want ErrNotFound", err)
	}
	if got := b.list(store.Filter{WorkspaceID: stranger}); len(got) != 0 {
		t.Errorf("a stranger lists %d writes, want none", len(got))
	}
	if got := b.list(store.Filter{WorkspaceID: stranger, SyncID: w.SyncID, IdempotencyKey: w.IdempotencyKey}); len(got) != 0 {
		t.Errorf("a stranger who knows the ids lists %d writes, want none", len(got))
	}
}

func TestEveryFilterNarrowsTheList(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("hubspot", "hub1")
	b.connect("salesforce", "org1")
	writes := b.append(b.outcome("e1"))
	second := b.outcome("e2", task("t"))
	second.ThreadID = "other"
	b.append(second)
	one := writes[1]
	b.exec(`update crm_write_log set status = 'failed', error_code = 'bad_value', crm_object_id = '77' where id = $1`, one.ID)
	for name, c := range map[string]struct {
		filter store.Filter
		want   int
	}{
		"none":            {store.Filter{}, 8},
		"crm":             {store.Filter{CRM: "salesforce"}, 4},
		"status":          {store.Filter{Status: store.Failed}, 1},
		"object type":     {store.Filter{ObjectType: "task"}, 4},
		"thread":          {store.Filter{ThreadID: "other"}, 2},
		"error code":      {store.Filter{ErrorCode: "bad_value"}, 1},
		"sync":            {store.Filter{SyncID: one.SyncID}, 6},
		"crm object":      {store.Filter{CRMObjectID: "77"}, 1},
		"idempotency key": {store.Filter{IdempotencyKey: one.IdempotencyKey}, 1},
		"two together":    {store.Filter{CRM: "hubspot", ObjectType: "task"}, 2},
		"none left":       {store.Filter{CRM: "salesforce", Status: store.Failed}, 0},
		"limit":           {store.Filter{Limit: 3}, 3},
	} {
		got := b.list(c.filter)
		if len(got) != c.want {
			t.Errorf("%s: %d writes, want %d", name, len(got), c.want)
		}
		if !slices.IsSortedFunc(got, func(x, y store.Write) int { return int(y.Seq - x.Seq) }) {
			t.Errorf("%s: not newest first", name)
		}
		if c.want == 1 && len(got) == 1 && got[0].ID != one.ID {
			t.Errorf("%s: got %s, want %s", name, got[0].ID, one.ID)
		}
	}
}

func TestPagesHaveNoGapsAndNoDoublesWhileRowsAreAdded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("hubspot", "hub1")
	want := map[uuid.UUID]bool{}
	for i := range 25 {
		want[b.append(b.outcome(fmt.Sprint("before ", i), task("t")))[0].ID] = true
	}
	var wg sync.WaitGroup
	begun := make(chan struct{})
	wg.Go(func() {
		for i := range 25 {
			if _, err := b.Append(t.Context(), []store.Outcome{b.outcome(fmt.Sprint("during ", i), task("t"))}, b.bell.ring); err != nil {
				t.Errorf("append: %v", err)
			}
			if i == 3 {
				close(begun)
			}
		}
	})
	<-begun
	seen := map[uuid.UUID]int{}
	for before := int64(0); ; {
		page := b.list(store.Filter{Before: before, Limit: 4})
		for _, w := range page {
			seen[w.ID]++
		}
		if len(page) < 4 {
			break
		}
		before = page[len(page)-1].Seq
	}
	wg.Wait()
	for id, n := range seen {
		if n != 1 {
			t.Errorf("write %s is on %d pages", id, n)
		}
	}
	for id := range want {
		if seen[id] == 0 {
			t.Errorf("write %s is on no page", id)
		}
	}
}

func TestSettledStatesAreThoseThatNothingFollowsByItself(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]bool{store.Queued: false, store.Sending: false, store.InDoubt: false, store.Reconciling: false, store.Blocked: false,
		store.Succeeded: true, store.Failed: true, store.NeedsReview: true, store.Cancelled: true} {
		if got := store.Settled(status); got != want {
			t.Errorf("%s: got %v, want %v", status, got, want)
		}
	}
}

func TestWritesAreReadByTheirIDs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("hubspot", "hub1")
	rows := b.append(b.outcome("e1"))
	got, err := b.WritesByID(t.Context(), []uuid.UUID{rows[2].ID, rows[0].ID, uuid.New()})
	if err != nil || len(got) != 2 || got[0].ID == got[1].ID || got[0].ID == rows[1].ID || got[1].ID == rows[1].ID {
		t.Errorf("got %d rows, %v; want the two that exist", len(got), err)
	}
}
