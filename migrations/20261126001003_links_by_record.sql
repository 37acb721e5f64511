-- +goose Up

-- A CRM names a contact by its record when it says what became of it.
create index crm_object_links_record on crm_object_links (crm, crm_account_id, crm_object_id);
