package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/store"
)

// emptyReadsNeeded is how often the CRM must be asked in vain, apart from each other and after the last moment
// at which the write could still have been executed, before a create may be repeated.
const emptyReadsNeeded = 2

// findSize is how many rows in doubt are looked for together.
func (t *turn) findSize() int {
	if _, ok := t.connector.(connectors.BatchFinder); !ok {
		return 1
	}
	return t.atOnce()
}

// find looks for rows of one kind whose fate is unknown and settles what it learned. A positive answer is believed at once; a
// negative one only where the CRM itself refuses a second copy, or after the waits.
func (t *turn) find(ctx context.Context, claimed []store.Claimed, lookBy time.Time) error {
	ctx, over := t.engine.cfg.Observer.Attempting(ctx, "find", claimed)
	defer over()
	started := t.engine.cfg.Now()
	writes := make([]connectors.Write, len(claimed))
	seen := make([]connectors.Sighting, len(claimed))
	var todo []int
	for i, c := range claimed {
		if writes[i], seen[i].Err = toWrite(c); seen[i].Err == nil {
			todo = append(todo, i)
		}
	}
	t.lookAll(ctx, writes, seen, todo, lookBy)
	if refused := slices.DeleteFunc(todo, func(i int) bool { return !needsAuth(seen[i].Err) }); len(refused) > 0 {
		if cause := t.refresh(ctx); cause == nil {
			t.lookAll(ctx, writes, seen, refused, lookBy)
		} else if err := t.giveUp(ctx, cause); err != nil {
			return err
		}
	}
	settlements := make([]store.Settlement, len(claimed))
	for i, c := range claimed {
		settlements[i] = t.engine.foundOrNot(c, seen[i].Finding, seen[i].Err, t.engine.cfg.Now())
		settlements[i].StartedAt, settlements[i].EndedAt = started, t.engine.cfg.Now()
	}
	return t.settle(ctx, claimed, settlements)
}

func needsAuth(err error) bool {
	var refused *connectors.Error
	return errors.As(err, &refused) && refused.Class == connectors.ClassNeedsAuth
}

// lookAll looks for the writes that todo names, together where the connector can. Where nothing came of that although the CRM answers, one of
// them may be to blame: then the first is looked for by itself, and if that has an answer, so are the others.
func (t *turn) lookAll(ctx context.Context, writes []connectors.Write, seen []connectors.Sighting, todo []int, lookBy time.Time) {
	finder, ok := t.connector.(connectors.BatchFinder)
	if ok && len(todo) > 1 {
		ctx, cancel := context.WithDeadline(ctx, lookBy)
		defer cancel()
		if t.lookTogether(ctx, finder, writes, seen, todo) {
			return
		}
	}
	for n, i := range todo {
		var s connectors.Sighting
		s.Finding, s.Err = t.look(ctx, writes[i])
		if n == 0 && len(todo) > 1 && failed(s.Err) {
			return
		}
		seen[i] = s
	}
}

// lookTogether is the connector's FindAll. False means that it came to nothing for any of the writes, and that single looks may come to more.
func (t *turn) lookTogether(ctx context.Context, finder connectors.BatchFinder, writes []connectors.Write, seen []connectors.Sighting, todo []int) (done bool) {
	defer func() {
		if p := recover(); p != nil {
			t.panicked(p)
			for _, i := range todo {
				seen[i] = connectors.Sighting{Err: connectors.AsError(errors.New("connector panicked"))}
			}
			done = false
		}
	}()
	batch := make([]connectors.Write, len(todo))
	for n, i := range todo {
		batch[n] = writes[i]
	}
	for n, s := range finder.FindAll(ctx, t.account, batch) {
		seen[todo[n]] = s
		done = done || !failed(s.Err) || !answered(s.Err)
	}
	return done
}

// failed tells whether a look that ended so says nothing about the write.
func failed(err error) bool { return err != nil && !errors.Is(err, connectors.ErrCannotFind) }

// answered tells whether a look failed by an answer of the CRM to what was asked, and not by its silence or for what concerns the whole connection.
func answered(err error) bool {
	e := connectors.AsError(err)
	return e.Status != 0 && !e.Pause && (e.Class == connectors.ClassRetry || e.Class == connectors.ClassInDoubt || e.Class == connectors.ClassRejected)
}

// look is the connector's Find. One that panics has not answered.
func (t *turn) look(ctx context.Context, w connectors.Write) (f connectors.Finding, err error) {
	defer func() {
		if p := recover(); p != nil {
			t.panicked(p)
			f, err = connectors.Finding{}, connectors.AsError(errors.New("connector panicked"))
		}
	}()
	return t.connector.Find(ctx, t.account, w)
}

func (t *turn) panicked(p any) {
	t.engine.log.Error().Str("event", "connector_panicked").Str("panic", panicKind(p)).Bytes("stack", debug.Stack()).Stringer("connection_id", t.conn.ID).Msg("connector panicked")
}

