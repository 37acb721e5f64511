package hubspot

import (
	"context"

	"crm-connectors/connectors"
)

// Deliver carries out the writes one after the other, in their order. After an answer that concerns
// the whole connection, such as a refused token or a limit that is used up, the rest is not sent and gets
// the same error.
func (c *Connector) Deliver(ctx context.Context, account connectors.Account, writes []connectors.Write) []connectors.Result {
	l := c.newList(account, c.http)
	results := make([]connectors.Result, 0, len(writes))
	for _, w := range writes {
		results = append(results, l.carry(ctx, w))
	}
	return results
}

// list is one Deliver or Plan under way: what its writes have to know of each other.
type list struct {
	*Connector
	account  connectors.Account
	doer     connectors.Doer
	contacts map[string]connectors.Result // by email
	stop     *connectors.Error            // set once the connection can do no more
}

func (c *Connector) newList(account connectors.Account, doer connectors.Doer) *list {
	return &list{Connector: c, account: account, doer: doer, contacts: map[string]connectors.Result{}}
}

func (l *list) carry(ctx context.Context, w connectors.Write) connectors.Result {
	if l.stop != nil {
		unsent := *l.stop
		return connectors.Result{Err: &unsent}
	}
	trace := connectors.NewTrace(l.doer, w.SendBy)
	told := newGauge(trace)
	s := &session{Connector: l.Connector, account: l.account, doer: told}
	var r connectors.Result
	r.Ref, r.Outcome, r.Err = l.write(ctx, s, w)
	r.Notes, r.Calls, r.MayLand, r.Limits = s.notes, trace.Calls(), trace.MayLand(), told.limits()
	if r.Err != nil && endsList(r.Err) {
		l.stop = r.Err
	}
	if w.Object == connectors.ObjectContact && w.Contact != nil {
		l.contacts[normalEmail(w.Contact.Email)] = r
	}
	return r
}

// endsList tells whether an error concerns every write of the connection.
func endsList(e *connectors.Error) bool {
	switch e.Class {
	case connectors.ClassNeedsAuth, connectors.ClassNeedsReconnect, connectors.ClassMisconfigured:
		return true
	default:
		return e.Pause
	}
}

func (l *list) write(ctx context.Context, s *session, w connectors.Write) (connectors.Ref, connectors.Outcome, *connectors.Error) {
	switch {
	case w.Object == connectors.ObjectContact && w.Contact != nil:
		earlier, known := l.contacts[normalEmail(w.Contact.Email)].Ref, w.ContactRef
		if w.Found.ID != "" {
			known = w.Found
		}
		if earlier.ID != "" {
			return s.upsertContact(ctx, *w.Contact, earlier, true)
		}
		return s.upsertContact(ctx, *w.Contact, known, false)
	case w.Object == connectors.ObjectTask && w.Task != nil:
		return l.dependent(ctx, w, s.createTask, s.completeFound)
	case w.Object == connectors.ObjectRollup && w.Rollup != nil:
		return l.dependent(ctx, w, s.createNote, s.completeFound)
	}
	return connectors.Ref{}, "", invalid("write_malformed", "The write holds nothing of the kind that it says it does.")
}

// carrying is what is done with a task or rollup.
type carrying func(context.Context, activity, connectors.Write) (connectors.Ref, connectors.Outcome, *connectors.Error)

// dependent gives a task or rollup the contact that this list has written, if it has none. Where
// that contact may still come, the dependent waits for it; where HubSpot refused the contact for good, the
// dependent goes its own way. One that was found is completed and not created.
func (l *list) dependent(ctx context.Context, w connectors.Write, create, complete carrying) (connectors.Ref, connectors.Outcome, *connectors.Error) {
	contact, listed := l.contacts[normalEmail(w.Email)]
	switch {
	case w.ContactRef.ID != "" || w.Email == "" || !listed:
	case contact.Err == nil:
		w.ContactRef = contact.Ref
	case contact.Err.Class != connectors.ClassRejected:
		return connectors.Ref{}, "", &connectors.Error{Class: connectors.ClassRetry, Code: "contact_pending", RetryAfter: contact.Err.RetryAfter,
			Cause: "The contact that this belongs to has not been written yet.", Action: doNothing}
	}
	a, _ := activityOf(w.Object)
	if w.Found.ID != "" {
		return complete(ctx, a, w)
	}
	return create(ctx, a, w)
}
