package salesforce

import (
	"context"
	"net/http"

	"crm-connectors/connectors"
)

// completeFound ties the Task that an earlier attempt made to what it still lacks. One that is gone was deleted on purpose, as far as
// anyone can tell: it is not made again.
func (st *step) completeFound(ctx context.Context) (connectors.Ref, connectors.Outcome, *connectors.Error) {
	id, ok := canonicalID(st.write.Found.ID)
	if !ok {
		return connectors.Ref{}, "", recordDeleted()
	}
	records, err := st.query(ctx, query{object: typeTask, fields: markedFields(typeTask), where: []condition{equals("Id", id)}, limit: 1, all: true})
	switch {
	case err != nil:
		return connectors.Ref{}, "", err
	case len(records) == 0 || records[0].IsDeleted:
		return connectors.Ref{}, "", recordDeleted()
	}
	return st.complete(ctx, records[0])
}

func recordDeleted() *connectors.Error {
	return &connectors.Error{Class: connectors.ClassRejected, Code: "record_deleted", Status: http.StatusNotFound,
		Cause:  "The record was written and has been deleted in Salesforce since; the service does not make it again.",
		Action: "If it is still wanted, restore it from Salesforce's recycle bin and retry the row; else cancel the write."}
}

// adopt takes the Task that an earlier attempt made, of several the oldest.
func (st *step) adopt(ctx context.Context, earlier []record) (connectors.Ref, connectors.Outcome, *connectors.Error) {
	first := earlier[0]
	if first.IsDeleted {
		st.noteDeleted()
		return connectors.Ref{Type: typeTask, ID: first.ID}, connectors.Unchanged, nil
	}
	return st.complete(ctx, first)
}

func (st *step) noteDeleted() {
	st.note("record_deleted", "The record was written earlier and has been deleted in Salesforce since; it is not made again.")
}

// complete sets the links that the Task lacks. What it has stays, even if it is another than was asked for: people move tasks, and so do
// conversions and merges.
func (st *step) complete(ctx context.Context, r record) (connectors.Ref, connectors.Outcome, *connectors.Error) {
	ref := connectors.Ref{Type: typeTask, ID: r.ID}
	d, err := st.lacking(ctx, r)
	if err != nil {
		return connectors.Ref{}, "", err
	}
	outcome := connectors.Unchanged
	err = st.mending(ctx, &d, func() *connectors.Error {
		if d.body == (taskBody{}) {
			outcome = connectors.Unchanged
			return nil
		}
		outcome = connectors.Updated
		return st.update(ctx, ref, d.body)
	})
	if err != nil {
		return connectors.Ref{}, "", err
	}
	return ref, outcome, nil
}

// lacking is a draft of the links that the Task should have and does not.
func (st *step) lacking(ctx context.Context, r record) (draft, *connectors.Error) {
	d, err := st.link(ctx, taskBody{})
	if err != nil {
		return draft{}, err
	}
	lead := knownPerson(connectors.Ref{ID: r.WhoID}).Type == typeLead
	if r.WhatID != "" || lead { // a lead's task takes no opportunity
		d.body.WhatID = ""
	}
	if r.WhoID != "" || d.who.Type == typeLead && (r.WhatID != "" || d.body.WhatID != "") {
		d.setWho(connectors.Ref{})
	}
	d.aside, d.spare, d.defaults = connectors.Ref{}, spare{}, nil // what stood aside comes back to new tasks alone
	return d, nil
}
