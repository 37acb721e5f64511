-- +goose Up

-- A flow ends in the browser that began it, or waits for what a person answers to a page of ours.
alter table oauth_states
  add column stage            text not null default 'callback'
                              check (stage in ('callback', 'confirm', 'replace')), -- what it waits for
  add column browser_hash     bytea,                    -- SHA-256 of the browser's cookie; null: that could not be set
  add column started_by       text not null default '', -- who began it, in words
  add column code_ciphertext  text not null default '', -- confirm: redeemed if the answer is yes
  add column grant_ciphertext text not null default '', -- replace: stored if the answer is yes
  add column replaces         text not null default '', -- replace: the account that it would take the place of
  add check (stage = 'callback' or browser_hash is not null);
