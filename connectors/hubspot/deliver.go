package hubspot

import (
	"context"

	"crm-connectors/connectors"
)

// Deliver carries out a single write by single calls and several in batches, contacts before what depends on them. After an answer that
// concerns the whole connection, such as a refused token or a limit that is used up, the rest is not sent and gets the same error.
func (c *Connector) Deliver(ctx context.Context, account connectors.Account, writes []connectors.Write) []connectors.Result {
	l := c.newList(account, c.http)
	if len(writes) != 1 {
		return l.carryAll(ctx, writes)
	}
	return []connectors.Result{l.carry(ctx, writes[0])}
}

// list is one Deliver or Plan under way: what its writes have to know of each other.
type list struct {
	*Connector
	account  connectors.Account
	doer     connectors.Doer
	contacts map[string]connectors.Result // by email
	limits   []connectors.Limit           // as last stated in a batch call
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
	trace := connectors.NewOwnTrace(l.doer, w.SendBy)
	told := newGauge(trace)
	s := &session{Connector: l.Connector, account: l.account, doer: told}
	var r connectors.Result
	r.Ref, r.Outcome, r.Err = l.write(ctx, s, w)
	r.Notes, r.Calls, r.MayLand, r.Limits = s.notes, trace.Calls(), trace.MayLand(), told.Limits()
	l.remember(w, r)
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
		if w.ContactKnown && known.ID != "" {
			if ref, outcome, failed := s.updateKnown(ctx, *w.Contact, known); failed != nil || ref.ID != "" {
				return ref, outcome, failed
			}
		}
		return s.upsertContact(ctx, *w.Contact, known, false)
	case w.Object == connectors.ObjectTask && w.Task != nil:
		return l.dependent(ctx, s, w)
	case w.Object == connectors.ObjectRollup && w.Rollup != nil:
		return l.dependent(ctx, s, w)
	}
	return connectors.Ref{}, "", invalid("write_malformed", "The write holds nothing of the kind that it says it does.")
}

// dependent carries a task or rollup. One that was found is completed and not created.
func (l *list) dependent(ctx context.Context, s *session, w connectors.Write) (connectors.Ref, connectors.Outcome, *connectors.Error) {
	w, failed := l.withContact(w)
	if failed != nil {
		return connectors.Ref{}, "", failed
	}
	a, _ := activityOf(w.Object)
	if w.Found.ID != "" {
		return s.completeFound(ctx, a, w)
	}
	properties, links, failed := s.draft(ctx, w)
	if failed != nil {
		return connectors.Ref{}, "", failed
	}
	return s.createActivity(ctx, a, w, properties, links)
}

// withContact gives a task or rollup the contact that this list has written, if it has none. Where that contact may still come, the
// dependent waits for it; where HubSpot refused the contact for good, the dependent goes its own way.
func (l *list) withContact(w connectors.Write) (connectors.Write, *connectors.Error) {
	contact, listed := l.contacts[normalEmail(w.Email)]
	switch {
	case w.ContactRef.ID != "" || w.Email == "" || !listed:
	case contact.Err == nil:
		w.ContactRef = contact.Ref
	case contact.Err.Class != connectors.ClassRejected:
		return w, &connectors.Error{Class: connectors.ClassRetry, Code: "contact_pending", RetryAfter: contact.Err.RetryAfter,
			Cause: "The contact that this belongs to has not been written yet.", Action: doNothing}
	}
	return w, nil
}

// draft is what a new task or note consists of, and what it is tied to.
func (s *session) draft(ctx context.Context, w connectors.Write) (properties map[string]string, links []link, failed *connectors.Error) {
	if w.Object == connectors.ObjectTask {
		properties, failed = s.taskProperties(ctx, w)
	} else {
		properties, failed = s.noteProperties(w)
	}
	if failed != nil {
		return nil, nil, failed
	}
	links, failed = s.linksOf(ctx, w)
	return properties, links, failed
}
