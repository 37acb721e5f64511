package console

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strings"

	"crm-connectors/handlers"
)

// pages are the templates of pages/, each with the layout and the shared parts around it.
type pages map[string]*template.Template

func (c *Console) loadPages() (pages, error) {
	names, err := fs.Glob(pageFiles, "pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	shared := template.New("").Funcs(c.functions())
	if shared, err = shared.ParseFS(pageFiles, "pages/layout.html", "pages/parts.html"); err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	out := pages{}
	for _, file := range names {
		name := strings.TrimSuffix(strings.TrimPrefix(file, "pages/"), ".html")
		if name == "layout" || name == "parts" {
			continue
		}
		t, err := shared.Clone()
		if err == nil {
			t, err = t.ParseFS(pageFiles, file)
		}
		if err != nil {
			return nil, fmt.Errorf("page %s: %w", name, err)
		}
		out[name] = t
	}
	return out, nil
}

// frame is what the layout shows around a page, whose own data is View.
type frame struct {
	Title    string
	Operator handlers.Operator
	SignedIn bool
	Menu     []menuItem
	Here     string // the path of the menu that the page belongs to
	Notice   string // that something was done
	Problem  *handlers.Problem
	View     any
}

// show answers with a page. Data that a template cannot show is a fault of ours, and nothing of the page has been sent then.
func (c *Console) show(w http.ResponseWriter, r *http.Request, status int, page, title string, view any) {
	c.showWith(w, r, status, page, title, view, nil)
}

func (c *Console) showWith(w http.ResponseWriter, r *http.Request, status int, page, title string, view any, p *handlers.Problem) {
	op := operatorOf(r)
	f := frame{Title: title, Operator: op, SignedIn: op.Name != "", Menu: menu(), Here: here(r.URL.Path), Problem: p, View: view}
	if r.Method == http.MethodGet {
		f.Notice = notices()[r.URL.Query().Get("done")]
	}
	c.write(w, r, status, page, "layout", f)
}

// part answers with the part of a page that moves.
func (c *Console) part(w http.ResponseWriter, r *http.Request, page string, view any) {
	c.write(w, r, http.StatusOK, page, "live", view)
}

func (c *Console) write(w http.ResponseWriter, r *http.Request, status int, page, template string, data any) {
	var b bytes.Buffer
	t := c.pages[page]
	err := fmt.Errorf("there is no page %q", page)
	if t != nil {
		err = t.ExecuteTemplate(&b, template, data)
	}
	if err != nil {
		c.broken(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

// failed answers an act that did not succeed: with the page that it was done on, made by view, and the problem on it.
func (c *Console) failed(w http.ResponseWriter, r *http.Request, err error, page, title string, view any) {
	p := handlers.ProblemOf(err)
	c.noteProblem(r, p, err)
	c.showWith(w, r, p.Status, page, title, view, &p)
}

// unavailable answers where not even the page can be made.
func (c *Console) unavailable(w http.ResponseWriter, r *http.Request, err error) {
	p := handlers.ProblemOf(err)
	c.noteProblem(r, p, err)
	if isPolled(r) {
		w.WriteHeader(p.Status)
		return
	}
	c.showWith(w, r, p.Status, "message", "Not available", nil, &p)
}

func (c *Console) noteProblem(r *http.Request, p handlers.Problem, err error) {
	noteOf(r).code = p.Code
	if p.Status >= http.StatusInternalServerError {
		noteOf(r).err = err
	}
}

// broken is the last resort: no template is used.
func (c *Console) broken(w http.ResponseWriter, r *http.Request, err error) {
	noteOf(r).err = err
	http.Error(w, "This page could not be made because of a fault in this service. The service's log has the reason.", http.StatusInternalServerError)
}

func (c *Console) notFound(w http.ResponseWriter, r *http.Request) {
	if _, ok := c.session(r); !ok {
		http.Redirect(w, r, Base+"/sign-in", http.StatusSeeOther)
		return
	}
	c.signedIn(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.showWith(w, r, http.StatusNotFound, "message", "Not found", nil,
			&handlers.Problem{Code: "NOT_FOUND", Cause: "There is no such page.", Action: "Go on from one of the pages above."})
	})).ServeHTTP(w, r)
}

func (c *Console) crossOrigin(w http.ResponseWriter, r *http.Request) {
	noteOf(r).err = errors.New("a form of another origin")
	http.Error(w, "This was sent by a page of another site, and nothing was done. Go to the console yourself and try again there.", http.StatusForbidden)
}

// here is the entry of the menu that a path lies under: the longest.
func here(path string) string {
	best := ""
	for _, m := range menu() {
		if (path == m.Path || strings.HasPrefix(path, m.Path+"/")) && len(m.Path) > len(best) && (m.Path != Base || path == Base) {
			best = m.Path
		}
	}
	return best
}

// notices are what ?done=WORD says: fixed sentences, so that no link can put its own words on a page.
func notices() map[string]string {
	return map[string]string{
		"tested":       "The CRM account was asked and can be used.",
		"provisioned":  "What protects the account from double writes is made, as far as the grant allows.",
		"sent":         "The outcome is handed in. Sending it again would add nothing: its writes have these keys.",
		"sent-before":  "The outcome had been handed in before: nothing was added, and nothing is written twice.",
		"retried":      "The write is due again.",
		"found":        "Taken down. The service reads the record, completes it where something is missing, and then counts the write as done.",
		"absent":       "Taken down. The service looks for the record once more, and writes it if it is not there.",
		"cancelled":    "The write is cancelled. Nothing more happens to it.",
		"told-again":   "The message is sent again, under the same id.",
		"told":         "The message is about to be sent.",
		"enabled":      "The endpoint is told again, of what happens from now on.",
		"disabled":     "The endpoint is told nothing, and nothing is kept for it.",
		"deleted":      "The endpoint is told nothing more, and the log of its messages is gone.",
		"saved":        "The settings are saved. What is written from now on heeds them.",
		"revoked":      "The CRM is disconnected: its tokens are forgotten, and the CRM has confirmed that the grant is over.",
		"disconnected": "The CRM is disconnected: its tokens are forgotten. The CRM has not confirmed that the grant is over; have the customer remove the app there.",
	}
}
