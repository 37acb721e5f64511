package notify

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/store"
	"crm-connectors/store/storetest"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// received is one request that an endpoint got.
type received struct {
	header http.Header
	body   []byte
}

// world is a database, a notifier and what one address receives.
type world struct {
	*Notifier
	t     *testing.T
	pool  *pgxpool.Pool
	store *store.Store
	log   *strings.Builder
	at    *httptest.Server

	mu     sync.Mutex
	got    []received
	answer func(w http.ResponseWriter, r *http.Request)
	ahead  time.Duration // of the notifier's clock
}

func open(t *testing.T) *world {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), storetest.NewDatabase(t, storetest.Migrate))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	text, err := store.GenerateKeyset()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := store.ParseKeyring(text)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, pool: pool, store: store.New(pool, keys), log: &strings.Builder{}}
	w.at = httptest.NewServer(http.HandlerFunc(w.take))
	t.Cleanup(w.at.Close)
	w.Notifier = New(Config{Store: w.store, Outbound: connectors.Outbound{Public: true, Trusted: []string{"127.0.0.1"}}, Log: zerolog.New(zerolog.SyncWriter(w.log)),
		Settle: time.Nanosecond, Every: 10 * time.Millisecond, Now: func() time.Time { return time.Now().Add(w.ahead) }})
	return w
}

func (w *world) take(rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.mu.Lock()
	w.got = append(w.got, received{r.Header, body})
	answer := w.answer
	w.mu.Unlock()
	if answer != nil {
		answer(rw, r)
	}
}

// says has the address answer like this from now on.
func (w *world) says(status int, headers ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = func(rw http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			rw.Header().Set(headers[i], headers[i+1])
		}
		rw.WriteHeader(status)
		_, _ = io.WriteString(rw, "so it is")
	}
}

func (w *world) listen(url string) (store.Endpoint, string) {
	w.t.Helper()
	e, secret, err := w.store.AddEndpoint(w.t.Context(), store.NewEndpoint{URL: url, Actor: "test",
		Events: []string{store.EventWriteFailed, store.EventWriteNeedsReview, store.EventConnectionError, store.EventConnectionRecovered}})
	if err != nil {
		w.t.Fatal(err)
	}
	return e, secret
}

func (w *world) connect() store.Connection {
	w.t.Helper()
	c, err := w.store.Connect(w.t.Context(), store.NewGrant{WorkspaceID: uuid.New(), CRM: "hubspot", AccountID: "1", AccessToken: "a", RefreshToken: "r"}, store.WakeDrain)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) breaks(c store.Connection) {
	w.t.Helper()
	if failed, err := w.store.FailConnection(w.t.Context(), c.ID, c.TokenGeneration, store.Trouble{Code: "grant_dead", Cause: "The CRM refused the grant.", Action: "Connect again."}); err != nil || !failed {
		w.t.Fatal(failed, err)
	}
}

