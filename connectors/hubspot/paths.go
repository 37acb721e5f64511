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

// labels lists the association types from one type to another. Tasks go by their type id, for
// HubSpot documents names in this path for contacts, companies, deals, tickets and notes alone.
func (p paths) labels(from, to string) place {
	if from == tasksType {
		from = "0-27"
	}
	return p.at(p.crm("associations", "v4") + "/" + from + "/" + to + "/labels")
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

// segment escapes one part of a path. The plus sign is escaped too: HubSpot reads it as a space.
func segment(s string) string { return strings.ReplaceAll(url.PathEscape(s), "+", "%2B") }
