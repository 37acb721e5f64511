package store_test

import (
	"errors"
	"strings"
	"testing"

	"crm-connectors/store"

	"github.com/google/uuid"
)

// conduitWasHere makes the tables that Conduit's own implementation leaves, as far as they matter here, with rows of the bench's workspace and of
// another one, whose id it gives.
func (b *bench) conduitWasHere() (other uuid.UUID) {
	b.t.Helper()
	other = uuid.New()
	b.exec(`create table conduit_crm_connections (id uuid primary key default gen_random_uuid(), workspace_id uuid, access_token_ciphertext text, refresh_token_ciphertext text)`)
	b.exec(`create table conduit_pending_installs (connection_id uuid references conduit_crm_connections (id), workspace_id uuid)`)
	b.exec(`create table conduit_oauth_states (workspace_id uuid, code_verifier text)`)
	b.exec(`create table conduit_crm_write_log (id uuid primary key default gen_random_uuid(), workspace_id uuid not null, thread_id uuid, payload_json jsonb)`)
	for _, workspace := range []uuid.UUID{b.workspace, other} {
		thread := uuid.New()
		b.exec(`insert into conduit_crm_connections (workspace_id, access_token_ciphertext, refresh_token_ciphertext) values ($1, 'sealed', 'sealed'), ($1, null, '')`, workspace)
		b.exec(`insert into conduit_pending_installs (connection_id) select id from conduit_crm_connections where workspace_id = $1`, workspace)
		b.exec(`insert into conduit_oauth_states values ($1, 'v')`, workspace)
		b.exec(`insert into conduit_crm_write_log (workspace_id, thread_id, payload_json) values ($1, $2, '{"email": "Ada@Example.com"}'), ($1, $2, '{"subject": "Call her"}'),
			($1, null, '{"email": "grace@example.com"}')`, workspace, thread)
	}
	return other
}

// formerRows counts what is left of a workspace in the tables that stepped aside.
func (b *bench) formerRows(workspace uuid.UUID) int {
	return value[int](b, `select ((select count(*) from conduit_crm_connections where workspace_id = $1) + (select count(*) from conduit_oauth_states where workspace_id = $1)
		+ (select count(*) from conduit_crm_write_log where workspace_id = $1)
		+ (select count(*) from conduit_pending_installs i join conduit_crm_connections c on c.id = i.connection_id where c.workspace_id = $1))::int`, workspace)
}

func TestAnErasedWorkspaceIsErasedFromTheTablesThatSteppedAsideToo(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := b.conduitWasHere()
	before := b.formerRows(other)
	if _, _, err := b.EraseWorkspace(t.Context(), b.workspace, "ops@example.com"); err != nil {
		t.Fatal(err)
	}
	if n := b.formerRows(b.workspace); n != 0 || b.formerRows(other) != before {
		t.Errorf("%d rows of the workspace are left, and %d of another, want 0 and %d", n, b.formerRows(other), before)
	}
	if n := value[int](b, `select (detail_json ->> 'former')::int from crm_audit where action = 'workspace.erase'`); n != before {
		t.Errorf("the record says %d rows, want %d", n, before)
	}
}

func TestAnErasedContactIsErasedFromTheLogThatSteppedAsideToo(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := b.conduitWasHere()
	if _, err := b.EraseContact(t.Context(), b.workspace, ada, "ops@example.com"); err != nil {
		t.Fatal(err)
	}
	left := value[string](b, `select string_agg(payload_json::text, ' ') from conduit_crm_write_log where workspace_id = $1`, b.workspace)
	if !strings.Contains(left, "grace") || strings.Contains(left, "Ada") || strings.Contains(left, "Call her") {
		t.Errorf("left: %s; want what is of others alone", left)
	}
	if n := value[int](b, `select count(*)::int from conduit_crm_write_log where workspace_id = $1`, other); n != 3 {
		t.Errorf("%d rows of another workspace are left, want 3", n)
	}
}

func TestTheTablesThatSteppedAsideAreDroppedOnceTheirKeyIsNotNeeded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if had, err := b.Former(t.Context()); err != nil || len(had) != 0 {
		t.Errorf("where Conduit never ran: %v, %v", had, err)
	}
	b.conduitWasHere()
	c := b.connect("hubspot", "hub1")
	keys, err := store.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.DropFormer(t.Context(), keys, "x"); !errors.Is(err, store.ErrStillSealedByOthers) {
		t.Errorf("while other keys seal what is in use: %v", err)
	}
	had, err := b.Former(t.Context())
	if err != nil || len(had) != 4 || had[3] != (store.Former{Table: "conduit_crm_connections", Rows: 4, Tokens: 4}) {
		t.Fatalf("they hold %+v, %v", had, err)
	}
	b.exec(`update crm_connections set access_token_ciphertext = '', refresh_token_ciphertext = '' where id = $1`, c.ID)
	b.exec(`delete from crm_secrets`)
	for _, want := range []int{4, 0} {
		if had, err = b.DropFormer(t.Context(), keys, "ops"); err != nil || len(had) != want {
			t.Errorf("dropped %+v, %v; want %d tables", had, err, want)
		}
	}
	if n := value[int](b, `select count(*)::int from pg_class where relname like 'conduit\_%'`); n != 0 {
		t.Errorf("%d are left", n)
	}
	if acts, err := b.Acts(t.Context(), "conduit"); err != nil || len(acts) != 1 || acts[0].Action != "former_tables.drop" {
		t.Errorf("recorded: %+v, %v", acts, err)
	}
}
