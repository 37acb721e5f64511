-- +goose Up

alter table crm_connections
  add column app_client_id     text not null default '',   -- the app that the grant was given to; empty: the service's own
  add column settings_json     jsonb not null default '{}',
  add column capabilities_json jsonb not null default '{}', -- as last probed
  add column capabilities_at   timestamptz,                 -- null: to be probed
  add column limits_json       jsonb not null default '[]', -- what the CRM last said about the account's allowance
  add column limits_at         timestamptz;

-- A workspace's own registration with a CRM, beside the service's.
create table crm_apps (
  workspace_id             uuid not null,
  crm                      text not null check (crm ~ '^[a-z]{2,32}$'),
  client_id                text not null,
  client_secret_ciphertext text not null,
  login_url                text not null default '',
  created_at               timestamptz not null default now(),
  updated_at               timestamptz not null default now(),
  primary key (workspace_id, crm)
);

alter table oauth_states add column app_client_id text not null default '';

-- Secrets that the service makes for itself, sealed like tokens.
create table crm_secrets (
  name             text primary key,
  value_ciphertext text not null,
  created_at       timestamptz not null default now()
);

alter table crm_write_log
  add column marker text not null default '', -- what the record is known by in the CRM
  add column alarm  text not null default ''; -- duplicate_detected, missing_in_crm: for a person

-- +goose StatementBegin
do $$
declare r text; t text;
begin
  foreach t in array array['crm_apps', 'crm_secrets'] loop
    execute format('alter table %I enable row level security', t);
    foreach r in array array['anon', 'authenticated'] loop
      if exists (select from pg_roles where rolname = r) then
        execute format('revoke all on %I from %I', t, r);
      end if;
    end loop;
  end loop;
end $$;
-- +goose StatementEnd
