package handlers

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"unicode"

	"crm-connectors/api"
	"crm-connectors/store"

	"github.com/google/uuid"
)

const endpointsMost = 1000 // in a list; there are ten a workspace

// ListNotificationEndpoints lists who is told of what.
func (h *Handlers) ListNotificationEndpoints(ctx context.Context, r api.ListNotificationEndpointsRequestObject) (api.ListNotificationEndpointsResponseObject, error) {
	all, err := h.store.Endpoints(ctx, orNil(r.Params.WorkspaceId), endpointsMost)
	if err != nil {
		return nil, err
	}
	out := api.ListNotificationEndpoints200JSONResponse{Endpoints: []api.NotificationEndpoint{}}
	for _, e := range all {
		out.Endpoints = append(out.Endpoints, renderEndpoint(e))
	}
	return out, nil
}

// AddNotificationEndpoint has an address told of events.
func (h *Handlers) AddNotificationEndpoint(ctx context.Context, r api.AddNotificationEndpointRequestObject) (api.AddNotificationEndpointResponseObject, error) {
	at, err := h.endpointURL(r.Body.Url)
	if err != nil {
		return nil, err
	}
	e, secret, err := h.store.AddEndpoint(ctx, store.NewEndpoint{WorkspaceID: r.Body.WorkspaceId, URL: at, Events: eventNames(r.Body.Events),
		Description: text(r.Body.Description), Actor: actor(ctx)})
	if err != nil {
		return nil, notificationFailure(err)
	}
	h.endpointChanged(ctx, e, "an endpoint is told of events")
	return api.AddNotificationEndpoint201JSONResponse{Endpoint: renderEndpoint(e), Secret: secret}, nil
}

// ChangeNotificationEndpoint changes what the request gives.
func (h *Handlers) ChangeNotificationEndpoint(ctx context.Context, r api.ChangeNotificationEndpointRequestObject) (api.ChangeNotificationEndpointResponseObject, error) {
	patch := store.EndpointPatch{Description: r.Body.Description, Enabled: r.Body.Enabled, Actor: actor(ctx)}
	if r.Body.Url != nil {
		at, err := h.endpointURL(*r.Body.Url)
		if err != nil {
			return nil, err
		}
		patch.URL = &at
	}
	if r.Body.Events != nil {
		patch.Events = eventNames(*r.Body.Events)
	}
	e, err := h.store.ChangeEndpoint(ctx, r.Id, patch)
	if err != nil {
		return nil, notificationFailure(err)
	}
	h.endpointChanged(ctx, e, "an endpoint was changed")
	return api.ChangeNotificationEndpoint200JSONResponse(renderEndpoint(e)), nil
}

// DeleteNotificationEndpoint forgets an endpoint.
func (h *Handlers) DeleteNotificationEndpoint(ctx context.Context, r api.DeleteNotificationEndpointRequestObject) (api.DeleteNotificationEndpointResponseObject, error) {
	e, err := h.store.DeleteEndpoint(ctx, r.Id, actor(ctx))
	if err != nil {
		return nil, notificationFailure(err)
	}
	h.endpointChanged(ctx, e, "an endpoint was deleted")
	return api.DeleteNotificationEndpoint200JSONResponse(renderEndpoint(e)), nil
}

// RotateNotificationSecret gives an endpoint a new secret.
func (h *Handlers) RotateNotificationSecret(ctx context.Context, r api.RotateNotificationSecretRequestObject) (api.RotateNotificationSecretResponseObject, error) {
	e, secret, err := h.store.NewEndpointSecret(ctx, r.Id, actor(ctx))
	if err != nil {
		return nil, notificationFailure(err)
	}
	h.endpointChanged(ctx, e, "an endpoint has a new secret")
	return api.RotateNotificationSecret200JSONResponse{Endpoint: renderEndpoint(e), Secret: secret}, nil
}

func (h *Handlers) endpointChanged(ctx context.Context, e store.Endpoint, what string) {
	h.log.Info().Str("event", "notification_endpoint_changed").Stringer("endpoint_id", e.ID).Str("by", actor(ctx)).Msg(what)
}

// endpointURL is an address that notifications may go to, as it will be called.
func (h *Handlers) endpointURL(raw string) (string, error) {
	refused := func(why string) error {
		return fail(api.CodeEndpointURLNotAllowed, "url: "+why+".", map[string]any{"field": "url", "reason": why})
	}
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil || u.Host == "" || strings.ContainsFunc(raw, unicode.IsControl) {
		return "", refused("it is not an address such as https://hooks.example.com/crm")
	}
	u.Fragment, u.RawFragment = "", "" // is never sent
	if why := h.cfg.Notifications.Refuses(u); why != "" {
		return "", refused(why)
	}
	return u.String(), nil
}

func notificationFailure(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return fail(api.CodeEndpointNotFound, "", nil)
	case errors.Is(err, store.ErrTooManyEndpoints):
		return fail(api.CodeEndpointLimit, "There are as many endpoints of this kind as there may be. Delete one that is not needed.", map[string]any{"limit": store.EndpointsMost})
	}
	return err
}

func renderEndpoint(e store.Endpoint) api.NotificationEndpoint {
	out := api.NotificationEndpoint{Id: e.ID, WorkspaceId: e.WorkspaceID, Url: e.URL, Events: []api.NotificationEvent{}, Description: e.Description, Enabled: e.DisabledAt == nil,
		DisabledBecause: filled(e.DisabledBecause), Failures: e.Failures, FailingSince: e.FailingSince, PausedUntil: e.PausedUntil, FormerSecretUntil: e.FormerUntil,
		CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt}
	for _, name := range e.Events {
		out.Events = append(out.Events, api.NotificationEvent(name))
	}
	return out
}

func eventNames(events []api.NotificationEvent) []string {
	names := make([]string, len(events))
	for i, e := range events {
		names[i] = string(e)
	}
	return names
}

func orNil(id *uuid.UUID) uuid.UUID {
	if id == nil {
		return uuid.Nil
	}
	return *id
}
