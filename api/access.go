package api

import (
	"cmp"
	"context"
	"net/http"

	"github.com/google/uuid"
)

// rule says who may call an operation. Services may call every one that is not open to all.
type rule struct {
	open    bool // no credentials: somebody's browser that a CRM sent, or a health check
	hooks   bool // database webhooks and cron
	hubspot bool // HubSpot, by its signature, and nobody else
	members bool // signed-in people, for a workspace of theirs

	// workspace is the workspace that a request of a member names; nil where it names none. An operation without this function is
	// about a record, and its handler holds the record's workspace against the caller.
	workspace func(request any) *uuid.UUID
}

// access is the one table of who may call what, by the operation's name; an operation that is not in it is refused to everybody but services.
func access() map[string]rule {
	back := rule{open: true}
	handedIn := rule{hooks: true}
	record := rule{members: true}
	the := func(id uuid.UUID) *uuid.UUID { return &id }
	named := func(workspace func(request any) *uuid.UUID) rule { return rule{members: true, workspace: workspace} }
	return map[string]rule{
		"HubspotOAuthCallback":    back,
		"SalesforceOAuthCallback": back,
		"OAuthConfirm":            back,

		"HubspotWebhooks": {hubspot: true},

		"GetOverview": {},
		"RetryWrites": {},

		"ListNotificationEndpoints":  {},
		"AddNotificationEndpoint":    {},
		"ChangeNotificationEndpoint": {},
		"DeleteNotificationEndpoint": {},
		"RotateNotificationSecret":   {},
		"TestNotificationEndpoint":   {},
		"ListNotifications":          {},
		"GetNotification":            {},
		"ResendNotification":         {},

		"EraseWorkspace": {},
		"EraseContact":   {},

		"Sync":      handedIn,
		"SyncCrm":   handedIn,
		"SyncBatch": handedIn,
		"Sweep":     handedIn,

		"GetSync":      record,
		"GetWrite":     record,
		"RetryWrite":   record,
		"ResolveWrite": record,

		"HubspotOAuthStart":        named(func(r any) *uuid.UUID { return r.(HubspotOAuthStartRequestObject).Body.WorkspaceId }),
		"SalesforceOAuthStart":     named(func(r any) *uuid.UUID { return r.(SalesforceOAuthStartRequestObject).Body.WorkspaceId }),
		"ClaimInstall":             named(func(r any) *uuid.UUID { return the(r.(ClaimInstallRequestObject).Body.WorkspaceId) }),
		"DisconnectCrm":            named(func(r any) *uuid.UUID { return the(r.(DisconnectCrmRequestObject).Body.WorkspaceId) }),
		"ListConnections":          named(func(r any) *uuid.UUID { return the(r.(ListConnectionsRequestObject).Params.WorkspaceId) }),
		"GetConnectionSettings":    named(func(r any) *uuid.UUID { return the(r.(GetConnectionSettingsRequestObject).Params.WorkspaceId) }),
		"UpdateConnectionSettings": named(func(r any) *uuid.UUID { return the(r.(UpdateConnectionSettingsRequestObject).Params.WorkspaceId) }),
		"ProbeConnection":          named(func(r any) *uuid.UUID { return the(r.(ProbeConnectionRequestObject).Params.WorkspaceId) }),
		"ProvisionConnection":      named(func(r any) *uuid.UUID { return the(r.(ProvisionConnectionRequestObject).Params.WorkspaceId) }),
		"ListApps":                 named(func(r any) *uuid.UUID { return the(r.(ListAppsRequestObject).Params.WorkspaceId) }),
		"PutApp":                   named(func(r any) *uuid.UUID { return the(r.(PutAppRequestObject).Body.WorkspaceId) }),
		"DeleteApp":                named(func(r any) *uuid.UUID { return the(r.(DeleteAppRequestObject).Params.WorkspaceId) }),
		"ListWrites":               named(func(r any) *uuid.UUID { return the(r.(ListWritesRequestObject).Params.WorkspaceId) }),
	}
}

// authenticate lets everybody through to open operations, and to the others callers who prove themselves and are of a kind that may
// call the operation at all. What is too often is refused here, before a body is read.
func authenticate(p *responder, auth Authenticator, hubspot *HubSpotHooks, m *meter, callers *pool) func(http.Handler) http.Handler {
	rules := access()
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rule := rules[matchFrom(r.Context()).route.Operation.OperationID]
			x := exchangeFrom(r.Context())
			x.meter = m
			if rule.open {
				if err := m.address(r); err != nil {
					p.fail(w, r, err)
					return
				}
				next.ServeHTTP(w, r)
				return
			}
			var caller Caller
			var err error
			if rule.hubspot {
				caller, err = hubspot.authenticate(r)
				x.caller = caller
			} else if caller, err = auth.Authenticate(r); err == nil {
				x.caller = caller
				err = rule.admits(caller.Kind)
			}
			if err != nil && caller.Kind == "" { // whoever tries keys is slowed, and a good one is not held up by others behind one gateway
				err = cmp.Or(m.address(r), err)
			} else if err == nil {
				err = m.caller(caller)
			}
			if err != nil {
				p.fail(w, r, err)
				return
			}
			x.proved(callers)
			next.ServeHTTP(w, r.WithContext(WithCaller(r.Context(), caller)))
		})
	}
}

// admits judges the kind of caller alone, before the body is read.
func (u rule) admits(kind CallerKind) error {
	switch {
	case kind == CallerService, kind == CallerHook && u.hooks, kind == CallerUser && u.members:
		return nil
	case kind == CallerHook:
		return &Error{Code: CodeForbidden, Message: "A webhook's secret opens the sync routes and the sweep alone"}
	case kind == CallerUser:
		return &Error{Code: CodeForbidden, Message: "This is for services; send a secret key"}
	}
	return &Error{Code: CodeNoAuthHeader}
}

// membership refuses people a workspace that is not theirs, before the handler sees the request.
func membership(members Members) StrictMiddlewareFunc {
	rules := access()
	return func(next StrictHandlerFunc, operation string) StrictHandlerFunc {
		rule := rules[operation]
		return func(ctx context.Context, w http.ResponseWriter, r *http.Request, request any) (any, error) {
			caller := CallerFrom(ctx)
			if caller.Kind != CallerUser || rule.workspace == nil {
				return next(ctx, w, r, request)
			}
			if workspace := rule.workspace(request); workspace != nil {
				if yes, err := caller.Reaches(ctx, members, *workspace); err != nil {
					return nil, err
				} else if !yes {
					return nil, &Error{Code: CodeForbidden}
				}
			}
			return next(ctx, w, r, request)
		}
	}
}
