package handlers

import (
	"context"
	"errors"

	"crm-connectors/api"
	"crm-connectors/store"

	"github.com/google/uuid"
)

// installed keeps the grant of a flow that began without a workspace, and gives the app's page on which a member claims it.
func (h *Handlers) installed(ctx context.Context, st store.OAuthState, g store.NewGrant) string {
	id, err := h.store.SaveInstall(ctx, g, installLife)
	if err != nil {
		return h.notStored(st, err)
	}
	h.log.Info().Str("event", "installed").Str("crm", st.CRM).Stringer("install_id", id).Str("account_id", g.AccountID).Msg("installed; it waits to be claimed")
	return h.redirects.page(claimPage, map[string]string{"crm": st.CRM, "install_id": id.String()})
}

// ClaimInstall gives an install to a workspace. A person claims as themselves, whatever the body says; a service names the member for
// whom it claims.
func (h *Handlers) ClaimInstall(ctx context.Context, r api.ClaimInstallRequestObject) (api.ClaimInstallResponseObject, error) {
	caller := api.CallerFrom(ctx)
	user := caller.UserID
	if caller.Kind == api.CallerService {
		if r.Body.UserId == nil {
			return nil, fail(api.CodeValidationFailed, "user_id is missing: a service names the member for whom it claims.", map[string]any{"field": "user_id", "reason": "is missing"})
		}
		user = r.Body.UserId.String()
		if yes, err := h.store.IsMember(ctx, user, r.Body.WorkspaceId); err != nil {
			return nil, err
		} else if !yes {
			return nil, fail(api.CodeForbidden, "user_id is no member of the workspace.", map[string]any{"field": "user_id"})
		}
	}
	conn, err := h.store.ClaimInstall(ctx, r.Body.InstallId, r.Body.WorkspaceId, user, text(r.Body.ReplaceAccount), h.engine.Wake)
	if errors.Is(err, store.ErrUnreadable) {
		h.log.Error().Str("event", "install_unreadable").Stringer("install_id", r.Body.InstallId).Err(err).Msg("an install's tokens do not open: another keyset sealed them, or they were moved or damaged")
	}
	if err != nil {
		return nil, installFailure(err)
	}
	h.log.Info().Str("event", "install_claimed").Str("crm", conn.CRM).Stringer("install_id", r.Body.InstallId).Stringer("workspace_id", conn.WorkspaceID).
		Stringer("connection_id", conn.ID).Str("by", user).Msg("an install was claimed")
	return api.ClaimInstall200JSONResponse{Ok: true, InstallId: r.Body.InstallId, ConnectionId: conn.ID}, nil
}

func installFailure(err error) error {
	var other *store.OtherAccountError
	switch {
	case errors.As(err, &other):
		return fail(api.CodeOAuthAccountMismatch, "The workspace is connected to another account. Send replace_account with its id to replace it.",
			map[string]any{"crm": other.CRM, "account_id": other.AccountID})
	case errors.Is(err, store.ErrNotFound):
		return fail(api.CodeInstallNotFound, "", nil)
	case errors.Is(err, store.ErrInstallNotPending):
		return fail(api.CodeInstallNotPending, "", nil)
	case errors.Is(err, store.ErrInstallExpired), errors.Is(err, store.ErrUnreadable): // either way it is begun again
		return fail(api.CodeInstallExpired, "", nil)
	}
	return err
}

// reaches holds the workspace of a record against the caller: another workspace's record is not told from none.
func (h *Handlers) reaches(ctx context.Context, workspaceID uuid.UUID, missing error) error {
	yes, err := api.CallerFrom(ctx).Reaches(ctx, h.store, workspaceID)
	if err != nil {
		return err
	}
	if !yes {
		return missing
	}
	return nil
}
