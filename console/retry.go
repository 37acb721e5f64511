package console

import (
	"net/http"
	"strconv"
	"time"

	"crm-connectors/handlers"

	"github.com/go-chi/chi/v5"
)

func (c *Console) retryRoutes(r chi.Router) {
	r.Get(Base+"/writes/retry", c.previewRetry)
	r.Post(Base+"/writes/retry", c.retryAll)
}

// retryView is what a retry of all would take, or how far it is.
type retryView struct {
	handlers.FailedWrites
	Query   handlers.FailedQuery
	Taken   int // so far
	Total   int // of the beginning
	Running bool
	Done    bool
}

// UntilText is the moment by which they had failed, as the form hands it on.
func (v retryView) UntilText() string { return v.Until.UTC().Format(time.RFC3339Nano) }

func (c *Console) previewRetry(w http.ResponseWriter, r *http.Request) {
	given := r.URL.Query()
	q := handlers.FailedQuery{Workspace: given.Get("workspace"), Connection: given.Get("connection"), Code: given.Get("code")}
	found, err := c.handlers.CountFailed(r.Context(), q)
	if err != nil {
		c.unavailable(w, r, err)
		return
	}
	c.show(w, r, http.StatusOK, "retry", "Retry what failed", retryView{FailedWrites: found, Query: q, Total: found.Ready.N})
}

// retryAll retries for a moment. The form carries what is meant and the moment by which it had failed, so that a second sending takes no write twice.
func (c *Console) retryAll(w http.ResponseWriter, r *http.Request) {
	q := handlers.FailedQuery{Workspace: r.PostFormValue("workspace"), Connection: r.PostFormValue("connection"), Code: r.PostFormValue("code")}
	if until, err := time.Parse(time.RFC3339Nano, r.PostFormValue("until")); err == nil {
		q.Until = until
	}
	before, _ := strconv.Atoi(r.PostFormValue("taken")) // only for the bar
	total, _ := strconv.Atoi(r.PostFormValue("total"))
	taken, done, err := c.handlers.RetryFailed(r.Context(), q, c.cfg.Slice)
	if err != nil {
		c.unavailable(w, r, err)
		return
	}
	left, err := c.handlers.CountFailed(r.Context(), q)
	if err != nil {
		c.unavailable(w, r, err)
		return
	}
	taken += max(before, 0)
	c.show(w, r, http.StatusOK, "retry", "Retry what failed", retryView{FailedWrites: left, Query: q, Taken: taken, Total: max(total, taken), Running: !done, Done: done})
}
