package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Lease is how long a claim holds a row and how long its holder may begin to send, both from the claim.
type Lease struct {
	Hold time.Duration // after this a sweep takes the row for abandoned
	Send time.Duration // after this no byte may leave; well below Hold
}

// Claimed is a row that the caller may now send, with what it needs beside the row itself.
type Claimed struct {
	Write
	ContactType string `db:"contact_type"` // of the write it depends on, or what the email was last known as
	ContactID   string `db:"contact_id"`
	Email       string `db:"contact_email"`
	DealID      string `db:"deal_id"` // the CRM's deal that the thread is linked to

	// Newer are the keys of the payload that a newer write of the same contact has written since: what this one says of them is
	// out of date.
	Newer []string `db:"newer"`

	LinkAgo    *float64        `db:"link_ago"`    // contact: seconds since ContactID was last written to; nil: never
	LinkFields json.RawMessage `db:"link_fields"` // contact: what was written to it then, and before
}

const claimedColumns = writeColumns + `,
	coalesce(d.crm_object_type, l.crm_object_type, '') as contact_type, coalesce(d.crm_object_id, l.crm_object_id, '') as contact_id,
	coalesce(d.object_id, '') as contact_email,
	coalesce(crm_private.deal_of(w.workspace_id, w.thread_id, w.crm), '') as deal_id,
	array(select distinct k from crm_write_log n, jsonb_object_keys(n.payload_json) k where w.object_type = 'contact' and n.object_type = 'contact'
		and n.connection_id = w.connection_id and n.ordering_key = w.ordering_key and n.seq > w.seq and n.status = 'succeeded') as newer,
	extract(epoch from now() - l.updated_at)::float8 as link_ago, coalesce(l.fields_json, '{}')::text as link_fields`

const claimedJoins = `
	left join crm_write_log d on d.id = w.depends_on
	left join crm_object_links l on w.object_type = 'contact' and l.workspace_id = w.workspace_id and l.crm = w.crm
		and l.crm_account_id = w.crm_account_id and l.email = w.ordering_key`

// open is what a row must be to be sent, beside due: its contact written, no older row of its ordering key unfinished,
// no newer one on its way (an old row that is retried would race it, and could make a second record), and nothing left over of
// that key that could still land at the CRM after it.
const open = `w.status = 'queued'
	and (w.depends_on is null or exists (select from crm_write_log d where d.id = w.depends_on and d.status = 'succeeded'))
	and (w.ordering_key is null or not exists (select from crm_write_log o where o.connection_id = w.connection_id
		and o.ordering_key = w.ordering_key
		and o.status in ('queued', 'sending', 'in_doubt', 'reconciling', 'blocked')
		and (o.seq < w.seq or o.status in ('sending', 'in_doubt', 'reconciling'))))
	and ` + unheld

// unheld says that nothing of another row of the key could still land at the CRM after this one. It goes for rows that come along with an older
// one too: of that one itself an earlier copy may be on its way.
const unheld = `(w.ordering_key is null or not exists (select from crm_write_log o where o.connection_id = w.connection_id
	and o.ordering_key = w.ordering_key and o.hold_until > now() and o.id <> w.id))`

// workable is what a drain can do something about: look for or send.
const workable = `(w.status = 'in_doubt' or (` + open + `))`

// BeginDrain makes the caller the newest drain of the connection: older ones claim nothing more. It gives the connection
// as it stands.
func (s *Store) BeginDrain(ctx context.Context, connectionID uuid.UUID) (Connection, error) {
	return one[Connection](s.connection(connectionID).Query(ctx, `update crm_connections set drain_epoch = drain_epoch + 1, last_drained_at = now()
		where id = $1 returning `+connectionColumns, connectionID))
}

