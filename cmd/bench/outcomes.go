package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/store"

	"github.com/google/uuid"
)

// batchSize is what the batch route takes.
const batchSize = 1000

// texts are of the length that curated ones have.
const (
	taskBody = "Send the revised offer with the volume discount that was agreed in the call, and ask for the name of the person in procurement who signs. " +
		"They want to start in the second week of the quarter."
	summary = "The team agreed on the scope of the pilot and on two sites. Legal has the contract; two questions about data location are open. " +
		"The budget is approved up to the first stage. Next: a call with procurement, then the signed order. Risk: the holiday season delays the start by two weeks."
)

func email(i int) string { return fmt.Sprintf("person-%d@example.com", i) }

// outcome is the i-th one, as a caller sends it.
func outcome(workspace uuid.UUID, i int, rollup bool) map[string]any {
	o := map[string]any{"workspace_id": workspace, "source_event_id": fmt.Sprintf("event-%d", i),
		"contact": map[string]any{"email": email(i), "first_name": "Ada", "last_name": fmt.Sprintf("Number %d", i), "company": "Example Works"},
		"task":    map[string]any{"id": fmt.Sprintf("task-%d", i), "subject": "Send the revised offer", "body": taskBody, "due_at": "2027-01-15T09:00:00Z", "priority": "high"}}
	if rollup {
		o["rollup"] = map[string]any{"id": fmt.Sprintf("rollup-%d", i), "week_start": "2027-01-11", "summary": summary}
	}
	return o
}

// stored is the same outcome as the log takes it.
func stored(workspace uuid.UUID, crm string, i int, rollup bool) (store.Outcome, error) {
	o := store.Outcome{WorkspaceID: workspace, SourceEventID: fmt.Sprintf("event-%d", i), CRMs: []string{crm}}
	var err error
	add := func(kind, id, action, depends, ordering string, v any) {
		payload, e := json.Marshal(v)
		if e != nil {
			err = e
		}
		o.Objects = append(o.Objects, store.Object{Type: kind, ID: id, Action: action, Payload: payload, DependsOn: depends, OrderingKey: ordering})
	}
	add("contact", email(i), "upsert", "", email(i),
		connectors.Contact{Email: email(i), FirstName: "Ada", LastName: fmt.Sprintf("Number %d", i), Company: "Example Works"})
	add("task", fmt.Sprintf("task-%d", i), "create", "contact", "", connectors.Task{ID: fmt.Sprintf("task-%d", i), Subject: "Send the revised offer",
		Body: taskBody, DueAt: time.Date(2027, 1, 15, 9, 0, 0, 0, time.UTC), Priority: "high"})
	if rollup {
		add("rollup", fmt.Sprintf("rollup-%d", i), "create", "contact", "", connectors.Rollup{ID: fmt.Sprintf("rollup-%d", i), WeekStart: "2027-01-11", Summary: summary})
	}
	return o, err
}

// backlog puts outcomes from..to-1 into the log of db past the service. They are due since a minute, so that a service which starts picks
// them up at once.
func (db *database) backlog(ctx context.Context, workspace uuid.UUID, crm string, from, to int, rollup bool) error {
	for ; from < to; from += batchSize {
		list := make([]store.Outcome, 0, batchSize)
		for i := from; i < min(to, from+batchSize); i++ {
			o, err := stored(workspace, crm, i, rollup)
			if err != nil {
				return err
			}
			list = append(list, o)
		}
		appended, err := db.store.Append(ctx, list, asleep)
		if err != nil {
			return err
		}
		for _, a := range appended {
			if a.Err != nil {
				return a.Err
			}
		}
	}
	_, err := db.pool.Exec(ctx, `update crm_write_log set next_attempt_at = now() - interval '1 minute' where workspace_id = $1 and status = 'queued'`, workspace)
	return err
}

// drained waits until all of the database's writes are settled. What did not succeed is an error.
func (db *database) drained(ctx context.Context, within time.Duration) error {
	var open, bad int
	for deadline := time.Now().Add(within); ; {
		if err := db.pool.QueryRow(ctx, `select count(*) from (select from crm_write_log where status in ('queued', 'sending', 'in_doubt', 'reconciling', 'blocked') limit 1) x`).Scan(&open); err != nil {
			return err
		}
		if open == 0 {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not drained after %s", within)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	if err := db.pool.QueryRow(ctx, `select count(*) from crm_write_log where status <> 'succeeded'`).Scan(&bad); err != nil {
		return err
	}
	if bad > 0 {
		return fmt.Errorf("%d writes did not succeed", bad)
	}
	return nil
}

// post sends outcomes from..to-1 through the batch route.
func (s *service) post(ctx context.Context, crm string, workspace uuid.UUID, from, to int, rollup bool) error {
	for ; from < to; from += batchSize {
		var list []map[string]any
		for i := from; i < min(to, from+batchSize); i++ {
			list = append(list, outcome(workspace, i, rollup))
		}
		if err := s.call(ctx, http.MethodPost, "/functions/v1/sync/"+crm+"/batch", map[string]any{"outcomes": list}, nil); err != nil {
			return err
		}
	}
	return nil
}
