package store_test

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"crm-connectors/store"
)

// lend tries for the refresh lease.
func (b *bench) lend(c store.Connection, life time.Duration) bool {
	b.t.Helper()
	got, err := b.TakeRefreshLease(b.t.Context(), c.ID, c.TokenGeneration, life)
	if err != nil {
		b.t.Error(err)
	}
	return got
}

func TestThreat11_OfManyRefreshersOneTakesTheLease(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() {
			if b.lend(c, time.Minute) {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d took the lease, want 1", won.Load())
	}
}

func TestARefreshLeaseIsFreeAgainWhenItEndsOrRunsOut(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	if !b.lend(c, time.Minute) || b.lend(c, time.Minute) {
		t.Fatal("the lease is not held by one")
	}
	if err := b.EndRefreshLease(t.Context(), c.ID, c.TokenGeneration+1); err != nil {
		t.Fatal(err)
	}
	if b.lend(c, time.Minute) {
		t.Error("somebody of another generation ended the lease")
	}
	if err := b.EndRefreshLease(t.Context(), c.ID, c.TokenGeneration); err != nil {
		t.Fatal(err)
	}
	if !b.lend(c, time.Minute) {
		t.Error("an ended lease is not free")
	}
	b.exec(`update crm_connections set refresh_lease_until = now() - interval '1 second'`)
	if !b.lend(c, time.Minute) {
		t.Error("a lease that ran out is not free")
	}
}

func TestThreat25_NobodyRefreshesOldTokensOrADeadConnection(t *testing.T) {
	t.Parallel()
	b := setup(t)
	old := b.connect("hubspot", "hub1")
	c := b.connect("hubspot", "hub1")
	if b.lend(old, time.Minute) {
		t.Error("the lease was given for tokens that were replaced")
	}
	b.fail(c)
	if b.lend(c, time.Minute) {
		t.Error("the lease was given for a connection in error")
	}
}

func TestThreat11_RefreshedTokensReplaceTheOldOnesOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	b.lend(c, time.Minute)
	expiry := time.Now().Add(2 * time.Hour).Truncate(time.Millisecond)
	r := store.Refreshed{AccessToken: "access two", RefreshToken: "refresh two", ExpiresAt: expiry, InstanceURL: "https://eu.example.com", Scopes: []string{"one"}}
	for i, want := range []bool{true, false} {
		if ok, err := b.SaveRefreshed(t.Context(), c, r); err != nil || ok != want {
			t.Errorf("save %d: %v, %v; want %v", i, ok, err, want)
		}
		r.AccessToken = "access three"
	}
	got := b.connection(c.ID)
	access, refresh, err := b.Tokens(got)
	if err != nil || access != "access two" || refresh != "refresh two" {
		t.Errorf("tokens %q, %q, %v", access, refresh, err)
	}
	if got.TokenGeneration != c.TokenGeneration+1 || got.InstanceURL != r.InstanceURL || !slices.Equal(got.Scopes, r.Scopes) ||
		got.TokenExpiresAt == nil || !got.TokenExpiresAt.Equal(expiry) {
		t.Errorf("got %+v", got)
	}
	if !b.lend(got, time.Minute) {
		t.Error("saving did not end the lease")
	}
}

func TestWhatARefreshDoesNotBringStaysAsItWas(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("salesforce", "org1")
	if ok, err := b.SaveRefreshed(t.Context(), c, store.Refreshed{AccessToken: "access two"}); err != nil || !ok {
		t.Fatalf("save: %v, %v", ok, err)
	}
	got := b.connection(c.ID)
	access, refresh, err := b.Tokens(got)
	if err != nil || access != "access two" || refresh != "refresh org1" {
		t.Errorf("tokens %q, %q, %v", access, refresh, err)
	}
	if got.InstanceURL != c.InstanceURL || !slices.Equal(got.Scopes, c.Scopes) || got.TokenExpiresAt != nil {
		t.Errorf("got %+v, want instance and scopes of %+v and no expiry", got, c)
	}
}

func TestARefreshThatComesAfterADisconnectStoresNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	if err := b.Disconnect(t.Context(), b.workspace, "hubspot"); err != nil {
		t.Fatal(err)
	}
	c.TokenGeneration = b.connection(c.ID).TokenGeneration // even if the fence held
	if ok, err := b.SaveRefreshed(t.Context(), c, store.Refreshed{AccessToken: "access two"}); err != nil || ok {
		t.Errorf("saved %v, %v; want false", ok, err)
	}
	if access, _, err := b.Tokens(b.connection(c.ID)); err != nil || access != "" {
		t.Errorf("access token %q, %v; want none", access, err)
	}
}

func TestIdleConnectionsAreLiveOnesLongNotRefreshedOldestFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	aged := func(days int) store.Connection {
		b.workspace = uuid.New()
		c := b.connect("salesforce", "org1")
		b.exec(`update crm_connections set token_refreshed_at = now() - make_interval(days => $2) where id = $1`, c.ID, days)
		return c
	}
	ten, _, twenty := aged(10), aged(1), aged(20)
	dropped := aged(30)
	b.fail(dropped)
	forgotten := aged(30)
	b.exec(`update crm_connections set refresh_token_ciphertext = '' where id = $1`, forgotten.ID)
	idle := func(limit int) (ids []uuid.UUID) {
		list, err := b.IdleConnections(t.Context(), 7*24*time.Hour, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			ids = append(ids, c.ID)
		}
		return ids
	}
	if got, want := idle(10), []uuid.UUID{twenty.ID, ten.ID}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := idle(1), []uuid.UUID{twenty.ID}; !slices.Equal(got, want) {
		t.Errorf("one alone: got %v, want %v", got, want)
	}
}

func TestAnAccountIsSharedWhileAnotherWorkspaceUsesIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	mine := b.connect("hubspot", "hub1")
	want := func(what string, want bool) {
		t.Helper()
		if got, err := b.AccountIsShared(t.Context(), mine); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", what, got, err, want)
		}
	}
	b.connect("salesforce", "hub1")
	want("the same id in another CRM", false)
	b.workspace = uuid.New()
	b.connect("hubspot", "hub2")
	want("another account", false)
	other := b.connect("hubspot", "hub1")
	want("the same account", true)
	b.fail(other)
	want("the same account, in error", true)
	if err := b.Disconnect(t.Context(), b.workspace, "hubspot"); err != nil {
		t.Fatal(err)
	}
	want("the same account, disconnected", false)
}
