package console

import (
	"context"
	"net/http"
	"net/url"

	"crm-connectors/handlers"

	"github.com/go-chi/chi/v5"
)

const notificationsBase = Base + "/notifications"

func (c *Console) notificationsRoutes(r chi.Router) {
	r.Get(notificationsBase, c.notifications)
	r.Post(notificationsBase, c.addEndpoint)
	r.Route(notificationsBase+"/endpoints/{id}", func(r chi.Router) {
		r.Post("/test", c.testEndpoint)
		r.Post("/enable", c.enableEndpoint(true))
		r.Post("/disable", c.enableEndpoint(false))
		r.Post("/secret", c.rotateSecret)
		r.Post("/delete", c.deleteEndpoint)
	})
	r.Get(notificationsBase+"/{id}", c.message)
	r.Get(notificationsBase+"/{id}/live", c.messageLive)
	r.Post(notificationsBase+"/{id}/resend", c.resendMessage)
}

// notificationsView is who is told of what, a page of the messages, and a form that was refused.
type notificationsView struct {
	handlers.Notifications
	Query    handlers.MessageQuery
	Statuses []string
	Events   []event
	NextURL  string
	Form     handlers.EndpointForm
	Wrong    map[string]string
	Secret   string // of an endpoint that was just added, or has a new one: shown this once
}

// event is something that an endpoint can be told of.
type event struct {
	Name, Words string
	Chosen      bool
}

func (c *Console) readNotifications(r *http.Request, form handlers.EndpointForm) (notificationsView, error) {
	given := r.URL.Query()
	v := notificationsView{Query: handlers.MessageQuery{Status: given.Get("status"), Endpoint: given.Get("endpoint"), After: given.Get("after")}, Form: form,
		Statuses: []string{"waiting", "delivered", "failed"}, Events: []event{
			{"write.failed", "a write failed", true}, {"write.needs_review", "a write needs a person", true},
			{"connection.error", "a connection broke", true}, {"connection.recovered", "a connection is well again", true}}}
	if len(form.Events) > 0 {
		chosen := map[string]bool{}
		for _, name := range form.Events {
			chosen[name] = true
		}
		for i := range v.Events {
			v.Events[i].Chosen = chosen[v.Events[i].Name]
		}
	}
	var err error
	v.Notifications, err = c.handlers.ReadNotifications(r.Context(), v.Query)
	if v.Next != "" {
		v.NextURL = notificationsBase + "?" + url.Values{"status": {v.Query.Status}, "endpoint": {v.Query.Endpoint}, "after": {v.Next}}.Encode()
	}
	return v, err
}

func (c *Console) notifications(w http.ResponseWriter, r *http.Request) {
	view, err := c.readNotifications(r, handlers.EndpointForm{})
	if err != nil {
		c.unavailable(w, r, err)
		return
	}
	c.show(w, r, http.StatusOK, "notifications", "Notifications", view)
}

func (c *Console) addEndpoint(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	form := handlers.EndpointForm{Address: r.PostFormValue("address"), Workspace: r.PostFormValue("workspace"), Description: r.PostFormValue("description"), Events: r.PostForm["events"]}
	c.withSecret(w, r, form, func(ctx context.Context) (string, error) { return c.handlers.AddEndpoint(ctx, form) })
}

func (c *Console) rotateSecret(w http.ResponseWriter, r *http.Request) {
	c.withSecret(w, r, handlers.EndpointForm{}, func(ctx context.Context) (string, error) { return c.handlers.RotateEndpointSecret(ctx, idOf(r)) })
}

// withSecret does what makes a secret and shows it on the answer itself: no address leads to it again.
func (c *Console) withSecret(w http.ResponseWriter, r *http.Request, form handlers.EndpointForm, act func(context.Context) (string, error)) {
	secret, failed := act(r.Context())
	if failed == nil {
		form = handlers.EndpointForm{}
	}
	view, err := c.readNotifications(r, form)
	if err != nil {
		c.unavailable(w, r, err)
		return
	}
	if failed != nil {
		view.Wrong = handlers.ProblemOf(failed).Fields
		c.failed(w, r, failed, "notifications", "Notifications", view)
		return
	}
	view.Secret = secret
	c.show(w, r, http.StatusOK, "notifications", "Notifications", view)
}

func (c *Console) testEndpoint(w http.ResponseWriter, r *http.Request) {
	id, err := c.handlers.TestEndpoint(r.Context(), idOf(r))
	if err != nil {
		c.unavailable(w, r, err)
		return
	}
	http.Redirect(w, r, notificationsBase+"/"+id.String()+"?done=told", http.StatusSeeOther) //nolint:gosec // likewise a page of ours
}

func (c *Console) enableEndpoint(enabled bool) http.HandlerFunc {
	done := map[bool]string{true: "enabled", false: "disabled"}[enabled]
	return func(w http.ResponseWriter, r *http.Request) {
		c.actOnEndpoint(w, r, done, func(ctx context.Context) error { return c.handlers.EnableEndpoint(ctx, idOf(r), enabled) })
	}
}

func (c *Console) deleteEndpoint(w http.ResponseWriter, r *http.Request) {
	c.actOnEndpoint(w, r, "deleted", func(ctx context.Context) error {
		return c.handlers.DeleteEndpoint(ctx, idOf(r), r.PostFormValue("sure") == "yes")
	})
}

func (c *Console) actOnEndpoint(w http.ResponseWriter, r *http.Request, done string, act func(context.Context) error) {
	if err := act(r.Context()); err != nil {
		c.unavailable(w, r, err)
		return
	}
	http.Redirect(w, r, notificationsBase+"?done="+done, http.StatusSeeOther)
}

func (c *Console) message(w http.ResponseWriter, r *http.Request) {
	m, err := c.handlers.ReadMessage(r.Context(), idOf(r))
	if err != nil {
		c.unavailable(w, r, err)
		return
	}
	c.show(w, r, http.StatusOK, "notification", "Notification", m)
}

func (c *Console) messageLive(w http.ResponseWriter, r *http.Request) {
	m, err := c.handlers.ReadMessage(r.Context(), idOf(r))
	if err != nil {
		c.unavailable(w, r, err)
		return
	}
	c.part(w, r, "notification", m)
}

func (c *Console) resendMessage(w http.ResponseWriter, r *http.Request) {
	if err := c.handlers.ResendMessage(r.Context(), idOf(r)); err != nil {
		c.unavailable(w, r, err)
		return
	}
	http.Redirect(w, r, notificationsBase+"/"+idOf(r).String()+"?done=told-again", http.StatusSeeOther) //nolint:gosec // a page of ours, with a word of ours
}
