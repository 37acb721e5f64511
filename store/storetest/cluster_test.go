package storetest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestMain(m *testing.M) { Main(m) }

// runs counts those of migrate, which the whole process shares as it shares the template.
var runs atomic.Int32

func migrate(ctx context.Context, url string) error {
	runs.Add(1)
	if err := Migrate(ctx, url); err != nil {
		return err
	}
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(ctx) }()
	_, err = c.Exec(ctx, "create table fact (n int); select from crm_write_log")
	return err
}

func TestEveryTestHasAMigratedDatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	for i := range 6 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			c, err := pgx.Connect(t.Context(), NewDatabase(t, migrate))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close(t.Context()) }()
			var rows int
			err = c.QueryRow(t.Context(), "with i as (insert into fact values ($1) returning n) select count(*) from fact", i).Scan(&rows)
			if err != nil || rows != 0 {
				t.Errorf("before the insert: %d rows, %v; want none", rows, err)
			}
			if got := runs.Load(); got != 1 {
				t.Errorf("migrate ran %d times, want once", got)
			}
		})
	}
}

func TestADatabaseIsGoneWhenItsTestEnds(t *testing.T) {
	t.Parallel()
	var database string
	t.Run("inner", func(t *testing.T) {
		c, err := pgx.Connect(t.Context(), NewDatabase(t, migrate))
		if err != nil {
			t.Fatal(err)
		}
		database = c.Config().Database
		// Left open: a test that forgets its connection must not keep the database.
	})
	c, err := pgx.Connect(t.Context(), Cluster(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(t.Context()) }()
	var left int
	if err := c.QueryRow(t.Context(), "select count(*) from pg_database where datname = $1", database).Scan(&left); err != nil {
		t.Fatal(err)
	}
	if database == "" || left != 0 {
		t.Errorf("database %q: %d left, want none", database, left)
	}
}
