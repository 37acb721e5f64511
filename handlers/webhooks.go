package handlers

import (
	"context"

	"crm-connectors/api"
	"crm-connectors/connectors"
)

// contactEvents is the ability of a CRM that says by itself what became of contacts.
type contactEvents interface {
	// ContactEvent reads one event, and says whether it means anything here.
	ContactEvent(raw []byte) (connectors.ContactEvent, bool)
}

// HubspotWebhooks acts upon what HubSpot says became of contacts. A delivery that comes twice, or in another order, does no harm.
func (h *Handlers) HubspotWebhooks(ctx context.Context, r api.HubspotWebhooksRequestObject) (api.HubspotWebhooksResponseObject, error) {
	const crm = connectors.HubSpot
	reader, ok := h.connectors[crm].(contactEvents)
	if !ok {
		return nil, fail(api.CodeCrmNotConfigured, "This service is not set up for hubspot.", nil)
	}
	out := api.HubspotWebhooks200JSONResponse{Ok: true}
	for _, raw := range *r.Body {
		event, means := reader.ContactEvent(raw)
		if !means {
			out.Ignored++
			h.cfg.Observer.HubSpotEvent(ignoredEvent)
			continue
		}
		if err := h.happened(ctx, crm, event); err != nil {
			return nil, err
		}
		out.Taken++
		h.cfg.Observer.HubSpotEvent(event.Kind)
		h.log.Info().Str("event", "contact_"+event.Kind).Str("crm", string(crm)).Str("account_id", event.AccountID).Int("records", len(event.IDs)).
			Msg("the CRM says what became of a contact")
	}
	return out, nil
}

func (h *Handlers) happened(ctx context.Context, crm connectors.CRM, e connectors.ContactEvent) error {
	switch e.Kind {
	case connectors.ContactErased:
		return h.store.EraseRecords(ctx, string(crm), e.AccountID, e.IDs, string(crm))
	case connectors.ContactMerged:
		return h.store.FollowRecords(ctx, string(crm), e.AccountID, e.IDs, e.Now)
	}
	return h.store.ForgetRecords(ctx, string(crm), e.AccountID, e.IDs)
}
