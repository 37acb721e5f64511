package store_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"crm-connectors/store"
)

const appSecret = "plain-client-secret-sentinel"

func (b *bench) newApp(clientID string) store.NewApp {
	return store.NewApp{WorkspaceID: b.workspace, CRM: "hubspot", ClientID: clientID, Secret: appSecret + " of " + clientID,
		LoginURL: "https://login.example.com", Actor: "an operator"}
}

func (b *bench) putApp(clientID string) store.App {
	b.t.Helper()
	a, err := b.SaveApp(b.t.Context(), b.newApp(clientID), b.bell.ring)
	if err != nil {
		b.t.Fatal(err)
	}
	return a
}

// connectWith connects HubSpot with the workspace's own app.
func (b *bench) connectWith(clientID string) (store.Connection, error) {
	g := b.grant("hubspot", "hub1")
	g.AppClientID = clientID
	return b.Connect(b.t.Context(), g, b.bell.ring)
}

func wantInUse(t *testing.T, what string, err error) {
	t.Helper()
	var used *store.AppInUseError
	if !errors.As(err, &used) || used.CRM != "hubspot" || !strings.Contains(used.Error(), "hubspot") {
		t.Errorf("%s: got %v, want *AppInUseError", what, err)
	}
}

func TestAnAppComesBackAsItWasPutAndItsSecretIsSealed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.putApp("client one")
	got, err := b.App(t.Context(), b.workspace, "hubspot")
	if err != nil || got != first || got.ClientID != "client one" || got.LoginURL != "https://login.example.com" || got.CreatedAt.IsZero() {
		t.Errorf("got %+v, %v; want %+v", got, err, first)
	}
	if secret, err := b.AppSecret(got); err != nil || secret != appSecret+" of client one" {
		t.Errorf("secret %q, %v", secret, err)
	}
	if dump := b.dump(); strings.Contains(dump, appSecret) || !strings.Contains(dump, "client one") {
		t.Error("the database holds the secret in clear, or not the app")
	}
	moved := got
	moved.WorkspaceID = uuid.New()
	if _, err := b.AppSecret(moved); err == nil {
		t.Error("the secret opens for another workspace")
	}
	second := b.putApp("client two")
	if apps, err := b.Apps(t.Context(), b.workspace); err != nil || len(apps) != 1 || apps[0] != second || second.ClientID != "client two" {
		t.Errorf("got %+v, %v; want the second alone", apps, err)
	}
	if secret, err := b.AppSecret(second); err != nil || secret != appSecret+" of client two" {
		t.Errorf("secret %q, %v", secret, err)
	}
}

func TestAnotherWorkspaceHasNothingOfAnApp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.putApp("client one")
	other := uuid.New()
	if _, err := b.App(t.Context(), other, "hubspot"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	if apps, err := b.Apps(t.Context(), other); err != nil || len(apps) != 0 {
		t.Errorf("got %+v, %v; want none", apps, err)
	}
	if err := b.DeleteApp(t.Context(), other, "hubspot", "a stranger"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("delete: got %v, want ErrNotFound", err)
	}
	if err := b.DeleteApp(t.Context(), b.workspace, "salesforce", "an operator"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("delete of another CRM's: got %v, want ErrNotFound", err)
	}
	if _, err := b.App(t.Context(), b.workspace, "hubspot"); err != nil {
		t.Errorf("the app itself: %v", err)
	}
}

