-- +goose Up

-- Supabase's Realtime tells an application of changes to what its people may read: an update is known by its primary key, and the new row
-- holds all granted columns. A publication that belongs to somebody else stays as it is; its owner can add the tables later.
alter table crm_connections replica identity default;
alter table crm_write_log replica identity default;

-- +goose StatementBegin
do $$
declare t text;
begin
  foreach t in array array['crm_connections', 'crm_write_log'] loop
    if exists (select from pg_publication where pubname = 'supabase_realtime' and not puballtables)
       and not exists (select from pg_publication_tables where pubname = 'supabase_realtime' and schemaname = current_schema and tablename = t) then
      begin
        execute format('alter publication supabase_realtime add table %I', t);
      exception when insufficient_privilege then
        raise notice 'the publication supabase_realtime belongs to another role: % was not added', t;
      end;
    end if;
  end loop;
end $$;
-- +goose StatementEnd
