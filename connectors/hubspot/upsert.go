package hubspot

import (
	"context"
	"encoding/json"
	"net/http"

	"crm-connectors/connectors"
)

// upsertInput is one input of a batch upsert. Its properties never hold the email: written to the contact that owns the address as
// another one, it would take the place of the first.
type upsertInput struct {
	IDProperty string            `json:"idProperty"`
	ID         string            `json:"id"`
	Properties map[string]string `json:"properties"`
}

// upsertByEmail is the last resort for a contact that HubSpot says it has and does not show: a batch of one, in which HubSpot itself
// decides between create and update. Where there is nothing to set, or an existing contact must stay as it is, the write waits.
func (s *session) upsertByEmail(ctx context.Context, p person) (connectors.Ref, connectors.Outcome, *connectors.Error) {
	if len(p.change) == 0 {
		return connectors.Ref{}, "", contactMoving()
	}
	body := map[string]any{"inputs": []upsertInput{{IDProperty: "email", ID: p.email, Properties: p.change}}}
	var answer batch
	reply, failed := s.call(ctx, http.MethodPost, s.paths.batch(contactsType, "upsert"), connectors.Once, body, &answer)
	switch {
	case reply.Status == http.StatusConflict:
		return connectors.Ref{}, "", contactMoving()
	case failed != nil:
		return connectors.Ref{}, "", failed
	}
	for _, rec := range answer.Results {
		if rec.ID == "" {
			continue
		}
		if rec.New {
			return contactRef(rec.ID), connectors.Created, nil
		}
		return contactRef(rec.ID), connectors.Updated, nil
	}
	for _, refusal := range answer.Errors {
		return connectors.Ref{}, "", s.refusedInput(refusal, reply)
	}
	return connectors.Ref{}, "", classify(reply, connectors.Once, s.now()) // a success without a result
}

// refusedInput judges an error of a batch as if it were the answer to a call of its own.
func (s *session) refusedInput(refusal json.RawMessage, reply connectors.Reply) *connectors.Error {
	status := http.StatusBadRequest
	switch openEnvelope(refusal).Category {
	case "CONFLICT":
		return contactMoving()
	case "OBJECT_NOT_FOUND":
		status = http.StatusNotFound
	}
	return classify(connectors.Reply{Status: status, Header: reply.Header, Body: refusal}, connectors.Once, s.now())
}

func contactMoving() *connectors.Error {
	return &connectors.Error{Class: connectors.ClassRetry, Code: "contact_moving", Status: http.StatusConflict, Action: doNothing,
		Cause: "HubSpot says that the contact exists, yet does not show it; it may be in the middle of a change."}
}
