package salesforce

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/connectors/connectorstest"
	"crm-connectors/sim"
	"crm-connectors/sim/simsalesforce"
	"crm-connectors/sim/simtest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	connectorstest.Run(t, conformanceBench)
}

func conformanceBench(t *testing.T) connectorstest.Bench {
	t.Helper()
	s := simsalesforce.New(simsalesforce.Config{Log: simtest.Log(t), AutoConsent: true})
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(srv.Close)
	c, err := New(Config{LoginURL: srv.URL, HTTP: connectors.NewClient(nil, time.Now), Now: time.Now, TrustedHosts: []string{strings.TrimPrefix(srv.URL, "http://")}})
	if err != nil {
		t.Fatal(err)
	}
	return connectorstest.Bench{
		Connector: c,
		App: connectors.App{ClientID: simsalesforce.DefaultClientID, ClientSecret: connectors.NewSecret(simsalesforce.DefaultClientSecret), LoginURL: srv.URL,
			RedirectURL: "http://localhost/functions/v1/salesforce-oauth-callback"},
		DealID:  s.OpportunityIDs()[0],
		Records: func(o connectors.Object) []connectorstest.Record { return recordsOf(s, o) },
		Writes:  func() int { return len(s.Core().Log.Entries(0)) },
		Calls:   func() int { return s.Core().Calls.API() },
		Expire:  s.ExpireAccessTokens,
		Revoke:  s.RevokeGrants,
		Enforce: func(*testing.T) { s.SetBehaviour(simsalesforce.Behaviour{HasExternalID: true}) }, // an administrator has added the field
		Fault: func(t *testing.T, step connectorstest.Step, o connectors.Object, kind connectorstest.Kind) {
			t.Helper()
			path := "/sobjects/Task(/" + markerField + "/[a-z0-9]{26})?$"
			switch {
			case step == connectorstest.OnLookup:
				path = "/composite$"
			case o == connectors.ObjectContact:
				path = "/sobjects/Lead(/" + markerField + "/[a-z0-9]{26})?$"
			}
			f := conformanceFault(kind)
			f.Path = path
			if err := s.Core().Faults.Add(f); err != nil {
				t.Fatal(err)
			}
		},
	}
}

// recordsOf tells rollups from tasks by the subject that only they have.
func recordsOf(s *simsalesforce.Sim, o connectors.Object) []connectorstest.Record {
	object := "Task"
	if o == connectors.ObjectContact {
		object = "Lead"
	}
	var out []connectorstest.Record
	for _, r := range s.Records(object) {
		text := func(field string) string { v, _ := r.Fields[field].(string); return v }
		isRollup := text("Subject") == "Weekly deal summary"
		if r.Deleted || (object == "Task" && isRollup != (o == connectors.ObjectRollup)) {
			continue
		}
		rec := connectorstest.Record{ID: r.ID, Email: text("Email"), Phone: text("Phone"), LastName: text("LastName"), Title: text("Subject"), Text: text("Description")}
		for _, field := range []string{"WhoId", "WhatId"} {
			if id := text(field); id != "" {
				rec.To = append(rec.To, id)
			}
		}
		out = append(out, rec)
	}
	return out
}

func conformanceFault(kind connectorstest.Kind) sim.Fault {
	return map[connectorstest.Kind]sim.Fault{
		connectorstest.CutAfter:         {Kind: sim.FaultCutAfter},
		connectorstest.Unavailable:      {Kind: sim.FaultStatus, Status: 503, Body: "<html>busy</html>", Headers: map[string]string{"Content-Type": "text/html"}},
		connectorstest.UnavailableAfter: {Kind: sim.FaultStatusAfter, Status: 503, Body: "<html>busy</html>"},
		connectorstest.GarbageAfter:     {Kind: sim.FaultStatusAfter, Status: 201, Body: "<html>created?</html>"},
		connectorstest.NoIDAfter:        {Kind: sim.FaultStatusAfter, Status: 201, Body: "{}"},
		connectorstest.TruncateAfter:    {Kind: sim.FaultTruncate},
		connectorstest.Redirect:         {Kind: sim.FaultStatus, Status: 307, Headers: map[string]string{"Location": "/elsewhere"}},
		connectorstest.RateLimited: {Kind: sim.FaultStatus, Status: 403,
			Body: `[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]`},
		connectorstest.Validation: {Kind: sim.FaultStatus, Status: 400,
			Body: `[{"message":"Phone number must be 10 digits","errorCode":"FIELD_CUSTOM_VALIDATION_EXCEPTION","fields":[]}]`},
	}[kind]
}
