package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"crm-connectors/store"
)

func TestWhatIsFoundOfAnAccountIsNotKeptForAnother(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	save := func(account, found string) {
		t.Helper()
		if err := errors.Join(b.SaveCapabilities(t.Context(), c.ID, account, json.RawMessage(found)),
			b.SaveLimits(t.Context(), c.ID, account, json.RawMessage(found))); err != nil {
			t.Fatal(err)
		}
	}
	save("hub1", `{"of": "hub1"}`)
	save("another", `{"of": "another"}`)
	got := b.connection(c.ID)
	if string(got.Capabilities) != `{"of": "hub1"}` || string(got.Limits) != `{"of": "hub1"}` || got.CapabilitiesAt == nil || got.LimitsAt == nil {
		t.Errorf("kept %s and %s", got.Capabilities, got.Limits)
	}
}

func TestAConnectionIsComparedByOneProcessAndNotAgainBeforeItsTime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	idle := b.connectIn(uuid.New(), "idle")
	b.append(b.outcome("e1", contact(ada)))
	take := func(what string, want ...uuid.UUID) {
		t.Helper()
		got, err := b.ConnectionsToCompare(t.Context(), time.Hour, 24*time.Hour, 10)
		if err != nil || !slices.EqualFunc(got, want, func(c store.Connection, id uuid.UUID) bool { return c.ID == id }) {
			t.Errorf("%s: %+v, %v; want %v", what, got, err, want)
		}
	}
	take("connected just now")
	b.exec(`update crm_connections set connected_at = now() - interval '2 hours'`)
	take("due", c.ID)
	take("compared just now")
	b.exec(`update crm_connections set compared_at = now() - interval '2 hours'`)
	b.exec(`update crm_write_log set created_at = now() - interval '2 days'`)
	take("wrote nothing of late")
	if got := b.connection(idle.ID).ComparedAt; got == nil {
		t.Error("the idle connection has lost its time")
	}
}

func TestSightingsAreTheConnectionsOwnAndWhoeverHasTheMarkerInTheAccount(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	mine, older := b.append(b.outcome("e1", task("t1")))[0], b.append(b.outcome("e2", task("t2")))[0]
	b.exec(`update crm_write_log set marker = 'm-' || object_id`)
	b.exec(`update crm_write_log set created_at = now() - interval '3 days' where id = $1`, older.ID)
	seen := func(what string, markers []string, want ...uuid.UUID) {
		t.Helper()
		got, err := b.Sightings(t.Context(), c, "task", time.Now().Add(-24*time.Hour), markers)
		if err != nil {
			t.Fatal(err)
		}
		var ids []uuid.UUID
		for _, s := range got {
			ids = append(ids, s.ID)
		}
		slices.SortFunc(ids, func(x, y uuid.UUID) int { return strings.Compare(x.String(), y.String()) })
		slices.SortFunc(want, func(x, y uuid.UUID) int { return strings.Compare(x.String(), y.String()) })
		if !slices.Equal(ids, want) {
			t.Errorf("%s: %v, want %v", what, ids, want)
		}
	}
	seen("of late", nil, mine.ID)
	seen("with an old marker", []string{"m-t2", "m-unknown"}, mine.ID, older.ID)
	b.exec(`update crm_write_log set crm_account_id = 'another' where id = $1`, older.ID)
	seen("of another account", []string{"m-t2"}, mine.ID)
	b.exec(`update crm_write_log set marker = '' where id = $1`, mine.ID)
	seen("without a marker", nil)
}

func TestAnAlarmIsRaisedAndTakenBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("hubspot", "hub1")
	w, other := b.append(b.outcome("e1", task("t1")))[0], b.append(b.outcome("e2", task("t2")))[0]
	alarm := func(alarms ...store.Alarm) {
		t.Helper()
		if err := b.RaiseAlarms(t.Context(), alarms); err != nil {
			t.Fatal(err)
		}
	}
	want := func(alarm, notes string) {
		t.Helper()
		if got := value[string](b, `select alarm || ' ' || notes_json::text from crm_write_log where id = $1`, w.ID); got != alarm+" "+notes {
			t.Errorf("the row says %q, want %q", got, alarm+" "+notes)
		}
	}
	alarm()
	alarm(store.Alarm{ID: w.ID, Alarm: "missing_in_crm", Notes: json.RawMessage(`["looked"]`)})
	want("missing_in_crm", `["looked"]`)
	alarm(store.Alarm{ID: w.ID})
	want("", `["looked"]`)
	if got := value[string](b, `select alarm from crm_write_log where id = $1`, other.ID); got != "" {
		t.Errorf("the other row says %q", got)
	}
}

