package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"crm-connectors/handlers"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"
)

// maxOutcomeForm has room for the longest texts that the contract allows, as a form encodes them.
const maxOutcomeForm = 512 << 10

func (c *Console) tryRoutes(r chi.Router) {
	r.Get(Base+"/try", c.tryIt)
	r.Post(Base+"/try/plan", c.planOutcome)
	r.Post(Base+"/try/send", c.sendOutcome)
	r.Get(Base+"/try/sent/{id}", c.sentOutcome)
	r.Get(Base+"/try/sent/{id}/live", c.sentOutcomeLive)
}

// tryView is the form, as it was filled in, and below it what sending it would do.
type tryView struct {
	CRM   string
	CRMs  []choice
	Parts []tryPart
	Wrong map[string]string
	Plan  *handlers.OutcomePlan
}

// tryPart is a part of an outcome; one of which no field is filled in is left out.
type tryPart struct {
	Name, Hint string
	Fields     []tryField
}

// tryField is a field under the contract's name. Kind is that of an input, or area, or priority.
type tryField struct {
	Name, Label, Kind, Hint, Value string
	Required                       bool
}

// ID is the field's id in the page.
func (f tryField) ID() string { return strings.ReplaceAll(f.Name, ".", "-") }

func tryParts() []tryPart {
	return []tryPart{
		{"", "", []tryField{
			{Name: "workspace_id", Label: "Workspace", Kind: "text", Hint: "its id, a UUID", Required: true},
			{Name: "source_event_id", Label: "Event", Kind: "text", Hint: "what the outcome came from", Required: true},
			{Name: "thread_id", Label: "Email thread", Kind: "text", Hint: "to link its deal"}}},
		{"Contact", "Looked for by email; created, or updated with what is filled in.", []tryField{
			{Name: "contact.email", Label: "Email", Kind: "text", Hint: "name@example.com"},
			{Name: "contact.first_name", Label: "First name", Kind: "text"}, {Name: "contact.last_name", Label: "Last name", Kind: "text"},
			{Name: "contact.company", Label: "Company", Kind: "text"}, {Name: "contact.phone", Label: "Phone", Kind: "text"}, {Name: "contact.job_title", Label: "Job title", Kind: "text"}}},
		{"Task", "What to do next.", []tryField{
			{Name: "task.id", Label: "Id", Kind: "text", Hint: "Conduit's"}, {Name: "task.subject", Label: "Subject", Kind: "text"},
			{Name: "task.due_at", Label: "Due, UTC", Kind: "datetime-local"}, {Name: "task.priority", Label: "Priority", Kind: "priority"},
			{Name: "task.owner_email", Label: "Owner's email", Kind: "text", Hint: "a user of the CRM"}, {Name: "task.body", Label: "Text", Kind: "area"}}},
		{"Rollup", "The weekly summary of a deal.", []tryField{
			{Name: "rollup.id", Label: "Id", Kind: "text", Hint: "Conduit's"}, {Name: "rollup.week_start", Label: "First day of the week", Kind: "date"},
			{Name: "rollup.summary", Label: "Summary", Kind: "area"}}},
	}
}

func tryViewOf(f handlers.OutcomeForm) tryView {
	v := tryView{CRM: f.CRM, CRMs: crms(), Parts: tryParts()}
	for _, part := range v.Parts {
		for i := range part.Fields {
			part.Fields[i].Value = f.Fields[part.Fields[i].Name]
		}
	}
	return v
}

// Priorities are the words that the contract has for them.
func (tryView) Priorities() []string { return []string{"low", "medium", "high"} }

// Elsewhere is what is wrong with no field of the form in particular.
func (v tryView) Elsewhere() []string {
	known := append([]string{"crm"}, handlers.OutcomeFieldNames()...)
	var out []string
	for name, wrong := range v.Wrong {
		if !slices.Contains(known, name) {
			out = append(out, wrong)
		}
	}
	return out
}

// tryIt shows the form with a new event, and with the workspace and CRM of the link that led here.
func (c *Console) tryIt(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	c.show(w, r, http.StatusOK, "try", "Try it", tryViewOf(handlers.OutcomeForm{CRM: q.Get("crm"),
		Fields: map[string]string{"workspace_id": q.Get("workspace_id"), "source_event_id": "try-" + uuid.NewString()}}))
}

func (c *Console) planOutcome(w http.ResponseWriter, r *http.Request) {
	f, ok := readOutcome(w, r)
	if !ok {
		return
	}
	plan, err := c.handlers.PlanOutcome(r.Context(), f)
	if err != nil {
		c.tryFailed(w, r, f, err)
		return
	}
	view := tryViewOf(f)
	view.Plan = &plan
	c.show(w, r, http.StatusOK, "try", "Try it", view)
}

func (c *Console) sendOutcome(w http.ResponseWriter, r *http.Request) {
	f, ok := readOutcome(w, r)
	if !ok {
		return
	}
	id, before, err := c.handlers.SendOutcome(r.Context(), f)
	if err != nil {
		c.tryFailed(w, r, f, err)
		return
	}
	done := "sent"
	if before {
		done = "sent-before"
	}
	http.Redirect(w, r, Base+"/try/sent/"+id.String()+"?done="+done, http.StatusSeeOther) //nolint:gosec // a path of ours
}

// tryFailed shows the form as it was sent, with what is wrong at its field.
func (c *Console) tryFailed(w http.ResponseWriter, r *http.Request, f handlers.OutcomeForm, err error) {
	view := tryViewOf(f)
	p := handlers.ProblemOf(err)
	view.Wrong = p.Fields
	switch p.Code {
	case "idempotency_conflict":
		view.Wrong["source_event_id"] = "was sent before with other content: give another"
	case "crm_not_connected":
		view.Wrong["workspace_id"] = "has not connected this CRM"
	}
	c.failed(w, r, err, "try", "Try it", view)
}

// readOutcome reads the form. Browsers end lines with two characters, services with one: the content, and so the outcome, must be the same.
func readOutcome(w http.ResponseWriter, r *http.Request) (handlers.OutcomeForm, bool) {
	r.Body = http.MaxBytesReader(w, r.Body, maxOutcomeForm)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "The form is too large or damaged.", http.StatusBadRequest)
		return handlers.OutcomeForm{}, false
	}
	f := handlers.OutcomeForm{CRM: r.PostForm.Get("crm"), Fields: map[string]string{}}
	for _, name := range handlers.OutcomeFieldNames() {
		f.Fields[name] = strings.TrimSpace(strings.ReplaceAll(r.PostForm.Get(name), "\r\n", "\n"))
	}
	return f, true
}

// sentView is what became of an outcome that was sent.
type sentView struct {
	handlers.SentOutcome
	Again string // a form for another outcome of that workspace
}

func (c *Console) sentOutcome(w http.ResponseWriter, r *http.Request) {
	view, err := c.readSent(r)
	if err != nil {
		c.unavailable(w, r, err)
		return
	}
	c.show(w, r, http.StatusOK, "sent", "Sent", view)
}

func (c *Console) sentOutcomeLive(w http.ResponseWriter, r *http.Request) {
	view, err := c.readSent(r)
	if err != nil {
		c.unavailable(w, r, err)
		return
	}
	c.part(w, r, "sent", view)
}

func (c *Console) readSent(r *http.Request) (sentView, error) {
	sent, err := c.handlers.SentOutcome(r.Context(), idOf(r))
	return sentView{SentOutcome: sent, Again: Base + "/try?" + url.Values{"workspace_id": {sent.WorkspaceID.String()}}.Encode()}, err
}
