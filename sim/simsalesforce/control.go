package simsalesforce

import (
	"encoding/json"
	"errors"
	"net/http"

	"crm-connectors/sim"
)

// control adds the org's own routes to the control API. They do by HTTP what the methods of the
// same names do, for a simulator that runs as a process of its own.
//
//	GET  /__sim/org            ids and credentials to begin with
//	GET  /__sim/behaviour      the switches; PUT replaces them
//	GET  /__sim/records?object=Lead
//	POST /__sim/seed           {"object":"Lead","fields":{…}} gives {"id":…}
//	POST /__sim/change         {"object":"Lead","id":…,"fields":{…}}
//	POST /__sim/delete         {"object":"Lead","id":…}
//	POST /__sim/convert        {"lead_id":…} gives the three ids
//	POST /__sim/expire-tokens
//	POST /__sim/revoke-grants
//	POST /__sim/grant          tokens without a browser, in the shape of the token endpoint
func (s *Sim) control(mux *http.ServeMux) {
	mux.HandleFunc("GET /__sim/org", func(w http.ResponseWriter, _ *http.Request) {
		sim.WriteJSON(w, http.StatusOK, map[string]any{
			"org_id": orgID, "user_id": UserID, "other_user_id": OtherUserID, "account_id": AccountID,
			"opportunity_ids": s.OpportunityIDs(), "client_id": s.cfg.ClientID, "client_secret": s.cfg.ClientSecret,
		})
	})
	mux.HandleFunc("GET /__sim/behaviour", func(w http.ResponseWriter, _ *http.Request) {
		sim.WriteJSON(w, http.StatusOK, s.Behaviour())
	})
	mux.HandleFunc("PUT /__sim/behaviour", func(w http.ResponseWriter, r *http.Request) {
		var b Behaviour
		if readControl(w, r, &b) {
			s.SetBehaviour(b)
			sim.WriteJSON(w, http.StatusOK, s.Behaviour())
		}
	})
	mux.HandleFunc("GET /__sim/records", func(w http.ResponseWriter, r *http.Request) {
		sim.WriteJSON(w, http.StatusOK, map[string]any{"records": s.Records(r.URL.Query().Get("object"))})
	})
	mux.HandleFunc("POST /__sim/expire-tokens", func(w http.ResponseWriter, _ *http.Request) {
		s.ExpireAccessTokens()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /__sim/revoke-grants", func(w http.ResponseWriter, _ *http.Request) {
		s.RevokeGrants()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /__sim/grant", func(w http.ResponseWriter, r *http.Request) {
		sim.WriteJSON(w, http.StatusOK, s.grantTokens(r))
	})
	s.controlRecords(mux)
}

func (s *Sim) controlRecords(mux *http.ServeMux) {
	mux.HandleFunc("POST /__sim/seed", func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Object string         `json:"object"`
			Fields map[string]any `json:"fields"`
		}
		if !readControl(w, r, &in) {
			return
		}
		s.mu.Lock()
		id, err := s.seed(in.Object, in.Fields)
		s.mu.Unlock()
		answerControl(w, http.StatusCreated, map[string]string{"id": id}, err)
	})
	mux.HandleFunc("POST /__sim/change", func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Object string         `json:"object"`
			ID     string         `json:"id"`
			Fields map[string]any `json:"fields"`
		}
		if readControl(w, r, &in) {
			answerControl(w, http.StatusOK, map[string]string{"id": in.ID}, s.Change(in.Object, in.ID, in.Fields))
		}
	})
	mux.HandleFunc("POST /__sim/delete", func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Object string `json:"object"`
			ID     string `json:"id"`
		}
		if readControl(w, r, &in) {
			answerControl(w, http.StatusOK, map[string]string{"id": in.ID}, s.Delete(in.Object, in.ID))
		}
	})
	mux.HandleFunc("POST /__sim/convert", func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			LeadID string `json:"lead_id"`
		}
		if readControl(w, r, &in) {
			made, err := s.ConvertLead(in.LeadID)
			answerControl(w, http.StatusOK, made, err)
		}
	})
}

// grantTokens approves the app's usual scopes without a browser.
func (s *Sim) grantTokens(r *http.Request) *tokenAnswer {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.approve(grantedScope(""))
	return s.answerToken(r, g, g.current)
}

func readControl(w http.ResponseWriter, r *http.Request, into any) bool {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		sim.WriteJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return false
	}
	return true
}

func answerControl(w http.ResponseWriter, status int, body any, err error) {
	switch {
	case errors.Is(err, ErrNoRecord):
		sim.WriteJSON(w, http.StatusNotFound, map[string]string{"error": err.Error()})
	case err != nil:
		sim.WriteJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
	default:
		sim.WriteJSON(w, status, body)
	}
}
