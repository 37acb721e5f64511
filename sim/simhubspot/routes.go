package simhubspot

import "net/http"

// api routes every endpoint in its unversioned form.
func (s *Sim) api() http.Handler {
	mux := http.NewServeMux()
	s.routeObjects(mux)
	s.routeAssociations(mux)
	mux.HandleFunc("GET /crm/owners", s.serve(s.listOwners))
	mux.HandleFunc("GET /crm/owners/{$}", s.serve(s.listOwners)) // how HubSpot's own clients write it
	mux.HandleFunc("GET /crm/owners/{id}", s.serve(s.getOwner))
	mux.HandleFunc("GET /crm/properties/{type}", s.serve(s.listProperties))
	mux.HandleFunc("GET /crm/properties/{type}/{name}", s.serve(s.getProperty))
	mux.HandleFunc("POST /crm/properties/{type}", s.serve(s.createProperty))
	mux.HandleFunc("GET /account-info/details", s.serve(s.accountInfo))
	mux.HandleFunc("DELETE /appinstalls/external-install", s.serve(s.uninstall))
	mux.HandleFunc("POST /oauth/token", s.token)
	mux.HandleFunc("POST /oauth/token/introspect", s.introspect)
	mux.HandleFunc("POST /oauth/token/revoke", s.revoke)

	// The sign-in pages carry no version, so they stand before the normaliser.
	outer := http.NewServeMux()
	for _, path := range []string{"/oauth/authorize", "/oauth/{hubID}/authorize"} {
		outer.HandleFunc("GET "+path, s.authorize)
		outer.HandleFunc("POST "+path, s.consent)
	}
	outer.Handle("/", versioned(mux))
	return outer
}

func (s *Sim) routeObjects(mux *http.ServeMux) {
	const base = "/crm/objects/{type}"
	mux.HandleFunc("POST "+base+"/search", s.serveSearch(s.search))
	mux.HandleFunc("POST "+base, s.serve(s.create))
	mux.HandleFunc("GET "+base, s.serve(s.list))
	mux.HandleFunc("GET "+base+"/{id}", s.serve(s.get))
	mux.HandleFunc("PATCH "+base+"/{id}", s.serve(s.update))
	mux.HandleFunc("DELETE "+base+"/{id}", s.serve(s.remove))
	mux.HandleFunc("POST "+base+"/batch/read", s.serve(s.batchRead))
	mux.HandleFunc("POST "+base+"/batch/create", s.serve(s.batchCreate))
	mux.HandleFunc("POST "+base+"/batch/update", s.serve(s.batchUpdate))
	mux.HandleFunc("POST "+base+"/batch/upsert", s.serve(s.batchUpsert))
	mux.HandleFunc("POST "+base+"/batch/archive", s.serve(s.batchArchive))
}

func (s *Sim) routeAssociations(mux *http.ServeMux) {
	const record = "/crm/objects/{type}/{id}/associations"
	mux.HandleFunc("GET "+record+"/{to}", s.serve(s.readAssociations))
	mux.HandleFunc("PUT "+record+"/default/{to}/{toID}", s.serve(s.putDefaultAssociation))
	mux.HandleFunc("PUT "+record+"/{to}/{toID}", s.serve(s.putLabelledAssociation))
	const pair = "/crm/associations/{type}/{to}"
	mux.HandleFunc("GET "+pair+"/labels", s.serve(s.listLabels))
	mux.HandleFunc("POST "+pair+"/batch/read", s.serve(s.batchReadAssociations))
	mux.HandleFunc("POST "+pair+"/batch/associate/default", s.serve(s.batchDefaultAssociations))
}
