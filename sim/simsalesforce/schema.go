package simsalesforce

import (
	"maps"
	"slices"
	"strings"
)

// object is one sObject type as the connected user sees it.
type object struct {
	name, label, prefix string
	writable            bool // over the API; setup objects and users are not
	fields              []field
	byName              map[string]int // lower-case field name to position
}

// field carries the properties that describe answers, with the API's names for types.
type field struct {
	name, label, kind  string
	length             int
	required           bool // not nillable
	defaulted          bool // defaultedOnCreate
	createable         bool
	updateable         bool
	filterable         bool
	unique, externalID bool
	idLookup           bool
	restricted         bool
	custom             bool
	values             []pick
	refs               []string // objects that a reference may point to
}

type pick struct {
	value     string
	isDefault bool
}

func newField(kind, name, label string, length int) field {
	return field{name: name, label: label, kind: kind, length: length, createable: true, updateable: true, filterable: true}
}

func text(name, label string, length int) field { return newField("string", name, label, length) }
func phone(name, label string) field            { return newField("phone", name, label, 40) }
func date(name, label string) field             { return newField("date", name, label, 0) }
func moment(name, label string) field           { return newField("datetime", name, label, 0) }
func integer(name, label string) field          { return newField("int", name, label, 0) }
func choice(name, label string, n int) field    { return newField("picklist", name, label, n) }
func textarea(name, label string, n int) field  { return newField("textarea", name, label, n) }
func currency(name, label string) field         { return newField("currency", name, label, 0) }
func reference(name, label string, to ...string) field {
	f := newField("reference", name, label, 18)
	f.refs = to
	return f
}

func boolean(name, label string) field {
	f := newField("boolean", name, label, 0)
	f.required, f.defaulted = true, true
	return f
}

func email(name, label string) field {
	f := newField("email", name, label, 80)
	f.idLookup = true
	return f
}

// comments is a long text: it can be read and not filtered.
func comments(name, label string) field {
	f := textarea(name, label, 32000)
	f.filterable = false
	return f
}

func (f field) must() field       { f.required = true; return f }
func (f field) byDefault() field  { f.required, f.defaulted = true, true; return f }
func (f field) readOnly() field   { f.createable, f.updateable = false, false; return f }
func (f field) createOnly() field { f.updateable = false; return f }

func (f field) picks(values ...string) field {
	for _, v := range values {
		f.values = append(f.values, pick{value: v})
	}
	return f
}

func (f field) statuses(all []Status) field {
	d := defaultStatus(all)
	for _, s := range all {
		f.values = append(f.values, pick{value: s.Name, isDefault: s.Name == d})
	}
	return f
}

func (o *object) field(name string) (field, bool) {
	i, ok := o.byName[strings.ToLower(name)]
	if !ok {
		return field{}, false
	}
	return o.fields[i], true
}

// buildSchema is the standard schema bent by the org's behaviour, keyed by lower-case name.
func buildSchema(b Behaviour) map[string]*object {
	all := standardObjects(b)
	out := make(map[string]*object, len(all))
	for i := range all {
		out[strings.ToLower(all[i].name)] = &all[i]
	}
	for object, names := range map[string][]string{"lead": b.RequiredLeadFields, "task": b.RequiredTaskFields} {
		for _, name := range names {
			out[object].change(name, func(f *field) { f.required, f.defaulted = true, false })
		}
	}
	if b.PersonAccounts {
		out["lead"].change("Company", func(f *field) { f.required = false })
	}
	for _, key := range slices.Sorted(maps.Keys(b.RestrictedPicklists)) {
		restrict(out, key, b.RestrictedPicklists[key])
	}
	for _, o := range out {
		o.fields = slices.DeleteFunc(o.fields, func(f field) bool {
			return f.name != "Id" && names(b.HiddenFields, o.name, f.name)
		})
		o.byName = make(map[string]int, len(o.fields))
		for i := range o.fields {
			if names(b.ReadOnlyFields, o.name, o.fields[i].name) {
				o.fields[i] = o.fields[i].readOnly()
			}
			o.byName[strings.ToLower(o.fields[i].name)] = i
		}
	}
	return out
}

// change edits the named field, or a new custom one.
func (o *object) change(name string, edit func(*field)) {
	i := slices.IndexFunc(o.fields, func(f field) bool { return strings.EqualFold(f.name, name) })
	if i < 0 {
		f := text(name, strings.ReplaceAll(strings.TrimSuffix(name, "__c"), "_", " "), 255)
		f.custom = true
		o.fields = append(o.fields, f)
		i = len(o.fields) - 1
	}
	edit(&o.fields[i])
}

func restrict(all map[string]*object, key string, values []string) {
	objectName, fieldName, qualified := strings.Cut(key, ".")
	if !qualified {
		objectName, fieldName = "", key
	}
	edit := func(f *field) {
		f.kind, f.restricted, f.values = "picklist", true, nil
		*f = f.picks(values...)
	}
	if qualified {
		if o := all[strings.ToLower(objectName)]; o != nil {
			o.change(fieldName, edit)
		}
		return
	}
	found := false
	for _, o := range all {
		if slices.ContainsFunc(o.fields, func(f field) bool { return strings.EqualFold(f.name, fieldName) }) {
			o.change(fieldName, edit)
			found = true
		}
	}
	if !found {
		all["lead"].change(fieldName, edit)
	}
}
