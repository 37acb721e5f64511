package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm-connectors/store"
	"crm-connectors/store/storetest"
)

func FuzzThreat03_StatesAndTicketsThatNobodyWasGiven(f *testing.F) {
	text, err := store.GenerateKeyset()
	if err != nil {
		f.Fatal(err)
	}
	keys, err := store.ParseKeyring(text)
	if err != nil {
		f.Fatal(err)
	}
	pool, err := pgxpool.New(f.Context(), storetest.NewDatabase(f, migrate))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(pool.Close)
	s := store.New(pool, keys)
	flow := store.OAuthState{WorkspaceID: uuid.New(), CRM: "hubspot", Verifier: "v", Code: "c", Stage: store.StageConfirm}
	browser, err := store.Nonce()
	if err != nil {
		f.Fatal(err)
	}
	state, err := s.BeginOAuth(f.Context(), flow, browser, time.Hour)
	if err != nil {
		f.Fatal(err)
	}
	ticket, err := s.AskOAuth(f.Context(), flow, browser, time.Hour)
	if err != nil {
		f.Fatal(err)
	}
	for _, given := range []string{"", state, state + " ", strings.ToUpper(state), state[:42], ticket, "' or true --", "\x00", "\xff", strings.Repeat("a", 5000), "%00"} {
		f.Add("hubspot", given, "")
		f.Add("salesforce", given, browser)
		f.Add(given, state, given)
	}
	f.Fuzz(func(t *testing.T, crm, given, from string) {
		if from == browser && (given == state || given == ticket) {
			return // the one that was given to that browser
		}
		for _, take := range []func() (store.OAuthState, error){
			func() (store.OAuthState, error) { return s.TakeOAuthState(t.Context(), crm, given, from) },
			func() (store.OAuthState, error) { return s.TakeOAuthAnswer(t.Context(), crm, given, from) },
		} {
			if got, err := take(); err == nil {
				t.Errorf("%q, %q of the browser %q is taken for %+v", crm, given, from, got)
			} else if !errors.Is(err, store.ErrNotFound) && !strings.Contains(err.Error(), "invalid byte sequence") {
				t.Errorf("%q, %q: %v", crm, given, err)
			}
		}
		var left int
		if err := pool.QueryRow(t.Context(), `select count(*) from oauth_states`).Scan(&left); err != nil || left != 2 {
			t.Errorf("%d flows are left, want both: %v", left, err)
		}
	})
}
