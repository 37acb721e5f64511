package console

import (
	"context"
	"net/http"

	"crm-connectors/handlers"

	"github.com/go-chi/chi/v5"
)

func (c *Console) writeRoutes(r chi.Router) {
	r.Route(Base+"/writes/{id}", func(r chi.Router) {
		r.Get("/", c.writePage)
		r.Get("/live", c.writeLive)
		r.Post("/retry", c.retryWrite)
		r.Post("/found", c.resolve("found"))
		r.Post("/absent", c.resolve("retry"))
		r.Post("/cancel", c.resolve("cancel"))
	})
}

// writeView is one write and, where a form of it was refused, what stood in the form.
type writeView struct {
	handlers.WritePage
	RecordGiven string
}

func (c *Console) writePage(w http.ResponseWriter, r *http.Request) {
	page, err := c.handlers.ReadWrite(r.Context(), idOf(r))
	if err != nil {
		c.unavailable(w, r, err)
		return
	}
	c.show(w, r, http.StatusOK, "write", page.CRMName+" "+page.Object, writeView{WritePage: page})
}

func (c *Console) writeLive(w http.ResponseWriter, r *http.Request) {
	page, err := c.handlers.ReadWrite(r.Context(), idOf(r))
	if err != nil {
		c.unavailable(w, r, err)
		return
	}
	c.part(w, r, "write", writeView{WritePage: page})
}

func (c *Console) retryWrite(w http.ResponseWriter, r *http.Request) {
	c.actOnWrite(w, r, "retried", func(ctx context.Context) error { return c.handlers.RetryAnyWrite(ctx, idOf(r)) })
}

// resolve takes an operator's word on a write. That a record is not in the CRM, and that one is not wanted, has to be said twice: by the button
// and by the box beside it.
func (c *Console) resolve(how string) http.HandlerFunc {
	done := map[string]string{"found": "found", "retry": "absent", "cancel": "cancelled"}[how]
	return func(w http.ResponseWriter, r *http.Request) {
		c.actOnWrite(w, r, done, func(ctx context.Context) error {
			return c.handlers.ResolveAnyWrite(ctx, idOf(r), handlers.Word{How: how, Record: r.PostFormValue("record"), Sure: r.PostFormValue("sure") == "yes"})
		})
	}
}

// actOnWrite does something and leads back to the page, or shows it as it is now with the problem above.
func (c *Console) actOnWrite(w http.ResponseWriter, r *http.Request, done string, act func(context.Context) error) {
	err := act(r.Context())
	if err == nil {
		http.Redirect(w, r, Base+"/writes/"+idOf(r).String()+"?done="+done, http.StatusSeeOther) //nolint:gosec // a page of ours, with a word of ours
		return
	}
	page, unread := c.handlers.ReadWrite(r.Context(), idOf(r))
	if unread != nil {
		c.unavailable(w, r, unread)
		return
	}
	c.failed(w, r, err, "write", page.CRMName+" "+page.Object, writeView{WritePage: page, RecordGiven: r.PostFormValue("record")})
}
