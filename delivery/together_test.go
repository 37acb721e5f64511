package delivery

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/store"
)

// batchScript is a script that looks for many writes together. It counts the looks, and the writes in each.
type batchScript struct {
	*script
	looks   []int
	findAll func(writes []connectors.Write) []connectors.Sighting // nil: what find says of each
}

// FindAll is connectors.BatchFinder.
func (s *batchScript) FindAll(ctx context.Context, a connectors.Account, writes []connectors.Write) []connectors.Sighting {
	s.mu.Lock()
	s.looks = append(s.looks, len(writes))
	f := s.findAll
	s.mu.Unlock()
	if f != nil {
		return f(writes)
	}
	out := make([]connectors.Sighting, len(writes))
	for i, w := range writes {
		out[i].Finding, out[i].Err = s.find(w)
	}
	return out
}

const lost = 20

// lostBatch leaves 20 tasks of one batch in doubt. find is what a look for one of them says, n from 0.
func lostBatch(t *testing.T, find func(n int) (connectors.Finding, error)) (*bench, *batchScript, []store.Write) {
	t.Helper()
	b := setup(t)
	s := &batchScript{script: b.crm}
	s.batch = 100
	b.engine = b.newEngine(func(c *Config) { c.Connectors = []connectors.Connector{s} })
	b.crm.answer(once(refuse(connectors.ClassInDoubt)))
	place := map[string]int{}
	var writes []store.Write
	for i := range lost {
		w := b.append(fmt.Sprint("w", i), "task")[0]
		place[w.ID.String()] = i
		writes = append(writes, w)
	}
	b.crm.find = func(w connectors.Write) (connectors.Finding, error) { return find(place[w.ID]) }
	return b, s, writes
}

func foundTask(n int) (connectors.Finding, error) {
	return connectors.Finding{Ref: connectors.Ref{Type: "tasks", ID: fmt.Sprint("r", n)}, Complete: true, Tier: connectors.TierRead}, nil
}

func TestABatchInDoubtIsLookedForAtOnceAndEachRowHasItsOwnAnswer(t *testing.T) {
	t.Parallel()
	b, s, writes := lostBatch(t, func(n int) (connectors.Finding, error) {
		switch n % 4 {
		case 0:
			return foundTask(n)
		case 1:
			return connectors.Finding{Tier: connectors.TierEnforced}, nil // sent again
		case 2:
			f, _ := foundTask(n)
			f.Copies = []connectors.Ref{{Type: "tasks", ID: "copy"}}
			return f, nil
		default:
			return connectors.Finding{}, connectors.ErrCannotFind
		}
	})
	b.start(b.engine)
	for i, w := range writes {
		got := b.until(w.ID, []string{store.Succeeded, store.Succeeded, store.Succeeded, store.NeedsReview}[i%4])
		if want := []string{"found", "created", "found", ""}[i%4]; got.Outcome != want || (got.Alarm != "") != (i%4 == 2) {
			t.Errorf("row %d came to %q with alarm %q, want %q", i, got.Outcome, got.Alarm, want)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.looks) != 1 || s.looks[0] != lost || s.finds != 0 {
		t.Errorf("looked for %v rows together and %d alone, want all %d at once", s.looks, s.finds, lost)
	}
}

func TestABatchThatTheCRMDoesNotFindWaitsAsSingleRowsDo(t *testing.T) {
	t.Parallel()
	b, s, writes := lostBatch(t, func(int) (connectors.Finding, error) { return connectors.Finding{Tier: connectors.TierRead}, nil })
	b.start(b.engine)
	b.eventually(func() (bool, string) {
		b.runDue()
		time.Sleep(20 * time.Millisecond)
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.looks) > emptyReadsNeeded+1, fmt.Sprint("looked ", len(s.looks), " times")
	})
	for _, w := range writes {
		if got := b.write(w.ID); got.EmptyReads < emptyReadsNeeded || got.Status == store.Succeeded || got.Status == store.Queued {
			t.Fatalf("a row is %s after %d empty reads, long before the last moment of a late commit", got.Status, got.EmptyReads)
		}
	}
	if n := len(b.crm.sends()); n != lost {
		t.Errorf("sent %d times, want once each", n)
	}
}

func TestARowThatSpoilsTheLookForItsBatchKeepsNoOtherFromBeingFound(t *testing.T) {
	t.Parallel()
	for name, findAll := range map[string]func([]connectors.Write) []connectors.Sighting{
		"the CRM fails": func(writes []connectors.Write) []connectors.Sighting {
			out := make([]connectors.Sighting, len(writes))
			for i := range out {
				out[i].Err = &connectors.Error{Class: connectors.ClassRetry, Code: "crm_failed", Status: http.StatusInternalServerError}
			}
			return out
		},
		"the connector panics": func([]connectors.Write) []connectors.Sighting { panic("out of cheese") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, s, writes := lostBatch(t, func(n int) (connectors.Finding, error) {
				if n == lost-1 {
					return connectors.Finding{}, &connectors.Error{Class: connectors.ClassRetry, Code: "crm_failed", Status: http.StatusInternalServerError}
				}
				return foundTask(n)
			})
			s.findAll = findAll
			b.start(b.engine)
			for _, w := range writes[:lost-1] {
				b.until(w.ID, store.Succeeded)
			}
			if got := b.write(writes[lost-1].ID); got.Status != store.InDoubt && got.Status != store.Reconciling {
				t.Errorf("the row at fault is %s, want it in doubt", got.Status)
			}
		})
	}
}

func TestACRMThatIsIllIsAskedOnceMoreAndNotForEachRow(t *testing.T) {
	t.Parallel()
	ill := &connectors.Error{Class: connectors.ClassRetry, Code: "crm_failed", Status: http.StatusServiceUnavailable}
	b, s, writes := lostBatch(t, func(int) (connectors.Finding, error) { return connectors.Finding{}, ill })
	b.start(b.engine)
	b.eventually(func() (bool, string) {
		a, err := b.store.Attempts(t.Context(), writes[lost-1].ID)
		return err == nil && len(a) > 1, "nothing was looked for"
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.finds > len(s.looks) {
		t.Errorf("%d looks for all and %d for one, want at most one each", len(s.looks), s.finds)
	}
}

func TestATokenThatIsRefusedDuringALookForManyIsRenewedOnce(t *testing.T) {
	t.Parallel()
	b, s, writes := lostBatch(t, foundTask)
	s.findAll = func(writes []connectors.Write) []connectors.Sighting {
		s.mu.Lock()
		defer s.mu.Unlock()
		out := make([]connectors.Sighting, len(writes))
		for i, w := range writes {
			if out[i].Finding, out[i].Err = s.find(w); s.renewed == 0 {
				out[i] = connectors.Sighting{Err: refuse(connectors.ClassNeedsAuth).Err}
			}
		}
		return out
	}
	b.start(b.engine)
	for _, w := range writes {
		b.until(w.ID, store.Succeeded)
	}
	if n := b.crm.refreshes(); n != 1 {
		t.Errorf("renewed %d times, want once", n)
	}
}
