package migrations

import (
	"context"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Missing are the migrations of this release that the database does not have, in order. A database that is ahead of the release lacks none.
func Missing(ctx context.Context, pool *pgxpool.Pool) ([]int64, error) {
	wanted, err := versions()
	if err != nil {
		return nil, err
	}
	rows, err := pool.Query(ctx, `select v from unnest($1::bigint[]) v
		where not exists (select from `+historyTable+` h where h.version_id = v and h.is_applied) order by v`, wanted)
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	missing, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	return missing, nil
}

// versions are those of the files, and River's.
func versions() ([]int64, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	all := []int64{riverVersion}
	for _, name := range names {
		digits, _, _ := strings.Cut(name, "_")
		v, err := strconv.ParseInt(digits, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("migrations: %s: %w", name, err)
		}
		all = append(all, v)
	}
	return all, nil
}
