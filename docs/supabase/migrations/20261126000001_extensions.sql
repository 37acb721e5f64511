-- What the next two files use. All are part of Supabase; Vault (schema vault) is there from the beginning.
create extension if not exists pg_net with schema extensions;
create extension if not exists pgcrypto with schema extensions;
create extension if not exists pg_cron;
