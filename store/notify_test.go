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

var everyEvent = []string{store.EventWriteFailed, store.EventWriteNeedsReview, store.EventConnectionError, store.EventConnectionRecovered}

// listen adds an endpoint; a zero workspace is told of every one.
func (b *bench) listen(workspace uuid.UUID, events ...string) store.Endpoint {
	b.t.Helper()
	n := store.NewEndpoint{URL: "https://hooks.example.com/", Events: events, Actor: "test"}
	if workspace != uuid.Nil {
		n.WorkspaceID = &workspace
	}
	e, _, err := b.AddEndpoint(b.t.Context(), n)
	if err != nil {
		b.t.Fatal(err)
	}
	return e
}

// gathered are the messages that are made of all that has happened, each as a line.
func (b *bench) gathered() (lines []string) {
	b.t.Helper()
	_, err := b.Gather(b.t.Context(), 0, func(h store.EventGroup) ([]byte, error) {
		lines = append(lines, fmt.Sprintf("%s %s %d", h.Event, h.ErrorCode, h.Count))
		return json.Marshal(h)
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return lines
}

func TestWhatEndsBadlyIsNotedInTheSameTransactionForWhoeverAskedForIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "1")
	all, mine := b.listen(uuid.Nil, everyEvent...), b.listen(b.workspace, store.EventWriteFailed)
	b.listen(uuid.New(), everyEvent...) // of another workspace
	b.append(b.outcome("e1"))
	refused := became(b.claimOne(c.ID), store.Failed)
	refused.ErrorCode, refused.ErrorAction = "contact_invalid", "Mend the contact."
	b.settle(refused) // the task and the rollup fail with their contact
	b.append(b.outcome("e2", contact("grace@example.com")))
	unknown := became(b.claimOne(c.ID), store.NeedsReview)
	unknown.ErrorCode = "unknown_fate"
	b.settle(unknown)
	b.fail(c)
	b.connect("hubspot", "1")
	want := []string{"connection.error grant_dead 1", "connection.recovered grant_dead 1", "write.failed contact_failed 2", "write.failed contact_failed 2",
		"write.failed contact_invalid 1", "write.failed contact_invalid 1", "write.needs_review unknown_fate 1"}
	got := b.gathered()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
	of := func(e store.Endpoint) (n int) {
		list, err := b.Notifications(t.Context(), store.NotificationFilter{EndpointID: e.ID, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range list {
			if strings.Contains(m.Payload, "@example.com") {
				t.Errorf("a message names a contact: %s", m.Payload)
			}
		}
		return len(list)
	}
	if of(all) != 5 || of(mine) != 2 {
		t.Errorf("%d messages to who is told of everything and %d to who is told of failures", of(all), of(mine))
	}
	if again := b.gathered(); len(again) != 0 {
		t.Errorf("told twice: %q", again)
	}
}

func TestWhereNobodyAskedNothingIsNoted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "1")
	off := b.listen(uuid.Nil, everyEvent...)
	no := false
	if e, err := b.ChangeEndpoint(t.Context(), off.ID, store.EndpointPatch{Enabled: &no}); err != nil || e.DisabledBecause != "by_request" {
		t.Fatalf("%+v, %v", e, err)
	}
	b.listen(uuid.Nil, store.EventConnectionRecovered)
	b.append(b.outcome("e1", contact(ada)))
	b.settle(became(b.claimOne(c.ID), store.Failed))
	b.fail(c)
	if n := value[int](b, `select count(*) from crm_notification_events`); n != 0 {
		t.Errorf("%d events are noted", n)
	}
}

