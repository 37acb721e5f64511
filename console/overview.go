package console

import (
	"net/http"

	"crm-connectors/handlers"

	"github.com/go-chi/chi/v5"
)

func (c *Console) overviewRoutes(r chi.Router) {
	r.Get(Base, c.overview)
	r.Get(Base+"/", c.overview)
	r.Get(Base+"/overview/live", c.overviewLive)
}

// overviewView is what is to be seen at a glance: the verdict first.
type overviewView struct {
	handlers.Overview
	Verdict, VerdictTone string
}

func (c *Console) overview(w http.ResponseWriter, r *http.Request) {
	view, err := c.lookOver(r)
	if err != nil {
		c.unavailable(w, r, err)
		return
	}
	c.show(w, r, http.StatusOK, "overview", "Overview", view)
}

func (c *Console) overviewLive(w http.ResponseWriter, r *http.Request) {
	view, err := c.lookOver(r)
	if err != nil {
		c.unavailable(w, r, err)
		return
	}
	c.part(w, r, "overview", view)
}

func (c *Console) lookOver(r *http.Request) (overviewView, error) {
	o, err := c.handlers.Overview(r.Context())
	v := overviewView{Overview: o}
	v.Verdict, v.VerdictTone = verdict(o)
	return v, err
}

// verdict is one sentence: is every customer's CRM being written?
func verdict(o handlers.Overview) (words, tone string) {
	n := map[string]int{}
	total := 0
	for _, h := range o.Healths {
		n[h.Name] = h.Total
		if h.Name != "disconnected" && h.Name != "pending_claim" {
			total += h.Total
		}
	}
	switch {
	case total == 0:
		return "No CRM is connected yet.", "calm"
	case n["error"] > 0:
		return number(n["error"]) + " of " + number(total) + " connections are in error and are not written to.", "bad"
	case n["paused"]+n["trouble"] > 0:
		return "Every connection stands; " + number(n["paused"]+n["trouble"]) + " of " + number(total) + " wait or have had trouble.", "warn"
	case o.Review.N > 0:
		return "Every connected CRM is being written; " + count(o.Review) + " writes wait for a person.", "warn"
	}
	return "Every connected CRM is being written.", "good"
}
