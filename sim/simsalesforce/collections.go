package simsalesforce

import (
	"net/http"
	"strings"
)

const (
	maxCollection = 200
	maxChunks     = 10 // runs of records of one type
)

type collectionRequest struct {
	AllOrNone bool             `json:"allOrNone"`
	Records   []map[string]any `json:"records"`
}

// saved is the outcome of one record of a collection.
type saved struct {
	id      string
	created *bool
	no      *refusal
}

func (r saved) body() map[string]any {
	if r.no != nil {
		return map[string]any{"success": false, "errors": r.no.collected()}
	}
	out := map[string]any{"id": r.id, "success": true, "errors": []any{}}
	if r.created != nil {
		out["created"] = *r.created
	}
	return out
}

// collections is composite/sobjects: POST creates, PATCH updates by id, PATCH of
// composite/sobjects/{X}/{Field} upserts. The answer is 200 whatever the records' fates are.
func (c *call) collections(path []string) reply {
	if len(path) != 0 && len(path) != 2 {
		return notFound().reply()
	}
	if (c.method != http.MethodPost || len(path) != 0) && c.method != http.MethodPatch {
		return c.wrongMethod("PATCH, POST")
	}
	var in collectionRequest
	if no := parseJSON(c.body, &in); no != nil {
		return no.reply()
	}
	if no := checkCollection(in.Records); no != nil {
		return no.reply()
	}
	var key field
	if len(path) == 2 {
		obj := c.s.schema[strings.ToLower(path[0])]
		if obj == nil {
			return notFound().reply()
		}
		var known bool
		if key, known = obj.field(path[1]); !known || !key.idLookup {
			return refuse(http.StatusNotFound, "NOT_FOUND",
				"Provided external ID field does not exist or is not accessible: "+path[1]).reply()
		}
	}
	return ok(c.saveAll(in, key))
}

// saveAll saves each record on its own or, with allOrNone, all or none. key is the field of an
// upsert, the zero value for a plain create or update.
func (c *call) saveAll(in collectionRequest, key field) []any {
	before, failed := c.tx.mark(), false
	results := make([]saved, 0, len(in.Records))
	given := givenTwice(in.Records, key)
	for _, raw := range in.Records {
		point := c.tx.mark()
		r := saved{}
		if value, _ := takeOut(raw, key.name); given[fold(value)] > 1 {
			r.no = bad("DUPLICATE_VALUE", "Duplicate external id specified: "+value, key.name)
		} else {
			r = c.saveOne(raw, key)
		}
		if r.no != nil {
			c.tx.rollback(point)
			failed = true
		}
		results = append(results, r)
	}
	if failed && in.AllOrNone {
		c.tx.rollback(before)
		for i := range results {
			if results[i].no == nil {
				results[i] = saved{no: bad("ALL_OR_NONE_OPERATION_ROLLED_BACK",
					"Record rolled back because not all records were valid and the request was using AllOrNone header")}
			}
		}
	}
	out := make([]any, 0, len(results))
	for _, r := range results {
		out = append(out, r.body())
	}
	return out
}

// givenTwice counts the keys of an upsert: those that one request names twice are refused, all of them.
func givenTwice(records []map[string]any, key field) map[string]int {
	out := map[string]int{}
	for _, raw := range records {
		if value, _ := takeOut(raw, key.name); key.name != "" && value != "" {
			out[fold(value)]++
		}
	}
	return out
}

func (c *call) saveOne(raw map[string]any, key field) saved {
	obj := c.s.schema[strings.ToLower(typeOf(raw))]
	if obj == nil {
		return saved{no: bad("INVALID_TYPE", "sObject type '"+typeOf(raw)+"' is not supported.")}
	}
	if key.name != "" && key.kind != "id" {
		return c.saveByKey(obj, raw, key)
	}
	if c.method == http.MethodPost {
		r, no := c.create(obj, raw, nil)
		if no != nil {
			return saved{no: no}
		}
		return saved{id: r.ID}
	}
	id, rest := takeOut(raw, "Id")
	if id == "" {
		return saved{no: bad("MISSING_ARGUMENT", "Id not specified in an update call")}
	}
	r, no := c.lookup(obj, id, true)
	if no == nil {
		no = c.update(obj, r, rest)
	}
	if no != nil {
		return saved{no: no}
	}
	return saved{id: r.ID}
}

func (c *call) saveByKey(obj *object, raw map[string]any, key field) saved {
	value, rest := takeOut(raw, key.name)
	if value == "" {
		return saved{no: bad("MISSING_ARGUMENT", key.name+" not specified")}
	}
	matches := c.s.tables[obj.name].live(key.name, value)
	if len(matches) > 1 {
		return saved{no: bad("DUPLICATE_EXTERNAL_ID", key.name+": more than one record found for external id field", key.name)}
	}
	r, isNew, no := c.upsertOne(obj, key, value, matches, rest)
	if no != nil {
		return saved{no: no}
	}
	return saved{id: r.ID, created: &isNew}
}

// takeOut splits one text field, whatever its case, from the others.
func takeOut(raw map[string]any, name string) (value string, rest map[string]any) {
	rest = map[string]any{}
	for k, v := range raw {
		if strings.EqualFold(k, name) {
			value, _ = v.(string)
			continue
		}
		rest[k] = v
	}
	return strings.TrimSpace(value), rest
}

func typeOf(raw map[string]any) string {
	attributes, _ := raw["attributes"].(map[string]any)
	name, _ := attributes["type"].(string)
	return name
}

func checkCollection(records []map[string]any) *refusal {
	chunks, last := 0, ""
	for _, raw := range records {
		if t := strings.ToLower(typeOf(raw)); t != last || chunks == 0 {
			chunks, last = chunks+1, t
		}
	}
	switch {
	case len(records) > maxCollection:
		return refuse(http.StatusBadRequest, "EXCEEDED_ID_LIMIT",
			"record limit reached. cannot submit more than 200 records into this collection")
	case chunks > maxChunks:
		return refuse(http.StatusBadRequest, "LIMIT_EXCEEDED", "Cannot have more than 10 chunks in a single operation.")
	}
	return nil
}
