-- +goose Up

-- Supabase's roles, where they are, whatever the default grants of the installation say: anon reads nothing; a signed-in person reads the
-- harmless columns of the rows of their workspaces; service_role reads and writes. Tokens, payloads, email addresses and the rest of
-- the tables are for the service alone.
create schema if not exists crm_private;
revoke all on schema crm_private from public;

-- The workspaces of the signed-in person: by workspace_members, or by the token's app_metadata, which users cannot edit. The service itself
-- goes by the same rule. It runs as its owner, so that nobody else need read workspace_members.
-- +goose StatementBegin
do $$
begin
  execute format($create$
    create function crm_private.my_workspaces() returns setof uuid language sql stable security definer set search_path = '' as $body$
      with token as (select nullif(current_setting('request.jwt.claims', true), '')::jsonb as claims)
      select m.workspace_id from %I.workspace_members m, token where m.user_id::text = lower(token.claims ->> 'sub')
      union
      select named.id::uuid from token,
        lateral (select claims -> 'app_metadata' ->> 'workspace_id'
                 union all
                 select jsonb_array_elements_text(case when jsonb_typeof(claims -> 'app_metadata' -> 'workspace_ids') = 'array'
                   then claims -> 'app_metadata' -> 'workspace_ids' else '[]' end)) as named (id)
      where claims ->> 'sub' is not null
        and named.id ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
    $body$ $create$, current_schema);
end $$;
-- +goose StatementEnd
revoke all on function crm_private.my_workspaces() from public;
revoke all on function build_crm_idempotency_key(text, text, text, text, text, text) from public;
revoke all on function crm_write_step() from public;

-- +goose StatementBegin
do $$
declare r text; t text;
begin
  for t in
    select c.relname from pg_class c where c.relnamespace = current_schema::regnamespace and c.relkind in ('r', 'p') and c.relname in (
      'crm_connections', 'crm_write_log', 'crm_write_attempts', 'crm_object_links', 'crm_apps', 'crm_secrets', 'crm_token_calls', 'crm_audit',
      'oauth_states', 'pending_installs', 'crm_connectors_migrations', 'goose_lock',
      'conduit_crm_connections', 'conduit_crm_write_log', 'conduit_oauth_states', 'conduit_pending_installs')
  loop
    execute format('alter table %I enable row level security', t);
    for r in select rolname from pg_roles where rolname in ('anon', 'authenticated', 'service_role') loop
      execute format('revoke all on %I from %I', t, r);
    end loop;
  end loop;

  if exists (select from pg_roles where rolname = 'authenticated') then
    grant usage on schema crm_private to authenticated;
    grant execute on function crm_private.my_workspaces() to authenticated;
    grant select (id, workspace_id, crm, status, last_checked_at, last_error, connected_at, updated_at) on crm_connections to authenticated;
    grant select (id, workspace_id, crm, object_type, action, sync_id, thread_id, status, error_code, error_cause, error_action,
      created_at, updated_at, settled_at) on crm_write_log to authenticated;
    create policy members_read on crm_connections for select to authenticated using (workspace_id in (select crm_private.my_workspaces()));
    create policy members_read on crm_write_log for select to authenticated using (workspace_id in (select crm_private.my_workspaces()));
  end if;

  if exists (select from pg_roles where rolname = 'service_role') then
    grant select, insert, update, delete on crm_connections, crm_write_log, crm_write_attempts, crm_object_links, crm_apps, oauth_states,
      pending_installs to service_role;
    grant select, insert on crm_audit to service_role;
    grant execute on function build_crm_idempotency_key(text, text, text, text, text, text) to service_role;
    grant execute on function crm_write_step() to service_role;
  end if;
end $$;
-- +goose StatementEnd
