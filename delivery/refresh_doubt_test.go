package delivery

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/store"

	"github.com/google/uuid"
)

func TestWhileARefreshIsInDoubtTheAccessTokenIsUsedToItsLastMoment(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("account-1", time.Now().Add(time.Minute)) // it would be refreshed before use
	b.crm.refresh = func(connectors.Account) (connectors.Grant, error) {
		return connectors.Grant{}, refuse(connectors.ClassInDoubt).Err
	}
	b.start(b.engine)
	for _, event := range []string{"one", "two", "three"} {
		b.until(b.append(event, "task")[0].ID, store.Succeeded)
	}
	if n, c := b.crm.refreshes(), b.connection(); n != 1 || c.RefreshInDoubtAt == nil || c.Status != store.ConnectionConnected {
		t.Errorf("%d refreshes, in doubt since %v, %s; want one, and the connection at work", n, c.RefreshInDoubtAt, c.Status)
	}
}

func TestARefreshTokenThatWasRotatedAndLostIsTriedOnceMoreAndThenNamed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.crm.answer(refusesToken("never"))
	calls := 0
	b.crm.refresh = func(connectors.Account) (connectors.Grant, error) {
		if calls++; calls == 1 {
			return connectors.Grant{}, refuse(connectors.ClassInDoubt).Err
		}
		return connectors.Grant{}, refuse(connectors.ClassNeedsReconnect).Err
	}
	b.start(b.engine)
	w := b.append("ada", "task")[0]
	b.eventually(func() (bool, string) { return b.connection().RefreshInDoubtAt != nil, "the refresh is not in doubt" })
	b.eventually(func() (bool, string) {
		b.runDue()
		time.Sleep(20 * time.Millisecond)
		return b.connection().Status == store.ConnectionError, "the connection is not in error"
	})
	if c := b.connection(); c.LastErrorCode != "refresh_token_lost" || c.LastErrorAction == "" || calls != 2 {
		t.Errorf("the connection says %q after %d token calls, want refresh_token_lost after two", c.LastErrorCode, calls)
	}
	b.until(w.ID, store.Blocked)
}

func TestRefreshedTokensAreStoredThoughTheDatabaseRefusesAtFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if _, err := b.pool.Exec(t.Context(), `create sequence refusals;
		create function refuse_twice() returns trigger language plpgsql security definer as $$
		begin
			if nextval('refusals') <= 2 then raise exception 'the database is going down' using errcode = 'admin_shutdown'; end if;
			return new;
		end $$;
		create trigger refuse_twice before update of token_generation on crm_connections for each row execute function refuse_twice()`); err != nil {
		t.Fatal(err)
	}
	b.crm.answer(refusesToken("access+"))
	b.start(b.engine)
	b.until(b.append("ada", "task")[0].ID, store.Succeeded)
	if n := b.crm.refreshes(); n != 1 {
		t.Errorf("%d token calls, want one: the answer of the first is the only copy of the tokens", n)
	}
}

func TestTokensThatAreAboutToEndAreRefreshedOffTheWritePath(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("account-1", time.Now().Add(150*time.Second))
	if err := b.engine.refreshAhead(t.Context()); err != nil || b.crm.refreshes() != 0 {
		t.Fatalf("%d refreshes, %v; want none of a connection that nobody uses", b.crm.refreshes(), err)
	}
	if _, err := b.store.BeginDrain(t.Context(), b.conn.ID); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := b.engine.refreshAhead(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := b.crm.refreshes(); n != 1 {
		t.Errorf("%d refreshes, want one", n)
	}
}

func TestThreat25_ManyTokensThatEndAtOnceAreRefreshedInATrickleAndHarmNobody(t *testing.T) {
	t.Parallel()
	conns := 40
	if os.Getenv("REFRESH_TRIALS") != "" {
		conns = 1000
	}
	b := setup(t, func(c *Config) { c.Workers = 200 })
	var mu sync.Mutex
	var at []time.Time
	b.crm.refresh = func(a connectors.Account) (connectors.Grant, error) {
		mu.Lock()
		defer mu.Unlock()
		at = append(at, time.Now())
		return connectors.Grant{AccessToken: connectors.NewSecret("new"), ExpiresAt: time.Now().Add(time.Hour)}, nil
	}
	for range conns {
		b.workspace = uuid.New()
		b.connect("account-"+b.workspace.String(), time.Now())
		b.append("ada", "task")
	}
	b.start(b.engine)
	b.eventuallyWithin(5*time.Minute, func() (bool, string) {
		var left int
		if err := b.pool.QueryRow(context.WithoutCancel(t.Context()), `select count(*) from crm_write_log where status <> 'succeeded'`).Scan(&left); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
		return left == 0, fmt.Sprintf("%d of %d writes wait", left, conns)
	})
	mu.Lock()
	defer mu.Unlock()
	if len(at) != conns {
		t.Fatalf("%d token calls, want %d", len(at), conns)
	}
	for i := range at {
		n := 0
		for _, other := range at {
			if d := other.Sub(at[i]); d >= 0 && d < time.Second {
				n++
			}
		}
		if n > 14 { // ten gaps, and the lateness of some on a busy machine
			t.Errorf("%d token calls within a second", n)
		}
	}
	if took, least := at[len(at)-1].Sub(at[0]), time.Duration(conns-10)*tokenCallGap; took < least {
		t.Errorf("%d token calls took %s, want them spread over %s", conns, took, least)
	}
	t.Logf("%d token calls in %s", conns, at[len(at)-1].Sub(at[0]))
	var bad int
	if err := b.pool.QueryRow(context.WithoutCancel(t.Context()), `select count(*) from crm_connections where status <> 'connected'`).Scan(&bad); err != nil || bad != 0 {
		t.Errorf("%d connections are not connected, %v", bad, err)
	}
}

func TestARefreshForWhichThereIsNoMomentComesBackLaterWithoutBlame(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(`insert into crm_token_calls values ('hubspot', now() + interval '1 hour')`)
	b.connect("account-1", time.Now())
	b.start(b.engine)
	w := b.append("ada", "task")[0]
	b.eventually(func() (bool, string) { return b.connection().PausedUntil != nil, "the connection does not pause" })
	if c := b.connection(); c.Status != store.ConnectionConnected || c.LastErrorCode != "token_calls_queued" || b.crm.refreshes() != 0 {
		t.Errorf("connection %s %q after %d token calls", c.Status, c.LastErrorCode, b.crm.refreshes())
	}
	b.exec(`delete from crm_token_calls`)
	b.runDue()
	b.until(w.ID, store.Succeeded)
}
