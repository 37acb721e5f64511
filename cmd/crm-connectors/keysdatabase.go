package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"crm-connectors/store"

	"github.com/jackc/pgx/v5/pgxpool"
)

// keysConfig is what the environment says about the keyset and, where it is wanted, the database.
func keysConfig(e env, database bool) (keysetSource, string, error) {
	raw, c, err := readVariables(e.getenv)
	if err != nil {
		return keysetSource{}, "", err
	}
	c.problems = nil // of variables that are not needed here
	source := c.keyset(raw)
	dsn := ""
	if database {
		secret, _ := c.database(raw)
		dsn = secret.Reveal()
	}
	return source, dsn, c.verdict()
}

func retireKeys(ctx context.Context, e env, keys *store.Keyset) (*store.Keyset, error) {
	retired, err := keys.Retire()
	if err != nil {
		return nil, err
	}
	counts, err := countSealed(ctx, e, keys)
	if err != nil {
		return nil, err
	}
	needed := 0
	for _, c := range counts {
		for _, k := range keys.Keys() {
			if c.Key == k.ID && !k.Primary {
				needed += c.Texts
			}
		}
	}
	if needed > 0 {
		return nil, fmt.Errorf("%d texts in the database are sealed by the old keys: run '%s keys reencrypt' first", needed, program)
	}
	return retired, nil
}

func countSealed(ctx context.Context, e env, keys *store.Keyset) ([]store.Sealed, error) {
	st, pool, err := openKeysStore(ctx, e)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	return st.Sealed(ctx, keys)
}

func showKeys(ctx context.Context, e env, _ keysFlags) error {
	source, err := presentKeyset(e)
	if err != nil {
		return err
	}
	keys, err := source.keyset(ctx)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	for _, k := range keys.Keys() {
		does := "opens"
		if k.Primary {
			does = "seals and opens"
		}
		_, _ = fmt.Fprintf(table, "key %d\t%s\n", k.ID, does)
	}
	if e.getenv("DATABASE_URL")+e.getenv("SUPABASE_DB_URL") != "" {
		counts, err := countSealed(ctx, e, keys)
		if err != nil {
			return err
		}
		for _, c := range counts {
			by := fmt.Sprintf("key %d", c.Key)
			if c.Key == 0 {
				by = "no key of this keyset"
			}
			_, _ = fmt.Fprintf(table, "%s\t%d by %s\n", c.Column, c.Texts, by)
		}
		had, err := former(ctx, e)
		if err != nil {
			return err
		}
		writeFormer(table, had)
	}
	return table.Flush()
}

func reencrypt(ctx context.Context, e env, _ keysFlags) error {
	source, dsn, err := keysConfig(e, true)
	if err != nil {
		return err
	}
	ring, err := source.Keyring(ctx)
	if err != nil {
		return err
	}
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return errors.New("DATABASE_URL cannot be read")
	}
	defer pool.Close()
	closed := map[string]int{}
	err = store.New(pool, ring).Reseal(ctx, func(r store.Resealed) {
		closed[r.Column] = r.Closed
		_, _ = fmt.Fprintf(e.stdout, "%s: %d sealed anew, %d opened by no key\n", r.Column, r.Done, r.Closed)
	})
	if err != nil {
		return err
	}
	for column, n := range closed {
		if n > 0 {
			return fmt.Errorf("%d texts of %s open with no key at hand; they were left as they are. If Conduit sealed them, set TOKEN_ENC_KEY_B64; else the customers must reconnect", n, column)
		}
	}
	_, err = fmt.Fprintln(e.stdout, "everything is sealed by the primary key")
	return err
}
