package console

import (
	"net/http"
	"net/url"

	"crm-connectors/handlers"

	"github.com/go-chi/chi/v5"
)

func (c *Console) writesRoutes(r chi.Router) {
	r.Get(Base+"/writes", c.writes)
	r.Get(Base+"/writes/live", c.writesLive)
}

// writesView is a page of the list and how it was narrowed.
type writesView struct {
	handlers.WriteList
	Query    handlers.WriteQuery
	Statuses []string
	CRMs     []choice
	Live     string // where the list is asked for again
	NextURL  string
	RetryURL string // of the page on which all that failed so is retried; empty: nothing failed
	Narrow   bool
}

func (c *Console) writes(w http.ResponseWriter, r *http.Request) {
	view, err := c.listWrites(r)
	if err != nil {
		c.failed(w, r, err, "writes", "Writes", view)
		return
	}
	c.show(w, r, http.StatusOK, "writes", "Writes", view)
}

func (c *Console) writesLive(w http.ResponseWriter, r *http.Request) {
	view, err := c.listWrites(r)
	if err != nil {
		c.unavailable(w, r, err)
		return
	}
	c.part(w, r, "writes", view)
}

func (c *Console) listWrites(r *http.Request) (writesView, error) {
	given := r.URL.Query()
	q := handlers.WriteQuery{Text: given.Get("q"), Workspace: given.Get("workspace"), Connection: given.Get("connection"), CRM: given.Get("crm"),
		Status: given.Get("status"), Code: given.Get("code"), After: given.Get("after")}
	list, err := c.handlers.SearchWrites(r.Context(), q)
	v := writesView{WriteList: list, Query: q, CRMs: crms(), Narrow: q != handlers.WriteQuery{},
		Statuses: []string{"needs_review", "failed", "blocked", "in_doubt", "reconciling", "sending", "queued", "succeeded", "cancelled"}}
	at := url.Values{"q": {q.Text}, "workspace": {q.Workspace}, "connection": {q.Connection}, "crm": {q.CRM}, "status": {q.Status}, "code": {q.Code}, "after": {q.After}}
	v.Live = Base + "/writes/live?" + at.Encode()
	if list.Next != "" {
		at.Set("after", list.Next)
		v.NextURL = Base + "/writes?" + at.Encode()
	}
	for _, row := range list.Writes {
		if row.Status == "failed" && q.Text == "" && q.CRM == "" {
			v.RetryURL = Base + "/writes/retry?" + url.Values{"workspace": {q.Workspace}, "connection": {q.Connection}, "code": {q.Code}}.Encode()
		}
	}
	return v, err
}
