-- +goose Up

-- The W3C trace context of the request that handed the outcome in, so that its trace goes on where the write is delivered. The check is for
-- rows to come: to look at those that are there would lock a log of any size for as long as it takes.
alter table crm_write_log add column traceparent text;
alter table crm_write_log add constraint crm_write_log_traceparent check (length(traceparent) <= 55) not valid;

-- How the whole installation stands: counted by one replica at a time, read by all.
create table crm_figures (
  id           boolean primary key default true check (id),
  due_at       timestamptz not null default now(),   -- who comes after this counts anew
  counted_at   timestamptz,                          -- null: never yet
  figures_json jsonb not null default '{}'
);
insert into crm_figures default values;

-- +goose StatementBegin
do $$
declare r text;
begin
  execute 'alter table crm_figures enable row level security';
  for r in select rolname from pg_roles where rolname in ('anon', 'authenticated', 'service_role') loop
    execute format('revoke all on crm_figures from %I', r);
  end loop;
end $$;
-- +goose StatementEnd
