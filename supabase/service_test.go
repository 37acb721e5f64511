package supabase_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"crm-connectors/sim"
	"crm-connectors/sim/simhubspot"
	"crm-connectors/sim/simsalesforce"
	"crm-connectors/sim/simtest"
	"crm-connectors/store"
	"crm-connectors/store/storetest"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	appURL    = "https://app.example.com"
	jwtSecret = "a-shared-secret-of-these-tests-0123456789"
)

// Keys in the form of Supabase's, made so that no scanner takes them for real ones.
var (
	secretKey      = "sb_" + "secret_" + "of_these_tests"
	otherSecretKey = "sb_" + "secret_" + "of_another_service"
	publishableKey = "sb_" + "publishable_" + "of_these_tests"
)

// service is the built program with a database of its own and both CRMs simulated.
type service struct {
	t       *testing.T
	url     string // without a path
	db      *pgxpool.Pool
	keyset  []byte
	hub     *simhubspot.Sim
	org     *simsalesforce.Sim
	oplog   *sim.OpLog
	process *exec.Cmd
	ended   chan error
	log     *record
}

// options are what a test wants otherwise.
type options struct {
	env       []string // NAME=value, over the usual ones; NAME= removes
	database  string   // its URL for the program; empty: direct
	migrated  string   // URL of a database that is there already; empty: a fresh one
	consent   bool     // the CRMs show their page of consent
	publicURL string   // as browsers see the service; empty: where it listens
}

// start runs the program until the test ends.
func start(t *testing.T, o options) *service {
	t.Helper()
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	if o.migrated == "" {
		o.migrated = storetest.NewDatabase(t, storetest.Migrate)
	}
	if o.database == "" {
		o.database = o.migrated
	}
	s := &service{t: t, oplog: simtest.Log(t), log: &record{}, ended: make(chan error, 1)}
	s.db = pool(t, o.migrated)
	if s.keyset, err = store.GenerateKeyset(); err != nil {
		t.Fatal(err)
	}
	s.hub = simhubspot.New(simhubspot.Config{Log: s.oplog, AutoConsent: !o.consent})
	s.org = simsalesforce.New(simsalesforce.Config{Log: s.oplog, AutoConsent: !o.consent})
	hub, org := listen(t, s.hub.Handler()), listen(t, s.org.Handler())
	addr := freeAddress(t)
	s.url = "http://" + addr
	if o.publicURL == "" {
		o.publicURL = s.url
	}
	env := map[string]string{"DATABASE_URL": o.database, "TOKEN_KEYSET": string(s.keyset), "LISTEN_ADDR": addr, "APP_BASE_URL": appURL, "PUBLIC_URL": o.publicURL,
		"SUPABASE_SECRET_KEYS": `{"default":"` + secretKey + `","conduit":"` + otherSecretKey + `"}`, "SUPABASE_JWT_SECRET": jwtSecret,
		"HUBSPOT_CLIENT_ID": simhubspot.DefaultClientID, "HUBSPOT_CLIENT_SECRET": simhubspot.DefaultClientSecret, "HUBSPOT_API_BASE_URL": hub, "HUBSPOT_AUTH_BASE_URL": hub,
		"SALESFORCE_CLIENT_ID": simsalesforce.DefaultClientID, "SALESFORCE_CLIENT_SECRET": simsalesforce.DefaultClientSecret, "SALESFORCE_AUTH_BASE_URL": org,
		"CRM_TRUSTED_HOSTS": strings.TrimPrefix(hub, "http://") + "," + strings.TrimPrefix(org, "http://"), "DB_MAX_CONNS": "8", "LOG_LEVEL": "debug", "HOME": t.TempDir()}
	for _, line := range o.env {
		name, value, _ := strings.Cut(line, "=")
		env[name] = value
	}
	s.run(program, env)
	return s
}

