package store_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/uuid"

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
