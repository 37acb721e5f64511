package simhubspot

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"crm-connectors/sim"
)

const millis = "2006-01-02T15:04:05.000Z"

// objectBody is a record as the API shows it.
type objectBody struct {
	ID           string                 `json:"id"`
	Properties   map[string]*string     `json:"properties"`
	CreatedAt    string                 `json:"createdAt"`
	UpdatedAt    string                 `json:"updatedAt"`
	Archived     bool                   `json:"archived"`
	ArchivedAt   string                 `json:"archivedAt,omitempty"`
	New          *bool                  `json:"new,omitempty"` // upsert only
	TraceID      string                 `json:"objectWriteTraceId,omitempty"`
	Associations map[string]linkedBlock `json:"associations,omitempty"`
}

type linkedBlock struct {
	Results []linkedItem `json:"results"`
}

type linkedItem struct {
	ID   string `json:"id"`
	Type string `json:"type"`
}

// objectKind reads the {type} of the path and refuses a type that has no such endpoint.
func objectKind(c *call, write bool) (*kind, *apiError) {
	k, err := kindOf(c.r.PathValue("type"))
	if err != nil {
		return nil, err
	}
	if !write {
		return k, c.need(k.readScopes)
	}
	if !k.writable {
		return nil, fail(http.StatusMethodNotAllowed, "", "The simulator does not write %s", k.name)
	}
	return k, c.need(k.writeScopes)
}

// show renders rec with the named properties, or the type's usual ones when names is empty; a name
// that is not set is null, one that does not exist is left out.
func (s *Sim) show(rec *record, props map[string]string, names []string) objectBody {
	k, _ := kindOf(rec.kind) // records exist of known kinds only
	if len(names) == 0 {
		names = k.defaults
	}
	out := objectBody{
		ID: rec.id, Properties: map[string]*string{}, CreatedAt: rec.created.Format(millis), UpdatedAt: rec.updated.Format(millis), Archived: rec.archived(),
	}
	if rec.archived() {
		out.ArchivedAt = rec.archivedAt.Format(millis)
	}
	for _, name := range names {
		if s.properties[k.name][name] == nil {
			continue
		}
		if v, ok := props[name]; ok {
			out.Properties[name] = &v
		} else {
			out.Properties[name] = nil
		}
	}
	id, created, updated := rec.id, out.CreatedAt, out.UpdatedAt
	out.Properties["hs_object_id"], out.Properties[k.created], out.Properties[k.modified] = &id, &created, &updated
	return out
}

// showWritten renders the answer to a write: all that is set.
func (s *Sim) showWritten(rec *record) objectBody {
	return s.show(rec, rec.props, append(sortedKeys(rec.props), "hs_object_id"))
}

func (s *Sim) create(c *call) (int, any, error) {
	k, err := objectKind(c, true)
	if err != nil {
		return 0, nil, err
	}
	var in createInput
	if err := c.decode(&in); err != nil {
		return 0, nil, err
	}
	d, err := s.draftCreate(c, k, in, map[uniqueKey]string{})
	if err != nil {
		return 0, nil, err
	}
	rec, cause := s.commit(d)
	if cause != nil {
		return 0, nil, cause
	}
	return http.StatusCreated, s.showWritten(rec), nil
}

func (s *Sim) get(c *call) (int, any, error) {
	k, err := objectKind(c, false)
	if err != nil {
		return 0, nil, err
	}
	rec, err := s.locate(c, k)
	if err != nil {
		return 0, nil, err
	}
	q := c.r.URL.Query()
	out := s.show(rec, rec.props, splitList(q["properties"]))
	for _, name := range splitList(q["associations"]) {
		to, err := kindOf(name)
		if err != nil {
			return 0, nil, err
		}
		var block linkedBlock
		for _, other := range s.linked(rec, to.name) {
			block.Results = append(block.Results, linkedItem{other.id, k.singular + "_to_" + to.singular})
		}
		if len(block.Results) == 0 {
			continue
		}
		if out.Associations == nil {
			out.Associations = map[string]linkedBlock{}
		}
		out.Associations[to.name] = block
	}
	return http.StatusOK, out, nil
}

