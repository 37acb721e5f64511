-- +goose Up

-- A claim takes so many rows of each kind, so that each of the CRM's batch calls is full.
drop index crm_write_log_due;
create index crm_write_log_due on crm_write_log (connection_id, object_type, next_attempt_at, seq) where status = 'queued';
