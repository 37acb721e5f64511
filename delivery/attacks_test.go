package delivery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/store"

	"github.com/google/uuid"
)

func TestThreat11_WhoseLeaseEndsInTheMiddleStoresNothingOverNewerTokensAndGoesOnWithThose(t *testing.T) {
	t.Parallel()
	b := setup(t)
	asked, answer := make(chan struct{}), make(chan struct{})
	b.crm.refresh = func(connectors.Account) (connectors.Grant, error) {
		token := "newer"
		if b.crm.refreshes() == 1 {
			close(asked)
			<-answer
			token = "late"
		}
		return connectors.Grant{AccessToken: connectors.NewSecret(token), RefreshToken: connectors.NewSecret("refresh " + token), ExpiresAt: time.Now().Add(time.Hour)}, nil
	}
	type outcome struct {
		conn store.Connection
		err  error
	}
	late := make(chan outcome, 1)
	go func() {
		conn, err := b.engine.refreshConnection(context.WithoutCancel(t.Context()), b.crm, b.conn)
		late <- outcome{conn, err}
	}()
	<-asked
	b.exec(`update crm_connections set refresh_lease_until = now() - interval '1 second'`)
	newer, err := b.newEngine().refreshConnection(t.Context(), b.crm, b.conn)
	close(answer)
	first := <-late
	if err != nil || first.err != nil {
		t.Fatal(err, first.err)
	}
	for who, conn := range map[string]store.Connection{"who came later": newer, "whose lease ended": first.conn, "the database": b.connection()} {
		access, refresh, err := b.store.Tokens(conn)
		if err != nil || access != "newer" || refresh != "refresh newer" || conn.TokenGeneration != b.conn.TokenGeneration+1 {
			t.Errorf("%s has %q and %q of generation %d, %v; want the newer ones", who, access, refresh, conn.TokenGeneration, err)
		}
	}
}

func TestThreat11_ALeaseOutlivesTheCallThatItIsFor(t *testing.T) {
	t.Parallel()
	if tokenCallQueue+refreshTimeout >= refreshLease {
		t.Errorf("a refresh may take %s and its lease lasts %s", tokenCallQueue+refreshTimeout, refreshLease)
	}
}

func TestThreat23_TwoThousandRowsOfOneWorkspaceKeepASmallOneWaitingForAFewSlicesAtMost(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *Config) { c.Workers, c.Slice = 1, 50*time.Millisecond })
	b.crm.batch = 10
	b.crm.answer(func(a connectors.Account, w connectors.Write) connectors.Result {
		time.Sleep(time.Millisecond)
		return accepted(a, w)
	})
	const rows = 2000
	outcomes := make([]store.Outcome, rows)
	for i := range outcomes {
		id := fmt.Sprint("large", i)
		outcomes[i] = store.Outcome{WorkspaceID: b.workspace, SourceEventID: id, Objects: []store.Object{object("task", id, "create", connectors.Task{ID: id, Subject: "S"}, "", "")}}
	}
	for some := range slices.Chunk(outcomes, 500) {
		if _, err := b.store.Append(t.Context(), some, b.engine.Wake); err != nil {
			t.Fatal(err)
		}
	}
	b.start(b.engine)
	b.eventually(func() (bool, string) { return len(b.crm.sends()) > 0, "the large workspace is not served" })
	before := b.connection().DrainEpoch
	b.workspace = uuid.New()
	b.connect("account-2", time.Now().Add(time.Hour))
	b.until(b.append("small", "task")[0].ID, store.Succeeded)
	if turns := b.connection().DrainEpoch - before; turns > 3 {
		t.Errorf("the large workspace had %d more turns before the small one's, want 3 at most", turns)
	}
	var left int
	if err := b.pool.QueryRow(t.Context(), `select count(*) from crm_write_log where status = 'queued'`).Scan(&left); err != nil || left < rows/2 {
		t.Errorf("%d rows of the large workspace were left, %v; the small one waited for most of them", left, err)
	}
}

func TestThreat25_ADeadGrantIsTriedOnceAndItsWritesWaitForAPerson(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.crm.refresh = func(connectors.Account) (connectors.Grant, error) {
		return connectors.Grant{}, &connectors.Error{Class: connectors.ClassNeedsReconnect, Code: "grant_dead", Cause: "The grant was revoked.", Action: "Reconnect the CRM."}
	}
	b.exec(`update crm_connections set token_expires_at = now()`)
	b.start(b.engine)
	for i := range 5 {
		w := b.append(fmt.Sprint("e", i), "task")[0]
		b.until(w.ID, store.Blocked)
		b.runDue()
		if err := errors.Join(b.engine.refreshAhead(t.Context()), b.engine.keepAlive(t.Context(), 0)); err != nil {
			t.Fatal(err)
		}
	}
	if c := b.connection(); c.Status != store.ConnectionError || c.LastErrorCode != "grant_dead" || c.LastErrorAction == "" {
		t.Errorf("the connection is %s, %s: want it in error, with what to do", c.Status, c.LastErrorCode)
	}
	if n := b.crm.refreshes(); n != 1 || len(b.crm.sends()) != 0 {
		t.Errorf("the CRM was asked %d times for a token and sent %d writes, want one and none", n, len(b.crm.sends()))
	}
}
