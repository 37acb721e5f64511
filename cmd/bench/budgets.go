package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"crm-connectors/cmd/browse"
	"crm-connectors/connectors"
	"crm-connectors/sim"
	"crm-connectors/sim/simhubspot"
	"crm-connectors/sim/simsalesforce"

	"github.com/google/uuid"
)

// hubspotWindow is the span of HubSpot's limit of calls.
const hubspotWindow = 10 * time.Second

// hubspotBudget drains outcomes of contact, task and note into one account that enforces its published limits, in real time.
func hubspotBudget(ctx context.Context, w *world) ([]figure, error) {
	n := w.scaled(10000)
	db, p, at, drop, err := w.account(ctx, true)
	if err != nil {
		return nil, err
	}
	defer drop()
	if err := db.backlog(ctx, at.workspace, "hubspot", 0, n, true); err != nil {
		return nil, err
	}
	s, err := w.start(ctx, db, crmURLs{hubspot: p.url})
	if err != nil {
		return nil, err
	}
	began := time.Now()
	err = db.drained(ctx, 30*time.Minute)
	took := time.Since(began)
	if stopped := s.stop(); err == nil {
		err = stopped
	}
	if err != nil {
		return nil, err
	}
	if made := len(at.sim.Objects("tasks")); made != n {
		return nil, fmt.Errorf("%d tasks in the CRM, want %d", made, n)
	}
	calls := at.sim.Core().Calls.API()
	base, seconds, err := w.hubspotBaseline(ctx, min(n, 1000), n)
	if err != nil {
		return nil, err
	}
	batches := float64(4 * ((n + 99) / 100)) // look up, create contacts, tasks and notes
	none := 0.0
	throttled := figure{Name: "hubspot_throttled", Value: float64(p.throttled.Load()), Unit: "calls", Floor: &none}
	return []figure{
		cheaper("hubspot_calls_per_outcome", "calls", float64(calls)/float64(n), base, batches/float64(n)),
		cheaper("hubspot_drain_seconds", "s", took.Seconds(), seconds, max(0, batches-110)/110*hubspotWindow.Seconds()),
		throttled,
	}, nil
}

// hubspotBaseline gives the calls an outcome and the seconds that n of them take by the account's budget, from a sample, by the simulator's
// clock: no call takes any time of its own.
func (w *world) hubspotBaseline(ctx context.Context, sample, n int) (calls, seconds float64, err error) {
	crm := simhubspot.New(simhubspot.Config{Behaviour: simhubspot.Behaviour{EnforceRateLimits: true}})
	at, err := w.listen(ctx, crm.Handler())
	if err != nil {
		return 0, 0, err
	}
	_, token := crm.Connect("oauth", "crm.objects.contacts.read", "crm.objects.contacts.write")
	began := crm.Core().Clock.Now()
	b := &baseline{http: http.DefaultClient, base: at, token: token, crm: "hubspot", full: func() { crm.Core().Clock.Advance(time.Second) }}
	throttled := 0
	wait := b.full
	b.full = func() { throttled++; wait() }
	for i := range sample {
		if err := b.hubspot(ctx, i); err != nil {
			return 0, 0, err
		}
	}
	took := crm.Core().Clock.Now().Sub(began)
	return float64(b.calls-throttled) / float64(sample), took.Seconds() * float64(n) / float64(sample), nil
}

// salesforceBudget drains outcomes of lead and task into one org.
func salesforceBudget(ctx context.Context, w *world) ([]figure, error) {
	n := w.scaled(10000)
	db, drop, err := w.database(ctx)
	if err != nil {
		return nil, err
	}
	defer drop()
	crm := simsalesforce.New(simsalesforce.Config{Log: sim.NewOpLog(), AutoConsent: true})
	at, err := w.listen(ctx, crm.Handler())
	if err != nil {
		return nil, err
	}
	s, err := w.start(ctx, db, crmURLs{salesforce: at})
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.stop() }()
	workspace := uuid.New()
	if err := s.connect(ctx, "salesforce", workspace); err != nil {
		return nil, err
	}
	if err := s.post(ctx, "salesforce", workspace, 0, n, false); err != nil {
		return nil, err
	}
	if err := db.drained(ctx, 30*time.Minute); err != nil {
		return nil, err
	}
	if made := len(crm.Records("Task")); made != n {
		return nil, fmt.Errorf("%d tasks in the CRM, want %d", made, n)
	}
	calls := crm.Core().Calls.API()
	other := simsalesforce.New(simsalesforce.Config{Log: sim.NewOpLog(), AutoConsent: true})
	otherURL, err := w.listen(ctx, other.Handler())
	if err != nil {
		return nil, err
	}
	fresh := uuid.New()
	two, err := w.start(ctx, db, crmURLs{salesforce: otherURL})
	if err != nil {
		return nil, err
	}
	defer func() { _ = two.stop() }()
	if err := two.connect(ctx, "salesforce", fresh); err != nil {
		return nil, err
	}
	token, err := db.token(ctx, fresh, connectors.Salesforce)
	if err != nil {
		return nil, err
	}
	b := &baseline{http: http.DefaultClient, base: otherURL, token: token, crm: "salesforce"}
	sample := min(n, 500)
	for i := range sample {
		if err := b.salesforce(ctx, i); err != nil {
			return nil, err
		}
	}
	batches := float64(3 * ((n + 199) / 200)) // look up, leads, tasks
	return []figure{cheaper("salesforce_calls_per_outcome", "calls", float64(calls)/float64(n), float64(b.calls)/float64(sample), batches/float64(n))}, nil
}

// token is the access token of a live connection.
func (db *database) token(ctx context.Context, workspace uuid.UUID, crm connectors.CRM) (string, error) {
	conn, err := db.store.Connection(ctx, workspace, string(crm))
	if err != nil {
		return "", err
	}
	access, _, err := db.store.Tokens(conn)
	return access, err
}

// connect makes a connection as a browser does: start, consent, callback.
func (s *service) connect(ctx context.Context, crm string, workspace uuid.UUID) error {
	var started struct {
		AuthorizeURL string `json:"authorizeUrl"`
	}
	if err := s.call(ctx, http.MethodPost, "/functions/v1/"+crm+"-oauth-start", map[string]any{"workspace_id": workspace}, &started); err != nil {
		return err
	}
	back, err := browse.ToApp(ctx, started.AuthorizeURL, "https://app.example.com")
	if err != nil {
		return err
	}
	if back.Query().Get(crm+"_success") != "1" {
		return fmt.Errorf("connect %s: came back with %s", crm, back.Query().Encode())
	}
	return nil
}
