-- +goose Up

-- Where Conduit's own implementation has run, its tables of the same names hold other columns. They step aside under the prefix
-- conduit_, with all their rows, before ours are made; a later migration takes over what can be gone on with.
-- +goose StatementBegin
do $$
declare t record;
begin
  for t in select * from (values
    ('crm_connections', 'external_account_json'), -- each with a column that only Conduit's has
    ('crm_write_log', 'external_ids_json'),
    ('oauth_states', 'code_verifier'),
    ('pending_installs', 'details_json')) as v (name, theirs)
  loop
    if exists (select from information_schema.columns
               where table_schema = current_schema and table_name = t.name and column_name = t.theirs) then
      execute format('alter table %I rename to %I', t.name, 'conduit_' || t.name);
    end if;
  end loop;
end $$;
-- +goose StatementEnd
