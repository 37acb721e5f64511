package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

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
			if got[i], err = b.AppendOne(t.Context(), o, b.bell.ring); err != nil {
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
			if _, err := b.AppendOne(t.Context(), b.outcome(fmt.Sprint(i), task(fmt.Sprint(i))), b.bell.ring); err != nil {
				t.Errorf("outcome %d: %v", i, err)
			}
		})
		if i%10 == 0 {
			all.Go(func() {
				if _, err := b.AppendOne(t.Context(), bad, b.bell.ring); err == nil {
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
	b.connect("hubspot", "hub1")
	ctx, cancel := context.WithCancel(t.Context())
	first := true
	wake := func(c context.Context, tx pgx.Tx, id uuid.UUID) error {
		if first {
			first = false
			cancel() // in the middle of its transaction
		}
		return b.bell.ring(c, tx, id)
	}
	if _, err := b.AppendOne(ctx, b.outcome("left", task("left")), wake); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := b.AppendOne(ctx, b.outcome("never", task("never")), wake); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v from a caller that had left before", err)
	}
	if a, err := b.AppendOne(t.Context(), b.outcome("next", task("next")), b.bell.ring); err != nil || len(a.Writes) != 1 {
		t.Errorf("the next: %+v, %v", a, err)
	}
}
