-- +goose Up

-- A CRM that keeps so many grants of one user alone is asked for by account and user.
create index crm_connections_user on crm_connections (crm, account_id, crm_user_id) where crm_user_id <> '';
