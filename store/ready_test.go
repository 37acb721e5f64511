package store_test

import (
	"errors"
	"testing"

	"crm-connectors/store"
)

func TestAStoreIsReadyWhileItsDatabaseAnswersIsMigratedAndOpensWithItsKeyset(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if err := b.Ready(t.Context()); err != nil {
		t.Errorf("a new database: %v", err)
	}
	b.connect("hubspot", "hub1")
	b.append(b.outcome("e1", contact(ada))) // the first write has the marker secret sealed
	if err := b.Ready(t.Context()); err != nil {
		t.Errorf("with a secret in it: %v", err)
	}
	if err := store.New(b.pool, keyring(t)).Ready(t.Context()); !errors.Is(err, store.ErrWrongKeyset) {
		t.Errorf("with another keyset: %v, want ErrWrongKeyset", err)
	}
	newest := value[int64](b, `delete from crm_connectors_migrations where version_id = (select max(version_id) from crm_connectors_migrations) returning version_id`)
	if err := b.Ready(t.Context()); !errors.Is(err, store.ErrNotMigrated) {
		t.Errorf("without migration %d: %v, want ErrNotMigrated", newest, err)
	}
	b.exec(`insert into crm_connectors_migrations (version_id, is_applied) values ($1, true), (99990101000000, true)`, newest)
	if err := b.Ready(t.Context()); err != nil {
		t.Errorf("ahead of the release: %v", err)
	}
	b.pool.Close()
	if err := b.Ready(t.Context()); err == nil || errors.Is(err, store.ErrNotMigrated) || errors.Is(err, store.ErrWrongKeyset) {
		t.Errorf("without a database: %v", err)
	}
}
