-- +goose Up

-- Makes sure that a drain of the connection will see what the transaction commits, as one statement, so that accepting an outcome needs no answer
-- in its middle. The caller holds the connection's row. The job is the one that River itself would make; a test holds them equal.
-- +goose StatementBegin
create function river.crm_wake(connection uuid) returns void language plpgsql as $$
declare
  drain river.river_job;
  own_queue text;
  rests boolean;
begin
  select j.* into drain from river.river_job j
    where j.kind = 'crm.drain' and j.args->>'connection_id' = connection::text and j.state in ('available', 'pending', 'running', 'scheduled', 'retryable')
    limit 1;
  if drain.state in ('available', 'pending', 'running') then
    return;                                              -- it has not looked yet, or looks again before it ends
  end if;
  select 'drain_' || c.crm, c.paused_until > now() and drain.scheduled_at <= c.paused_until + interval '1 second' into own_queue, rests
    from crm_connections c where c.id = connection;
  if own_queue is null then
    return;                                              -- the connection is gone
  end if;
  if drain.id is null then
    insert into river.river_job (args, kind, max_attempts, queue, state, unique_key, unique_states)
      values (jsonb_build_object('connection_id', connection), 'crm.drain', 25, own_queue, 'available',
        sha256(convert_to('&kind=crm.drain&args={"connection_id":"' || connection || '"}', 'UTF8')), B'11110001')
      on conflict do nothing;
    if found then
      perform pg_notify('river.river_insert', '{"queue": "' || own_queue || '"}');
    end if;
    return;
  end if;
  if drain.state = 'scheduled' and rests then
    return;                                              -- it comes when the connection has rested
  end if;
  update river.river_job j set state = 'available', scheduled_at = now(), finalized_at = null, metadata = j.metadata - 'cancel_attempted_at',
      max_attempts = case when j.attempt = j.max_attempts then j.max_attempts + 1 else j.max_attempts end
    where j.id = drain.id and j.state in ('scheduled', 'retryable');
end $$;
-- +goose StatementEnd

-- An outcome of which some rows were there before is judged row by row, in a transaction of more than one round trip: this one is undone.
-- +goose StatementBegin
create function river.crm_partly() returns boolean language plpgsql as $$
begin
  raise exception 'an outcome is there in part' using errcode = 'CRM01';
end $$;
-- +goose StatementEnd
revoke all on function river.crm_wake(uuid), river.crm_partly() from public;
