package salesforce

import (
	"context"

	"crm-connectors/connectors"
)

// Deliver carries a single write by single calls and several in calls for many. What says that the whole connection must wait or sign in again
// is the answer for the rest of the list too, which is not sent.
func (c *Connector) Deliver(ctx context.Context, account connectors.Account, writes []connectors.Write) []connectors.Result {
	s, stop := c.open(account)
	l := &list{session: s, stop: stop, unsure: map[string]bool{}}
	if len(writes) > 1 && stop == nil {
		return l.carryAll(ctx, writes)
	}
	results := make([]connectors.Result, len(writes))
	for i, w := range writes {
		results[i] = l.carry(ctx, w)
	}
	return results
}

// Plan runs the same path over a Doer that stops short of every change.
func (c *Connector) Plan(ctx context.Context, account connectors.Account, writes []connectors.Write) []connectors.Plan {
	plans := make([]connectors.Plan, len(writes))
	planner := connectors.NewPlanner(c.cfg.HTTP, wouldAnswer)
	s, stop := c.open(account)
	for i, w := range writes {
		if stop != nil {
			plans[i].Err = notTried(stop)
			continue
		}
		s.planning = true
		r := s.deliver(ctx, planner, w)
		plans[i] = connectors.Plan{Ref: r.Ref, Calls: planner.Take(), Notes: r.Notes, Err: r.Err}
		stop = forAll(r.Err)
	}
	return plans
}

// deliver carries one write.
func (s *session) deliver(ctx context.Context, doer connectors.Doer, w connectors.Write) connectors.Result {
	early := ctx.Err()
	if !w.SendBy.IsZero() && !s.c.cfg.Now().Before(w.SendBy) {
		early = connectors.ErrSendDeadline // spare the reads too
	}
	if early != nil {
		return connectors.Result{Err: lost(connectors.Once, &connectors.TransportError{Err: early})}
	}
	st := &step{session: s, doer: doer, write: w}
	var r connectors.Result
	switch {
	case w.Object == connectors.ObjectContact && w.Contact != nil:
		r.Ref, r.Outcome, r.Err = st.contact(ctx, *w.Contact)
	case isActivity(w) && w.Found.ID != "":
		r.Ref, r.Outcome, r.Err = st.completeFound(ctx)
	case isActivity(w):
		r.Ref, r.Outcome, r.Err = st.activity(ctx)
	default:
		r.Err = rejected("write_invalid", "The write does not hold what its object says.", doTellUs)
	}
	if r.Err != nil {
		r.Outcome = ""
	}
	r.Notes = st.notes
	return r
}

func isActivity(w connectors.Write) bool {
	return w.Object == connectors.ObjectTask && w.Task != nil || w.Object == connectors.ObjectRollup && w.Rollup != nil
}

// forAll is err when it speaks of the connection and not of one write.
func forAll(err *connectors.Error) *connectors.Error {
	if err == nil {
		return nil
	}
	switch err.Class {
	case connectors.ClassNeedsAuth, connectors.ClassNeedsReconnect, connectors.ClassMisconfigured:
		return err
	}
	if err.Class == connectors.ClassRetry && err.Pause {
		return err
	}
	return nil
}

// notTried is a copy of err for a write that was held back because of it.
func notTried(err *connectors.Error) *connectors.Error {
	e := *err
	return &e
}