func TestApprovalsOfOneUserAreCountedAcrossWorkspaces(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.connect("hubspot", "hub1")
	approvals := func() store.Approvals {
		t.Helper()
		a, err := b.Approvals(t.Context(), first)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if a := approvals(); a != (store.Approvals{Live: 1}) {
		t.Errorf("alone: %+v", a)
	}
	var others []store.Connection
	for range 3 {
		others = append(others, b.connectIn(uuid.New(), "hub1"))
	}
	b.exec(`update crm_connections set connected_at = now() - interval '1 day' where id = $1`, others[0].ID)
	b.exec(`update crm_connections set status = 'error' where id = $1`, others[1].ID)
	b.exec(`update crm_connections set status = 'disconnected' where id = $1`, others[2].ID)
	if a := approvals(); a != (store.Approvals{Live: 2, Later: 1}) {
		t.Errorf("with three more workspaces: %+v", a)
	}
	b.exec(`update crm_connections set crm_user_id = ''`)
	if a := approvals(); a != (store.Approvals{Live: 1}) {
		t.Errorf("of a user who is not known: %+v", a)
	}
}

func TestADrainIsKeptAliveByTheNewestAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	old, newest := b.drain(c.ID), b.drain(c.ID)
	for epoch, want := range map[int64]bool{old: false, newest: true} {
		b.exec(`update crm_connections set last_drained_at = null`)
		alive, err := b.KeepDraining(t.Context(), c.ID, epoch)
		if seen := value[bool](b, `select last_drained_at is not null from crm_connections where id = $1`, c.ID); err != nil || alive != want || seen != want {
			t.Errorf("epoch %d of %d: alive %v, seen %v, %v", epoch, newest, alive, seen, err)
		}
	}
}

func TestAMemberIsAUserOfThatWorkspace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	user := uuid.New()
	b.exec(`insert into workspace_members (workspace_id, user_id) values ($1, $2)`, b.workspace, user)
	for name, tc := range map[string]struct {
		user      string
		workspace uuid.UUID
		want      bool
	}{
		"the member":             {user.String(), b.workspace, true},
		"in capitals":            {strings.ToUpper(user.String()), b.workspace, true},
		"of another workspace":   {user.String(), uuid.New(), false},
		"another user":           {uuid.NewString(), b.workspace, false},
		"a text that is no UUID": {"service key", b.workspace, false},
	} {
		if got, err := b.IsMember(t.Context(), tc.user, tc.workspace); err != nil || got != tc.want {
			t.Errorf("%s: %v, %v; want %v", name, got, err, tc.want)
		}
	}
}

func TestASessionOpensWithItsKeysetAndAsASessionAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sealed, err := b.SealSession([]byte("operator"))
	if err != nil || strings.Contains(sealed, "operator") {
		t.Fatalf("sealed as %q, %v", sealed, err)
	}
	if plain, err := b.OpenSession(sealed); err != nil || string(plain) != "operator" {
		t.Errorf("opened as %q, %v", plain, err)
	}
	if plain, err := store.New(b.pool, keyring(t)).OpenSession(sealed); err == nil {
		t.Errorf("another keyset opened it as %q", plain)
	}
	flipped := "A" + sealed[1:]
	if flipped == sealed {
		flipped = "B" + sealed[1:]
	}
	for name, text := range map[string]string{"damaged": flipped, "no base64": "%", "empty": "", "a token": seal(t, b.keyring, "operator", "hubspot", "access_token")} {
		if plain, err := b.OpenSession(text); err == nil {
			t.Errorf("%s: it opened as %q", name, plain)
		}
	}
}

func TestWhatHoldsASecretPrintsAsItsTypeAlone(t *testing.T) {
	t.Parallel()
	const secret = "sentinel"
	for _, v := range []any{store.NewGrant{AccessToken: secret}, store.OAuthState{Verifier: secret, Code: secret},
		store.Refreshed{RefreshToken: secret}, store.NewApp{Secret: secret}} {
		want := strings.TrimPrefix(fmt.Sprintf("%T", v), "*") + "{redacted}"
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			if got := fmt.Sprintf(verb, v); got != want {
				t.Errorf("%s prints %q, want %q", verb, got, want)
			}
		}
	}
}
