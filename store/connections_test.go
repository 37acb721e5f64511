package store_test

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"crm-connectors/store"
)

var dead = store.Trouble{Code: "grant_dead", Cause: "The CRM refused the grant.", Action: "Connect again."}

// fail marks the connection as in error.
func (b *bench) fail(c store.Connection) {
	b.t.Helper()
	if failed, err := b.FailConnection(b.t.Context(), c.ID, c.TokenGeneration, dead); err != nil || !failed {
		b.t.Fatalf("fail connection: %v, %v", failed, err)
	}
}

func (b *bench) connection(id uuid.UUID) store.Connection {
	b.t.Helper()
	c, err := b.ConnectionByID(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

func TestAConnectionIsFoundByWorkspaceAndByID(t *testing.T) {
	t.Parallel()
	b := setup(t)
	salesforce, hubspot := b.connect("salesforce", "org1"), b.connect("hubspot", "hub1")
	all, err := b.Connections(t.Context(), b.workspace)
	if err != nil || len(all) != 2 || all[0].ID != hubspot.ID || all[1].ID != salesforce.ID {
		t.Errorf("got %+v, %v; want hubspot and salesforce", all, err)
	}
	got, err := b.Connection(t.Context(), b.workspace, "hubspot")
	if err != nil || got.ID != hubspot.ID || got.AccountID != "hub1" || got.Status != store.ConnectionConnected ||
		!slices.Equal(got.Scopes, []string{"read", "write"}) || got.TokenExpiresAt == nil || got.ConnectedAt == nil {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := b.Connection(t.Context(), uuid.New(), "hubspot"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a foreign workspace: got %v, want ErrNotFound", err)
	}
	if _, err := b.ConnectionByID(t.Context(), uuid.New()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an unknown id: got %v, want ErrNotFound", err)
	}
}

func TestConnectingAgainRenewsTheConnection(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.connect("hubspot", "hub1")
	b.fail(first)
	g := b.grant("hubspot", "hub1")
	g.AccessToken, g.RefreshToken, g.ExpiresAt, g.Scopes = "access two", "refresh two", time.Time{}, nil
	again, err := b.Connect(t.Context(), g, b.bell.ring)
	if err != nil {
		t.Fatal(err)
	}
	if again.ID != first.ID || again.TokenGeneration <= first.TokenGeneration || again.Status != store.ConnectionConnected ||
		again.LastError != nil || again.LastErrorCode != "" || again.TokenExpiresAt != nil || len(again.Scopes) != 0 {
		t.Errorf("got %+v after %+v", again, first)
	}
	access, refresh, err := b.Tokens(again)
	if err != nil || access != "access two" || refresh != "refresh two" {
		t.Errorf("tokens %q, %q, %v", access, refresh, err)
	}
	if got := b.bell.heard(); !slices.Equal(got, []uuid.UUID{first.ID}) {
		t.Errorf("woken %v, want the connection", got)
	}
}

func TestNoTokenIsInTheDatabaseInClear(t *testing.T) {
	t.Parallel()
	b := setup(t)
	g := b.grant("hubspot", "hub1")
	g.AccessToken, g.RefreshToken = "access-sentinel", "refresh-sentinel"
	c, err := b.Connect(t.Context(), g, b.bell.ring)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := b.SaveRefreshed(t.Context(), c, store.Refreshed{AccessToken: "renewed-sentinel", RefreshToken: "rotated-sentinel"}); err != nil || !ok {
		t.Fatalf("save: %v, %v", ok, err)
	}
	dump := b.dump()
	if !strings.Contains(dump, "Example hub1") {
		t.Fatal("the dump does not show the connection at all")
	}
	for _, s := range []string{"sentinel", hex.EncodeToString([]byte("sentinel"))} {
		if strings.Contains(dump, s) {
			t.Errorf("the database holds %q", s)
		}
	}
}

func TestASealedTokenDoesNotOpenInAnotherConnection(t *testing.T) {
	t.Parallel()
	b := setup(t)
	mine, other := b.connect("hubspot", "hub1"), b.connect("salesforce", "org1")
	other.SealedAccessToken = mine.SealedAccessToken
	if access, _, err := b.Tokens(other); err == nil {
		t.Errorf("it opened as %q", access)
	}
	mine.SealedRefreshToken = mine.SealedAccessToken
	if _, refresh, err := b.Tokens(mine); err == nil {
		t.Errorf("as a refresh token it opened as %q", refresh)
	}
}

func TestAConnectionThatFailsBlocksItsOpenRowsWithTheReason(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c, other := b.connect("hubspot", "hub1"), b.connect("salesforce", "org1")
	doubtful, waiting, sending := b.append(b.outcome("e1", contact("a@example.com"))), b.append(b.outcome("e2", contact("b@example.com"))),
		b.append(b.outcome("e3", contact("c@example.com")))
	b.exec(`update crm_write_log set status = 'in_doubt' where id = $1`, doubtful[0].ID)
	b.exec(`update crm_write_log set status = 'sending', lease_until = now() where id = $1`, sending[0].ID)
	b.fail(c)
	for _, w := range []store.Write{doubtful[0], waiting[0]} {
		if got := b.wantStatus(w.ID, store.Blocked); got.ErrorCode != dead.Code || got.ErrorCause != dead.Cause || got.ErrorAction != dead.Action {
			t.Errorf("the row says %q, %q, %q", got.ErrorCode, got.ErrorCause, got.ErrorAction)
		}
	}
	b.wantStatus(sending[0].ID, store.Sending)
	b.wantStatus(waiting[1].ID, store.Queued)
	if got := b.connection(c.ID); got.Status != store.ConnectionError || got.LastError == nil || *got.LastError != dead.Cause || got.LastErrorAction != dead.Action {
		t.Errorf("the connection is %+v", got)
	}
	if got := b.connection(other.ID).Status; got != store.ConnectionConnected {
		t.Errorf("the other connection is %s", got)
	}
}

func TestAConnectionIsFailedOnlyByWhoSawItsTokens(t *testing.T) {
	t.Parallel()
	b := setup(t)
	old := b.connect("hubspot", "hub1")
	w := b.append(b.outcome("e1", contact(ada)))[0]
	c := b.connect("hubspot", "hub1")
	if failed, err := b.FailConnection(t.Context(), old.ID, old.TokenGeneration, dead); err != nil || failed {
		t.Errorf("with the old generation: %v, %v; want false", failed, err)
	}
	b.wantStatus(w.ID, store.Queued)
	b.fail(c)
	if failed, err := b.FailConnection(t.Context(), c.ID, c.TokenGeneration, dead); err != nil || failed {
		t.Errorf("a second time: %v, %v; want false", failed, err)
	}
}

func TestReconnectingTheSameAccountReleasesRowsToWhereTheyWere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	waiting, doubtful := b.append(b.outcome("e1", contact("a@example.com")))[0], b.append(b.outcome("e2", contact("b@example.com")))[0]
	b.exec(`update crm_write_log set status = 'in_doubt', next_attempt_at = now() + interval '1 hour' where id = $1`, doubtful.ID)
	b.fail(c)
	late := b.append(b.outcome("e3", contact("c@example.com")))[0]
	b.wantStatus(late.ID, store.Blocked)
	b.bell.heard()
	if _, err := b.Connect(t.Context(), b.grant("hubspot", "hub1"), b.bell.ring); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[uuid.UUID]string{waiting.ID: store.Queued, doubtful.ID: store.InDoubt, late.ID: store.Queued} {
		code := map[bool]string{true: "fate_unknown"}[want == store.InDoubt]
		w := b.wantStatus(id, want)
		if w.ErrorCode != code || (w.ErrorCause == "" || w.ErrorAction == "") != (code == "") || w.NextAttemptAt.After(w.UpdatedAt) {
			t.Errorf("released as %+v", w)
		}
	}
	if got := b.bell.heard(); !slices.Equal(got, []uuid.UUID{c.ID}) {
		t.Errorf("woken %v, want the connection", got)
	}
}

func TestConnectingAnotherAccountPutsOpenRowsAside(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	blocked := b.append(b.outcome("e1", contact("a@example.com")))[0]
	b.fail(c)
	queued, doubtful, done := b.append(b.outcome("e2", contact("b@example.com")))[0], b.append(b.outcome("e3", contact("c@example.com")))[0],
		b.append(b.outcome("e4", contact("d@example.com")))[0]
	b.exec(`update crm_write_log set status = 'queued', blocked_from = null where id = $1`, queued.ID)
	b.exec(`update crm_write_log set status = 'in_doubt', blocked_from = null where id = $1`, doubtful.ID)
	b.exec(`update crm_write_log set status = 'succeeded', blocked_from = null where id = $1`, done.ID)
	b.connect("hubspot", "hub2")
	for _, w := range []store.Write{blocked, queued, doubtful} {
		if got := b.wantStatus(w.ID, store.NeedsReview); got.ErrorCode != "account_changed" || got.ErrorAction == "" || got.SettledAt == nil {
			t.Errorf("put aside as %+v", got)
		}
	}
	b.wantStatus(done.ID, store.Succeeded)
	fresh := b.append(b.outcome("e5", contact("e@example.com")))[0]
	if b.wantStatus(fresh.ID, store.Queued); fresh.AccountID != "hub2" {
		t.Errorf("a new row is for account %s, want hub2", fresh.AccountID)
	}
}

func TestADrainWithTheTokensOfAnotherAccountClaimsNothingMore(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	epoch := b.drain(c.ID)
	b.connect("hubspot", "hub2")
	b.append(b.outcome("e1", contact(ada)))
	if rows, err := b.Claim(t.Context(), c.ID, epoch, 10, lease); err != nil || len(rows) != 0 {
		t.Errorf("claimed %q, %v; want nothing", objects(rows), err)
	}
	wantObjects(t, "a new drain", b.claim(c.ID, 10), ada)
}

func TestDisconnectingForgetsTheTokensAndHoldsOpenRows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	w := b.append(b.outcome("e1", contact(ada)))[0]
	for range 2 {
		if err := b.Disconnect(t.Context(), b.workspace, "hubspot"); err != nil {
			t.Fatal(err)
		}
	}
	got := b.connection(c.ID)
	access, refresh, err := b.Tokens(got)
	if err != nil || access != "" || refresh != "" || got.Status != store.ConnectionDisconnected || got.TokenExpiresAt != nil || got.TokenGeneration <= c.TokenGeneration {
		t.Errorf("got %+v with tokens %q, %q, %v", got, access, refresh, err)
	}
	if w := b.wantStatus(w.ID, store.Blocked); w.ErrorCode != "crm_disconnected" {
		t.Errorf("error code %q, want crm_disconnected", w.ErrorCode)
	}
	if err := b.Disconnect(t.Context(), uuid.New(), "hubspot"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a foreign workspace: got %v, want ErrNotFound", err)
	}
	b.connect("hubspot", "hub1")
	b.wantStatus(w.ID, store.Queued)
}

func TestAConnectWhoseWakeFailsChangesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	b.fail(c)
	refused := errors.New("no")
	g := b.grant("hubspot", "hub2")
	g.Replaces = "hub1"
	_, err := b.Connect(t.Context(), g, func(context.Context, pgx.Tx, uuid.UUID) error { return refused })
	if got := b.connection(c.ID); !errors.Is(err, refused) || got.Status != store.ConnectionError || got.AccountID != "hub1" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestTroubleIsNotedWithAPauseAndClearedWhenHealthy(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	note := func(pause time.Duration) store.Connection {
		if err := b.NoteTrouble(t.Context(), c.ID, dead, pause); err != nil {
			t.Fatal(err)
		}
		return b.connection(c.ID)
	}
	if got := note(0); got.PausedUntil != nil || got.LastErrorCode != dead.Code || got.Status != store.ConnectionConnected {
		t.Errorf("without a pause: got %+v", got)
	}
	long := note(time.Hour).PausedUntil
	if long == nil || time.Until(*long) < 50*time.Minute {
		t.Fatalf("paused until %v, want an hour from now", long)
	}
	if short := note(time.Minute).PausedUntil; short == nil || !short.Equal(*long) {
		t.Errorf("a shorter pause moved the end from %v to %v", long, short)
	}
	if err := b.NoteHealthy(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	if got := b.connection(c.ID); got.LastError != nil || got.LastErrorCode != "" || got.LastErrorAction != "" {
		t.Errorf("when healthy: got %+v", got)
	}
	b.fail(c)
	if err := b.NoteHealthy(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	if got := b.connection(c.ID); got.LastErrorCode != dead.Code {
		t.Errorf("a connection in error lost its reason: %+v", got)
	}
}
