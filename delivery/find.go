package delivery

import (
	"context"
	"errors"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/store"
)

// emptyReadsNeeded is how often the CRM must be asked in vain, apart from each other and after the last moment
// at which the write could still have been executed, before a create may be repeated.
const emptyReadsNeeded = 2

// find looks for a row whose fate is unknown and settles what it learned. A positive answer is believed at once; a
// negative one only where the CRM itself refuses a second copy, or after the waits.
func (t *turn) find(ctx context.Context, c store.Claimed) error {
	started := t.engine.cfg.Now()
	w, err := toWrite(c)
	var finding connectors.Finding
	if err == nil {
		finding, err = t.connector.Find(ctx, t.account, w)
	}
	var refused *connectors.Error
	if errors.As(err, &refused) && refused.Class == connectors.ClassNeedsAuth {
		if cause := t.refresh(ctx); cause == nil {
			finding, err = t.connector.Find(ctx, t.account, w)
		} else if err := t.giveUp(ctx, cause); err != nil {
			return err
		}
	}
	s := t.engine.foundOrNot(c, finding, err, t.engine.cfg.Now())
	s.StartedAt, s.EndedAt = started, t.engine.cfg.Now()
	return t.settle(ctx, []store.Claimed{c}, []store.Settlement{s})
}

// foundOrNot decides what an answer about a doubtful row means.
func (e *Engine) foundOrNot(c store.Claimed, f connectors.Finding, err error, now time.Time) store.Settlement {
	s := store.Settlement{ID: c.ID, Attempt: c.Attempt, Kind: "find", CRMObjectType: f.Ref.Type, CRMObjectID: f.Ref.ID,
		Notes: c.Notes, Calls: encode[connectors.CallRecord](nil),
		ErrorCode: c.ErrorCode, ErrorClass: c.ErrorClass, ErrorCause: c.ErrorCause, ErrorAction: c.ErrorAction}
	switch {
	case errors.Is(err, connectors.ErrCannotFind):
		s.Status, s.Result = store.NeedsReview, "cannot_be_found"
		s.ErrorAction = "Look for this " + c.ObjectType + " in the CRM: it may or may not have been written, and the service cannot tell."
	case err != nil:
		s.Status, s.Result = store.InDoubt, "look_failed"
		s.RetryIn = max(e.cfg.LookAgain, connectors.AsError(err).RetryAfter).Seconds()
	case f.Ref.ID != "" && f.Complete:
		s.Status, s.Result, s.Outcome = store.Succeeded, "found", "found"
		s.ErrorCode, s.ErrorClass, s.ErrorCause, s.ErrorAction = "", "", "", ""
	case f.Ref.ID != "": // an upsert whose record is there without all its values: updating it is harmless
		e.queueAgain(&s, c, "found_incomplete")
	case f.Enforced:
		e.queueAgain(&s, c, "absent")
	default:
		s.Result, s.EmptyRead = "not_found_yet", true
		proven := c.ReconcileAt != nil && !now.Before(*c.ReconcileAt)
		if proven && c.EmptyReads+1 >= emptyReadsNeeded {
			e.queueAgain(&s, c, "absent")
			break
		}
		s.Status, s.RetryIn = store.InDoubt, e.nextLook(c, now).Seconds()
	}
	return s
}

func (e *Engine) queueAgain(s *store.Settlement, c store.Claimed, result string) {
	s.Status, s.Result = store.Queued, result
	if c.Failures >= maxFailures {
		s.Status = store.Failed
		s.ErrorAction = "It was looked for and is not in the CRM. Press retry when the CRM answers again."
	}
}

// nextLook spaces the looks so that two of them fall after the moment from which a negative answer counts.
func (e *Engine) nextLook(c store.Claimed, now time.Time) time.Duration {
	if c.ReconcileAt == nil || !now.Before(*c.ReconcileAt) {
		return e.cfg.LookAgain
	}
	until := c.ReconcileAt.Sub(now)
	if until < e.cfg.LookAgain {
		return until
	}
	return min(until, max(e.cfg.LookAgain, until/2))
}
