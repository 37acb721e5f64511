package console

import (
	"context"
	"net/http"
	"strings"
	"time"

	"crm-connectors/handlers"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"
)

// actOn does something to a connection.
type actOn func(ctx context.Context, id uuid.UUID) error

func (c *Console) connectRoutes(r chi.Router) {
	r.Get(Base+"/connect", c.connectPage)
	r.Post(Base+"/connect", c.connect)
	r.Get(Base+"/connected", c.connected)
}

// connectView is the form that begins a connection.
type connectView struct {
	Workspace, CRM, LoginHost string
	CRMs                      []choice
	Wrong                     map[string]string
	Came                      *handlers.Problem
}

// goOnView leads to the CRM's page of consent. It is a link and not a redirect: a form of the console may lead nowhere else.
type goOnView struct {
	CRM, Link string
	Until     time.Time
	Bound     bool // it ends in this browser alone
	Back      string
}

func (c *Console) connectPage(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	view := connectView{Workspace: q.Get("workspace"), CRM: q.Get("crm"), CRMs: crms()}
	_, view.Came = cameBack(q, view.CRM)
	c.show(w, r, http.StatusOK, "connect", "Connect a CRM", view)
}

func (c *Console) connect(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	view := connectView{Workspace: strings.TrimSpace(r.PostFormValue("workspace_id")), CRM: r.PostFormValue("crm"), LoginHost: strings.TrimSpace(r.PostFormValue("login_host")), CRMs: crms()}
	workspace, err := uuid.Parse(view.Workspace)
	if err != nil {
		workspace = uuid.Nil
	}
	flow := handlers.OperatorFlow{WorkspaceID: workspace, CRM: view.CRM, LoginHost: view.LoginHost, Origin: c.origin(r),
		Path: Base + "/connected?crm=" + crmOf(view.CRM) + "&workspace=" + workspace.String()}
	link, cookie, until, err := c.handlers.ConnectAsOperator(r.Context(), operatorOf(r), flow)
	if err != nil {
		view.Wrong = handlers.ProblemOf(err).Fields
		c.failed(w, r, err, "connect", "Connect a CRM", view)
		return
	}
	c.goOn(w, r, goOnView{CRM: view.CRM, Link: link, Until: until, Back: Base + "/connect"}, cookie)
}

func (c *Console) reconnect(w http.ResponseWriter, r *http.Request) {
	id := idOf(r)
	link, cookie, until, err := c.handlers.ReconnectAsOperator(r.Context(), operatorOf(r), id, c.origin(r), connectionPath(id))
	if err != nil {
		c.actFailed(w, r, err)
		return
	}
	view, err := c.readConnection(r)
	if err != nil {
		c.unavailable(w, r, err)
		return
	}
	c.goOn(w, r, goOnView{CRM: view.CRM, Link: link, Until: until, Back: connectionPath(id)}, cookie)
}

func (c *Console) goOn(w http.ResponseWriter, r *http.Request, view goOnView, cookie *string) {
	if view.Bound = cookie != nil; view.Bound {
		w.Header().Add("Set-Cookie", *cookie)
	}
	for _, known := range crms() {
		if known.Value == view.CRM {
			view.CRM = known.Name
		}
	}
	c.show(w, r, http.StatusOK, "go-on", "Sign in at "+view.CRM, view)
}

// connected is where the browser comes back to from a new connection: it leads to its page, or to the form with what went wrong.
func (c *Console) connected(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	crm := crmOf(q.Get("crm"))
	workspace, err := uuid.Parse(q.Get("workspace"))
	if err != nil {
		http.Redirect(w, r, Base+"/connections", http.StatusSeeOther)
		return
	}
	ok, came := cameBack(q, crm)
	if ok {
		id, err := c.handlers.FindConnection(r.Context(), workspace, crm)
		if err != nil {
			c.unavailable(w, r, err)
			return
		}
		http.Redirect(w, r, connectionPath(id)+"?"+crm+"_success=1", http.StatusSeeOther) //nolint:gosec // an id and the name of a CRM on a path of ours
		return
	}
	c.show(w, r, http.StatusOK, "connect", "Connect a CRM", connectView{Workspace: workspace.String(), CRM: crm, CRMs: crms(), Came: came})
}

// crmOf is the CRM of that name; empty: there is none.
func crmOf(name string) string {
	for _, known := range crms() {
		if known.Value == name {
			return name
		}
	}
	return ""
}

// origin is the console's as the browser of a request has it. The request has been found to come from a page of that origin.
func (c *Console) origin(r *http.Request) string {
	if o := r.Header.Get("Origin"); o != "" && o != "null" {
		return o
	}
	if c.cfg.Origin != "" {
		return c.cfg.Origin
	}
	return "https://" + r.Host
}
