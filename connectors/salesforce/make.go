package salesforce

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"crm-connectors/connectors"
)

// made is a record that is there now. outcome is Updated where Salesforce had one of the marker already.
type made struct {
	id      string
	outcome connectors.Outcome
	earlier []record // instead of the above: there are records of the marker that an earlier attempt made
}

// make creates a record: under its marker where the org has the field for it, so that Salesforce refuses a second one, and plainly elsewhere.
// body is told which.
func (st *step) make(ctx context.Context, object string, body func(keyed bool) map[string]any, extra ...[2]string) (made, *connectors.Error) {
	if st.keyed() {
		m, err := st.upsertMarked(ctx, object, without(body(true), markerField), extra...)
		if _, missing := refused(err, "NOT_FOUND"); !missing {
			return m, err
		}
		st.loseKey() // and nothing was written
	}
	st.noteKeyless()
	id, err := st.create(ctx, object, body(false), extra...)
	return made{id: id, outcome: connectors.Created}, err
}

// upsertMarked creates the record by its marker, which is part of the address and must not be in the body. Callers have looked for an
// earlier one before: to upsert over it would take back what people changed meanwhile.
func (st *step) upsertMarked(ctx context.Context, object string, body any, extra ...[2]string) (made, *connectors.Error) {
	path := "/sobjects/" + object + "/" + markerField + "/"
	reply, err := st.call(ctx, connectors.Once, http.MethodPatch, path+url.PathEscape(st.write.Marker), path+"{marker}", body, extra...)
	switch {
	case err != nil && err.Status == http.StatusMultipleChoices, // several have the marker: the field is no longer unique
		err == nil && reply.Status == http.StatusNoContent, // how versions before 46 say that there was one
		markerTaken(err): // another attempt was faster
		return st.overtaken(ctx, err)
	case err != nil:
		return made{}, err
	}
	id, err := st.madeID(reply)
	if reply.Status == http.StatusOK {
		return made{id: id, outcome: connectors.Updated}, err
	}
	return made{id: id, outcome: connectors.Created}, err
}

// overtaken gives the records that have the marker already.
func (st *step) overtaken(ctx context.Context, refusal *connectors.Error) (made, *connectors.Error) {
	earlier, err := st.byMarker(ctx)
	switch {
	case err != nil:
		return made{}, err
	case len(earlier) == 0 && refusal != nil && refusal.Class == connectors.ClassRejected:
		return made{}, recordMoving()
	case len(earlier) == 0:
		return made{}, unreadable(connectors.Once, http.StatusOK, nil)
	}
	return made{earlier: oldestFirst(earlier)}, nil
}

func recordMoving() *connectors.Error {
	return &connectors.Error{Class: connectors.ClassRetry, Code: "record_moving", Status: http.StatusBadRequest, Action: doNothing,
		Cause: "Salesforce says that the record exists, yet does not show it; it may be in the middle of a change."}
}

// markerTaken tells whether Salesforce refused a record because another has its marker. DUPLICATE_VALUE names the field in its message alone,
// and other fields of the org may be unique too.
func markerTaken(err *connectors.Error) bool {
	item, duplicate := refused(err, "DUPLICATE_VALUE")
	return duplicate && strings.Contains(strings.ToLower(item.Message), strings.ToLower(markerField))
}
