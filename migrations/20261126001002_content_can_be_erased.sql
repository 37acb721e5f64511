-- +goose Up

-- Of what was erased the names of the fields stay, and the keys: a late repeat is not written again.
alter table crm_write_log add column content_erased_at timestamptz;
create index crm_write_log_content on crm_write_log (settled_at) where status in ('succeeded', 'cancelled') and content_erased_at is null;