// locate finds the record that a single GET, PATCH or DELETE names: by id, also by the old id of a
// merged contact, or by idProperty.
func (s *Sim) locate(c *call, k *kind) (*record, *apiError) {
	id, property := c.r.PathValue("id"), c.r.URL.Query().Get("idProperty")
	archived := c.r.URL.Query().Get("archived") == "true"
	var rec *record
	switch {
	case property != "" && property != "hs_object_id":
		var err *apiError
		if rec, err = s.byUnique(k, property, id, archived); err != nil {
			return nil, err
		}
	case archived:
		rec = s.deleted(k, id)
	case strings.Trim(id, "0123456789") != "":
		return nil, fail(http.StatusNotFound, categoryNotFound, "Object not found.  objectId are usually numeric.")
	default:
		rec = s.follow(k, id)
	}
	if rec == nil {
		return nil, notFound()
	}
	return rec, nil
}

// deleted is the record of that id in the bin.
func (s *Sim) deleted(k *kind, id string) *record {
	if rec := s.records[k.name][id]; rec != nil && rec.archived() && s.merged[id] == "" {
		return rec
	}
	return nil
}

// list pages through all records of a type, oldest id first: the living ones, or those in the bin.
func (s *Sim) list(c *call) (int, any, error) {
	k, err := objectKind(c, false)
	if err != nil {
		return 0, nil, err
	}
	q := c.r.URL.Query()
	var all []*record
	for id := range s.records[k.name] {
		rec := s.find(k, id)
		if q.Get("archived") == "true" {
			rec = s.deleted(k, id)
		}
		if rec != nil {
			all = append(all, rec)
		}
	}
	slices.SortFunc(all, func(x, y *record) int { return compareIDs(x.id, y.id) })
	from, to, next, err := page(q.Get("after"), q.Get("limit"), 10, maxBatch, len(all))
	if err != nil {
		return 0, nil, err
	}
	results := []objectBody{}
	for _, rec := range all[from:to] {
		results = append(results, s.show(rec, rec.props, splitList(q["properties"])))
	}
	return http.StatusOK, paged(map[string]any{"results": results}, next), nil
}

func (s *Sim) update(c *call) (int, any, error) {
	k, err := objectKind(c, true)
	if err != nil {
		return 0, nil, err
	}
	var in struct {
		Properties values `json:"properties"`
		TraceID    string `json:"objectWriteTraceId"`
	}
	if err := c.decode(&in); err != nil {
		return 0, nil, err
	}
	rec, err := s.locate(c, k)
	if err != nil {
		return 0, nil, err
	}
	d, err := s.draftUpdate(c, k, rec, in.Properties, map[uniqueKey]string{})
	if err != nil {
		return 0, nil, err
	}
	rec, cause := s.commit(d)
	if cause != nil {
		return 0, nil, cause
	}
	return http.StatusOK, s.showWritten(rec), nil
}

// remove answers 204 also for a record that is gone.
func (s *Sim) remove(c *call) (int, any, error) {
	k, err := objectKind(c, true)
	if err != nil {
		return 0, nil, err
	}
	if rec := s.find(k, c.r.PathValue("id")); rec != nil {
		if err := s.log(sim.OpDelete, rec.ref, nil, nil); err != nil {
			return 0, nil, err
		}
		s.archive(rec)
	}
	return http.StatusNoContent, nil, nil
}

// splitList reads a query parameter that may be repeated, comma separated, or both.
func splitList(given []string) []string {
	return strings.FieldsFunc(strings.Join(given, ","), func(r rune) bool { return r == ',' || r == ' ' })
}

func stamp(t time.Time) string { return t.Format(millis) }
