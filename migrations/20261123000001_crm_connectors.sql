-- +goose Up

-- Conduit's own tables: made only where this service runs without Conduit's database, read only for us.
create temporary table made_here on commit drop as
  select name from unnest(array['workspace_members', 'deals', 'thread_links']) as name where to_regclass(name) is null;
create table if not exists workspace_members (
  workspace_id uuid not null,
  user_id      uuid not null,
  role         text not null default 'member',
  created_at   timestamptz not null default now(),
  primary key (workspace_id, user_id)
);
create table if not exists deals (
  id            uuid primary key default gen_random_uuid(),
  workspace_id  uuid not null,
  crm           text not null,
  crm_deal_id   text not null,
  title         text,
  stage         text,
  created_at    timestamptz not null default now(),
  unique (workspace_id, crm, crm_deal_id)
);
create table if not exists thread_links (
  id              uuid primary key default gen_random_uuid(),
  workspace_id    uuid not null,
  thread_id       text not null,
  deal_id         uuid not null,
  link_confidence numeric,
  link_reason     text,
  created_at      timestamptz not null default now(),
  unique (workspace_id, thread_id)
);

create table crm_connections (
  id                       uuid primary key default gen_random_uuid(),
  workspace_id             uuid not null,
  crm                      text not null check (crm ~ '^[a-z]{2,32}$'),
  status                   text not null default 'disconnected'
                           check (status in ('connected', 'error', 'disconnected', 'pending_claim')),
  account_id               text not null default '',   -- hub id, org id: pinned in every write
  account_name             text not null default '',
  crm_user_id              text not null default '',
  instance_url             text not null default '',
  login_url                text not null default '',
  scopes_json              jsonb not null default '[]',
  access_token_ciphertext  text not null default '',   -- base64 of what Tink sealed; empty: forgotten
  refresh_token_ciphertext text not null default '',
  token_expires_at         timestamptz,                -- null: the CRM does not say
  token_generation         bigint not null default 0,  -- fence: a refresh saves only over the generation it read
  token_refreshed_at       timestamptz,
  refresh_lease_until      timestamptz,
  drain_epoch              bigint not null default 0,  -- fence: only the newest drain claims
  paused_until             timestamptz,                -- the CRM told the whole account to wait
  last_error_code          text not null default '',
  last_error               text,
  last_error_action        text not null default '',
  connected_at             timestamptz,
  last_checked_at          timestamptz,
  created_at               timestamptz not null default now(),
  updated_at               timestamptz not null default now(),
  unique (workspace_id, crm)
);

create table oauth_states (
  state_hash          bytea primary key,  -- SHA-256: the table alone lets nobody finish a flow
  workspace_id        uuid not null,
  crm                 text not null,
  user_id             text not null default '',
  redirect_to         text not null,
  login_url           text not null default '',
  verifier_ciphertext text not null,
  expires_at          timestamptz not null,
  created_at          timestamptz not null default now()
);
create index oauth_states_expiry on oauth_states (expires_at);

