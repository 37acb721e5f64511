package salesforce

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"crm-connectors/connectors"
)

// collection is a call of sObject Collections. They save each record by itself and answer 200 whatever the records' fates are.
type collection struct {
	object string
	method string
	path   string
	effect connectors.Effect
	extra  [][2]string
}

// creating makes records of object: under their marker where they are keyed, which is a field of the record here.
func creating(object string, keyed bool, extra ...[2]string) collection {
	c := collection{object: object, method: http.MethodPost, path: "/composite/sobjects", effect: connectors.Once, extra: extra}
	if keyed {
		c.method, c.path = http.MethodPatch, c.path+"/"+object+"/"+markerField
	}
	return c
}

// updating writes to records by their ids. Sending the same values twice is harmless.
func updating(object string, extra ...[2]string) collection {
	return collection{object: object, method: http.MethodPatch, path: "/composite/sobjects", effect: connectors.Idempotent, extra: extra}
}

type savedRecord struct {
	ID      string          `json:"id"`
	Success bool            `json:"success"`
	Created *bool           `json:"created"`
	Errors  json.RawMessage `json:"errors"`
}

// saveAll sends items in calls of up to 200 records.
func (l *list) saveAll(ctx context.Context, items []*item, c collection, won func(it *item, id string, created bool)) {
	for chunk := range slices.Chunk(items, maxCollection) {
		l.save(ctx, chunk, c, won)
	}
}

// save sends items in one call. Where Salesforce refuses the call as a whole, each half goes by itself, so that one bad record costs a few calls
// and none of its neighbours. What is refused and could be mended is left to be carried alone.
func (l *list) save(ctx context.Context, items []*item, c collection, won func(it *item, id string, created bool)) {
	if len(items) == 1 { // alone, a refusal is understood best
		setAlone(items)
	}
	if len(items) < 2 || l.stop != nil {
		return
	}
	body := struct {
		AllOrNone bool             `json:"allOrNone"`
		Records   []map[string]any `json:"records"`
	}{}
	for _, it := range items {
		it.record["attributes"] = map[string]string{"type": c.object}
		body.Records = append(body.Records, it.record)
	}
	var reply connectors.Reply
	err := l.shared(items, func(st *step) (err *connectors.Error) {
		reply, err = st.call(ctx, c.effect, c.method, c.path, c.path, body, c.extra...)
		return err
	})
	switch {
	case err != nil && err.Class == connectors.ClassRejected && err.Status != http.StatusNotFound:
		l.save(ctx, items[:len(items)/2], c, won)
		l.save(ctx, items[len(items)/2:], c, won)
		return
	case err != nil && err.Class == connectors.ClassRejected:
		setAlone(items)
		return
	case err != nil:
		settleAll(items, err)
		return
	}
	var saved []savedRecord
	if err := json.Unmarshal(reply.Body, &saved); err != nil || len(saved) != len(items) {
		settleAll(items, unreadable(c.effect, reply.Status, errors.Join(err, errors.New("not one result for each record"))))
		return
	}
	for i, it := range items {
		l.saved(it, c, saved[i], won)
	}
}

func settleAll(items []*item, err *connectors.Error) {
	for _, it := range items {
		it.settle(connectors.Ref{}, "", err)
	}
}

// saved acts on the result of one record.
func (l *list) saved(it *item, c collection, s savedRecord, won func(it *item, id string, created bool)) {
	id, ok := canonicalID(s.ID)
	if s.Success && ok {
		won(it, id, s.Created == nil || *s.Created)
		return
	}
	if s.Success || len(s.Errors) == 0 {
		it.settle(connectors.Ref{}, "", unreadable(c.effect, http.StatusOK, errors.New("a result that says neither what was saved nor why not")))
		return
	}
	err := classifyOn(c.object, c.effect, connectors.Reply{Status: http.StatusBadRequest, Body: s.Errors}, l.c.cfg.Now())
	if err.Class == connectors.ClassRejected && (mendable(err) || len(it.each) > 1) {
		it.alone = true
		return
	}
	l.settled(it, connectors.Ref{}, "", err)
}

// mendable tells whether a write by itself has an answer to the refusal.
func mendable(err *connectors.Error) bool {
	_, can := refused(err, "CANNOT_UPDATE_CONVERTED_LEAD", "ENTITY_IS_DELETED", "NOT_FOUND", "INVALID_CROSS_REFERENCE_KEY",
		"INACTIVE_OWNER_OR_USER", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "DUPLICATES_DETECTED", "DUPLICATE_VALUE", "DUPLICATE_EXTERNAL_ID",
		"INVALID_FIELD", "INVALID_FIELD_FOR_INSERT_UPDATE")
	return can
}
