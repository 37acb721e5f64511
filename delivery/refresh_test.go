package delivery

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/store"

	"github.com/google/uuid"
)

// refusesToken answers needs_auth to every token but the given one.
func refusesToken(but string) func(connectors.Account, connectors.Write) connectors.Result {
	return func(a connectors.Account, w connectors.Write) connectors.Result {
		if a.AccessToken.Reveal() != but {
			return refuse(connectors.ClassNeedsAuth)
		}
		return accepted(a, w)
	}
}

func TestARefusedTokenIsRefreshedOnceAndTheWriteSentAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.crm.answer(refusesToken("access+"))
	b.start(b.engine)
	w := b.append("ada", "contact", "task")
	b.until(w[1].ID, store.Succeeded)
	if n := b.crm.refreshes(); n != 1 {
		t.Errorf("refreshed %d times, want once", n)
	}
	access, refresh, err := b.store.Tokens(b.connection())
	if err != nil || access != "access+" || refresh != "refresh" {
		t.Errorf("stored tokens %q %q, %v; want the new access token and the old refresh token", access, refresh, err)
	}
}

func TestATokenThatIsAboutToExpireIsRefreshedBeforeItIsUsed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("account-1", time.Now().Add(time.Minute))
	b.crm.answer(refusesToken("access+"))
	b.start(b.engine)
	b.until(b.append("ada", "task")[0].ID, store.Succeeded)
	if n := len(b.crm.sends()); n != 1 {
		t.Errorf("%d sends, want one: the dead token must not be tried", n)
	}
}

func TestATokenThatIsRefusedAfterARefreshPutsTheConnectionInErrorAndReconnectingReleasesIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.crm.answer(refusing(connectors.ClassNeedsAuth))
	b.start(b.engine)
	writes := b.append("ada", "contact", "task")
	blocked := b.until(writes[0].ID, store.Blocked)
	b.until(writes[1].ID, store.Blocked)
	c := b.connection()
	if c.Status != store.ConnectionError || c.LastErrorCode != "session_rejected" || c.LastError == nil || c.LastErrorAction == "" {
		t.Errorf("connection %s, %q: want error with a code, a cause and an action", c.Status, c.LastErrorCode)
	}
	if blocked.ErrorAction == "" || b.crm.refreshes() != 1 {
		t.Errorf("blocked row says %q after %d refreshes", blocked.ErrorAction, b.crm.refreshes())
	}
	b.crm.answer(accepted)
	b.connect("account-1", time.Now().Add(time.Hour))
	b.until(writes[0].ID, store.Succeeded)
	b.until(writes[1].ID, store.Succeeded)
}

func TestReconnectingAnotherAccountNeverReleasesRowsToIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.crm.answer(refusing(connectors.ClassNeedsReconnect))
	b.start(b.engine)
	w := b.append("ada", "task")[0]
	b.until(w.ID, store.Blocked)
	b.crm.answer(accepted)
	b.connect("account-2", time.Now().Add(time.Hour))
	if got := b.until(w.ID, store.NeedsReview); got.ErrorCode != "account_changed" {
		t.Errorf("error code %q, want account_changed", got.ErrorCode)
	}
	if n := len(b.crm.sends()); n != 1 {
		t.Errorf("sent %d times, want once, before the change", n)
	}
}

func TestADeadGrantIsBelievedOnlyAfterTheRowWasReadAgain(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *Config) { c.DeadGrantWait = 500 * time.Millisecond })
	b.crm.answer(refusesToken("rotated"))
	b.crm.refresh = func(connectors.Account) (connectors.Grant, error) {
		// Another process rotated the token a moment ago; ours is spent.
		go func() {
			time.Sleep(100 * time.Millisecond)
			c := b.connection()
			if saved, err := b.store.SaveRefreshed(context.Background(), c, store.Refreshed{AccessToken: "rotated", RefreshToken: "rotated-refresh", ExpiresAt: time.Now().Add(time.Hour)}); err != nil || !saved {
				t.Errorf("the other process could not save: %v %v", saved, err)
			}
		}()
		return connectors.Grant{}, refuse(connectors.ClassNeedsReconnect).Err
	}
	b.start(b.engine)
	b.until(b.append("ada", "task")[0].ID, store.Succeeded)
	if c := b.connection(); c.Status != store.ConnectionConnected {
		t.Errorf("connection is %s, want connected", c.Status)
	}
}

func TestADeadGrantPutsTheConnectionInError(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.crm.answer(refusing(connectors.ClassNeedsAuth))
	b.crm.refresh = func(connectors.Account) (connectors.Grant, error) {
		return connectors.Grant{}, refuse(connectors.ClassNeedsReconnect).Err
	}
	b.start(b.engine)
	w := b.append("ada", "task")[0]
	b.until(w.ID, store.Blocked)
	if c := b.connection(); c.Status != store.ConnectionError || c.LastErrorCode != "code_needs_reconnect" {
		t.Errorf("connection %s %q, want error with the grant's code", c.Status, c.LastErrorCode)
	}
}

