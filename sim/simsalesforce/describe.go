package simsalesforce

import (
	"maps"
	"net/http"
	"slices"
)

// unchanged says that what was last changed at the time needs no second sending.
func (c *call) unchanged(at string) bool {
	since, err := http.ParseTime(c.header.Get("If-Modified-Since"))
	return err == nil && !parseStamp(at).After(since)
}

// describeGlobal is GET /sobjects.
func (c *call) describeGlobal() reply {
	list := []any{}
	for _, name := range slices.Sorted(maps.Keys(c.s.schema)) {
		list = append(list, c.summary(c.s.schema[name]))
	}
	return ok(map[string]any{"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": list})
}

func (c *call) summary(obj *object) map[string]any {
	url := c.base() + "/sobjects/" + obj.name
	return map[string]any{
		"name": obj.name, "label": obj.label, "labelPlural": obj.label + "s", "keyPrefix": obj.prefix, "custom": false,
		"createable": obj.writable, "updateable": obj.writable, "deletable": obj.writable, "queryable": true,
		"searchable": obj.writable, "retrieveable": true, "layoutable": obj.writable,
		"urls": map[string]string{"sobject": url, "describe": url + "/describe", "rowTemplate": url + "/{ID}"},
	}
}

// describe is GET /sobjects/{X}/describe.
func (c *call) describe(obj *object) reply {
	if c.unchanged(c.s.schemaChanged) {
		return reply{status: http.StatusNotModified}
	}
	out := c.summary(obj)
	fields := make([]any, 0, len(obj.fields))
	for _, f := range obj.fields {
		fields = append(fields, describeField(f))
	}
	out["fields"], out["childRelationships"], out["recordTypeInfos"] = fields, []any{}, []any{}
	last := parseStamp(c.s.schemaChanged).Format(http.TimeFormat)
	return reply{status: http.StatusOK, body: out, header: map[string]string{"Last-Modified": last}}
}

func describeField(f field) map[string]any {
	values := []any{}
	for _, p := range f.values {
		values = append(values, map[string]any{
			"value": p.value, "label": p.value, "active": true, "defaultValue": p.isDefault, "validFor": nil,
		})
	}
	refs := f.refs
	if refs == nil {
		refs = []string{}
	}
	return map[string]any{
		"name": f.name, "label": f.label, "type": f.kind, "length": f.length, "byteLength": 3 * f.length,
		"nillable": !f.required, "createable": f.createable, "updateable": f.updateable,
		"defaultedOnCreate": f.defaulted, "filterable": f.filterable, "sortable": f.filterable, "groupable": f.filterable,
		"unique": f.unique, "externalId": f.externalID, "idLookup": f.idLookup, "caseSensitive": false,
		"restrictedPicklist": f.restricted, "custom": f.custom, "picklistValues": values, "referenceTo": refs,
		"inlineHelpText": nil, "calculated": false, "autoNumber": false, "deprecatedAndHidden": false, "defaultValue": nil,
	}
}
