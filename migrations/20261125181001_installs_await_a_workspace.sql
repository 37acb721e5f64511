-- +goose Up

-- An install from a CRM's marketplace begins without a workspace and waits for a member to claim it.
alter table crm_connections
  alter column workspace_id drop not null,
  add check (workspace_id is not null or status = 'pending_claim');
alter table oauth_states alter column workspace_id drop not null;

create table pending_installs (
  id                   uuid primary key,
  crm                  text not null,
  external_account_key text not null,            -- hub id, org id
  connection_id        uuid,                     -- while pending, the connection that holds the tokens; once claimed, the workspace's
  workspace_id         uuid,
  claimed_by_user_id   text,
  status               text not null default 'pending' check (status in ('pending', 'claimed', 'expired')),
  expires_at           timestamptz not null,
  created_at           timestamptz not null default now(),
  updated_at           timestamptz not null default now()
);
create unique index pending_installs_one_an_account on pending_installs (crm, external_account_key) where status = 'pending';
create index pending_installs_expiry on pending_installs (expires_at) where status = 'pending';
alter table pending_installs enable row level security;
