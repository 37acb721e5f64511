-- +goose Up

-- Workspaces are kept apart by the database itself, also from a statement of this service that forgets its condition. Statements run under one of
-- two roles that own nothing and bypass nothing, and name in a setting of their transaction whose rows they may touch; where it is not set, they
-- are an error. Row level security is forced, so that it binds the owner of the tables too.

-- +goose StatementBegin
do $$
declare
  r text;
  may_take text := case when current_setting('server_version_num')::int >= 160000 then 'set' else 'member' end; -- since 16 a maker is a member who may not
begin
  foreach r in array array['crm_connectors_workspace', 'crm_connectors_fleet'] loop
    begin
      if not exists (select from pg_roles where rolname = r) then
        execute format('create role %I nologin noinherit', r);
      end if;
      if not pg_has_role(current_user, r, may_take) then
        execute format('grant %I to current_user', r);
      end if;
    exception
      when duplicate_object or unique_violation then null;  -- another database of this server makes it at this moment
      when insufficient_privilege then
        raise exception '% may not make or take the role %', current_user, r using errcode = 'insufficient_privilege',
          hint = format('Run as a superuser: create role %1$I nologin noinherit; grant %1$I to %2$I; with either role, then migrate again.', r, current_user);
    end;
  end loop;
  if exists (select from pg_roles where rolname in ('crm_connectors_workspace', 'crm_connectors_fleet')
      and (rolsuper or rolbypassrls or rolcanlogin)) then
    raise exception 'the roles crm_connectors_workspace and crm_connectors_fleet must be nologin, nosuperuser and nobypassrls'
      using hint = 'Run as a superuser, for each of the two: alter role … nologin nosuperuser nobypassrls;';
  end if;
end $$;
-- +goose StatementEnd

-- What a later migration calls for each new table that holds what is a workspace's. mine is true of the rows of the workspaces that are named.
-- +goose StatementBegin
create function crm_private.keep_apart(kept regclass,
  mine text default $q$workspace_id = any ((select nullif(current_setting('crm_connectors.workspaces'), '*'))::uuid[])$q$)
returns void language plpgsql as $$
declare
  -- Also of what is empty, as the setting is after a transaction that set it, the cast makes an error.
  everything text := $q$(select case current_setting('crm_connectors.workspaces') when '*' then true
    else current_setting('crm_connectors.workspaces')::uuid[] is null end)$q$;
begin
  execute format('alter table %s enable row level security', kept);
  execute format('alter table %s force row level security', kept);
  execute format('create policy crm_everything on %s to crm_connectors_fleet using (%s) with check (%2$s)', kept, everything);
  execute format('create policy crm_workspaces on %s to crm_connectors_workspace, %I using (%s) with check (%3$s)', kept, current_user, mine);
  execute format('grant select, insert, update, delete on %s to crm_connectors_workspace, crm_connectors_fleet', kept);
end $$;
-- +goose StatementEnd
revoke all on function crm_private.keep_apart(regclass, text) from public;

select crm_private.keep_apart(t::regclass) from unnest(array['crm_connections', 'crm_write_log', 'crm_object_links', 'crm_apps', 'oauth_states',
  'pending_installs', 'crm_audit']) as t;
select crm_private.keep_apart('crm_write_attempts', 'exists (select from crm_write_log w where w.id = write_id)'); -- of those that the role sees
revoke update on crm_audit from crm_connectors_workspace, crm_connectors_fleet; -- append only

-- What belongs to no workspace. The roles of Supabase have no policy here, and see nothing.
-- +goose StatementBegin
do $$
declare t text;
begin
  foreach t in array array['crm_secrets', 'crm_token_calls', 'crm_figures'] loop
    execute format('alter table %I enable row level security', t);
    execute format('create policy crm_service on %I to crm_connectors_fleet, %I using (true) with check (true)', t, current_user);
    execute format('grant select, insert, update, delete on %I to crm_connectors_fleet', t);
  end loop;
  execute format('grant usage on schema %I, crm_private, river to crm_connectors_workspace, crm_connectors_fleet', current_schema);
end $$;
-- +goose StatementEnd

-- A transaction that makes something due wakes the delivery, and a drain ends its job in the one in which it saw that nothing is.
grant select, insert, update, delete on all tables in schema river to crm_connectors_workspace, crm_connectors_fleet;
grant usage, select on all sequences in schema river to crm_connectors_workspace, crm_connectors_fleet;
grant execute on all functions in schema river to crm_connectors_workspace, crm_connectors_fleet;

-- Conduit's own tables are read as whoever migrated may read them, one answer at a time, and are not changed for it.
-- +goose StatementBegin
do $$
begin
  execute format($create$
    create function crm_private.deal_of(workspace uuid, thread text, system text) returns text
    language sql stable security definer set search_path = '' as $body$
      select d.crm_deal_id from %1$I.thread_links t join %1$I.deals d on d.id = t.deal_id and d.workspace_id = t.workspace_id
      where t.workspace_id = workspace and t.thread_id::text = thread and d.crm = system limit 1
    $body$ $create$, current_schema);
  execute format($create$
    create function crm_private.is_member(workspace uuid, person text) returns boolean
    language sql stable security definer set search_path = '' as $body$
      select exists (select from %I.workspace_members m where m.workspace_id = workspace and m.user_id::text = lower(person))
    $body$ $create$, current_schema);
end $$;
-- +goose StatementEnd
revoke all on function crm_private.deal_of(uuid, text, text), crm_private.is_member(uuid, text) from public;
grant execute on function crm_private.deal_of(uuid, text, text), crm_private.is_member(uuid, text) to crm_connectors_workspace, crm_connectors_fleet;
