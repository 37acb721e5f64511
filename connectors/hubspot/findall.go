package hubspot

import (
	"context"
	"errors"
	"slices"
	"time"

	"crm-connectors/connectors"
)

// FindAll reads contacts by email and id, records by their marker, and what contacts and deals have, a hundred in a call, and then looks for each
// write as Find does.
func (c *Connector) FindAll(ctx context.Context, account connectors.Account, writes []connectors.Write) []connectors.Sighting {
	trace := connectors.NewTrace(c.http, time.Time{})
	s := &session{Connector: c, account: account, doer: trace, ahead: newAhead()}
	failed := s.readAhead(ctx, slices.DeleteFunc(slices.Clone(writes), func(w connectors.Write) bool { return !canFind(w) }))
	shared := trace.Calls()
	out := make([]connectors.Sighting, len(writes))
	for i, w := range writes {
		if failed != nil && canFind(w) {
			out[i] = connectors.Sighting{Finding: connectors.Finding{Calls: shared}, Err: failed}
			continue
		}
		out[i].Finding, out[i].Err = c.findWith(ctx, account, w, s.ahead)
		out[i].Calls = append(shared[:len(shared):len(shared)], out[i].Calls...)
	}
	return out
}

// readAhead reads what the looks for writes will ask for. The error is the answer to all of them; what one of them may be to blame for is
// left open instead.
func (s *session) readAhead(ctx context.Context, writes []connectors.Write) *connectors.Error {
	if failed := s.readEmails(ctx, writes); failed != nil {
		return failed
	}
	for _, a := range activities() {
		own := slices.DeleteFunc(slices.Clone(writes), func(w connectors.Write) bool { return w.Object != a.object })
		if failed := s.readActivities(ctx, a, own); failed != nil {
			return failed
		}
	}
	return nil
}

// leftOpen tells whether a read for many that failed is to be made for each by itself: HubSpot refused it, or a part of it, or answered with
// more than is read.
func leftOpen(e *connectors.Error) bool {
	return forGood(e) || e.Code == codePartial || errors.Is(e, connectors.ErrBodyTooLarge)
}

// inChunks reads values a hundred at a time. A chunk that is left open ends neither the others nor the look.
func inChunks(values []string, read func(chunk []string) *connectors.Error) *connectors.Error {
	for chunk := range slices.Chunk(values, maxInputs) {
		if failed := read(chunk); failed != nil && !leftOpen(failed) {
			return failed
		}
	}
	return nil
}

// readEmails reads the contacts of writes by address: those that are looked for, and those of which nothing else is known.
func (s *session) readEmails(ctx context.Context, writes []connectors.Write) *connectors.Error {
	var emails []string
	for _, w := range writes {
		email := ""
		switch {
		case w.Contact != nil:
			email = normalEmail(w.Contact.Email)
		case w.ContactRef.ID == "":
			email = normalEmail(w.Email)
		}
		emails = appendNew(emails, email)
	}
	return inChunks(emails, func(chunk []string) *connectors.Error {
		found, failed := s.readBy(ctx, contactsType, "email", chunk, contactProperties(), false)
		if failed != nil {
			return failed
		}
		for _, email := range chunk {
			s.ahead.emails[email] = nil
			if i := bestMatch(found, email); i >= 0 {
				s.ahead.emails[email] = &found[i]
			}
		}
		return nil
	})
}

func appendNew(list []string, value string) []string {
	if value == "" || slices.Contains(list, value) {
		return list
	}
	return append(list, value)
}