func TestWhatWaitsForAnEndpointThatIsSwitchedOffIsNotToldLaterAndTheRecordHasItsHostAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "1")
	e, _, err := b.AddEndpoint(t.Context(), store.NewEndpoint{URL: "https://hooks.example.com/services/T0/hidden?token=hidden", Events: everyEvent, Actor: "test"})
	if err != nil {
		t.Fatal(err)
	}
	waiting, err := b.AddNotification(t.Context(), e.ID, store.EventTest, []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	b.fail(c)
	no, yes := false, true
	for _, enabled := range []*bool{&no, &yes} {
		if _, err := b.ChangeEndpoint(t.Context(), e.ID, store.EndpointPatch{Enabled: enabled, Actor: "test"}); err != nil {
			t.Fatal(err)
		}
	}
	if told := b.gathered(); len(told) != 0 {
		t.Errorf("it is told of %q from when it was off", told)
	}
	if n, err := b.Notification(t.Context(), waiting.ID); err != nil || n.Status != store.NotificationFailed || n.EndedAt == nil {
		t.Errorf("what waited is %s, %v", n.Status, err)
	}
	acts, err := b.Acts(t.Context(), e.ID.String())
	if err != nil || len(acts) != 3 || strings.Contains(string(acts[0].Detail), "hidden") || !strings.Contains(string(acts[0].Detail), "hooks.example.com") {
		t.Errorf("%+v, %v", acts, err)
	}
}

func TestATransactionThatIsUndoneTellsNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "1")
	b.listen(uuid.Nil, everyEvent...)
	id := b.append(b.outcome("e1", contact(ada)))[0].ID
	tx, err := b.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `update crm_write_log set status = 'failed', settled_at = now() where id = $1`, id); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if told := b.gathered(); len(told) != 0 {
		t.Errorf("told of %q at %s", told, c.ID)
	}
}

func TestAMessageNamesAHundredWritesAndCountsAll(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "1")
	b.listen(uuid.Nil, store.EventWriteFailed)
	b.exec(`insert into crm_write_log (id, sync_id, workspace_id, crm, connection_id, crm_account_id, object_type, object_id, action, source_event_id, idempotency_key,
		payload_json, payload_hash, status) select gen_random_uuid(), gen_random_uuid(), $1, 'hubspot', $2, '1', 'task', 't' || n, 'create', 'e' || n, 'k' || n, '{}', '', 'queued'
		from generate_series(1, 250) n`, b.workspace, c.ID)
	if _, err := b.pool.Exec(t.Context(), `update crm_write_log set status = 'failed', settled_at = now(), error_code = 'x'`); err != nil {
		t.Fatal(err)
	}
	if told := b.gathered(); !slices.Equal(told, []string{"write.failed x 250"}) {
		t.Errorf("told %q", told)
	}
	if n := value[int](b, `select jsonb_array_length(payload::jsonb -> 'Writes') from crm_notifications`); n != 100 {
		t.Errorf("%d writes are named, want 100", n)
	}
}