func TestAConnectionBringsAlongTheSecretOfTheAppThatItWasMadeWith(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ours := b.connect("hubspot", "hub1")
	if secret, own, err := b.ConnectionAppSecret(ours); own || secret != "" || err != nil {
		t.Errorf("without an app: %q, %v, %v", secret, own, err)
	}
	b.putApp("client one")
	ours, err := b.ConnectionByID(t.Context(), ours.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, own, err := b.ConnectionAppSecret(ours); own || err != nil {
		t.Errorf("a connection that was made with the service's app took the workspace's: %v", err)
	}
	conn, err := b.connectWith("client one")
	if err != nil || conn.AppClientID != "client one" {
		t.Fatalf("connected %+v, %v", conn, err)
	}
	rotated := b.newApp("client one")
	rotated.Secret = "rotated"
	if _, err := b.SaveApp(t.Context(), rotated, b.bell.ring); err != nil {
		t.Errorf("a new secret for the same app: %v", err)
	}
	if secret, own, err := b.ConnectionAppSecret(conn); !own || secret != appSecret+" of client one" || err != nil {
		t.Errorf("as connected: %q, %v, %v", secret, own, err)
	}
	if conn, err = b.Connection(t.Context(), b.workspace, "hubspot"); err != nil {
		t.Fatal(err)
	}
	if secret, own, err := b.ConnectionAppSecret(conn); !own || secret != "rotated" || err != nil {
		t.Errorf("after the rotation: %q, %v, %v", secret, own, err)
	}
}

func TestAnAppThatAConnectionUsesIsNeitherReplacedNorDeleted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.putApp("client one")
	conn, err := b.connectWith("client one")
	if err != nil {
		t.Fatal(err)
	}
	for _, status := range []string{"connected", "error"} {
		b.exec(`update crm_connections set status = $1`, status)
		_, err = b.SaveApp(t.Context(), b.newApp("client two"), b.bell.ring)
		wantInUse(t, status+", replaced", err)
		wantInUse(t, status+", deleted", b.DeleteApp(t.Context(), b.workspace, "hubspot", "an operator"))
	}
	if a, err := b.App(t.Context(), b.workspace, "hubspot"); err != nil || a.ClientID != "client one" {
		t.Errorf("the app is %+v, %v", a, err)
	}
	if err := b.Disconnect(t.Context(), b.workspace, "hubspot"); err != nil {
		t.Fatal(err)
	}
	b.putApp("client two")
	if err := b.DeleteApp(t.Context(), b.workspace, "hubspot", "an operator"); err != nil {
		t.Errorf("once disconnected: %v", err)
	}
	if _, err := b.connectWith("client two"); !errors.Is(err, store.ErrAppGone) {
		t.Errorf("connecting with an app that is gone: %v, want ErrAppGone", err)
	}
	if now, err := b.ConnectionByID(t.Context(), conn.ID); err != nil || now.Status != store.ConnectionDisconnected {
		t.Errorf("the connection is %s, %v", now.Status, err)
	}
	for action, want := range map[string]int64{"app.put": 2, "app.delete": 1} {
		if n := value[int64](b, `select count(*) from crm_audit where action = $1 and actor = 'an operator' and workspace_id = $2`, action, b.workspace); n != want {
			t.Errorf("%d records of %s, want %d", n, action, want)
		}
	}
}

func TestAnAppThatIsBeingConnectedWithIsHeldUntilTheConnectionIsSeen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.putApp("client one")
	replaced := make(chan error, 1)
	g := b.grant("hubspot", "hub1")
	g.AppClientID = "client one"
	_, err := b.Connect(t.Context(), g, func(context.Context, pgx.Tx, uuid.UUID) error {
		go func() {
			_, err := b.SaveApp(t.Context(), b.newApp("client two"), b.bell.ring)
			replaced <- err
		}()
		b.lockWaiter()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wantInUse(t, "replaced while it was connected with", <-replaced)
}

func TestANewSecretEndsThePauseOfAConnectionThatHadTrouble(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.putApp("client one")
	conn, err := b.connectWith("client one")
	if err != nil {
		t.Fatal(err)
	}
	b.bell.heard()
	b.putApp("client one")
	if woken := b.bell.heard(); len(woken) != 0 {
		t.Errorf("woken %v, though nothing waited", woken)
	}
	if err := b.NoteTrouble(t.Context(), conn.ID, store.Trouble{Code: "client_refused", Cause: "c", Action: "a"}, time.Hour); err != nil {
		t.Fatal(err)
	}
	b.putApp("client one")
	if woken := b.bell.heard(); len(woken) != 1 || woken[0] != conn.ID {
		t.Errorf("woken %v, want %v", woken, conn.ID)
	}
	if now, err := b.ConnectionByID(t.Context(), conn.ID); err != nil || now.PausedUntil != nil {
		t.Errorf("paused until %v, %v", now.PausedUntil, err)
	}
}
