-- Each minute: outcomes that the service's log does not have are sent again, for a day and ten times at most, and the service is woken. Both are
-- for what was lost: a call of pg_net that failed, a service that was down.
create function crm_outbox.sweep() returns void language plpgsql set search_path = '' as $$
declare
  o public.crm_outcomes;
begin
  for o in
    select c.* from public.crm_outcomes c
    where c.created_at between now() - interval '1 day' and now() - interval '1 minute' and c.sent < 10
      and not exists (select from public.crm_write_log w where w.workspace_id = c.workspace_id and w.source_event_id = c.id::text)
    order by c.created_at limit 200 for update skip locked
  loop
    perform crm_outbox.send(o);
    update public.crm_outcomes set sent = sent + 1 where id = o.id;
  end loop;
  perform crm_outbox.post('/sync/sweep', jsonb_build_object('time', now()));
end $$;
revoke all on function crm_outbox.sweep() from public;

select cron.schedule('crm-sweep', '* * * * *', 'select crm_outbox.sweep()');
