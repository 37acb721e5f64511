package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Figures are how the whole installation stands, whichever replica is asked.
type Figures struct {
	Open        []OpenWrites       `json:"open"`
	Queued      []QueuedWrites     `json:"queued"`
	Doubt       []OldestDoubt      `json:"doubt"`
	Connections []ConnectionFigure `json:"connections"`
	Alarms      []AlarmFigure      `json:"alarms"`
	Jobs        []JobFigure        `json:"jobs"`
	Leader      bool               `json:"leader"` // a replica does River's periodic work

	CountedAt time.Time `json:"-"` // zero: never yet
}

// OpenWrites is how many writes of a CRM are in a state that is not the end, but for queued, or in one that a person should see: failed, needs_review.
type OpenWrites struct {
	CRM    string `json:"crm" db:"crm"`
	Status string `json:"status" db:"status"`
	Count  int64  `json:"count" db:"count"`
}

// QueuedWrites is how many writes of a CRM and kind are queued, and since when the one has been due that has been so the longest, of those on connections
// that may be written to now.
type QueuedWrites struct {
	CRM     string     `json:"crm" db:"crm"`
	Object  string     `json:"object" db:"object"`
	Count   int64      `json:"count" db:"count"`
	DueFrom *time.Time `json:"due_from" db:"due_from"` // nil: none may be written now; in the future when none is due yet
}

// OldestDoubt is since when the CRM's word could have ended the oldest doubt, of those on connections that may be asked now.
type OldestDoubt struct {
	CRM  string    `json:"crm" db:"crm"`
	From time.Time `json:"from" db:"doubt_from"`
}

// ConnectionFigure is how many connections of a CRM are how, see Healths, and how many of them do not answer.
type ConnectionFigure struct {
	CRM    string `json:"crm" db:"crm"`
	Health string `json:"health" db:"health"`
	Count  int64  `json:"count" db:"count"`
	Silent int64  `json:"silent" db:"silent"`
}

// AlarmFigure is how many writes of a CRM differ from what it holds, and how.
type AlarmFigure struct {
	CRM   string `json:"crm" db:"crm"`
	Alarm string `json:"alarm" db:"alarm"`
	Count int64  `json:"count" db:"count"`
}

// JobFigure is how many of River's jobs are in a queue, and since when the oldest of those that could be worked waits.
type JobFigure struct {
	Queue string    `json:"queue" db:"queue"`
	State string    `json:"state" db:"state"`
	Count int64     `json:"count" db:"count"`
	From  time.Time `json:"from" db:"oldest"`
}

const (
	// figuresEvery is how old figures may become before somebody counts anew.
	figuresEvery = 15 * time.Second
	// figuresShare bounds what counting costs an installation with a backlog of millions: what took a second is not done again for twenty.
	figuresShare = 20
	// figuresWithin is how long a count may take; for so long nobody else begins another.
	figuresWithin = 10 * time.Second
	// figuresPatience is how long who asked waits for it, and has the former figures then.
	figuresPatience = 3 * time.Second
)

// Figures counts, or gives what a replica counted a moment ago. silent is from how many unanswered calls in a row on a connection is silent.
// What does not end is found by the partial indexes of its states, never by reading the log.
func (s *Store) Figures(ctx context.Context, silent int) (Figures, error) {
	tag, err := s.everywhere().Exec(ctx, `update crm_figures set due_at = now() + make_interval(secs => $1) where due_at <= now()`, figuresWithin.Seconds())
	if err != nil {
		return Figures{}, fmt.Errorf("figures: %w", err)
	}
	if tag.RowsAffected() == 1 {
		counted := make(chan error, 1)
		go func() { counted <- s.count(context.WithoutCancel(ctx), silent) }() // others wait for it, not only the caller
		select {
		case err := <-counted:
			if err != nil {
				return Figures{}, err
			}
		case <-time.After(figuresPatience):
		}
	}
	var text []byte
	var at *time.Time
	if err := s.everywhere().QueryRow(ctx, `select figures_json, counted_at from crm_figures`).Scan(&text, &at); err != nil {
		return Figures{}, fmt.Errorf("figures: %w", err)
	}
	var f Figures
	if err := json.Unmarshal(text, &f); err != nil {
		return Figures{}, fmt.Errorf("figures: %w", err)
	}
	if at != nil {
		f.CountedAt = *at
	}
	return f, nil
}

