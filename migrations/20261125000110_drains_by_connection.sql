-- +goose Up

-- Whoever appends looks whether a drain of the connection is on its way already, and mostly one is.
create index crm_drain_by_connection on river.river_job ((args->>'connection_id'))
  where kind = 'crm.drain' and state in ('available', 'pending', 'running', 'scheduled', 'retryable');
