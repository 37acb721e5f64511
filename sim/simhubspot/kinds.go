package simhubspot

import "slices"

// kind is what the simulator knows about one object type of the CRM.
type kind struct {
	name, singular, typeID string
	firstID                int64
	created, modified      string   // names of the two timestamp properties
	defaults               []string // returned when a read names no properties
	searchable             []string // looked at by a search's query
	required               []string // on create, in every version
	writable               bool     // through the simulated API
	readScopes             []string // any one of them suffices
	writeScopes            []string
}

const (
	contacts  = "contacts"
	companies = "companies"
	deals     = "deals"
	tickets   = "tickets"
	tasks     = "tasks"
	notes     = "notes"
)

// allKinds is a table; nothing writes to it.
var allKinds = kinds()

func kinds() []*kind {
	contactRead, contactWrite := []string{"crm.objects.contacts.read"}, []string{"crm.objects.contacts.write"}
	return []*kind{
		{name: contacts, singular: "contact", typeID: "0-1", firstID: 501, created: "createdate", modified: "lastmodifieddate",
			defaults: []string{"email", "firstname", "lastname"}, searchable: []string{"email", "firstname", "lastname", "phone", "company"},
			writable: true, readScopes: contactRead, writeScopes: contactWrite},
		{name: companies, singular: "company", typeID: "0-2", firstID: 3001, created: "createdate", modified: "hs_lastmodifieddate",
			defaults: []string{"name", "domain"}, searchable: []string{"name", "domain"}, readScopes: []string{"crm.objects.companies.read"}},
		{name: deals, singular: "deal", typeID: "0-3", firstID: 9001, created: "createdate", modified: "hs_lastmodifieddate",
			defaults:   []string{"dealname", "amount", "dealstage", "pipeline", "closedate"},
			searchable: []string{"dealname"}, readScopes: []string{"crm.objects.deals.read"}},
		{name: tickets, singular: "ticket", typeID: "0-5", firstID: 6001, created: "createdate", modified: "hs_lastmodifieddate",
			defaults: []string{"subject"}, searchable: []string{"subject"}, readScopes: []string{"tickets"}},
		// Tasks and notes have no scopes of their own: those of contacts cover them.
		{name: tasks, singular: "task", typeID: "0-27", firstID: 77001, created: "hs_createdate", modified: "hs_lastmodifieddate",
			searchable: []string{"hs_task_subject", "hs_task_body"}, required: []string{"hs_timestamp"},
			writable: true, readScopes: contactRead, writeScopes: contactWrite},
		{name: notes, singular: "note", typeID: "0-46", firstID: 88001, created: "hs_createdate", modified: "hs_lastmodifieddate",
			searchable: []string{"hs_note_body"}, required: []string{"hs_timestamp"},
			writable: true, readScopes: contactRead, writeScopes: contactWrite},
	}
}

// kindOf finds an object type by plural, singular or type id.
func kindOf(name string) (*kind, *apiError) {
	i := slices.IndexFunc(allKinds, func(k *kind) bool { return name == k.name || name == k.singular || name == k.typeID })
	if i < 0 {
		return nil, invalid("Unable to infer object type from: %s", name)
	}
	return allKinds[i], nil
}
