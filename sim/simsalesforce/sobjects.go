package simsalesforce

import (
	"net/http"
	"slices"
	"strings"
)

// sobjects routes what stands below /sobjects.
func (c *call) sobjects(path []string) reply {
	if len(path) == 0 {
		return c.onlyGet(c.describeGlobal)
	}
	obj := c.s.schema[strings.ToLower(path[0])]
	if obj == nil {
		return notFound().reply()
	}
	switch {
	case len(path) == 1:
		return c.collection(obj)
	case len(path) == 2 && path[1] == "describe":
		return c.onlyGet(func() reply { return c.describe(obj) })
	case len(path) == 2:
		return c.single(obj, path[1])
	case len(path) == 3 && strings.EqualFold(path[1], "Id"):
		return c.single(obj, path[2])
	case len(path) == 3:
		return c.external(obj, path[1], path[2])
	}
	return notFound().reply()
}

func (c *call) collection(obj *object) reply {
	switch c.method {
	case http.MethodGet:
		return ok(map[string]any{"objectDescribe": c.summary(obj), "recentItems": []any{}})
	case http.MethodPost:
		raw, no := c.fields()
		if no != nil {
			return no.reply()
		}
		r, no := c.create(obj, raw, nil)
		if no != nil {
			return no.reply()
		}
		return c.created(r, nil)
	}
	return c.wrongMethod("GET, POST")
}

// created is the answer to a create; flag is the created key of an upsert, nil for none.
func (c *call) created(r *Record, flag *bool) reply {
	body := map[string]any{"id": r.ID, "success": true, "errors": []any{}}
	if flag != nil {
		body["created"] = *flag
		if !*flag {
			return ok(body)
		}
	}
	return reply{status: http.StatusCreated, body: body, header: map[string]string{"Location": c.recordURL(r)}}
}

func (c *call) single(obj *object, id string) reply {
	switch c.method {
	case http.MethodGet, http.MethodHead, http.MethodPatch, http.MethodDelete:
	default:
		return c.wrongMethod("DELETE, GET, HEAD, PATCH")
	}
	r, no := c.lookup(obj, id, c.method == http.MethodPatch || c.method == http.MethodDelete)
	if no != nil {
		return no.reply()
	}
	switch c.method {
	case http.MethodPatch:
		raw, no := c.fields()
		if no == nil {
			no = c.update(obj, r, raw)
		}
		if no != nil {
			return no.reply()
		}
	case http.MethodDelete:
		if no := c.remove(obj, r); no != nil {
			return no.reply()
		}
	default:
		return c.read(obj, r)
	}
	return reply{status: http.StatusNoContent}
}

// read is a whole record, or the fields that ?fields= names.
func (c *call) read(obj *object, r *Record) reply {
	out := map[string]any{"attributes": c.attributes(r)}
	if c.query.Get("fields") == "" {
		for _, f := range obj.fields {
			out[f.name] = r.Fields[f.name]
		}
		return ok(out)
	}
	out["Id"] = r.ID
	for _, name := range strings.Split(c.query.Get("fields"), ",") {
		f, known := obj.field(strings.TrimSpace(name))
		if !known {
			return refuse(http.StatusBadRequest, "INVALID_FIELD", noColumn(strings.TrimSpace(name), obj.name)).reply()
		}
		out[f.name] = r.Fields[f.name]
	}
	return ok(out)
}

// external is a record addressed by the value of a field: read, or upsert.
func (c *call) external(obj *object, name, value string) reply {
	f, known := obj.field(name)
	if !known || !f.idLookup || f.kind == "id" {
		return refuse(http.StatusNotFound, "NOT_FOUND", "Provided external ID field does not exist or is not accessible: "+name).reply()
	}
	if looksLikeFile(value) {
		return notFound().reply() // taken for a format suffix, as .json and .xml are
	}
	matches := c.s.tables[obj.name].live(f.name, value)
	if len(matches) > 1 && (c.method == http.MethodGet || c.method == http.MethodPatch) {
		urls := make([]string, 0, len(matches))
		for _, r := range matches {
			urls = append(urls, c.recordURL(r))
		}
		return reply{status: http.StatusMultipleChoices, body: urls}
	}
	switch c.method {
	case http.MethodGet:
		if len(matches) == 0 {
			return notFound().reply()
		}
		return c.read(obj, matches[0])
	case http.MethodPatch:
		return c.upsert(obj, f, value, matches)
	}
	return c.wrongMethod("GET, PATCH")
}

func looksLikeFile(value string) bool {
	return slices.ContainsFunc([]string{".inc", ".json", ".xml"}, func(suffix string) bool {
		return strings.HasSuffix(strings.ToLower(value), suffix)
	})
}

func (c *call) upsert(obj *object, f field, value string, matches []*Record) reply {
	raw, no := c.fields()
	if no != nil {
		return no.reply()
	}
	if len(matches) == 0 && strings.EqualFold(c.query.Get("updateOnly"), "true") {
		return notFound().reply()
	}
	r, isNew, no := c.upsertOne(obj, f, value, matches, raw)
	switch {
	case no != nil:
		return no.reply()
	case c.version < 46 && !isNew:
		return reply{status: http.StatusNoContent}
	case c.version < 46:
		return c.created(r, nil)
	}
	return c.created(r, &isNew)
}

func (c *call) upsertOne(obj *object, f field, value string, matches []*Record, raw map[string]any) (*Record, bool, *refusal) {
	for name := range raw {
		if strings.EqualFold(name, f.name) {
			return nil, false, refuse(http.StatusBadRequest, "INVALID_FIELD",
				"The "+f.name+" field should not be specified in the sobject data.")
		}
	}
	if len(matches) == 1 {
		return matches[0], false, c.update(obj, matches[0], raw)
	}
	for _, check := range []func(field, any) *refusal{func(f field, _ any) *refusal { return checkAccess(f, true) }, checkText, checkLength, checkEmail} {
		if no := check(f, value); no != nil {
			return nil, false, no
		}
	}
	r, no := c.create(obj, raw, map[string]any{f.name: value})
	return r, true, no
}
