package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"

	"crm-connectors/store"
)

func TestOutcomesThatArriveTogetherAreEachStoredOrRefusedByThemselves(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("hubspot", "hub1")
	b.append(b.outcome("taken", task("t")))
	stranger := b.outcome("nowhere", task("t"))
	stranger.WorkspaceID = uuid.New()
	list := []store.Outcome{b.outcome("taken", rollup("r")), stranger, b.outcome("taken", store.Object{Type: "task", ID: "t", Action: "create", Payload: []byte(`{"subject":"else"}`)})}
	for i := range 60 {
		list = append(list, b.outcome(fmt.Sprint("event-", i/2))) // each twice, as a caller sends it that heard no answer
	}
	got := make([]store.Appended, len(list))
	var all sync.WaitGroup
	for i, o := range list {
		all.Go(func() {
			var err error
			if got[i], err = b.AppendOne(t.Context(), o); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	var notConnected *store.NotConnectedError
	var conflict *store.ConflictError
	switch {
	case got[0].Err != nil || len(got[0].Writes) != 1:
		t.Errorf("a new object of an old event: %+v", got[0])
	case !errors.As(got[1].Err, &notConnected):
		t.Errorf("a workspace without a CRM: %v", got[1].Err)
	case !errors.As(got[2].Err, &conflict):
		t.Errorf("a key with another payload: %v", got[2].Err)
	}
	for i, a := range got[3:] {
		if a.Err != nil || len(a.Writes) != 3 {
			t.Errorf("outcome %d: %d writes, %v", i, len(a.Writes), a.Err)
		}
	}
	if n := value[int](b, `select count(*) from crm_write_log`); n != 2+30*3 {
		t.Errorf("%d writes are stored, want %d", n, 2+30*3)
	}
}

func TestNoOutcomeFailsForAnothersFault(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("hubspot", "hub1")
	bad := b.outcome("bad", store.Object{Type: "task", ID: "bad", Action: "steal", Payload: []byte(`{}`)}) // which the database refuses
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			if _, err := b.AppendOne(t.Context(), b.outcome(fmt.Sprint(i), task(fmt.Sprint(i)))); err != nil {
				t.Errorf("outcome %d: %v", i, err)
			}
		})
		if i%10 == 0 {
			all.Go(func() {
				if _, err := b.AppendOne(t.Context(), bad); err == nil {
					t.Error("what the database refuses was taken")
				}
			})
		}
	}
	all.Wait()
	if n := value[int](b, `select count(*) from crm_write_log`); n != 40 {
		t.Errorf("%d writes are stored, want 40", n)
	}
}

func TestACallerThatGivesUpDoesNotHoldTheOthersUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	busy, err := b.pool.Begin(t.Context()) // which keeps what comes first in the middle of its transaction
	if err != nil {
		t.Fatal(err)
	}
	if _, err := busy.Exec(t.Context(), `select from crm_connections where id = $1 for update`, c.ID); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var left sync.WaitGroup
	left.Go(func() {
		if _, err := b.AppendOne(ctx, b.outcome("left", task("left"))); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v from a caller that left", err)
		}
	})
	b.lockWaiter()
	cancel()
	left.Wait()
	if err := busy.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.AppendOne(ctx, b.outcome("never", task("never"))); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v from a caller that had left before", err)
	}
	if a, err := b.AppendOne(t.Context(), b.outcome("next", task("next"))); err != nil || len(a.Writes) != 1 {
		t.Errorf("the next: %+v, %v", a, err)
	}
}
