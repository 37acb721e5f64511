package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"crm-connectors/store"

	"github.com/jackc/pgx/v5/pgxpool"
)

// openKeysStore is the store of the database that the environment names. The caller closes the pool.
func openKeysStore(ctx context.Context, e env) (*store.Store, *pgxpool.Pool, error) {
	_, dsn, err := keysConfig(e, true)
	if err != nil {
		return nil, nil, err
	}
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return nil, nil, errors.New("DATABASE_URL cannot be read")
	}
	return store.New(pool, nil), pool, nil
}

// former is what the tables that stepped aside still hold.
func former(ctx context.Context, e env) ([]store.Former, error) {
	st, pool, err := openKeysStore(ctx, e)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	return st.Former(ctx)
}

func writeFormer(w io.Writer, had []store.Former) {
	for _, f := range had {
		_, _ = fmt.Fprintf(w, "%s\t%d rows of Conduit's, %d tokens by its former key\n", f.Table, f.Rows, f.Tokens)
	}
}

// dropFormer says what the tables that stepped aside hold and, if a person means it, drops them.
func dropFormer(ctx context.Context, e env, f keysFlags) error {
	source, err := presentKeyset(e)
	if err != nil {
		return err
	}
	keys, err := source.keyset(ctx)
	if err != nil {
		return err
	}
	st, pool, err := openKeysStore(ctx, e)
	if err != nil {
		return err
	}
	defer pool.Close()
	had, err := st.Former(ctx)
	if err == nil && f.yes {
		had, err = st.DropFormer(ctx, keys, "keys drop former")
	}
	switch {
	case errors.Is(err, store.ErrStillSealedByOthers):
		return fmt.Errorf("%w: run '%s keys reencrypt' first, with TOKEN_ENC_KEY_B64. Nothing was dropped", err, program)
	case err != nil:
		return err
	}
	table := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	writeFormer(table, had)
	if err := table.Flush(); err != nil {
		return err
	}
	switch {
	case len(had) == 0:
		_, err = fmt.Fprintln(e.stderr, "keys: no table of Conduit's is left.")
	case f.yes:
		_, err = fmt.Fprintln(e.stderr, "keys: they are dropped. Destroy the former key once no backup needs it.")
	default:
		_, err = fmt.Fprintln(e.stderr, "keys: nothing was dropped. Keep what you need of them, then run it with --yes.")
	}
	return err
}
