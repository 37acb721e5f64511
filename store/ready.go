package store

import (
	"context"
	"errors"
	"fmt"

	"crm-connectors/migrations"

	"github.com/jackc/pgx/v5"
)

// The reasons beside a database that is away for which Ready says no.
var (
	ErrNotMigrated = errors.New("the database lacks migrations of this release")
	ErrWrongKeyset = errors.New("the keyset does not open what is sealed in this database")
)

// Ready says whether this process can do its work: the database answers, has all of the release's migrations, and what is sealed in it
// opens with the keyset. It costs two short reads.
func (s *Store) Ready(ctx context.Context) error {
	missing, err := migrations.Missing(ctx, s.pool)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w: %v", ErrNotMigrated, missing)
	}
	var sealed string
	err = s.everywhere().QueryRow(ctx, `select value_ciphertext from crm_secrets where name = $1`, markerSecret).Scan(&sealed)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil // nothing is sealed yet
	}
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	if _, err := s.keys.Open(sealed, "crm_secrets", markerSecret); err != nil {
		return fmt.Errorf("%w: %w", ErrWrongKeyset, err)
	}
	return nil
}
