package salesforce

import (
	"context"

	"crm-connectors/connectors"
)

// Deliver writes one after the other. What says that the whole connection must wait or sign in again
// is the answer for the rest of the list too, which is not sent.
func (c *Connector) Deliver(ctx context.Context, account connectors.Account, writes []connectors.Write) []connectors.Result {
	results := make([]connectors.Result, len(writes))
	s, stop := c.open(account)
	for i, w := range writes {
		if stop != nil {
			results[i].Err = notTried(stop)
			continue
		}
		trace := connectors.NewTrace(c.cfg.HTTP, w.SendBy)
		told := newGauge(trace)
		results[i] = s.deliver(ctx, told, w)
		results[i].Calls, results[i].MayLand, results[i].Limits = trace.Calls(), trace.MayLand(), told.limits()
		stop = forAll(results[i].Err)
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
	case (w.Task != nil || w.Rollup != nil) && w.Object != connectors.ObjectContact && w.Found.ID != "":
		r.Ref, r.Outcome, r.Err = st.completeFound(ctx)
	case w.Object == connectors.ObjectTask && w.Task != nil:
		r.Ref, r.Outcome, r.Err = st.task(ctx, *w.Task)
	case w.Object == connectors.ObjectRollup && w.Rollup != nil:
		r.Ref, r.Outcome, r.Err = st.rollup(ctx, *w.Rollup)
	default:
		r.Err = rejected("write_invalid", "The write does not hold what its object says.", doTellUs)
	}
	if r.Err != nil {
		r.Outcome = ""
	}
	r.Notes = st.notes
	return r
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
