package pgdev

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// helperDir makes this test binary play a process that owns a cluster there until it is killed.
const helperDir = "PGDEV_TEST_OWNER_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperDir); dir != "" {
		playOwner(dir)
	}
	os.Exit(m.Run())
}

func playOwner(dir string) {
	s, err := Start(context.Background(), Options{Dir: dir, NoFetch: true})
	if err != nil {
		_, _ = os.Stdout.WriteString("error: " + err.Error() + "\n")
		os.Exit(1)
	}
	_, _ = os.Stdout.WriteString(s.URL + "\n")
	select {}
}

// start starts a cluster for one test; it skips where no server is installed, but for CI.
func start(t *testing.T, o Options) *Server {
	t.Helper()
	o.NoFetch = true
	s, err := Start(t.Context(), o)
	if errors.Is(err, ErrNoServer) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatalf("Start = %v", err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Errorf("Stop = %v", err)
		}
	})
	return s
}

// openDir is a temporary folder that the account of Postgres can walk into, which t.TempDir is not.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pgdev-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "home")
}

func exec1(t *testing.T, url, sql string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	defer func() { _ = c.Close(t.Context()) }()
	if _, err := c.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func TestAThrowAwayClusterAnswersAndLeavesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Database: "crm", Settings: map[string]string{"max_connections": "17"}})
	if !s.Owned {
		t.Error("Owned = false, want true")
	}
	c, err := pgx.Connect(t.Context(), s.URL)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	var db, connections, fsync string
	err = c.QueryRow(t.Context(), "select current_database(), current_setting('max_connections'), current_setting('fsync')").Scan(&db, &connections, &fsync)
	if err != nil || db != "crm" || connections != "17" || fsync != "off" {
		t.Errorf("got database %q, max_connections %s, fsync %s, %v; want crm, 17, off", db, connections, fsync, err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
	dir := s.Dir()
	if err := s.Stop(); err != nil {
		t.Fatalf("Stop = %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Stop, stat %s = %v, want it gone", dir, err)
	}
	if err := s.Stop(); err != nil {
		t.Errorf("a second Stop = %v, want nil", err)
	}
}

func TestAPersistentClusterKeepsItsDataAndPassword(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	first := start(t, Options{Dir: dir, Database: "crm"})
	exec1(t, first.URL, "create table kept (id int)")
	if err := first.Stop(); err != nil {
		t.Fatalf("Stop = %v", err)
	}
	second := start(t, Options{Dir: dir, Database: "crm"})
	exec1(t, second.URL, "insert into kept values (1)")
}

func TestASecondStartAttachesAndDoesNotStopTheFirst(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	owner := start(t, Options{Dir: dir})
	guest := start(t, Options{Dir: dir, Database: "other"})
	if guest.Owned {
		t.Error("the second Start owns the cluster, want it attached")
	}
	exec1(t, guest.URL, "select 1")
	if err := guest.Stop(); err != nil {
		t.Fatalf("Stop of the guest = %v", err)
	}
	exec1(t, owner.URL, "select 1")
}

func TestAWaitingStartTakesOverWhenTheOwnerEnds(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	start(t, Options{Dir: dir}).cleanStop(t)
	h, err := openHome(dir, mustAccount(t)) // an owner that never starts a server
	if err != nil || !h.owned {
		t.Fatalf("openHome: owned %v, %v", h != nil && h.owned, err)
	}
	time.AfterFunc(50*time.Millisecond, func() { _ = h.close() })
	if s := start(t, Options{Dir: dir}); !s.Owned {
		t.Error("Owned = false after the owner ended, want true")
	}
}

func (s *Server) cleanStop(t *testing.T) {
	t.Helper()
	if err := s.Stop(); err != nil {
		t.Fatalf("Stop = %v", err)
	}
}

func mustAccount(t *testing.T) *account {
	t.Helper()
	a, err := accountFor("")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAKilledOwnerTakesPostgresWithItAndTheNextStartIsClean(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	start(t, Options{Dir: dir}).cleanStop(t) // skips where there is no server
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), helperDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || strings.HasPrefix(line, "error") {
		t.Fatalf("the owner said %q, %v", line, err)
	}
	exec1(t, strings.TrimSpace(line), "create table kept (id int)")
	pid := readPostmaster(filepath.Join(dir, "data")).pid
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // says that it was killed
	s := start(t, Options{Dir: dir})
	exec1(t, s.URL, "insert into kept values (1)")
	if isPostmaster(pid, filepath.Join(dir, "data")) {
		t.Errorf("the Postgres of the killed owner (pid %d) still runs", pid)
	}
}

func TestAGivenURLIsUsedAndNeverStopped(t *testing.T) {
	t.Parallel()
	owner := start(t, Options{})
	guest := start(t, Options{URL: owner.URL})
	if guest.URL != owner.URL || guest.Owned || guest.Dir() != "" {
		t.Errorf("got %+v, want the given URL, not owned", guest)
	}
	guest.cleanStop(t)
	exec1(t, owner.URL, "select 1")
}

func TestAGivenURLThatDoesNotAnswerIsAnErrorWithoutThePassword(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err := Start(ctx, Options{URL: "postgres://crm:hush@127.0.0.1:1/crm"})
	if err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("Start = %v, want an error that does not name the password", err)
	}
}

func TestWithoutPostgresTheErrorSaysWhatToInstall(t *testing.T) {
	t.Parallel()
	_, err := findServer(t.Context(), Options{NoFetch: true}, []string{t.TempDir()}, "", nil)
	if !errors.Is(err, ErrNoServer) {
		t.Fatalf("findServer = %v, want ErrNoServer", err)
	}
	for _, want := range []string{"apt-get install postgresql", "DATABASE_URL"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error %q does not name %s", err, want)
		}
	}
}

func TestAClusterOfAVersionThatIsNotInstalledIsLeftAlone(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	version := filepath.Join(dir, "data", "PG_VERSION")
	if err := os.MkdirAll(filepath.Dir(version), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(version, []byte("9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Options{Dir: dir, NoFetch: true})
	if err == nil || !strings.Contains(err.Error(), "PostgreSQL 9") {
		t.Errorf("Start = %v, want an error that names PostgreSQL 9", err)
	}
	if _, err := os.Stat(version); err != nil {
		t.Errorf("the data was touched: %v", err)
	}
}
