-- A row of crm_outcomes is one outcome. A trigger hands it to the service's /sync as soon as the row is committed. pg_net tries
-- once; the next file sends again what was lost on the way. Sending twice does no harm: the row's id is the source event, and one event is written once.
create table public.crm_outcomes (
  id           uuid primary key default gen_random_uuid(),
  workspace_id uuid not null,
  thread_id    text,
  contact      jsonb, -- the fields of contact, task and rollup are those of POST /sync
  task         jsonb,
  rollup       jsonb,
  sent         int not null default 0, -- how often
  created_at   timestamptz not null default now(),
  check (coalesce(contact, task, rollup) is not null)
);
alter table public.crm_outcomes enable row level security;
revoke all on public.crm_outcomes from anon, authenticated;
grant select, insert on public.crm_outcomes to service_role;

-- What follows is in a schema that PostgREST does not show.
create schema crm_outbox;
revoke all on schema crm_outbox from public;

-- The headers that prove to the service who sends body: the shared secret that it knows as WEBHOOK_SECRET. It opens the sync routes and the
-- sweep and nothing else. A dash, not an underscore: Envoy refuses the latter.
create function crm_outbox.headers(body jsonb) returns jsonb language sql stable set search_path = '' as $$
  select jsonb_build_object('Content-Type', 'application/json', 'x-webhook-secret',
    (select decrypted_secret from vault.decrypted_secrets where name = 'crm_webhook_secret'))
$$;

-- Hands body to a route of the service, once this transaction is committed.
create function crm_outbox.post(route text, body jsonb) returns void language plpgsql set search_path = '' as $$
declare
  base text := (select decrypted_secret from vault.decrypted_secrets where name = 'crm_functions_url');
begin
  if base is null then
    raise warning 'Vault has no crm_functions_url: nothing was sent to %', route;
    return;
  end if;
  perform net.http_post(url := base || route, body := body, headers := crm_outbox.headers(body), timeout_milliseconds := 5000);
end $$;

create function crm_outbox.send(o public.crm_outcomes) returns void language sql set search_path = '' as $$
  select crm_outbox.post('/sync', jsonb_strip_nulls(jsonb_build_object('workspace_id', o.workspace_id, 'source_event_id', o.id,
    'thread_id', o.thread_id, 'contact', o.contact, 'task', o.task, 'rollup', o.rollup)))
$$;

-- It runs as its owner, so that whoever inserts an outcome need not read Vault.
create function crm_outbox.inserted() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  perform crm_outbox.send(new);
  update public.crm_outcomes set sent = sent + 1 where id = new.id;
  return null;
end $$;
revoke all on all functions in schema crm_outbox from public;

create trigger crm_outcome_inserted after insert on public.crm_outcomes for each row execute function crm_outbox.inserted();
