-- +goose Up

alter table crm_connections
  add column last_drained_at     timestamptz,            -- when its delivery last showed a sign of life
  add column refresh_in_doubt_at timestamptz,            -- a refresh whose answer was lost: the refresh token may be spent
  add column compared_at         timestamptz;            -- when log and CRM were last compared

alter table crm_write_log
  add column hold_until timestamptz,                     -- an earlier copy may still land: newer writes of the contact wait
  add column absent_by  text not null default '';        -- who said, while it was in doubt, that the CRM does not have it
create index crm_write_log_hold on crm_write_log (connection_id, ordering_key, hold_until) where hold_until is not null;
create index crm_write_log_contact on crm_write_log (connection_id, ordering_key, seq) where object_type = 'contact';
create index crm_write_log_marker on crm_write_log (marker) where marker <> '';
create index crm_write_log_alarm on crm_write_log (workspace_id) where alarm <> '';

-- What was last written to a known contact, so that it need not be written again.
alter table crm_object_links add column fields_json jsonb not null default '{}';

-- Two creates never adopt one record.
create unique index crm_write_log_one_record on crm_write_log (crm, crm_account_id, object_type, crm_object_id)
  where status = 'succeeded' and action = 'create' and crm_object_id <> '';

-- The token endpoint of each CRM takes so many calls a second from all replicas together: each call books its moment.
create table crm_token_calls (
  crm     text primary key,
  next_at timestamptz not null
);

-- What people did, and to what. Append only.
create table crm_audit (
  id           bigint generated always as identity primary key,
  at           timestamptz not null default now(),
  actor        text not null,
  action       text not null,
  workspace_id uuid,
  subject      text not null,
  detail_json  jsonb not null default '{}'
);
create index crm_audit_subject on crm_audit (subject, id);
create index crm_audit_workspace on crm_audit (workspace_id, id);

-- The life of a write, as the database itself allows it: no other step, and no attempt that goes back.
-- +goose StatementBegin
create function crm_write_step() returns trigger language plpgsql as $$
begin
  if new.attempt < old.attempt then
    raise exception 'write %: attempt % after %', old.id, new.attempt, old.attempt using errcode = 'check_violation';
  end if;
  if new.status = old.status or new.status = any (case old.status
    when 'queued'       then array['sending', 'blocked', 'failed', 'needs_review', 'cancelled']
    when 'sending'      then array['succeeded', 'failed', 'queued', 'in_doubt', 'blocked', 'needs_review']
    when 'in_doubt'     then array['reconciling', 'blocked', 'needs_review', 'cancelled']
    when 'reconciling'  then array['succeeded', 'queued', 'in_doubt', 'failed', 'blocked', 'needs_review']
    when 'blocked'      then array['queued', 'in_doubt', 'failed', 'needs_review', 'cancelled']
    when 'failed'       then array['queued', 'cancelled']
    when 'needs_review' then array['queued', 'in_doubt', 'cancelled']
    else array[]::text[] end) then
    return new;
  end if;
  raise exception 'write %: from % to % is no step of its life', old.id, old.status, new.status using errcode = 'check_violation';
end $$;
-- +goose StatementEnd
create trigger crm_write_step before update of status, attempt on crm_write_log
  for each row execute function crm_write_step();

-- +goose StatementBegin
do $$
declare r text; t text;
begin
  foreach t in array array['crm_token_calls', 'crm_audit'] loop
    execute format('alter table %I enable row level security', t);
    foreach r in array array['anon', 'authenticated'] loop
      if exists (select from pg_roles where rolname = r) then
        execute format('revoke all on %I from %I', t, r);
      end if;
    end loop;
  end loop;
  foreach r in array array['anon', 'authenticated'] loop
    if exists (select from pg_roles where rolname = r) then
      execute format('revoke all on function crm_write_step() from %I', r);
    end if;
  end loop;
end $$;
-- +goose StatementEnd
