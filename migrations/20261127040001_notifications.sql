-- +goose Up

-- Who is told of what happens to writes and connections: signed webhooks. An event is noted in the transaction that makes it true, by
-- triggers, so that no statement can forget it; where nobody asked for it, nothing is noted.
create table crm_notification_endpoints (
  id                       uuid primary key default gen_random_uuid(),
  workspace_id             uuid,                        -- null: told of every workspace
  url                      text not null,
  events                   text[] not null,
  description              text not null default '',
  secret_ciphertext        text not null,
  former_secret_ciphertext text not null default '',    -- signs too, until
  former_until             timestamptz,
  failures                 int not null default 0,      -- in a row, of any message
  failing_since            timestamptz,                 -- null: the last message arrived, or none was sent
  paused_until             timestamptz,
  disabled_at              timestamptz,
  disabled_because         text not null default '',
  created_at               timestamptz not null default now(),
  updated_at               timestamptz not null default now(),
  check (disabled_at is null or disabled_because <> '')
);
create index crm_notification_endpoints_workspace on crm_notification_endpoints (workspace_id);

-- What happened and no message tells yet.
create table crm_notification_events (
  id            bigint generated always as identity primary key,
  endpoint_id   uuid not null references crm_notification_endpoints (id) on delete cascade,
  event         text not null,
  workspace_id  uuid not null,
  connection_id uuid not null,
  crm           text not null,
  write_id      uuid,
  error_code    text not null,
  occurred_at   timestamptz not null default now()
);
create index crm_notification_events_endpoint on crm_notification_events (endpoint_id, id);
create index crm_notification_events_workspace on crm_notification_events (workspace_id);

-- The messages, and what became of each: one tells of all that happened alike within a few seconds.
create table crm_notifications (
  id              uuid primary key default gen_random_uuid(), -- the webhook-id: the same on every try
  seq             bigint generated always as identity,
  endpoint_id     uuid not null references crm_notification_endpoints (id) on delete cascade,
  event           text not null,
  workspace_id    uuid,                             -- null: a test
  payload         text not null,                    -- the very bytes that are signed
  status          text not null default 'waiting' check (status in ('waiting', 'delivered', 'failed')),
  attempt         int not null default 0,           -- fence: rises with every claim
  failures        int not null default 0,           -- that count towards giving up
  next_attempt_at timestamptz not null default now(), -- while one is being sent: when it counts as lost
  attempts_json   jsonb not null default '[]',
  created_at      timestamptz not null default now(),
  ended_at        timestamptz
);
create index crm_notifications_due on crm_notifications (endpoint_id, next_attempt_at) where status = 'waiting';
create index crm_notifications_endpoint on crm_notifications (endpoint_id, seq desc);
create index crm_notifications_seq on crm_notifications (seq desc);
create index crm_notifications_workspace on crm_notifications (workspace_id, seq desc);
create index crm_notifications_ended on crm_notifications (ended_at) where ended_at is not null;

select crm_private.keep_apart(t::regclass) from unnest(array['crm_notification_events', 'crm_notifications']) as t;
-- A workspace's own statements see that somebody is to be told, and nothing more of it.
select crm_private.keep_apart('crm_notification_endpoints', $q$workspace_id is null
  or workspace_id = any ((select nullif(current_setting('crm_connectors.workspaces'), '*'))::uuid[])$q$);
revoke all on crm_notification_endpoints, crm_notification_events from crm_connectors_workspace;
grant select (id, workspace_id, events, disabled_at) on crm_notification_endpoints to crm_connectors_workspace;
grant insert on crm_notification_events to crm_connectors_workspace;
revoke all on crm_notifications from crm_connectors_workspace;

-- +goose StatementBegin
create function crm_private.note_event() returns trigger language plpgsql as $$
begin
  if tg_argv[0] = 'write' then
    insert into crm_notification_events (endpoint_id, event, workspace_id, connection_id, crm, write_id, error_code)
    select e.id, 'write.' || new.status, new.workspace_id, new.connection_id, new.crm, new.id, new.error_code
    from crm_notification_endpoints e
    where (e.workspace_id is null or e.workspace_id = new.workspace_id) and e.disabled_at is null and 'write.' || new.status = any (e.events);
  else
    insert into crm_notification_events (endpoint_id, event, workspace_id, connection_id, crm, error_code)
    select e.id, tg_argv[1], new.workspace_id, new.id, new.crm, coalesce(case when new.status = 'error' then new.last_error_code else old.last_error_code end, '')
    from crm_notification_endpoints e
    where (e.workspace_id is null or e.workspace_id = new.workspace_id) and e.disabled_at is null and tg_argv[1] = any (e.events);
  end if;
  return null;
end $$;
-- +goose StatementEnd
revoke all on function crm_private.note_event() from public;
grant execute on function crm_private.note_event() to crm_connectors_workspace, crm_connectors_fleet;

create trigger crm_write_noted after update of status on crm_write_log for each row
  when (new.status in ('failed', 'needs_review') and old.status <> new.status) execute function crm_private.note_event('write');
create trigger crm_connection_lost after update of status on crm_connections for each row
  when (new.status = 'error' and old.status <> 'error' and new.workspace_id is not null) execute function crm_private.note_event('connection', 'connection.error');
create trigger crm_connection_recovered after update of status on crm_connections for each row
  when (old.status = 'error' and new.status = 'connected' and new.workspace_id is not null) execute function crm_private.note_event('connection', 'connection.recovered');

-- +goose StatementBegin
do $$
declare r text;
begin
  for r in select rolname from pg_roles where rolname in ('anon', 'authenticated', 'service_role') loop
    execute format('revoke all on crm_notification_endpoints, crm_notification_events, crm_notifications from %I', r);
  end loop;
  if exists (select from pg_roles where rolname = 'service_role') then -- who may change writes notes what that means
    grant select (id, workspace_id, events, disabled_at) on crm_notification_endpoints to service_role;
    grant insert on crm_notification_events to service_role;
  end if;
end $$;
-- +goose StatementEnd
