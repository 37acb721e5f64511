package hubspot

import (
	"net/url"
	"strings"
)

// HubSpot's names of the objects, as they stand in paths and in connectors.Ref.Type.
const (
	contactsType = "contacts"
	tasksType    = "tasks"
	notesType    = "notes"
	dealsType    = "deals"
)

// place is where a call goes: the whole URL, and the path with {…} for what varies, for logs.
type place struct{ url, route string }

// paths builds every URL of the API. It is the one place that knows versions: dated ones stand
// after the name of the API, v3 and v4 before it, and each API has its own number of the two.
type paths struct{ base, version string }

func (p paths) dated() bool { return p.version != V3 }

// crm is the root of an API below /crm. old is its version where the configured one is v3.
func (p paths) crm(api, old string) string {
	if p.dated() {
		return "/crm/" + api + "/" + p.version
	}
	return "/crm/" + old + "/" + api
}

func (p paths) at(route string) place { return place{url: p.base + route, route: route} }

// objects is where records of a type are created.
func (p paths) objects(typ string) place { return p.at(p.crm("objects", "v3") + "/" + typ) }

// search is where records of a type are searched.
func (p paths) search(typ string) place {
	return p.at(p.crm("objects", "v3") + "/" + typ + "/search")
}

// record is one record, by its id.
func (p paths) record(typ, id string) place {
	root := p.crm("objects", "v3") + "/" + typ + "/"
	return place{url: p.base + root + segment(id), route: root + "{id}"}
}

// contactByEmail is one contact, by any of its addresses.
func (p paths) contactByEmail(email string, properties []string) place {
	root := p.crm("objects", "v3") + "/" + contactsType + "/"
	query := "?idProperty=email&properties=" + url.QueryEscape(strings.Join(properties, ","))
	return place{url: p.base + root + segment(email) + query, route: root + "{email}"}
}

// archived is all records of a type in the bin, a page from after.
func (p paths) archived(typ string, properties []string, after text) place {
	at := p.objects(typ)
	at.url += "?archived=true&limit=100&properties=" + url.QueryEscape(strings.Join(properties, ","))
	if after != "" {
		at.url += "&after=" + url.QueryEscape(string(after))
	}
	return at
}

// activity is one task or note with all that says what it is and whose, by its id.
func (p paths) activity(a activity, id string) place {
	at := p.record(a.typ, id)
	at.url += "?" + a.query().Encode()
	return at
}

// marked is activity by its marker, among the living or the deleted ones.
func (p paths) marked(a activity, marker string, archived bool) place {
	q := a.query()
	q.Set("idProperty", markerProperty)
	if archived {
		q.Set("archived", "true")
	}
	root := p.crm("objects", "v3") + "/" + a.typ + "/"
	return place{url: p.base + root + segment(marker) + "?" + q.Encode(), route: root + "{marker}"}
}

// batch is a batch endpoint of a type, such as read or upsert.
func (p paths) batch(typ, what string) place {
	return p.at(p.crm("objects", "v3") + "/" + typ + "/batch/" + what)
}

// associated lists the records of a type that l is associated with, a page from after.
func (p paths) associated(l link, typ string, after text) place {
	root := p.crm("objects", "v4") + "/" + l.typ + "/"
	tail := "/associations/" + typ
	at := place{url: p.base + root + segment(l.id) + tail + "?limit=500", route: root + "{id}" + tail}
	if after != "" {
		at.url += "&after=" + url.QueryEscape(string(after))
	}
	return at
}

// associatedAll lists what up to 1,000 records of a type are associated with.
func (p paths) associatedAll(from, to string) place {
	return p.at(p.crm("associations", "v4") + "/" + typeInPair(from) + "/" + typeInPair(to) + "/batch/read")
}

// association ties a record to another: by HubSpot's own type without a body, else by the types of the body.
func (p paths) association(from, to link, own bool) place {
	root, middle := p.crm("objects", "v4")+"/"+from.typ+"/", "/associations/"
	if own {
		middle += "default/"
	}
	middle += to.typ + "/"
	return place{url: p.base + root + segment(from.id) + middle + segment(to.id), route: root + "{id}" + middle + "{id}"}
}

// properties are the definitions of a type's properties.
func (p paths) properties(typ string) place { return p.at(p.crm("properties", "v3") + "/" + typ) }

// property is one of them.
func (p paths) property(typ, name string) place {
	return p.at(p.crm("properties", "v3") + "/" + typ + "/" + name)
}

// accountInfo tells of the portal, its time zone among others.
func (p paths) accountInfo() place { return p.at("/account-info/" + p.version + "/details") }

// labels lists the association types from one type to another. In the paths of a pair tasks go by their type id, for HubSpot documents
// names there for contacts, companies, deals, tickets and notes alone.
func (p paths) labels(from, to string) place {
	return p.at(p.crm("associations", "v4") + "/" + typeInPair(from) + "/" + to + "/labels")
}

func typeInPair(typ string) string {
	if typ == tasksType {
		return "0-27"
	}
	return typ
}

// owners finds owners by email.
func (p paths) owners(email string) place {
	at := p.at(p.crm("owners", "v3"))
	at.url += "?limit=100&archived=false&email=" + url.QueryEscape(email)
	return at
}

// oauth is the token endpoint or, with a tail, what lies below it. It is never v1, which stops in
// February 2027, and is dated even where the objects are v3: listings need that since May 2026.
func (p paths) oauth(tail string) place {
	version := p.version
	if !p.dated() {
		version = oauthV
	}
	return p.at("/oauth/" + version + "/token" + tail)
}

// uninstall is where the app removes itself from the portal of the token.
func (p paths) uninstall() place { return p.at("/appinstalls/" + p.version + "/external-install") }

// segment escapes one part of a path. The plus sign is escaped too: HubSpot reads it as a space. A part of dots alone would mean another
// folder, and an empty one the whole collection: neither is the id of anything, so they become what no id is.
func segment(s string) string {
	if s == "" || s == "." || s == ".." {
		return "-" + s
	}
	return strings.ReplaceAll(url.PathEscape(s), "+", "%2B")
}
