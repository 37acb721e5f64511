package simhubspot

import (
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"

	"crm-connectors/sim"
)

// control adds this simulator's routes to those that both have.
func (s *Sim) control(mux *http.ServeMux) {
	mux.HandleFunc("GET /__sim/behaviour", func(w http.ResponseWriter, _ *http.Request) { sim.WriteJSON(w, http.StatusOK, s.Behaviour()) })
	mux.HandleFunc("PUT /__sim/behaviour", func(w http.ResponseWriter, r *http.Request) {
		var b Behaviour
		if readControl(w, r, &b) {
			s.SetBehaviour(b)
			sim.WriteJSON(w, http.StatusOK, b)
		}
	})
	mux.HandleFunc("POST /__sim/seed", func(w http.ResponseWriter, r *http.Request) {
		var data SeedData
		if !readControl(w, r, &data) {
			return
		}
		res, err := s.Seed(data)
		if err != nil {
			sim.WriteJSON(w, statusOf(err), map[string]string{"error": err.Error()})
			return
		}
		sim.WriteJSON(w, http.StatusCreated, res)
	})
	mux.HandleFunc("POST /__sim/expire-tokens", func(w http.ResponseWriter, _ *http.Request) {
		s.ExpireAccessTokens()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /__sim/revoke-grants", func(w http.ResponseWriter, _ *http.Request) {
		s.RevokeGrants()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /__sim/objects", s.controlObjects)
	mux.HandleFunc("POST /__sim/archive", s.controlArchive)
	mux.HandleFunc("POST /__sim/merge", s.controlMerge)
}

func (s *Sim) controlObjects(w http.ResponseWriter, r *http.Request) {
	list := s.Objects(r.URL.Query().Get("type"))
	if list == nil {
		sim.WriteJSON(w, http.StatusBadRequest, map[string]string{"error": "type wants contacts, companies, deals, tickets, tasks or notes"})
		return
	}
	sim.WriteJSON(w, http.StatusOK, map[string]any{"objects": list})
}

func (s *Sim) controlArchive(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Type string `json:"type"`
		ID   string `json:"id"`
	}
	if !readControl(w, r, &in) {
		return
	}
	if !s.Archive(in.Type, in.ID) {
		sim.WriteJSON(w, http.StatusNotFound, map[string]string{"error": "no such record"})
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Sim) controlMerge(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Primary string `json:"primary"`
		Other   string `json:"other"`
	}
	if !readControl(w, r, &in) {
		return
	}
	id, err := s.Merge(in.Primary, in.Other)
	if err != nil {
		sim.WriteJSON(w, http.StatusNotFound, map[string]string{"error": err.Error()})
		return
	}
	sim.WriteJSON(w, http.StatusOK, map[string]string{"id": id})
}

func readControl(w http.ResponseWriter, r *http.Request, v any) bool {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<20))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		sim.WriteJSON(w, http.StatusBadRequest, map[string]string{"error": fmt.Sprintf("body: %v", err)})
		return false
	}
	return true
}

var homePage = template.Must(template.New("home").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Simulated HubSpot portal</title>
<body style="font-family:sans-serif;max-width:60rem;margin:2rem auto">
<h1>Simulated HubSpot portal {{.Hub}}</h1>
{{range .Types}}<h2>{{.Name}} ({{len .Objects}})</h2>
<ul>{{range .Objects}}<li><b>{{.ID}}</b>{{if .Archived}} (deleted){{end}}
{{range $name, $value := .Properties}}<br><code>{{$name}}</code> {{$value}}{{end}}
{{range .Associations}}<br>&rarr; {{.To}} ({{.TypeID}}{{if .Label}} {{.Label}}{{end}}){{end}}</li>
{{else}}<li>none</li>{{end}}</ul>
{{end}}</body></html>
`))

// home lists what is in the portal, for people who run the simulator by hand.
func (s *Sim) home(w http.ResponseWriter, _ *http.Request) {
	type section struct {
		Name    string
		Objects []Object
	}
	var types []section
	for _, name := range []string{contacts, tasks, notes, deals} {
		types = append(types, section{name, s.Objects(name)})
	}
	w.Header().Set("Content-Type", "text/html;charset=utf-8")
	_ = homePage.Execute(w, map[string]any{"Hub": hubID, "Types": types})
}
