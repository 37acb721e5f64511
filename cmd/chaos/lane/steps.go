package lane

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// watchSteps makes the database note each step of a write's life, in a table that the service does not know of. What tells two causes of one
// step apart is noted as how.
const watchSteps = `
create schema chaos;
create table chaos.steps (was text not null, is_now text not null, how text not null);
create function chaos.note_step() returns trigger language plpgsql security definer as $$
declare was text := ''; how text := '';
begin
	if tg_op = 'UPDATE' then
		if new.status = old.status then return null; end if;
		was := old.status;
		how := case
			when new.status = 'succeeded' and new.alarm <> '' then 'alarm'
			when was = 'reconciling' and new.status = 'queued' and new.crm_object_id <> '' then 'incomplete'
			when was = 'reconciling' and new.status = 'queued' and old.empty_reads > 0 then 'waited'
			when was in ('sending', 'reconciling') and new.error_code in ('worker_lost', 'worker_lost_repeatedly') and new.lease_until is null
				and old.reclaims < new.reclaims then 'worker lost'
			when new.status = 'needs_review' and new.error_code = 'account_changed' then 'account changed'
			else '' end;
	end if;
	insert into chaos.steps values (was, new.status, how);
	return null;
end $$;
create trigger chaos_steps after insert or update of status on crm_write_log for each row execute function chaos.note_step();`

// Step is one step of a write's life, as often as it was taken.
type Step struct {
	Was   string `db:"was"` // empty: it began
	Is    string `db:"is_now"`
	How   string `db:"how"` // empty: in the usual way
	Times int    `db:"times"`
}

// Steps are those that the lane's writes have taken so far, and two that are not between states: a send that was called off because its time was
// over, and a create that turned out to have been made before.
func (l *Lane) Steps(ctx context.Context) ([]Step, error) {
	rows, err := l.DB.Query(ctx, `select was, is_now, how, count(*)::int as times from chaos.steps group by 1, 2, 3
		union all select 'sending', 'queued', 'too late', count(*)::int from crm_write_attempts where kind = 'send' and error_code = 'send_deadline_passed'
		union all select 'sending', 'succeeded', 'exists', count(*)::int from crm_write_attempts where kind = 'send' and outcome = 'succeeded'
			and jsonb_path_exists(calls_json, '$[*] ? (@.method == "POST" || @.method == "PATCH").status ? (@ == 409 || @ == 400 || @ == 300)')`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[Step])
}
