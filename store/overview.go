package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// CountMost is how far the console counts: what is more is shown as that many and more, so that a backlog of millions costs no more than this.
const CountMost = 20000

// HealthCount is how many connections of a CRM are how.
type HealthCount struct {
	CRM    string `db:"crm"`
	Health string `db:"health"`
	Count  int    `db:"count"`
}

// The healths of a connection, as operators sort them: its status, told apart further where it is connected.
const (
	HealthWriting = "writing" // connected, and nothing against it
	HealthPaused  = "paused"  // connected, and not written to for a while
	HealthTrouble = "trouble" // connected, and something went wrong of late that is not the customer's to mend
)

const healthOf = `case when c.status <> 'connected' then c.status when c.paused_until > now() then 'paused'
	when c.last_error is not null then 'trouble' else 'writing' end`

// Healths counts all connections.
func (s *Store) Healths(ctx context.Context) ([]HealthCount, error) {
	return many[HealthCount](s.everywhere().Query(ctx, `select crm, `+healthOf+` as health, count(*) from crm_connections c group by 1, 2 order by 1, 2`))
}

// Waiting is how many writes of a status have the same reason.
type Waiting struct {
	Status string    `db:"status"`
	Code   string    `db:"error_code"` // empty: none, they only wait for their turn
	Cause  string    `db:"cause"`      // of one of them
	Action string    `db:"action"`     // likewise
	Count  int       `db:"count"`
	More   bool      `db:"more"`   // there are more than CountMost of this status, which were not all looked at
	Oldest time.Time `db:"oldest"` // of those looked at: when it was accepted
}

// WaitingWrites counts what is not written, by status and reason: what waits, is under way, is in doubt, blocked, failed, or for a person.
// Each status is found by its own index and looked at up to CountMost rows. What a person is to act upon comes first.
func (s *Store) WaitingWrites(ctx context.Context) ([]Waiting, error) {
	const of = `(select status, error_code, error_cause, error_action, created_at from crm_write_log where status = '%s' limit %d)`
	sql := ""
	for i, status := range []string{Queued, Sending, InDoubt, Reconciling, Blocked, Failed, NeedsReview} {
		if i > 0 {
			sql += " union all "
		}
		sql += fmt.Sprintf(of, status, CountMost+1)
	}
	return many[Waiting](s.everywhere().Query(ctx, `
		with seen as (`+sql+`), sized as (select status, count(*) > @most as more from seen group by status)
		select s.status, s.error_code, min(s.error_cause) as cause, min(s.error_action) as action, count(*) as count, bool_or(z.more) as more,
			min(s.created_at) as oldest
		from seen s join sized z using (status) group by s.status, s.error_code
		order by array_position(array['needs_review', 'failed', 'blocked', 'in_doubt', 'reconciling', 'queued', 'sending'], s.status), count(*) desc, s.error_code`,
		pgx.NamedArgs{"most": CountMost}))
}

// MinuteCount is how many writes were settled in a minute, by what they came to.
type MinuteCount struct {
	Minute time.Time `db:"minute"`
	Status string    `db:"status"` // succeeded, failed, needs_review
	Count  int       `db:"count"`
}

// SettledByMinute counts the writes that were settled since then. Rows whose content was erased meanwhile are not counted as succeeded: the index
// by which the others are found does not have them.
func (s *Store) SettledByMinute(ctx context.Context, since time.Time) ([]MinuteCount, error) {
	return many[MinuteCount](s.everywhere().Query(ctx, `
		select date_trunc('minute', settled_at) as minute, 'succeeded' as status, count(*) as count from crm_write_log
		where status = 'succeeded' and content_erased_at is null and settled_at >= $1 group by 1
		union all
		select date_trunc('minute', settled_at), status, count(*) from crm_write_log
		where status in ('failed', 'needs_review') and settled_at >= $1 group by 1, 2
		order by 1, 2`, since))
}

// Allowance is what the database knows of a CRM account's calls: what the CRM last said, and until when the account rests.
type Allowance struct {
	Connection
	Used int64 `db:"used"`
	Max  int64 `db:"max"`
}

// Allowances are the connections whose account rests now, or has used a large part of its day, worst first. What a CRM said longer than a day ago
// says nothing any more.
func (s *Store) Allowances(ctx context.Context, share float64, limit int) ([]Allowance, error) {
	return many[Allowance](s.everywhere().Query(ctx, `
		select `+connectionColumns+`, coalesce(day.used, 0) as used, coalesce(day.max, 0) as max
		from crm_connections left join lateral (
			select (l ->> 'used')::bigint as used, (l ->> 'max')::bigint as max from jsonb_array_elements(limits_json) l
			where l ->> 'name' = 'daily' and limits_at > now() - interval '1 day' limit 1) day on true
		where status = 'connected' and (paused_until > now() or day.used >= day.max * $1::float8)
		order by (paused_until > now()) desc nulls last, day.used::float8 / nullif(day.max, 0) desc nulls last, id limit $2`, share, limit))
}
