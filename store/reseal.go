package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"
)

// sealedColumn is a column that holds sealed text, and in SQL, where t is its table, the place that it is sealed for.
type sealedColumn struct{ table, column, place string }

// sealedColumns are all of them; a test compares the list with the database.
func sealedColumns() []sealedColumn {
	const owner = `coalesce(t.workspace_id, (select p.id from pending_installs p where p.connection_id = t.id and p.status = 'pending'))::text`
	starter := `coalesce(workspace_id, '` + uuid.Nil.String() + `')::text`
	return []sealedColumn{
		{"crm_connections", "access_token_ciphertext", `array[` + owner + `, crm, 'access_token']`},
		{"crm_connections", "refresh_token_ciphertext", `array[` + owner + `, crm, 'refresh_token']`},
		{"crm_apps", "client_secret_ciphertext", `array[workspace_id::text, crm, 'client_secret']`},
		{"crm_notification_endpoints", "secret_ciphertext", `array['crm_notification_endpoints', id::text, 'secret']`},
		{"crm_notification_endpoints", "former_secret_ciphertext", `array['crm_notification_endpoints', id::text, 'former_secret']`},
		{"crm_secrets", "value_ciphertext", `array['crm_secrets', name]`},
		{"oauth_states", "verifier_ciphertext", `array[` + starter + `, crm, 'verifier']`},
		{"oauth_states", "code_ciphertext", `array[` + starter + `, crm, 'code']`},
		{"oauth_states", "grant_ciphertext", `array[` + starter + `, crm, 'grant']`},
	}
}

// keyPrefix is the beginning of a sealed text, as sealedBy writes it: eight characters of base64 are six bytes.
const keyPrefix = `encode(substr(decode(left(%[1]s, 8), 'base64'), 1, 5), 'hex')`

// resealBatch rows are sealed anew in one statement, and none is locked for longer than that.
const resealBatch = 200

// Sealed counts the texts of one column by the key that sealed them.
type Sealed struct {
	Column string
	Key    uint32 // 0: none of the keys of this service
	Texts  int
}

// Sealed counts what lies sealed in the database, by column and key of keys.
func (s *Store) Sealed(ctx context.Context, keys *Keyset) ([]Sealed, error) {
	known := map[string]uint32{}
	for _, k := range keys.Keys() {
		known[sealedBy(k.ID)] = k.ID
	}
	var all []Sealed
	for _, c := range sealedColumns() {
		rows, err := s.everywhere().Query(ctx, fmt.Sprintf(`select `+keyPrefix+`, count(*)::int from %[2]s where %[1]s <> '' group by 1 order by 1`, c.column, c.table))
		if err != nil {
			return nil, fmt.Errorf("count sealed texts: %w", err)
		}
		for rows.Next() {
			var prefix string
			one := Sealed{Column: c.table + "." + c.column}
			if err := rows.Scan(&prefix, &one.Texts); err != nil {
				rows.Close()
				return nil, fmt.Errorf("count sealed texts: %w", err)
			}
			one.Key = known[prefix]
			all = append(all, one)
		}
		if err := rows.Err(); err != nil {
			return nil, fmt.Errorf("count sealed texts of %s.%s: %w", c.table, c.column, err)
		}
	}
	return all, nil
}

// Resealed is how far Reseal came in one column.
type Resealed struct {
	Column string
	Done   int // sealed anew
	Closed int // that no key opens: left as they are
}

// Reseal seals anew, under the primary key, whatever another key sealed. It may run while the service serves and while others run it: a text
// that changes meanwhile is left to who changed it. Broken off, it goes on where it stopped when it runs again. progress is told after each
// batch and at the end of each column.
func (s *Store) Reseal(ctx context.Context, progress func(Resealed)) error {
	for _, c := range sealedColumns() {
		so := Resealed{Column: c.table + "." + c.column}
		for after := "(0,0)"; after != ""; progress(so) {
			var err error
			if after, err = s.resealAfter(ctx, c, after, &so); err != nil {
				return fmt.Errorf("seal %s anew: %w", so.Column, err)
			}
		}
	}
	return nil
}

// resealAfter does one batch of a column in the order of the table and gives the place of its last row; empty: there was none.
func (s *Store) resealAfter(ctx context.Context, c sealedColumn, after string, so *Resealed) (last string, err error) {
	rows, err := s.everywhere().Query(ctx, fmt.Sprintf(`select ctid::text, %[1]s, %[3]s from %[2]s t
		where ctid > $1::text::tid and %[1]s <> '' and `+keyPrefix+` <> $2 order by t.ctid limit $3`, c.column, c.table, c.place),
		after, sealedBy(s.keys.primary), resealBatch)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var at, old, fresh []string
	for rows.Next() {
		var sealed string
		var place []string
		if err := rows.Scan(&last, &sealed, &place); err != nil {
			return "", err
		}
		plain, err := s.keys.Open(sealed, place...)
		if err != nil {
			so.Closed++
			continue
		}
		again, err := s.keys.Seal(plain, place...)
		if err != nil {
			return "", err
		}
		at, old, fresh = append(at, last), append(old, sealed), append(fresh, again)
	}
	if err := rows.Err(); err != nil || len(at) == 0 {
		return last, err
	}
	// A row that changed meanwhile lies elsewhere or holds another text. Whoever changed it sealed with the primary key.
	tag, err := s.everywhere().Exec(ctx, fmt.Sprintf(`update %[2]s t set %[1]s = n.fresh from unnest($1::text[], $2::text[], $3::text[]) as n(at, old, fresh)
		where t.ctid = n.at::tid and t.%[1]s = n.old`, c.column, c.table), at, old, fresh)
	if err != nil {
		return "", err
	}
	so.Done += int(tag.RowsAffected())
	return last, nil
}
