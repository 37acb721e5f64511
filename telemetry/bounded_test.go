package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connectors/api"
	"crm-connectors/connectors"
	"crm-connectors/delivery"
	"crm-connectors/handlers"
	"crm-connectors/store"

	"github.com/google/uuid"
	"github.com/riverqueue/river/rivertype"
	"github.com/rs/zerolog"
)

// answering is a CRM that gives one answer.
type answering struct {
	reply connectors.Reply
	err   error
}

func (a answering) Do(context.Context, connectors.Call) (connectors.Reply, error) {
	return a.reply, a.err
}

// watch has t see one day of a workspace: everything that an Observer is told, with names that are of this workspace alone.
func watch(t *Telemetry, n int) {
	ctx, id, email := context.Background(), uuid.New(), fmt.Sprintf("person%d@example.com", n)
	ctx, _ = t.Routed(ctx, http.MethodPost, "/sync/{target}", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	t.Answered(ctx, api.Answer{Method: http.MethodPost, Route: "/sync/{target}", Caller: api.CallerUser, Status: 202, Took: time.Millisecond})
	t.Answered(ctx, api.Answer{Method: "X" + email, Status: 404, Code: api.CodeNotFound})
	t.Accepted(time.Millisecond, map[handlers.Acceptance]int{handlers.AcceptedOutcome: 3})
	row := store.Claimed{Write: store.Write{ID: id, WorkspaceID: uuid.New(), ConnectionID: uuid.New(), CRM: "hubspot", ObjectType: "contact", ObjectID: email, CreatedAt: time.Now()}}
	done := t.Draining(ctx, "hubspot")
	ctx, over := t.Attempting(ctx, "send", []store.Claimed{row})
	for _, status := range []int{200, 429, 503} {
		_, _ = t.Calls(connectors.HubSpot, answering{reply: connectors.Reply{Status: status}}).Do(ctx, connectors.Call{Method: "POST", Route: "/crm/v3/objects/contacts/{id}",
			URL: "https://api.example.com/" + email, Effect: connectors.Once, Account: id.String()})
	}
	// As if somebody had put what varies into a route or a code.
	_, _ = t.Calls(connectors.HubSpot, answering{err: &connectors.TransportError{Err: errors.New(email)}}).Do(ctx, connectors.Call{Method: "GET", Route: "/" + email, Effect: connectors.Read})
	t.Paused("hubspot", "code_of_"+email)
	t.Lost("hubspot", "code_of_"+email)
	t.Attempted(ctx, delivery.Attempt{Row: row, Settlement: store.Settlement{ID: id, Status: store.Failed, Kind: "send", Result: "rejected", ErrorCode: email, ErrorCause: email}, Together: 1})
	t.Attempted(ctx, delivery.Attempt{Row: row, Settlement: store.Settlement{ID: id, Status: store.Succeeded, Kind: "send", Result: "succeeded", Outcome: "created", EndedAt: time.Now()}, Together: 1})
	over()
	t.Refreshed("hubspot", &connectors.Error{Class: connectors.ClassRetry, Code: email})
	t.Allowed(store.Connection{ID: id, CRM: "hubspot"}, []connectors.Limit{{Name: "daily", Used: int64(n), Max: 1000}})
	t.Swept(delivery.Swept{Abandoned: n}, nil)
	done(errors.New(email))
	_ = t.Jobs().(rivertype.WorkerMiddleware).Work(ctx, &rivertype.JobRow{ID: int64(n), Kind: "crm.drain", Queue: "drain_hubspot"}, func(context.Context) error { return errors.New(email) })
}

// series are those of a scrape that are ours.
func series(t *testing.T, tel *Telemetry) []string {
	t.Helper()
	families, err := tel.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range families {
		for _, m := range f.Metric {
			if strings.HasPrefix(f.GetName(), "crm_") {
				out = append(out, f.GetName()+" "+fmt.Sprint(m.Label))
			}
		}
	}
	return out
}

func TestWorkspacesPeopleAndIDsMakeNoSeries(t *testing.T) {
	t.Parallel()
	tel := New(Config{CRMs: []connectors.CRM{connectors.HubSpot}, Log: zerolog.Nop()})
	const most = 100 // see newMetrics: of codes, and of calls
	for n := range 2 * most {
		watch(tel, n)
	}
	before := len(series(t, tel))
	for n := range 1000 {
		watch(tel, 2*most+n)
	}
	after := series(t, tel)
	if len(after) != before {
		t.Errorf("%d series became %d by a thousand more workspaces", before, len(after))
	}
	if before < 60 || before > 600 {
		t.Errorf("%d series, want some, and not thousands", before)
	}
	for _, s := range after {
		if strings.Contains(s, "@example.com") && !strings.HasPrefix(s, "crm_calls_total") && !strings.HasPrefix(s, "crm_connection_") {
			t.Errorf("somebody's address is in %s", s)
		}
	}
}

func TestTheAccountWithTheLeastLeftIsShownUntilNothingWasHeardOfItForAnHour(t *testing.T) {
	t.Parallel()
	now := time.Now()
	tel := New(Config{Now: func() time.Time { return now }})
	b := tel.budgets
	b.note(uuid.New(), "hubspot", []connectors.Limit{{Name: "daily", Used: 900, Max: 1000}})
	now = now.Add(30 * time.Minute)
	b.note(uuid.New(), "hubspot", []connectors.Limit{{Name: "daily", Used: 100, Max: 1000}, {Name: "unknown", Max: 0}})
	shown := func() string {
		var out []string
		families, err := tel.registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "crm_budget_left_ratio" {
				for _, m := range f.Metric {
					out = append(out, fmt.Sprintf("%s %.1f", m.Label[1].GetValue(), m.Gauge.GetValue()))
				}
			}
		}
		return strings.Join(out, ", ")
	}
	if got := shown(); got != "daily 0.1" {
		t.Errorf("shown: %s; want what is left of the first", got)
	}
	now = now.Add(31 * time.Minute)
	if got := shown(); got != "daily 0.9" {
		t.Errorf("an hour later: %s; want what is left of the second", got)
	}
}