func TestOfReplicasThatClaimTogetherEachMessageGoesToOneAndADeadOnesComesBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	e := b.listen(uuid.Nil, everyEvent...)
	for range 10 {
		if _, err := b.AddNotification(t.Context(), e.ID, store.EventTest, []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	claims := make(chan []store.DueNotification)
	for range 4 {
		go func() {
			due, err := b.ClaimNotifications(t.Context(), 100, 100, nil)
			if err != nil {
				t.Error(err)
			}
			claims <- due
		}()
	}
	seen := map[uuid.UUID]bool{}
	var one store.Notification
	for range 4 {
		for _, d := range <-claims {
			if seen[d.ID] {
				t.Errorf("%s was claimed twice", d.ID)
			}
			seen[d.ID], one = true, d.Notification
		}
	}
	if len(seen) != 10 {
		t.Errorf("%d of 10 were claimed", len(seen))
	}
	b.exec(`update crm_notifications set next_attempt_at = now() - interval '1 second' where id = $1`, one.ID)
	again, err := b.ClaimNotifications(t.Context(), 100, 100, nil)
	if err != nil || len(again) != 1 || again[0].ID != one.ID {
		t.Fatalf("%+v, %v; want the message whose claim ran out", again, err)
	}
	done := store.NotificationOutcome{Status: store.NotificationDelivered}
	if mine, err := b.SettleNotification(t.Context(), one, done); err != nil || mine {
		t.Errorf("who lost its turn recorded an end: %v, %v", mine, err)
	}
	if mine, err := b.SettleNotification(t.Context(), again[0].Notification, done); err != nil || !mine {
		t.Errorf("who has the turn could not: %v, %v", mine, err)
	}
	if busy, err := b.ClaimNotifications(t.Context(), 100, 100, []uuid.UUID{e.ID}); err != nil || len(busy) != 0 {
		t.Errorf("%d of a busy endpoint, %v", len(busy), err)
	}
}

func TestAWorkspaceHasTenEndpointsAtMostAndErasingItForgetsThem(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "1")
	everyone := b.listen(uuid.Nil, everyEvent...)
	for range store.EndpointsMost {
		b.listen(b.workspace, everyEvent...)
	}
	if _, _, err := b.AddEndpoint(t.Context(), store.NewEndpoint{WorkspaceID: &b.workspace, URL: "https://hooks.example.com", Events: everyEvent}); !errors.Is(err, store.ErrTooManyEndpoints) {
		t.Errorf("an eleventh: %v", err)
	}
	b.fail(c)
	b.gathered()
	b.connect("hubspot", "1")
	if _, _, err := b.EraseWorkspace(t.Context(), b.workspace, "ops@example.com"); err != nil {
		t.Fatal(err)
	}
	left, err := b.Endpoints(t.Context(), uuid.Nil, 100)
	if err != nil || len(left) != 1 || left[0].ID != everyone.ID {
		t.Errorf("%d endpoints are left, %v", len(left), err)
	}
	if n := value[int](b, `select (select count(*) from crm_notifications) + (select count(*) from crm_notification_events)`); n != 0 {
		t.Errorf("%d messages and events of the workspace are left", n)
	}
}

func TestASecretIsSealedAndTheFormerOneSignsForADay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	e, first, err := b.AddEndpoint(t.Context(), store.NewEndpoint{URL: "https://hooks.example.com", Events: everyEvent})
	if err != nil || !strings.HasPrefix(first, "whsec_") || strings.Contains(e.SealedSecret, first) {
		t.Fatalf("%+v, %v", e, err)
	}
	e, second, err := b.NewEndpointSecret(t.Context(), e.ID, "test")
	if err != nil || second == first {
		t.Fatal(second, err)
	}
	if now, err := b.EndpointSecrets(e, time.Now()); err != nil || !slices.Equal(now, []string{second, first}) {
		t.Errorf("now %d secrets sign, %v", len(now), err)
	}
	if later, err := b.EndpointSecrets(e, time.Now().Add(25*time.Hour)); err != nil || !slices.Equal(later, []string{second}) {
		t.Errorf("in a day %d secrets sign, %v", len(later), err)
	}
	if _, _, err := b.NewEndpointSecret(t.Context(), uuid.New(), "test"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of an endpoint that is not: %v", err)
	}
}

func TestAMessageThatWaitsForHoursIsSentAtOnceWhenSomebodyAsksAndOneBeingSentKeepsItsClaim(t *testing.T) {
	t.Parallel()
	b := setup(t)
	e := b.listen(uuid.Nil, everyEvent...)
	n, err := b.AddNotification(t.Context(), e.ID, store.EventTest, []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		is   string
		most time.Duration
	}{
		{`attempt = 1, attempts_json = '[{}]'`, 0},           // its first try is recorded
		{`attempt = 2, attempts_json = '[{}]'`, time.Minute}, // its second may be under way, or was lost with its process
	} {
		b.exec(`update crm_notifications set next_attempt_at = now() + interval '5 hours', `+tc.is+` where id = $1`, n.ID)
		again, err := b.ResendNotification(t.Context(), n.ID, "test")
		if wait := time.Until(again.NextAttemptAt); err != nil || wait > tc.most || wait < tc.most-10*time.Second {
			t.Errorf("with %s it is sent in %s, want %s: %v", tc.is, wait, tc.most, err)
		}
	}
}
