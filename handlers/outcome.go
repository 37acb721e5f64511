package handlers

import (
	"encoding/json"
	"fmt"
	"strings"

	"crm-connectors/api"
	"crm-connectors/connectors"
	"crm-connectors/store"
)

// The actions of writes, as they stand in keys.
const (
	actionUpsert = "upsert"
	actionCreate = "create"
)

// accept checks that an outcome is curated and makes of it what the log takes. crms empty means every connected one.
func accept(o api.Outcome, crms ...string) (store.Outcome, error) {
	if err := curated(o); err != nil {
		return store.Outcome{}, err
	}
	out := store.Outcome{WorkspaceID: o.WorkspaceId, SourceEventID: o.SourceEventId, ThreadID: text(o.ThreadId), CRMs: crms}
	dependsOn := ""
	if c := o.Contact; c != nil {
		dependsOn = string(connectors.ObjectContact)
		email := strings.ToLower(strings.TrimSpace(c.Email))
		payload, err := encode(connectors.Contact{Email: email, FirstName: text(c.FirstName), LastName: text(c.LastName),
			Company: text(c.Company), Phone: text(c.Phone), JobTitle: text(c.JobTitle)})
		if err != nil {
			return store.Outcome{}, err
		}
		out.Objects = append(out.Objects, store.Object{Type: dependsOn, ID: email, Action: actionUpsert, Payload: payload, OrderingKey: email})
	}
	if t := o.Task; t != nil {
		task := connectors.Task{ID: t.Id, Subject: t.Subject, Body: text(t.Body), DueAt: t.DueAt.UTC(), OwnerEmail: strings.ToLower(text(t.OwnerEmail))}
		if t.Priority != nil {
			task.Priority = string(*t.Priority)
		}
		payload, err := encode(task)
		if err != nil {
			return store.Outcome{}, err
		}
		out.Objects = append(out.Objects, store.Object{Type: string(connectors.ObjectTask), ID: t.Id, Action: actionCreate, Payload: payload, DependsOn: dependsOn})
	}
	if r := o.Rollup; r != nil {
		payload, err := encode(connectors.Rollup{ID: r.Id, WeekStart: r.WeekStart.String(), Summary: r.Summary})
		if err != nil {
			return store.Outcome{}, err
		}
		out.Objects = append(out.Objects, store.Object{Type: string(connectors.ObjectRollup), ID: r.Id, Action: actionCreate, Payload: payload, DependsOn: dependsOn})
	}
	return out, nil
}

func encode(v any) (json.RawMessage, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode payload: %w", err)
	}
	return b, nil
}
