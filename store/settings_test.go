package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"crm-connectors/store"
)

func TestSettingsAreStoredOnlyOverThoseThatWereRead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	conn := b.connect("hubspot", "hub1")
	save := func(c store.Connection, settings string) bool {
		t.Helper()
		saved, err := b.SaveSettings(t.Context(), c, json.RawMessage(settings), "an operator", []string{"contacts"})
		if err != nil {
			t.Fatal(err)
		}
		return saved
	}
	if !save(conn, `{"contacts": "create_only"}`) {
		t.Error("the first change was not stored")
	}
	if save(conn, `{"contacts": "update_only"}`) {
		t.Error("a change was stored over one that it had not seen")
	}
	now, err := b.ConnectionOf(t.Context(), b.workspace, conn.ID)
	if err != nil || string(now.Settings) != `{"contacts": "create_only"}` {
		t.Fatalf("settings %s, %v", now.Settings, err)
	}
	b.exec(`update crm_connections set account_id = 'hub2'`)
	if save(now, `{}`) {
		t.Error("a change that was checked against another account was stored")
	}
	if n := value[int64](b, `select count(*) from crm_audit where action = 'connection.settings' and subject = $1 and detail_json = '{"keys": ["contacts"]}'`, conn.ID.String()); n != 1 {
		t.Errorf("%d changes are on record, want 1", n)
	}
	if _, err := b.ConnectionOf(t.Context(), uuid.New(), conn.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another workspace gets %v, want ErrNotFound", err)
	}
}

func TestADrainThatReadTheFormerSettingsClaimsNothingMore(t *testing.T) {
	t.Parallel()
	b := setup(t)
	conn := b.connect("hubspot", "hub1")
	b.append(b.outcome("e1"))
	epoch := b.drain(conn.ID)
	if saved, err := b.SaveSettings(t.Context(), conn, json.RawMessage(`{"contacts": "create_only"}`), "an operator", nil); err != nil || !saved {
		t.Fatalf("saved %t, %v", saved, err)
	}
	if rows, err := b.Claim(t.Context(), conn.ID, epoch, 10, lease); err != nil || len(rows) != 0 {
		t.Errorf("it claimed %d rows, %v", len(rows), err)
	}
	var next *time.Time
	more, err := b.FinishDrain(t.Context(), conn.ID, epoch, false, func(_ context.Context, _ pgx.Tx, at *time.Time) error {
		next = at
		return nil
	})
	if err != nil || more || next == nil {
		t.Errorf("more %t, %v, next %v; want an end that leaves what is due to the next drain", more, err, next)
	}
	if rows := b.claim(conn.ID, 10); len(rows) != 1 {
		t.Errorf("the next drain claimed %d rows, want the contact", len(rows))
	}
}
