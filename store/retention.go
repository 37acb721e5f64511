package store

import (
	"context"
	"fmt"
	"time"
)

// Retire deletes up to limit writes that were made and settled (succeeded or cancelled) longer than keep ago, with their attempts, and says how
// many. With a write its key goes: the same outcome, sent again after that, would be written again. What waits for anybody stays,
// and so does a contact for as long as writes that depend on it do.
func (s *Store) Retire(ctx context.Context, keep time.Duration, limit int) (int64, error) {
	tag, err := s.everywhere().Exec(ctx, `
		delete from crm_write_log where id in (
			select w.id from crm_write_log w
			where w.created_at < now() - make_interval(secs => $1) and w.settled_at < now() - make_interval(secs => $1)
				and w.status in ('succeeded', 'cancelled') and w.alarm = ''
				and not exists (select from crm_write_log d where d.depends_on = w.id)
			limit $2 for update skip locked)`, keep.Seconds(), limit)
	if err != nil {
		return 0, fmt.Errorf("retire old writes: %w", err)
	}
	return tag.RowsAffected(), nil
}
