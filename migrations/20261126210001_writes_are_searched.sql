-- +goose Up
-- What a thread of emails came to, for operators who search and for callers who list.
create index crm_write_log_thread on crm_write_log (thread_id, workspace_id, seq desc) where thread_id is not null;
