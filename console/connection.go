package console

import (
	"net/http"
	"net/url"

	"crm-connectors/handlers"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"
)

func (c *Console) connectionRoutes(r chi.Router) {
	r.Route(Base+"/connections/{id}", func(r chi.Router) {
		r.Get("/", c.connection)
		r.Get("/live", c.connectionLive)
		r.Post("/test", c.act("tested", c.handlers.TestConnection))
		r.Post("/provision", c.act("provisioned", c.handlers.ProvisionFleetConnection))
		r.Get("/disconnect", c.askDisconnect)
		r.Post("/disconnect", c.disconnect)
		r.Post("/reconnect", c.reconnect)
		r.Post("/settings", c.saveSettings)
	})
}

// connectionView is one connection with its form.
type connectionView struct {
	handlers.ConnectionPage
	Form     settingsForm
	Came     *handlers.Problem // with what a browser came back from the CRM
	Welcome  bool              // it came back connected
	Warnings []string
}

func (c *Console) connection(w http.ResponseWriter, r *http.Request) {
	view, err := c.readConnection(r)
	if err != nil {
		c.unavailable(w, r, err)
		return
	}
	view.Welcome, view.Came = cameBack(r.URL.Query(), view.CRM)
	c.showConnection(w, r, http.StatusOK, view, nil)
}

func (c *Console) connectionLive(w http.ResponseWriter, r *http.Request) {
	view, err := c.readConnection(r)
	if err != nil {
		c.unavailable(w, r, err)
		return
	}
	c.part(w, r, "connection", view)
}

func (c *Console) showConnection(w http.ResponseWriter, r *http.Request, status int, view connectionView, p *handlers.Problem) {
	c.showWith(w, r, status, "connection", view.CRMName+" "+view.named(), view, p)
}

func (v connectionView) named() string {
	switch {
	case v.AccountName != "":
		return v.AccountName
	case v.AccountID != "":
		return v.AccountID
	}
	return "connection"
}

func (c *Console) readConnection(r *http.Request) (connectionView, error) {
	page, err := c.handlers.FleetConnection(r.Context(), idOf(r))
	return connectionView{ConnectionPage: page, Form: formOf(page.Settings)}, err
}

// idOf is the id in the path; what is none is that of no connection.
func idOf(r *http.Request) uuid.UUID {
	id, err := uuid.Parse(chi.URLParam(r, "id"))
	if err != nil {
		return uuid.Max
	}
	return id
}

// act is a button of the page: it does something and leads back with the word that says so.
func (c *Console) act(done string, do actOn) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := do(r.Context(), idOf(r)); err != nil {
			c.actFailed(w, r, err)
			return
		}
		c.back(w, r, done)
	}
}

func (c *Console) back(w http.ResponseWriter, r *http.Request, done string) {
	http.Redirect(w, r, connectionPath(idOf(r))+"?done="+done, http.StatusSeeOther) //nolint:gosec // the same, with a word of ours
}

func connectionPath(id uuid.UUID) string { return Base + "/connections/" + id.String() }

// actFailed shows the connection as it is now, with the problem above.
func (c *Console) actFailed(w http.ResponseWriter, r *http.Request, err error) {
	view, unread := c.readConnection(r)
	if unread != nil {
		c.unavailable(w, r, err)
		return
	}
	p := handlers.ProblemOf(err)
	c.noteProblem(r, p, err)
	c.showConnection(w, r, p.Status, view, &p)
}

func (c *Console) askDisconnect(w http.ResponseWriter, r *http.Request) {
	view, err := c.readConnection(r)
	if err != nil {
		c.unavailable(w, r, err)
		return
	}
	c.show(w, r, http.StatusOK, "disconnect", "Disconnect", view)
}

func (c *Console) disconnect(w http.ResponseWriter, r *http.Request) {
	revoked, err := c.handlers.DisconnectFleetConnection(r.Context(), idOf(r))
	switch {
	case err != nil:
		c.actFailed(w, r, err)
	case revoked:
		c.back(w, r, "revoked")
	default:
		c.back(w, r, "disconnected")
	}
}

// cameBack reads what the service's own callback put on the address. Whoever makes a link can write there too: so it is told in the catalogue's
// words alone.
func cameBack(q url.Values, crm string) (connected bool, problem *handlers.Problem) {
	if code := q.Get("error_code"); code != "" {
		if p, ok := handlers.ProblemNamed(code); ok {
			return false, &p
		}
	}
	return q.Get(crm+"_success") == "1", nil
}
