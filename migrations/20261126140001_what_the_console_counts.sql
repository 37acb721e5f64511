-- +goose Up
-- What the operator's console counts and lists, over a log of any size. Failed writes are few, so these cost the writing nothing.
create index crm_write_log_troubled on crm_write_log (settled_at desc, status, error_code) where status in ('failed', 'needs_review');
create index crm_write_log_failed on crm_write_log (connection_id) where status = 'failed';
