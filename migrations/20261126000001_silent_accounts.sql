-- +goose Up

-- How many calls in a row the CRM account has not answered. It outlasts the drains that count, so that the pauses of an account that stays
-- silent grow whichever replica meets them, and so that one row goes first when a pause is over.
alter table crm_connections add column silent_calls integer not null default 0;