func TestNeitherAPassingFailureNorOurOwnSettingsBlameTheCustomer(t *testing.T) {
	t.Parallel()
	for _, class := range []connectors.Class{connectors.ClassRetry, connectors.ClassInDoubt, connectors.ClassMisconfigured} {
		t.Run(string(class), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.crm.answer(refusesToken("access+"))
			good := b.crm.refresh
			b.crm.refresh = func(connectors.Account) (connectors.Grant, error) { return connectors.Grant{}, refuse(class).Err }
			b.start(b.engine)
			w := b.append("ada", "task")[0]
			b.eventually(func() (bool, string) { return b.connection().PausedUntil != nil, "the connection does not pause" })
			b.until(w.ID, store.Queued)
			if c := b.connection(); c.Status != store.ConnectionConnected || c.LastErrorCode != "code_"+string(class) {
				t.Errorf("connection %s %q, want connected with the problem noted", c.Status, c.LastErrorCode)
			}
			b.crm.mu.Lock()
			b.crm.refresh = good
			b.crm.mu.Unlock()
			b.runDue()
			if got := b.until(w.ID, store.Succeeded); got.Failures != 0 {
				t.Errorf("the row was blamed with %d failures", got.Failures)
			}
		})
	}
}

// trials is how often the races of this file are run: a few here, and as many as REFRESH_TRIALS says in the long run.
func trials(t *testing.T, few int) int {
	t.Helper()
	if n, err := strconv.Atoi(os.Getenv("REFRESH_TRIALS")); err == nil {
		return n
	}
	return few
}

func TestThreat11_EightReplicasWithFiftyCallersEachMakeOneTokenCall(t *testing.T) {
	t.Parallel()
	for _, rotating := range []bool{false, true} {
		t.Run(fmt.Sprintf("rotating %v", rotating), func(t *testing.T) {
			t.Parallel()
			const replicas, callers = 8, 50
			b := setup(t)
			spent := map[string]bool{}
			b.crm.refresh = func(a connectors.Account) (connectors.Grant, error) {
				old := a.RefreshToken.Reveal()
				if rotating && spent[old] {
					return connectors.Grant{}, refuse(connectors.ClassNeedsReconnect).Err // as a CRM that detects reuse does
				}
				spent[old] = true
				g := connectors.Grant{AccessToken: connectors.NewSecret(uuid.NewString()), ExpiresAt: time.Now().Add(time.Hour)}
				if rotating {
					g.RefreshToken = connectors.NewSecret(uuid.NewString())
				}
				return g, nil
			}
			engines := make([]*Engine, replicas)
			for i := range engines {
				engines[i] = b.newEngine()
			}
			for trial := range trials(t, 3) {
				conn := b.connection()
				var wg sync.WaitGroup
				for _, e := range engines {
					for range callers {
						wg.Go(func() {
							got, err := e.refreshConnection(context.Background(), b.crm, conn)
							if err != nil || got.TokenGeneration != conn.TokenGeneration+1 {
								t.Errorf("trial %d: generation %d, %v; want the next one", trial, got.TokenGeneration, err)
							}
						})
					}
				}
				wg.Wait()
				if n := b.crm.refreshes(); n != trial+1 {
					t.Fatalf("trial %d: %d token calls in all, want %d", trial, n, trial+1)
				}
			}
			if c := b.connection(); c.Status != store.ConnectionConnected {
				t.Errorf("the connection is %s, want connected", c.Status)
			}
		})
	}
}

func TestAnIdleConnectionIsKeptAliveAndADeadOneNoticed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(`update crm_connections set token_refreshed_at = now() - interval '8 days'`)
	if err := b.engine.keepAlive(t.Context(), keepAliveAge); err != nil || b.crm.refreshes() != 1 {
		t.Fatalf("%d refreshes, %v; want one", b.crm.refreshes(), err)
	}
	if err := b.engine.keepAlive(t.Context(), keepAliveAge); err != nil || b.crm.refreshes() != 1 {
		t.Fatalf("%d refreshes, %v; want no second one", b.crm.refreshes(), err)
	}
	b.exec(`update crm_connections set token_refreshed_at = now() - interval '8 days'`)
	b.crm.refresh = func(connectors.Account) (connectors.Grant, error) {
		return connectors.Grant{}, refuse(connectors.ClassNeedsReconnect).Err
	}
	if err := b.engine.keepAlive(t.Context(), keepAliveAge); err != nil {
		t.Fatal(err)
	}
	if c := b.connection(); c.Status != store.ConnectionError {
		t.Errorf("connection is %s, want error", c.Status)
	}
}

func TestAPlanRefreshesADeadTokenAndADisconnectedAccountIsNotVisited(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.crm.answer(refusesToken("access+"))
	write := connectors.Write{ID: "12345678", Object: connectors.ObjectTask, Task: &connectors.Task{ID: "t"}}
	plans, err := b.engine.Plan(t.Context(), b.conn, []connectors.Write{write})
	if err != nil || len(plans) != 1 || plans[0].Err != nil {
		t.Fatalf("plans %+v, %v", plans, err)
	}
	if err := b.engine.Revoke(t.Context(), b.connection()); err != nil || b.crm.revoked != 1 {
		t.Errorf("revoked %d times, %v", b.crm.revoked, err)
	}
	if err := b.store.Disconnect(t.Context(), b.workspace, "hubspot"); err != nil {
		t.Fatal(err)
	}
	var e *connectors.Error
	if _, err := b.engine.Plan(t.Context(), b.connection(), nil); !errors.As(err, &e) || e.Class != connectors.ClassNeedsReconnect {
		t.Errorf("plan on a disconnected account: %v, want needs_reconnect", err)
	}
}
