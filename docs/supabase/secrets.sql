-- Once, by hand, in the SQL editor; never in a migration. For the shared secret the first two, for signatures the first and the last.
select vault.create_secret('https://crm.example.com/functions/v1', 'crm_functions_url', 'where the CRM connectors are');
select vault.create_secret('WEBHOOK_SECRET', 'crm_webhook_secret', 'what the CRM connectors know as WEBHOOK_SECRET');
select vault.create_secret('WEBHOOK_SIGNING_SECRET', 'crm_webhook_signing_secret', 'what they know as WEBHOOK_SIGNING_SECRET');
