package store_test

import (
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"crm-connectors/store"
)

func (b *bench) begin(verifier string) string {
	b.t.Helper()
	state, err := b.BeginOAuth(b.t.Context(), store.OAuthState{WorkspaceID: b.workspace, CRM: "hubspot", UserID: "user", RedirectTo: "/integrations",
		LoginURL: "https://login.example.com", Verifier: verifier, AppClientID: "client"}, "", 10*time.Minute)
	if err != nil {
		b.t.Fatal(err)
	}
	return state
}

func TestAStateBringsBackWhatTheFlowBeganWith(t *testing.T) {
	t.Parallel()
	b := setup(t)
	got, err := b.TakeOAuthState(t.Context(), "hubspot", b.begin("verifier"), "")
	want := store.OAuthState{WorkspaceID: b.workspace, CRM: "hubspot", UserID: "user", RedirectTo: "/integrations",
		LoginURL: "https://login.example.com", Verifier: "verifier", AppClientID: "client", Stage: store.StageCallback}
	if err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func TestOfAHundredCallersOneTakesAState(t *testing.T) {
	t.Parallel()
	b := setup(t)
	state := b.begin("verifier")
	var won, lost atomic.Int32
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			switch _, err := b.TakeOAuthState(t.Context(), "hubspot", state, ""); {
			case err == nil:
				won.Add(1)
			case errors.Is(err, store.ErrNotFound):
				lost.Add(1)
			default:
				t.Errorf("take: %v", err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || lost.Load() != 99 {
		t.Errorf("%d won and %d lost, want 1 and 99", won.Load(), lost.Load())
	}
}

func TestAStateThatIsUnknownExpiredOrOfAnotherCRMIsNotFound(t *testing.T) {
	t.Parallel()
	b := setup(t)
	state := b.begin("verifier")
	take := func(what, crm, state string) {
		if _, err := b.TakeOAuthState(t.Context(), crm, state, ""); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: got %v, want ErrNotFound", what, err)
		}
	}
	take("unknown", "hubspot", "never given out")
	take("empty", "hubspot", "")
	take("another CRM", "salesforce", state)
	b.exec(`update oauth_states set expires_at = now() - interval '1 second'`)
	take("expired", "hubspot", state)
}

func TestTryingAStateForAnotherCRMDoesNotSpendIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	state := b.begin("verifier")
	if _, err := b.TakeOAuthState(t.Context(), "salesforce", state, ""); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("got %v, want ErrNotFound", err)
	}
	if _, err := b.TakeOAuthState(t.Context(), "hubspot", state, ""); err != nil {
		t.Errorf("got %v, want the state", err)
	}
}

func TestTheTableHoldsNeitherStateNorVerifier(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const verifier = "plain-verifier-sentinel"
	state := b.begin(verifier)
	dump := b.dump()
	for _, secret := range []string{state, verifier} {
		if strings.Contains(dump, secret) || strings.Contains(dump, hex.EncodeToString([]byte(secret))) {
			t.Errorf("the database holds %q in clear", secret)
		}
	}
	if !strings.Contains(dump, "/integrations") {
		t.Error("the dump does not show the state's row at all")
	}
}

func TestPurgingDeletesExpiredStatesAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.begin("one")
	b.begin("two")
	b.exec(`update oauth_states set expires_at = now() - interval '1 second'`)
	live := b.begin("three")
	if n, err := b.PurgeOAuthStates(t.Context()); err != nil || n != 2 {
		t.Errorf("purged %d, %v; want 2", n, err)
	}
	if _, err := b.TakeOAuthState(t.Context(), "hubspot", live, ""); err != nil {
		t.Errorf("the live one: %v", err)
	}
}

// dump is every row of every table as text.
func (b *bench) dump() string {
	b.t.Helper()
	return value[string](b, `select string_agg(query_to_xml(format('select t::text from %I.%I t', n.nspname, c.relname), true, true, '')::text, '')
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema')`)
}
