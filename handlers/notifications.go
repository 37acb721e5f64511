package handlers

import (
	"context"
	"encoding/json"
	"errors"

	"crm-connectors/api"
	"crm-connectors/notify"
	"crm-connectors/store"
)

// ListNotifications lists messages, newest first.
func (h *Handlers) ListNotifications(ctx context.Context, r api.ListNotificationsRequestObject) (api.ListNotificationsResponseObject, error) {
	p := r.Params
	f := store.NotificationFilter{WorkspaceID: orNil(p.WorkspaceId), EndpointID: orNil(p.EndpointId), Event: word(p.Event), Status: word(p.Status), Limit: defaultPage}
	if p.Limit != nil {
		f.Limit = *p.Limit
	}
	var err error
	if f.Before, err = placeAfter(p.After); err != nil {
		return nil, err
	}
	all, err := h.store.Notifications(ctx, f)
	if err != nil {
		return nil, err
	}
	out := api.ListNotifications200JSONResponse{Notifications: []api.Notification{}}
	for _, n := range all {
		out.Notifications = append(out.Notifications, renderNotification(n))
	}
	if len(all) == f.Limit {
		out.Next = filled(cursor(all[len(all)-1].Seq))
	}
	return out, nil
}

// GetNotification shows one message.
func (h *Handlers) GetNotification(ctx context.Context, r api.GetNotificationRequestObject) (api.GetNotificationResponseObject, error) {
	n, err := h.store.Notification(ctx, r.Id)
	if err != nil {
		return nil, messageMissing(err)
	}
	return api.GetNotification200JSONResponse(renderNotification(n)), nil
}

// ResendNotification has a message sent again as it was.
func (h *Handlers) ResendNotification(ctx context.Context, r api.ResendNotificationRequestObject) (api.ResendNotificationResponseObject, error) {
	n, err := h.store.ResendNotification(ctx, r.Id, actor(ctx))
	if err != nil {
		return nil, messageMissing(err)
	}
	h.log.Info().Str("event", "notification_resent").Stringer("notification_id", n.ID).Stringer("endpoint_id", n.EndpointID).Str("by", actor(ctx)).Msg("a message is sent again by hand")
	return api.ResendNotification202JSONResponse(renderNotification(n)), nil
}

// TestNotificationEndpoint has a message made that says nothing.
func (h *Handlers) TestNotificationEndpoint(ctx context.Context, r api.TestNotificationEndpointRequestObject) (api.TestNotificationEndpointResponseObject, error) {
	body, err := notify.TestMessage(r.Id, h.cfg.Now())
	if err != nil {
		return nil, err
	}
	n, err := h.store.AddNotification(ctx, r.Id, store.EventTest, body)
	if err != nil {
		return nil, notificationFailure(err)
	}
	return api.TestNotificationEndpoint202JSONResponse(renderNotification(n)), nil
}

func messageMissing(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return fail(api.CodeNotificationNotFound, "", nil)
	}
	return err
}

func renderNotification(n store.Notification) api.Notification {
	out := api.Notification{Id: n.ID, EndpointId: n.EndpointID, Event: api.NotificationType(n.Event), WorkspaceId: n.WorkspaceID, Status: api.NotificationStatus(n.Status),
		Body: json.RawMessage(n.Payload), Attempts: []api.NotificationAttempt{}, CreatedAt: n.CreatedAt, EndedAt: n.EndedAt}
	if n.Status == store.NotificationWaiting {
		out.NextAttemptAt = &n.NextAttemptAt
	}
	for _, t := range n.Attempts {
		one := api.NotificationAttempt{StartedAt: t.StartedAt, EndedAt: t.EndedAt, Error: filled(t.Error), Answer: filled(t.Answer)}
		if t.HTTPStatus != 0 {
			one.HttpStatus = &t.HTTPStatus
		}
		out.Attempts = append(out.Attempts, one)
	}
	return out
}
