-- Instead of the shared secret: a signature over the body, as Standard Webhooks says, with the secret that the service knows as
-- WEBHOOK_SIGNING_SECRET (v1,whsec_BASE64). The secret then never leaves the database, and a body that was changed on the way is refused. pg_net
-- sends body::text, so that is what is signed. The service takes a signature for five minutes.
create or replace function crm_outbox.headers(body jsonb) returns jsonb language sql volatile set search_path = '' as $$
  with message as (
    select 'msg_' || gen_random_uuid() as id, floor(extract(epoch from clock_timestamp()))::bigint::text as at,
      decode(split_part((select decrypted_secret from vault.decrypted_secrets where name = 'crm_webhook_signing_secret'), 'whsec_', 2), 'base64') as secret)
  select jsonb_build_object('Content-Type', 'application/json', 'webhook-id', id, 'webhook-timestamp', at, 'webhook-signature',
    'v1,' || encode(extensions.hmac(convert_to(id || '.' || at || '.' || body::text, 'UTF8'), secret, 'sha256'), 'base64'))
  from message
$$;
