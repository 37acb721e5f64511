package console

import (
	"net/http"
	"net/url"

	"crm-connectors/handlers"

	"github.com/go-chi/chi/v5"
)

func (c *Console) connectionsRoutes(r chi.Router) {
	r.Get(Base+"/connections", c.connections)
	r.Get(Base+"/connections/live", c.connectionsLive)
}

// connectionsView is a page of the list and how it was narrowed.
type connectionsView struct {
	handlers.Fleet
	Query   handlers.FleetQuery
	Healths []string
	CRMs    []choice
	Live    string // where the list is asked for again
	NextURL string
	Narrow  bool
}

type choice struct{ Value, Name string }

func (c *Console) connections(w http.ResponseWriter, r *http.Request) {
	view, err := c.listConnections(r)
	if err != nil {
		c.unavailable(w, r, err)
		return
	}
	c.show(w, r, http.StatusOK, "connections", "Connections", view)
}

func (c *Console) connectionsLive(w http.ResponseWriter, r *http.Request) {
	view, err := c.listConnections(r)
	if err != nil {
		c.unavailable(w, r, err)
		return
	}
	c.part(w, r, "connections", view)
}

func (c *Console) listConnections(r *http.Request) (connectionsView, error) {
	given := r.URL.Query()
	q := handlers.FleetQuery{Health: given.Get("health"), CRM: given.Get("crm"), Text: given.Get("q"), After: given.Get("after")}
	fleet, err := c.handlers.Fleet(r.Context(), q)
	v := connectionsView{Fleet: fleet, Query: q, Healths: []string{"error", "trouble", "paused", "writing", "pending_claim", "disconnected"}, CRMs: crms(),
		Narrow: q.Health+q.CRM+q.Text != ""}
	at := url.Values{"health": {q.Health}, "crm": {q.CRM}, "q": {q.Text}, "after": {q.After}}
	v.Live = Base + "/connections/live?" + at.Encode()
	if fleet.Next != "" {
		at.Set("after", fleet.Next)
		v.NextURL = Base + "/connections?" + at.Encode()
	}
	return v, err
}

// crms are those that a connection can be made to.
func crms() []choice { return []choice{{"hubspot", "HubSpot"}, {"salesforce", "Salesforce"}} }
