package console

import (
	"net/http"
	"net/url"

	"crm-connectors/handlers"

	"github.com/go-chi/chi/v5"
)

func (c *Console) errorsRoutes(r chi.Router) {
	r.Get(Base+"/errors", c.errors)
	r.Get(Base+"/errors/live", c.errorsLive)
}

// errorsView is what goes wrong, the most urgent first.
type errorsView struct {
	handlers.Errors
	Rows []errorRow
}

// errorRow is one error of one connection with its one button: a form that acts, or a link to where somebody acts.
type errorRow struct {
	handlers.ErrorGroup
	Act, Link, Button string // Act or Link or neither
}

func (c *Console) errors(w http.ResponseWriter, r *http.Request) {
	view, err := c.readErrors(r)
	if err != nil {
		c.unavailable(w, r, err)
		return
	}
	c.show(w, r, http.StatusOK, "errors", "Errors", view)
}

func (c *Console) errorsLive(w http.ResponseWriter, r *http.Request) {
	view, err := c.readErrors(r)
	if err != nil {
		c.unavailable(w, r, err)
		return
	}
	c.part(w, r, "errors", view)
}

func (c *Console) readErrors(r *http.Request) (errorsView, error) {
	found, err := c.handlers.Errors(r.Context())
	v := errorsView{Errors: found}
	for _, g := range found.Groups {
		v.Rows = append(v.Rows, rowOf(g))
	}
	return v, err
}

// rowOf gives a group the button that does its mend.
func rowOf(g handlers.ErrorGroup) errorRow {
	row := errorRow{ErrorGroup: g}
	connection := connectionPath(g.Connection.ID)
	group := url.Values{"connection": {g.Connection.ID.String()}, "code": {g.Code}}
	switch g.Mend {
	case handlers.MendReconnect:
		row.Act, row.Button = connection+"/reconnect", "Reconnect"
	case handlers.MendTest:
		row.Act, row.Button = connection+"/test", "Test now"
	case handlers.MendRetry:
		row.Link, row.Button = Base+"/writes/retry?"+group.Encode(), "Retry all of these"
	case handlers.MendLook:
		group.Set("status", "failed")
		if g.Writes.Review.N > 0 {
			group.Set("status", "needs_review")
		}
		row.Link, row.Button = Base+"/writes?"+group.Encode(), "Look at them"
	}
	return row
}
