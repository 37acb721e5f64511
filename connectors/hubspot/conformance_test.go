package hubspot

import (
	"html"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/connectors/connectorstest"
	"crm-connectors/sim"
	"crm-connectors/sim/simhubspot"
	"crm-connectors/sim/simtest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"v3", "2026-03", "2026-09"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			connectorstest.Run(t, func(t *testing.T) connectorstest.Bench { return conformanceBench(t, version) })
		})
	}
}

func conformanceBench(t *testing.T, version string) connectorstest.Bench {
	t.Helper()
	s := simhubspot.New(simhubspot.Config{Log: simtest.Log(t), AutoConsent: true, Behaviour: simhubspot.Behaviour{RefuseActivityProperties: true}})
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(srv.Close)
	c, err := New(Config{APIURL: srv.URL, AuthorizeURL: srv.URL, Version: version, HTTP: connectors.NewClient(nil, time.Now), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return connectorstest.Bench{
		Connector: c,
		App: connectors.App{ClientID: simhubspot.DefaultClientID, ClientSecret: connectors.NewSecret(simhubspot.DefaultClientSecret),
			RedirectURL: "http://localhost/functions/v1/hubspot-oauth-callback"},
		DealID:  "9001",
		Records: func(o connectors.Object) []connectorstest.Record { return recordsOf(s, o) },
		Writes:  func() int { return len(s.Core().Log.Entries(0)) },
		Calls:   func() int { return s.Core().Calls.API() },
		Expire:  s.ExpireAccessTokens,
		Revoke:  s.RevokeGrants,
		Enforce: func(*testing.T) { s.SetBehaviour(simhubspot.Behaviour{}) }, // the portal lets activities have properties of its own
		Fault: func(t *testing.T, step connectorstest.Step, o connectors.Object, kind connectorstest.Kind) {
			t.Helper()
			path := "/" + kindOf(o) + "$"
			if step == connectorstest.OnLookup {
				path = "/" + kindOf(o) + "/search$"
			}
			f := conformanceFault(kind)
			f.Method, f.Path = "POST", path
			if err := s.Core().Faults.Add(f); err != nil {
				t.Fatal(err)
			}
		},
	}
}

func kindOf(o connectors.Object) string {
	return map[connectors.Object]string{connectors.ObjectContact: "contacts", connectors.ObjectTask: "tasks", connectors.ObjectRollup: "notes"}[o]
}

func recordsOf(s *simhubspot.Sim, o connectors.Object) []connectorstest.Record {
	var out []connectorstest.Record
	for _, r := range s.Objects(kindOf(o)) {
		p := r.Properties
		rec := connectorstest.Record{ID: r.ID, Email: p["email"], Phone: p["phone"], LastName: p["lastname"], Title: p["hs_task_subject"],
			Text: html.UnescapeString(p["hs_task_body"] + p["hs_note_body"])}
		for _, a := range r.Associations {
			_, id, _ := strings.Cut(a.To, "/")
			rec.To = append(rec.To, id)
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
		connectorstest.RateLimited: {Kind: sim.FaultStatus, Status: 429,
			Body: `{"status":"error","message":"You have reached your ten_secondly_rolling limit.","errorType":"RATE_LIMIT","policyName":"TEN_SECONDLY_ROLLING"}`},
		connectorstest.Validation: {Kind: sim.FaultStatus, Status: 400,
			Body: `{"status":"error","category":"VALIDATION_ERROR","message":"Property values were not valid","errors":[{"message":"not valid","code":"INVALID_OPTION"}]}`},
	}[kind]
}