func (s *service) run(program string, env map[string]string) {
	s.t.Helper()
	s.process = exec.CommandContext(context.WithoutCancel(s.t.Context()), program, "serve")
	for name, value := range env {
		s.process.Env = append(s.process.Env, name+"="+value)
	}
	out, err := s.process.StdoutPipe()
	if err == nil {
		s.process.Stderr = s.log
		err = s.process.Start()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	serving := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			_, _ = s.log.Write(append(lines.Bytes(), '\n'))
			if strings.Contains(lines.Text(), `"event":"serving"`) {
				serving <- true
			}
		}
		close(serving)
		s.ended <- s.process.Wait()
	}()
	s.t.Cleanup(func() {
		_ = s.process.Process.Signal(syscall.SIGKILL)
		if s.t.Failed() {
			s.t.Logf("the service's log:\n%s", s.log.text())
		}
	})
	select {
	case ok := <-serving:
		if !ok {
			s.t.Fatalf("the service did not start:\n%s", s.log.text())
		}
	case <-time.After(time.Minute):
		s.t.Fatalf("the service does not serve:\n%s", s.log.text())
	}
}

func pool(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	p, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func listen(t *testing.T, h http.Handler) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

// freeAddress is one that nobody listens at, and that no connection is given by chance before the caller listens there: it lies below the ports
// that the kernel hands out.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range lastPort - firstPort {
		addr := fmt.Sprintf("127.0.0.1:%d", firstPort+int(nextPort.Add(1)+int64(os.Getpid()))%(lastPort-firstPort))
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", addr)
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return addr
	}
	t.Fatal("no port is free")
	return ""
}

const firstPort, lastPort = 20000, 30000

var nextPort atomic.Int64

// reply is an answer of the service.
type reply struct {
	status int
	header http.Header
	body   string
}

// json is the body as an object; nil if it is none.
func (r reply) json() map[string]any {
	var out map[string]any
	if json.Unmarshal([]byte(r.body), &out) != nil {
		return nil
	}
	return out
}

// send makes a request: body as it is, headers as names and values. No redirect is followed.
func (s *service) send(method, path, body string, headers ...string) reply {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	client := &http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		s.t.Errorf("%s %s: %v", method, path, err)
		return reply{header: http.Header{}}
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Errorf("%s %s: %v", method, path, err)
	}
	return reply{resp.StatusCode, resp.Header, string(raw)}
}

// asService sends with a secret key.
func (s *service) asService(method, path string, body any, headers ...string) reply {
	s.t.Helper()
	return s.send(method, path, encode(s.t, body), append([]string{"apikey", secretKey}, headers...)...)
}

// refused wants a failure in the one form, under one code.
func (s *service) refused(r reply, status int, code string) {
	s.t.Helper()
	got := r.json()
	if r.status != status || got["code"] != code || r.header.Get("sb-error-code") != code || got["message"] == "" || got["msg"] != got["message"] || got["error"] == nil {
		s.t.Errorf("got %d %v %s, want %d %s", r.status, r.header.Get("sb-error-code"), r.body, status, code)
	}
}

func encode(t *testing.T, body any) string {
	t.Helper()
	switch b := body.(type) {
	case nil:
		return ""
	case string:
		return b
	}
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// eventually waits until it is so that what.
func (s *service) eventually(what string, so func() bool) {
	s.t.Helper()
	for end := time.Now().Add(10 * time.Second); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Errorf("after 10 s it is still not so that %s", what)
			return
		}
	}
}

// exec runs SQL as the owner of the database.
func (s *service) exec(sql string, args ...any) {
	s.t.Helper()
	if _, err := s.db.Exec(s.t.Context(), sql, args...); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
}

// count is the number that a query gives.
func (s *service) count(sql string, args ...any) int {
	s.t.Helper()
	var n int
	if err := s.db.QueryRow(s.t.Context(), sql, args...).Scan(&n); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// member puts a user into a workspace.
func (s *service) member(user string, workspace uuid.UUID) {
	s.t.Helper()
	s.exec(`insert into workspace_members (workspace_id, user_id) values ($1, $2)`, workspace, user)
}

// outcome is what a service hands in for a workspace.
func outcome(workspace uuid.UUID, event string) map[string]any {
	return map[string]any{"workspace_id": workspace, "source_event_id": event, "contact": map[string]any{"email": "ada-" + event + "@example.com"},
		"task": map[string]any{"id": "t-" + event, "subject": "Send the offer", "due_at": "2026-12-01T15:00:00Z"}}
}

// record collects text from several goroutines.
type record struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write is io.Writer.
func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(p)
}

func (r *record) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.String()
}
