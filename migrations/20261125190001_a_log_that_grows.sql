-- +goose Up

-- Each write is updated twice within seconds and then never again: what that leaves behind is cleared while it is little, and an index scan
-- never meets a month of it.
alter table crm_write_log set (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_insert_scale_factor = 0.02,
  autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 5000, autovacuum_vacuum_cost_delay = 1);
alter table crm_write_attempts set (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
alter table crm_connections set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);

-- The log is in the order of its age on the disk too, so that a few pages of index find what is old enough to go.
create index crm_write_log_age on crm_write_log using brin (created_at) with (pages_per_range = 32, autosummarize = on);