// KeepDraining shows that the drain of this epoch is alive. False means that it is not the newest any more.
func (s *Store) KeepDraining(ctx context.Context, connectionID uuid.UUID, epoch int64) (bool, error) {
	tag, err := s.connection(connectionID).Exec(ctx, `update crm_connections set last_drained_at = now() where id = $1 and drain_epoch = $2`, connectionID, epoch)
	if err != nil {
		return false, fmt.Errorf("keep draining: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

// alone is how many workers a row may have taken down before it is claimed by itself, so that it harms no other.
const alone = "2"

// Claim takes up to limit due rows of each kind of the connection for sending, longest due first, so that each of the CRM's batch calls can be
// full, and has committed when it returns: from here on each row counts as perhaps sent. Rows of one ordering key come together or in order,
// never the newer first. It gives none when the drain is not the newest, the connection is not live or its CRM asked for a pause.
func (s *Store) Claim(ctx context.Context, connectionID uuid.UUID, epoch int64, limit int, lease Lease) ([]Claimed, error) {
	ahead := new(int)
	*ahead = lookAhead
	if rand.N(wholeQueueEvery) == 0 { //nolint:gosec // which turn looks further is no secret
		ahead = nil
	}
	out, err := s.claim(ctx, connectionID, epoch, limit, ahead, lease)
	if err == nil && len(out) == 0 && ahead != nil {
		out, err = s.claim(ctx, connectionID, epoch, limit, nil, lease)
	}
	if err != nil {
		return nil, fmt.Errorf("claim: %w", err)
	}
	return out, nil
}

const (
	// lookAhead is how far into a kind's queue a claim looks: most of a large backlog waits for its contacts, and to ask of each row whether
	// its contact is written takes longer than to write a batch.
	lookAhead = 2000
	// wholeQueueEvery is how often a claim looks at all of it, by chance, so that rows behind many that wait for a person are not forgotten.
	wholeQueueEvery = 16
)

// claim looks at the first ahead rows of each kind's queue; nil: at all.
func (s *Store) claim(ctx context.Context, connectionID uuid.UUID, epoch int64, limit int, ahead *int, lease Lease) (out []Claimed, err error) {
	err = s.connection(connectionID).tx(ctx, func(tx pgx.Tx) error {
		account, ok, err := mayDrain(ctx, tx, connectionID, epoch)
		if err != nil || !ok {
			return err
		}
		out, err = many[Claimed](tx.Query(ctx, `
			with candidates as materialized (
				select c.id from unnest(array['contact', 'task', 'rollup']) as k (kind), lateral (
					select w.id from (
						select * from crm_write_log q where q.connection_id = $1 and q.status = 'queued' and q.object_type = k.kind
							and q.next_attempt_at <= now() and q.crm_account_id = $5
						order by q.next_attempt_at, q.seq limit $6) w
					where `+open+` order by w.next_attempt_at, w.seq limit $2) c),
			first as materialized (
				select w.id, w.seq, w.next_attempt_at, w.ordering_key, w.reclaims from crm_write_log w join candidates using (id)
				where w.status = 'queued' for update of w skip locked),
			followers as materialized (
				select w.id, w.seq, w.next_attempt_at, w.ordering_key, w.reclaims
				from crm_write_log w join first f on f.ordering_key = w.ordering_key and f.seq < w.seq
				where w.connection_id = $1 and w.status = 'queued' and w.next_attempt_at <= now() and w.crm_account_id = $5 and `+unheld+`
				order by w.seq limit $2 - (select count(*) from first where ordering_key is not null) for update of w skip locked),
			due as (select *, 1 as rank from first union all select *, 2 from followers),
			ranked as (select *, first_value(reclaims) over line >= `+alone+` as guarded, row_number() over line as place from due
				window line as (order by rank, next_attempt_at, seq)),
			safe as (select * from ranked where case when guarded then place = 1 else reclaims < `+alone+` end),
			taken as (
				update crm_write_log w set status = 'sending', attempt = attempt + 1, updated_at = now(),
					lease_until = now() + make_interval(secs => $3), send_deadline = now() + make_interval(secs => $4)
				from safe where w.id = safe.id and (safe.ordering_key is null or not exists (
					select from crm_write_log o where o.connection_id = $1 and o.ordering_key = safe.ordering_key
						and o.status in ('queued', 'blocked') and o.seq < safe.seq and o.id not in (select id from safe)))
				returning w.*)
			select `+claimedColumns+` from taken w `+claimedJoins+` order by w.object_type <> 'contact', w.seq`,
			connectionID, limit, lease.Hold.Seconds(), lease.Send.Seconds(), account, ahead))
		return err
	})
	return out, err
}

// ClaimDoubtful takes up to limit rows whose fate is to be looked for, all of one kind, longest due first. From here on a late sender of an
// earlier attempt can change nothing.
func (s *Store) ClaimDoubtful(ctx context.Context, connectionID uuid.UUID, epoch int64, limit int, lease Lease) ([]Claimed, error) {
	var out []Claimed
	err := s.connection(connectionID).tx(ctx, func(tx pgx.Tx) error {
		account, ok, err := mayDrain(ctx, tx, connectionID, epoch)
		if err != nil || !ok {
			return err
		}
		out, err = many[Claimed](tx.Query(ctx, `
			with due as materialized (
				select id, seq, next_attempt_at, reclaims from crm_write_log
				where connection_id = $1 and status = 'in_doubt' and next_attempt_at <= now() and crm_account_id = $4
					and object_type = (select object_type from crm_write_log
						where connection_id = $1 and status = 'in_doubt' and next_attempt_at <= now() and crm_account_id = $4
						order by next_attempt_at, seq limit 1)
				order by next_attempt_at, seq limit $2 for update skip locked),
			ranked as (select *, first_value(reclaims) over line >= `+alone+` as guarded, row_number() over line as place from due
				window line as (order by next_attempt_at, seq)),
			taken as (
				update crm_write_log w set status = 'reconciling', attempt = attempt + 1, updated_at = now(),
					lease_until = now() + make_interval(secs => $3)
				from ranked r where w.id = r.id and case when r.guarded then r.place = 1 else r.reclaims < `+alone+` end returning w.*)
			select `+claimedColumns+` from taken w `+claimedJoins+` order by w.seq`, connectionID, limit, lease.Hold.Seconds(), account))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim doubtful: %w", err)
	}
	return out, nil
}

// mayDrain says whether the drain of this epoch may claim now, and for which CRM account.
func mayDrain(ctx context.Context, tx pgx.Tx, connectionID uuid.UUID, epoch int64) (account string, ok bool, err error) {
	err = tx.QueryRow(ctx, `select account_id from crm_connections where id = $1 and drain_epoch = $2 and status = 'connected'
		and (paused_until is null or paused_until <= now()) for share`, connectionID, epoch).Scan(&account)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", false, nil
	}
	return account, err == nil, err
}

// FinishDrain ends a drain without losing a wake-up. Under the connection's row lock, which appenders wait for, it looks
// whether something is due now: then it returns true and the caller goes on. Otherwise it calls end, in the same
// transaction, with the time at which something will be due, or nil if nothing is known to be. With yield it ends even
// though something is due, so that others get their turn; so does a drain that is not the newest, for it may claim nothing.
func (s *Store) FinishDrain(ctx context.Context, connectionID uuid.UUID, epoch int64, yield bool, end func(ctx context.Context, tx pgx.Tx, next *time.Time) error) (more bool, err error) {
	err = s.connection(connectionID).tx(ctx, func(tx pgx.Tx) error {
		var live bool
		var wait *time.Time
		var newest int64
		err := tx.QueryRow(ctx, `select status = 'connected', case when paused_until > now() then paused_until end, drain_epoch
			from crm_connections where id = $1 for update`, connectionID).Scan(&live, &wait, &newest)
		if err != nil {
			return err
		}
		var next *time.Time
		if live {
			if err := tx.QueryRow(ctx, `
				select least(
					(select next_attempt_at from crm_write_log where connection_id = $1 and status = 'in_doubt' order by next_attempt_at, seq limit 1),
					(select min(k.at) from unnest(array['contact', 'task', 'rollup']) as kinds (kind), lateral (
						select w.next_attempt_at as at from crm_write_log w where w.connection_id = $1 and w.object_type = kinds.kind and `+open+`
						order by w.next_attempt_at, w.seq limit 1) k),
					(select min(h.hold_until) from crm_write_log h where h.connection_id = $1 and h.hold_until > now()))`,
				connectionID).Scan(&next); err != nil {
				return err
			}
		}
		if next != nil && wait != nil && wait.After(*next) {
			next = wait
		}
		if next != nil {
			if err := tx.QueryRow(ctx, `select $1::timestamptz <= now()`, *next).Scan(&more); err != nil {
				return err
			}
			if more = more && !yield && epoch == newest; more {
				return nil
			}
		}
		return end(ctx, tx, next)
	})
	if err != nil {
		return false, fmt.Errorf("finish drain: %w", err)
	}
	return more, nil
}