// foundOrNot decides what an answer about a doubtful row means.
func (e *Engine) foundOrNot(c store.Claimed, f connectors.Finding, err error, now time.Time) store.Settlement {
	s := store.Settlement{ID: c.ID, Attempt: c.Attempt, Kind: "find", CRMObjectType: f.Ref.Type, CRMObjectID: f.Ref.ID,
		Notes: c.Notes, Calls: encode(f.Calls),
		ErrorCode: c.ErrorCode, ErrorClass: c.ErrorClass, ErrorCause: c.ErrorCause, ErrorAction: c.ErrorAction}
	if len(f.Copies) > 0 {
		s.Alarm, s.Notes = duplicateDetected, withNote(c.Notes, copiesNote(f))
	}
	switch {
	case errors.Is(err, connectors.ErrCannotFind), err == nil && f.Ref.ID == "" && f.Tier == connectors.TierNone:
		e.cannotTell(&s, c)
	case err != nil:
		s.Status, s.Result = store.InDoubt, "look_failed"
		s.RetryIn = max(e.cfg.LookAgain, connectors.AsError(err).RetryAfter).Seconds()
	case f.Ref.ID != "" && f.Complete:
		s.Status, s.Result, s.Outcome = store.Succeeded, "found", "found"
		s.ErrorCode, s.ErrorClass, s.ErrorCause, s.ErrorAction = "", "", "", ""
	case f.Ref.ID != "": // the record is there without all that it should have; the next attempt completes it
		e.queueAgain(&s, c, "found_incomplete", "The record is in the CRM, but could not be completed. Press retry when the CRM answers again.")
	case f.Tier == connectors.TierEnforced:
		e.queueAgain(&s, c, "absent", notThere)
	case c.AbsentBy != "": // a person looked, and so did the service
		e.queueAgain(&s, c, "absent_by_word", notThere)
	default:
		s.Result, s.EmptyRead = "not_found_yet", true
		if c.EmptyReads+1 >= emptyReadsNeeded && c.ReconcileAt != nil && !now.Before(e.proofFrom(c, f.Tier)) {
			e.queueAgain(&s, c, "absent", notThere)
			break
		}
		s.Status, s.RetryIn = store.InDoubt, e.nextLook(e.proofFrom(c, f.Tier), now).Seconds()
	}
	return s
}

const (
	duplicateDetected = "duplicate_detected"
	notThere          = "It was looked for and is not in the CRM. Press retry when the CRM answers again."
)

// proofFrom is when a negative answer of this tier begins to prove something: an index follows the store at a distance.
func (e *Engine) proofFrom(c store.Claimed, tier connectors.Tier) time.Time {
	if c.ReconcileAt == nil {
		return time.Time{}
	}
	if tier == connectors.TierSearch {
		return c.ReconcileAt.Add(e.cfg.IndexLag)
	}
	return *c.ReconcileAt
}

// cannotTell hands a row to a person, or follows one who did look.
func (e *Engine) cannotTell(s *store.Settlement, c store.Claimed) {
	if c.AbsentBy != "" {
		e.queueAgain(s, c, "absent_by_word", notThere)
		return
	}
	s.Status, s.Result = store.NeedsReview, "cannot_be_found"
	s.ErrorAction = "Look for this " + c.ObjectType + " in the CRM: it may or may not have been written, and the service cannot tell. Then resolve the write: found, retry or cancel."
}

func (e *Engine) queueAgain(s *store.Settlement, c store.Claimed, result, gaveUp string) {
	s.Status, s.Result = store.Queued, result
	if c.Failures >= maxFailures {
		s.Status, s.ErrorAction = store.Failed, gaveUp
	}
}

// copiesNote says where the further records are. The service deletes nothing by itself.
func copiesNote(f connectors.Finding) connectors.Note {
	ids := make([]string, len(f.Copies))
	for i, r := range f.Copies {
		ids[i] = r.ID
	}
	return connectors.Note{Code: duplicateDetected, Message: "The CRM holds this " + f.Ref.Type + " more than once: " + f.Ref.ID +
		" is kept, and " + strings.Join(ids, ", ") + " should be deleted by hand."}
}

func withNote(notes json.RawMessage, n connectors.Note) json.RawMessage {
	var list []connectors.Note
	if json.Unmarshal(notes, &list) != nil || slices.Contains(list, n) {
		return notes
	}
	return encode(append(list, n))
}

// nextLook spaces the looks so that two of them fall after the moment from which a negative answer counts.
func (e *Engine) nextLook(proof, now time.Time) time.Duration {
	until := proof.Sub(now)
	switch {
	case until <= 0:
		return e.cfg.LookAgain
	case until < e.cfg.LookAgain:
		return until
	}
	return min(until, max(e.cfg.LookAgain, until/2))
}
