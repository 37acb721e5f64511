package salesforce

import (
	"context"
	"time"

	"crm-connectors/connectors"
)

// Marked reads the store, the bin and the archive. Rollups are tasks in Salesforce, and people rename them, so both objects list the same
// records; markers tell them apart. Where the org has no field for the marker all descriptions since then are read: ErrCannotFind beyond 10,000.
func (c *Connector) Marked(ctx context.Context, account connectors.Account, object connectors.Object, from time.Time) ([]connectors.MarkedRecord, error) {
	s, refusal := c.open(account)
	if refusal != nil {
		return nil, refusal
	}
	st := &step{session: s, doer: c.cfg.HTTP, write: connectors.Write{Object: object}}
	inFields, complete, err := st.listByField(ctx, from)
	switch {
	case err != nil:
		return nil, err
	case !complete:
		return nil, connectors.ErrCannotFind
	}
	inTexts, complete, err := st.listByText(ctx, from)
	switch {
	case err != nil:
		return nil, err
	case !complete && !st.hasFieldSince(from):
		return nil, connectors.ErrCannotFind
	}
	return once(append(inFields, inTexts...)), nil
}

// hasField tells whether the account was found to have the marker's field, for a step that is about no one write.
func (st *step) hasField() bool {
	return st.account.Capabilities.Of(st.write.Object).Field == markerField && !st.keyless[sobjectOf(st.write.Object)]
}

// hasFieldSince tells whether all records of ours from then on have the field.
func (st *step) hasFieldSince(from time.Time) bool {
	known := st.account.Capabilities.Of(st.write.Object).Since
	return st.hasField() && !known.IsZero() && known.Before(from)
}

func (st *step) listByField(ctx context.Context, from time.Time) ([]connectors.MarkedRecord, bool, *connectors.Error) {
	if !st.hasField() {
		return nil, true, nil
	}
	out, complete, err := st.list(ctx, query{fields: []string{"Id", "IsDeleted", markerField}, where: []condition{since("CreatedDate", from), notNull(markerField)}})
	if _, gone := refused(err, "INVALID_FIELD"); gone {
		st.loseKey()
		return nil, true, nil
	}
	return out, complete, err
}

// listByText reads the descriptions of what has nothing in the field.
func (st *step) listByText(ctx context.Context, from time.Time) ([]connectors.MarkedRecord, bool, *connectors.Error) {
	q := query{fields: []string{"Id", "IsDeleted", "Description"}, where: []condition{since("CreatedDate", from)}, small: true}
	if st.hasField() {
		q.where = append(q.where, isNull(markerField))
	}
	return st.list(ctx, q)
}

func (st *step) list(ctx context.Context, q query) ([]connectors.MarkedRecord, bool, *connectors.Error) {
	q.object, q.order, q.all = sobjectOf(st.write.Object), "CreatedDate ASC", true
	first, err := st.page(ctx, q.below(), q.resource(), q.small)
	if err != nil {
		return nil, false, err
	}
	records, complete, err := st.rest(ctx, first, q.small)
	var out []connectors.MarkedRecord
	for _, r := range records {
		if marker := r.marker(); marker != "" {
			out = append(out, connectors.MarkedRecord{Ref: connectors.Ref{Type: q.object, ID: r.ID}, Marker: marker, Deleted: r.IsDeleted})
		}
	}
	return out, complete, err
}

// once drops what two pages showed, as they do when records change between them.
func once(all []connectors.MarkedRecord) []connectors.MarkedRecord {
	seen := map[connectors.Ref]bool{}
	var out []connectors.MarkedRecord
	for _, r := range all {
		if !seen[r.Ref] {
			seen[r.Ref] = true
			out = append(out, r)
		}
	}
	return out
}