create table crm_write_log (
  id              uuid primary key,            -- derived from workspace, crm and key: the same row on every repeat
  seq             bigint generated always as identity, -- source order
  sync_id         uuid not null,
  workspace_id    uuid not null,
  crm             text not null,
  connection_id   uuid not null references crm_connections (id),
  crm_account_id  text not null,
  object_type     text not null check (object_type in ('contact', 'task', 'rollup')),
  object_id       text not null,
  action          text not null check (action in ('upsert', 'create')),
  source_event_id text not null,
  idempotency_key text not null,
  payload_json    jsonb not null,
  payload_hash    text not null,
  thread_id       text,
  depends_on      uuid references crm_write_log (id),
  ordering_key    text,                        -- rows of one key are sent in seq order
  status          text not null check (status in ('queued', 'sending', 'in_doubt', 'reconciling', 'succeeded',
                                                  'failed', 'needs_review', 'blocked', 'cancelled')),
  blocked_from    text check (blocked_from in ('queued', 'in_doubt')),
  attempt         bigint not null default 0,   -- fence: rises with every claim
  failures        int not null default 0,      -- tries that count towards giving up
  reclaims        int not null default 0,      -- times its worker died
  empty_reads     int not null default 0,      -- times the CRM was asked in vain while in doubt
  next_attempt_at timestamptz not null default now(),
  lease_until     timestamptz,
  send_deadline   timestamptz,
  reconcile_at    timestamptz,                 -- in doubt: before this a negative answer proves nothing
  crm_object_type text not null default '',
  crm_object_id   text not null default '',
  outcome         text not null default '',    -- created, updated, found
  notes_json      jsonb not null default '[]', -- where the CRM bent a rule
  error_code      text not null default '',
  error_class     text not null default '',
  error_cause     text not null default '',
  error_action    text not null default '',
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  settled_at      timestamptz,
  check ((status in ('sending', 'reconciling')) = (lease_until is not null)),
  check ((status = 'blocked') = (blocked_from is not null)),
  unique (workspace_id, crm, idempotency_key)
);
create index crm_write_log_due on crm_write_log (connection_id, next_attempt_at, seq) where status = 'queued';
create index crm_write_log_doubt on crm_write_log (connection_id, next_attempt_at, seq) where status = 'in_doubt';
create index crm_write_log_leased on crm_write_log (lease_until) where status in ('sending', 'reconciling');
create index crm_write_log_order on crm_write_log (connection_id, ordering_key, seq)
  where ordering_key is not null and status in ('queued', 'sending', 'in_doubt', 'reconciling', 'blocked');
create index crm_write_log_blocked on crm_write_log (connection_id) where status = 'blocked';
create index crm_write_log_review on crm_write_log (connection_id) where status = 'needs_review';
create index crm_write_log_depends on crm_write_log (depends_on) where depends_on is not null;
create index crm_write_log_sync on crm_write_log (sync_id);
create index crm_write_log_page on crm_write_log (workspace_id, seq desc);

create table crm_write_attempts (
  id           bigint generated always as identity primary key,
  write_id     uuid not null references crm_write_log (id) on delete cascade,
  attempt      bigint not null,
  kind         text not null check (kind in ('send', 'find')),
  started_at   timestamptz not null,
  ended_at     timestamptz not null,
  outcome      text not null,
  http_status  int not null default 0,
  request_id   text not null default '',
  error_code   text not null default '',
  cause        text not null default '',
  crm_object_id text not null default '',
  calls_json   jsonb not null default '[]'
);
create index crm_write_attempts_write on crm_write_attempts (write_id, id);

create table crm_object_links (
  workspace_id    uuid not null,
  crm             text not null,
  crm_account_id  text not null,
  email           text not null,
  crm_object_type text not null,
  crm_object_id   text not null,
  updated_at      timestamptz not null default now(),
  primary key (workspace_id, crm, crm_account_id, email)
);

-- The same function stands in Go (store.IdempotencyKey); a property test holds them equal.
-- +goose StatementBegin
create function build_crm_idempotency_key(
  workspace_id text, crm_system text, object_type text, object_id text, action text, source_event_id text
) returns text language sql immutable strict parallel safe as $$
  select encode(sha256(convert_to(string_agg(replace(replace(part, '%', '%25'), ':', '%3A'), ':' order by n), 'UTF8')), 'hex')
  from unnest(array[$1, $2, $3, $4, $5, $6]) with ordinality as p (part, n)
$$;
-- +goose StatementEnd

-- Nothing here is for the browser roles of Supabase, whatever its default grants say.
-- +goose StatementBegin
do $$
declare r text; t text;
begin
  -- The records of the migrations lie open too; so does workspace_members, where a row is a right.
  for t in
    select name from made_here
    union all select unnest(array['crm_connections', 'oauth_states', 'crm_write_log', 'crm_write_attempts', 'crm_object_links'])
    union all select name from unnest(array['crm_connectors_migrations', 'goose_lock']) as name where to_regclass(name) is not null
  loop
    execute format('alter table %I enable row level security', t);
    foreach r in array array['anon', 'authenticated'] loop
      if exists (select from pg_roles where rolname = r) then
        execute format('revoke all on %I from %I', t, r);
      end if;
    end loop;
  end loop;
end $$;
-- +goose StatementEnd
