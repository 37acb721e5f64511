-- +goose Up

-- What Conduit's own implementation has left and this one can go on with: connections, and installs that wait. Tokens stay sealed as they
-- are; the service opens them with TOKEN_ENC_KEY_B64. A connection whose account is not known by its id has to be made again. The old log stays in
-- conduit_crm_write_log: its keys are of other objects than ours.
-- +goose StatementBegin
do $$
begin
  if to_regclass('conduit_crm_connections') is not null then
    insert into crm_connections (id, workspace_id, crm, status, account_id, instance_url, scopes_json, access_token_ciphertext, refresh_token_ciphertext,
      token_expires_at, connected_at, last_checked_at, last_error_code, last_error, last_error_action, created_at, updated_at)
    select c.id, c.workspace_id, c.crm,
      case when c.workspace_id is null then 'pending_claim' when c.status = 'connected' and a.id = '' then 'error'
        when c.status in ('connected', 'error') then c.status else 'disconnected' end,
      a.id, coalesce(c.external_account_json ->> 'instance_url', ''),
      case when jsonb_typeof(c.scopes_json) = 'array' then c.scopes_json else '[]' end,
      coalesce(c.access_token_ciphertext, ''), coalesce(c.refresh_token_ciphertext, ''), c.token_expires_at, c.connected_at, c.last_checked_at,
      case when c.status = 'connected' and a.id = '' then 'account_unknown' else '' end,
      case when c.status = 'connected' and a.id = '' then 'The CRM account of this connection is not known by its id.' else c.last_error end,
      case when c.status = 'connected' and a.id = '' then 'Connect the CRM again.' else '' end,
      coalesce(c.created_at, now()), coalesce(c.updated_at, now())
    from conduit_crm_connections c
    cross join lateral (select coalesce(c.external_account_json ->> 'hub_id', c.external_account_json ->> 'organization_id',
      c.external_account_json ->> 'org_id', '') as id) a
    where c.crm in ('hubspot', 'salesforce')
    on conflict do nothing;
  end if;
  if to_regclass('conduit_pending_installs') is not null then
    insert into pending_installs (id, crm, external_account_key, connection_id, workspace_id, claimed_by_user_id, status, expires_at)
    select id, crm, external_account_key, connection_id, workspace_id, claimed_by_user_id::text, status, expires_at
    from conduit_pending_installs where status in ('pending', 'claimed', 'expired')
    on conflict do nothing;
  end if;
end $$;
-- +goose StatementEnd
