package store

import (
	"context"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"crm-connectors/store/storetest"
)

func TestEverySealedColumnOfTheDatabaseIsSealedAnew(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(t.Context(), storetest.NewDatabase(t, storetest.Migrate))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	rows, err := conn.Query(t.Context(), `select table_name || '.' || column_name from information_schema.columns
		where table_schema = 'public' and column_name like '%ciphertext%'`)
	if err != nil {
		t.Fatal(err)
	}
	have, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	var know []string
	for _, c := range sealedColumns() {
		know = append(know, c.table+"."+c.column)
	}
	slices.Sort(have)
	slices.Sort(know)
	if !slices.Equal(have, know) {
		t.Errorf("the database has %v, Reseal knows %v", have, know)
	}
}