// look does one look and waits for what it began to send.
func (w *world) look() {
	w.t.Helper()
	if err := w.Look(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.Wait()
}

// due makes everything that waits due at once.
func (w *world) due() {
	w.t.Helper()
	for _, sql := range []string{`update crm_notifications set next_attempt_at = now() where status = 'waiting'`, `update crm_notification_endpoints set paused_until = null`} {
		if _, err := w.pool.Exec(w.t.Context(), sql); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) messages() []store.Notification {
	w.t.Helper()
	all, err := w.store.Notifications(w.t.Context(), store.NotificationFilter{Limit: 100})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

func (w *world) only() (store.Notification, []store.NotificationAttempt) {
	w.t.Helper()
	all := w.messages()
	if len(all) != 1 {
		w.t.Fatalf("%d messages, want 1", len(all))
	}
	return all[0], all[0].Attempts
}

func (w *world) endpoint(id uuid.UUID) store.Endpoint {
	w.t.Helper()
	e, err := w.store.Endpoint(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

func TestABrokenConnectionIsToldInAMessageThatTheOfficialLibraryVerifies(t *testing.T) {
	t.Parallel()
	w := open(t)
	_, secret := w.listen(w.at.URL + "/hooks?team=1")
	c := w.connect()
	w.breaks(c)
	w.look()
	n, tries := w.only()
	if len(w.got) != 1 || n.Status != store.NotificationDelivered || len(tries) != 1 || tries[0].HTTPStatus != 200 || tries[0].Error != "" {
		t.Fatalf("%d requests, %+v, %+v", len(w.got), n, tries)
	}
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	got := w.got[0]
	if err := verifier.Verify(got.body, got.header); err != nil {
		t.Errorf("the library refuses it: %v", err)
	}
	if got.header.Get("webhook-id") != n.ID.String() || got.header.Get("Content-Type") != "application/json" {
		t.Errorf("the headers are %v", got.header)
	}
	want := `{"type":"connection.error","timestamp":"` + timestamp(t, got.body) + `","data":{"workspace_id":"` + c.WorkspaceID.String() + `","crm":"hubspot","connection_id":"` + c.ID.String() +
		`","error":{"code":"grant_dead","cause":"The CRM refused the grant.","action":"Connect again."}}}`
	if string(got.body) != want {
		t.Errorf("the body is\n%s\nwant\n%s", got.body, want)
	}
	w.look()
	if len(w.got) != 1 {
		t.Errorf("it was sent %d times", len(w.got))
	}
}

func timestamp(t *testing.T, body []byte) string {
	t.Helper()
	var m struct{ Timestamp string }
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	return m.Timestamp
}

func TestAMessageThatIsNotTakenIsTriedTenTimesWithTheSameIdAndThenGivenUp(t *testing.T) {
	t.Parallel()
	w := open(t)
	e, _ := w.listen(w.at.URL)
	w.says(http.StatusInternalServerError)
	w.breaks(w.connect())
	for range 15 {
		w.look()
		w.due()
	}
	n, tries := w.only()
	if len(w.got) != 10 || len(tries) != 10 || n.Status != store.NotificationFailed || n.EndedAt == nil {
		t.Fatalf("%d requests, %d tries, %s", len(w.got), len(tries), n.Status)
	}
	if tries[0].HTTPStatus != 500 || tries[0].Error != "it answered 500" || tries[0].Answer != "so it is" {
		t.Errorf("a try is %+v", tries[0])
	}
	for _, r := range w.got {
		if r.header.Get("webhook-id") != n.ID.String() {
			t.Error("another id")
		}
	}
	if now := w.endpoint(e.ID); now.Failures != 10 || now.FailingSince == nil || now.DisabledAt != nil {
		t.Errorf("the endpoint is %+v", now)
	}
	w.says(http.StatusNoContent)
	if _, err := w.store.ResendNotification(t.Context(), n.ID, "test"); err != nil {
		t.Fatal(err)
	}
	w.due()
	w.look()
	if n, tries := w.only(); n.Status != store.NotificationDelivered || len(tries) != 11 {
		t.Errorf("sent again it is %s after %d tries", n.Status, len(tries))
	}
	if now := w.endpoint(e.ID); now.Failures != 0 || now.FailingSince != nil {
		t.Errorf("the endpoint is %+v", now)
	}
}

func TestTheWaitsBetweenTriesAreThoseOfTheStandardAndALongerRetryAfterIsHeeded(t *testing.T) {
	t.Parallel()
	w := open(t)
	for i, want := range retryAfter() {
		end := w.follows(store.DueNotification{Notification: store.Notification{Failures: i}}, store.NotificationAttempt{Error: "x"}, 0)
		if end.Status != store.NotificationWaiting || end.RetryIn < want || end.RetryIn > want*11/10+1 {
			t.Errorf("after %d failures: %s in %s, want %s", i+1, end.Status, end.RetryIn, want)
		}
	}
	w.listen(w.at.URL)
	w.says(http.StatusServiceUnavailable, "Retry-After", "120")
	w.breaks(w.connect())
	w.look()
	if n, _ := w.only(); time.Until(n.NextAttemptAt) < 100*time.Second {
		t.Errorf("tried again in %s", time.Until(n.NextAttemptAt))
	}
}

func TestWhatHappensWhileAnEndpointFailsComesTogetherAfterwards(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.listen(w.at.URL)
	w.says(http.StatusBadGateway)
	w.breaks(w.connect())
	w.look()
	c := w.connect()
	for range 3 {
		w.breaks(c)
		if _, err := w.pool.Exec(t.Context(), `update crm_connections set status = 'connected' where id = $1`, c.ID); err != nil {
			t.Fatal(err)
		}
		w.look()
	}
	if len(w.got) != 1 {
		t.Errorf("%d requests to an endpoint that is paused", len(w.got))
	}
	w.says(http.StatusOK)
	w.due()
	w.look()
	w.look()
	if all := w.messages(); len(all) != 3 || len(w.got) != 4 {
		t.Errorf("%d messages in %d requests, want one that failed first, and one each for three breaks and three recoveries", len(all), len(w.got))
	}
}

func TestAnEndpointThatIsGoneOrFailedForFiveDaysIsToldNothingMore(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status int
		since  time.Duration
		want   string
	}{
		"gone":          {http.StatusGone, 0, "gone"},
		"failing":       {http.StatusNotFound, 121 * time.Hour, "failing"},
		"failing a bit": {http.StatusNotFound, 100 * time.Hour, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			e, _ := w.listen(w.at.URL)
			w.says(tc.status)
			c := w.connect()
			w.breaks(c)
			w.look()
			w.ahead = tc.since
			w.due()
			w.look()
			waits := 0
			for _, n := range w.messages() {
				if n.Status == store.NotificationWaiting {
					waits++
				}
			}
			if (waits == 0) != (tc.want != "") {
				t.Errorf("%d messages wait", waits)
			}
			if now := w.endpoint(e.ID); now.DisabledBecause != tc.want {
				t.Errorf("disabled because %q, want %q", now.DisabledBecause, tc.want)
			}
			if said := strings.Contains(w.log.String(), "notification_endpoint_disabled"); said != (tc.want != "") {
				t.Errorf("the log says it: %v", said)
			}
		})
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.listen(w.at.URL)
	w.says(http.StatusFound, "Location", w.at.URL+"/elsewhere")
	w.breaks(w.connect())
	w.look()
	if _, tries := w.only(); len(w.got) != 1 || !strings.Contains(tries[0].Error, "redirects are not followed") {
		t.Errorf("%d requests, %+v", len(w.got), tries)
	}
}

func TestANameThatLeadsIntoTheNetworkIsRefusedWhenItIsCalled(t *testing.T) {
	t.Parallel()
	w := open(t)
	for url, want := range map[string]string{
		"https://169.254.169.254/latest/meta-data":                                "its host may not be called: it is not https, or not a public name",
		"http://hooks.example.com/":                                               "its host may not be called: it is not https, or not a public name",
		"https://localhost.localdomain.invalid/":                                  "its name is not known",
		strings.Replace(w.at.URL, "127.0.0.1", "localhost", 1) + "/?token=hidden": "its host may not be called: it is not https, or not a public name",
	} {
		e, _ := w.listen(url)
		if _, err := w.store.AddNotification(t.Context(), e.ID, store.EventTest, []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
		w.look()
		list, err := w.store.Notifications(t.Context(), store.NotificationFilter{EndpointID: e.ID, Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		if tries := list[0].Attempts; len(tries) != 1 || tries[0].Error != want {
			t.Errorf("%s: %+v, want %q", url, tries, want)
		}
	}
	if len(w.got) != 0 || strings.Contains(w.log.String(), "hidden") {
		t.Errorf("%d requests; the log is %s", len(w.got), w.log)
	}
}

func TestAnEndpointThatHangsHoldsNoOtherUpAndStopWaitsForIt(t *testing.T) {
	t.Parallel()
	w := open(t)
	release, hanging := make(chan struct{}), make(chan struct{}, 1)
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hanging <- struct{}{}; <-release }))
	defer slow.Close()
	w.listen(slow.URL)
	w.listen(w.at.URL)
	w.Start(context.WithoutCancel(t.Context()))
	w.breaks(w.connect())
	<-hanging
	w.breaks(w.connect())
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		w.mu.Lock()
		got := len(w.got)
		w.mu.Unlock()
		if got == 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d messages arrived at the other endpoint", got)
		}
	}
	stopped := make(chan error, 1)
	go func() { stopped <- w.Stop(context.WithoutCancel(t.Context())) }()
	select {
	case err := <-stopped:
		t.Error(err, "it did not wait for what is being sent")
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	delivered := 0
	for _, n := range w.messages() {
		if n.Status == store.NotificationDelivered {
			delivered++
		}
	}
	if delivered != 3 {
		t.Errorf("%d messages are delivered, want the hanging one and two", delivered)
	}
}

func TestANewSecretSignsBesideTheFormerOne(t *testing.T) {
	t.Parallel()
	w := open(t)
	e, first := w.listen(w.at.URL)
	_, second, err := w.store.NewEndpointSecret(t.Context(), e.ID, "test")
	if err != nil {
		t.Fatal(err)
	}
	w.breaks(w.connect())
	w.look()
	for _, secret := range []string{first, second} {
		verifier, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier.Verify(w.got[0].body, w.got[0].header); err != nil {
			t.Error(err)
		}
	}
	if n := len(strings.Fields(w.got[0].header.Get("webhook-signature"))); n != 2 {
		t.Errorf("%d signatures, want two", n)
	}
}

func TestMessagesThatEndedAreKeptForThirtyDays(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.listen(w.at.URL)
	w.breaks(w.connect())
	w.look()
	for _, tc := range []struct {
		ago  string
		left int
	}{{"29 days", 1}, {"31 days", 0}} {
		if _, err := w.pool.Exec(t.Context(), `update crm_notifications set ended_at = now() - $1::text::interval`, tc.ago); err != nil {
			t.Fatal(err)
		}
		if _, err := w.store.PurgeNotifications(t.Context(), w.cfg.Kept, purgeAtOnce); err != nil {
			t.Fatal(err)
		}
		if left := len(w.messages()); left != tc.left {
			t.Errorf("after %s %d messages are left, want %d", tc.ago, left, tc.left)
		}
	}
}

func TestAMessageOfWritesHasTheFieldsThatTheDocsName(t *testing.T) {
	t.Parallel()
	body, err := payload(store.EventGroup{Event: store.EventWriteFailed, ErrorCode: "contact_invalid", Action: "Mend the contact.", Count: 7, Writes: []store.EventWrite{{ObjectType: "contact"}}})
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		Data map[string]any
	}
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range m.Data {
		names = append(names, name)
	}
	slices.Sort(names)
	if want := []string{"connection_id", "count", "crm", "error", "workspace_id", "writes"}; !slices.Equal(names, want) {
		t.Errorf("data has %v, want %v", names, want)
	}
}