// count stores new figures, and when they are due again.
func (s *Store) count(ctx context.Context, silent int) error {
	ctx, cancel := context.WithTimeout(ctx, figuresWithin)
	defer cancel()
	began := time.Now()
	var f Figures
	err := s.everywhere().readOnly(ctx, func(tx pgx.Tx) (err error) {
		// Where a large part of the log is queued, the planner would rather read all of it.
		if _, err := tx.Exec(ctx, `set local enable_seqscan = off`); err != nil {
			return err
		}
		return errors.Join( // the first tells; those after it can only say that there was one
			read(ctx, tx, &f.Open, openWrites),
			read(ctx, tx, &f.Queued, queuedWrites),
			read(ctx, tx, &f.Doubt, oldestDoubt),
			read(ctx, tx, &f.Connections, `select crm, `+healthOf+` as health, count(*) as count, count(*) filter (where c.status = 'connected' and c.silent_calls >= $1) as silent
				from crm_connections c group by 1, 2 order by 1, 2`, silent),
			read(ctx, tx, &f.Alarms, alarmFigures),
			read(ctx, tx, &f.Jobs, `select queue, state::text as state, count(*) as count, min(scheduled_at) as oldest from `+JobSchema+`.river_job
				where state in ('available', 'running', 'retryable', 'scheduled') group by 1, 2 order by 1, 2`),
			tx.QueryRow(ctx, `select exists (select from `+JobSchema+`.river_leader where expires_at > now())`).Scan(&f.Leader))
	})
	if err != nil {
		return fmt.Errorf("count: %w", err)
	}
	text, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("count: %w", err)
	}
	again := max(figuresEvery, figuresShare*time.Since(began))
	if _, err := s.everywhere().Exec(ctx, `update crm_figures set figures_json = $1::text::jsonb, counted_at = now(), due_at = now() + make_interval(secs => $2)`,
		string(text), again.Seconds()); err != nil {
		return fmt.Errorf("count: %w", err)
	}
	return nil
}

func read[T any](ctx context.Context, tx pgx.Tx, into *[]T, sql string, args ...any) (err error) {
	*into, err = many[T](tx.Query(ctx, sql, args...))
	return err
}

const (
	writable = `c.status = 'connected' and (c.paused_until is null or c.paused_until <= now())`

	// queuedWrites reads each row of the queue once, in the index.
	queuedWrites = `
		select c.crm, q.object_type as object, sum(q.n)::bigint as count, min(q.at) filter (where ` + writable + `) as due_from from (
			select connection_id, object_type, count(*) as n, min(next_attempt_at) as at from crm_write_log where status = 'queued' group by 1, 2
		) q join crm_connections c on c.id = q.connection_id group by 1, 2 order by 1, 2`

	openWrites = `
		select c.crm, s.status, sum(s.n)::bigint as count from (
			select connection_id, 'in_doubt' as status, count(*) as n from crm_write_log where status = 'in_doubt' group by 1
			union all select connection_id, 'blocked', count(*) from crm_write_log where status = 'blocked' group by 1
			union all select connection_id, 'needs_review', count(*) from crm_write_log where status = 'needs_review' group by 1
			union all select connection_id, 'failed', count(*) from crm_write_log where status = 'failed' group by 1
			union all select connection_id, status, count(*) from crm_write_log where status in ('sending', 'reconciling') group by 1, 2
		) s join crm_connections c on c.id = s.connection_id group by 1, 2 order by 1, 2`

	alarmFigures = `select crm, alarm, count(*) as count from crm_write_log where alarm <> '' group by 1, 2 order by 1, 2`

	oldestDoubt = `
		select c.crm, min(d.reconcile_at) as doubt_from from (
			select connection_id, reconcile_at from crm_write_log where status = 'in_doubt'
			union all select connection_id, reconcile_at from crm_write_log where status in ('sending', 'reconciling') and status = 'reconciling'
		) d join crm_connections c on c.id = d.connection_id where d.reconcile_at is not null and ` + writable + ` group by 1 order by 1`
)
