package pgdev

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// maxSocketDir leaves room for the socket's own name in the 104 (darwin) or 108 bytes of a socket address.
const maxSocketDir = 80

// initdb makes the cluster beside its place and renames it at the end.
func (h *home) initdb(ctx context.Context, bin string) error {
	if err := os.WriteFile(h.password(), []byte(rand.Text()), 0o600); err != nil {
		return fmt.Errorf("write password: %w", err)
	}
	if err := h.account.own(h.password()); err != nil {
		return fmt.Errorf("give the password to the account of Postgres: %w", err)
	}
	fresh := filepath.Join(h.dir, "data.new")
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("remove a half-made cluster: %w", err)
	}
	if err := h.makeOwnedDir("data.new", 0o700); err != nil {
		return err
	}
	args := []string{"-D", fresh, "-U", "postgres", "-E", "UTF8", "--locale=C", "-A", "scram-sha-256",
		"--pwfile=" + h.password()}
	if h.scratch {
		args = append(args, "--no-sync")
	}
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), args...)
	cmd.Dir, cmd.Env = h.dir, h.env()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: h.account.credential()}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	if err := os.Rename(fresh, h.data()); err != nil {
		return fmt.Errorf("put the new cluster in place: %w", err)
	}
	return nil
}

// env is what Postgres's programs see: nothing of ours, so that no PG… variable leads them astray.
func (h *home) env() []string {
	return []string{"PATH=/usr/bin:/bin", "HOME=" + h.dir, "LC_ALL=C", "TZ=UTC"}
}

// settings are the -c arguments of postgres; the caller's win over ours.
func (h *home) settings(o Options) ([]string, error) {
	port := o.Port
	if port == 0 {
		var err error
		if port, err = freePort(); err != nil {
			return nil, err
		}
	}
	set := map[string]string{
		"listen_addresses":        "127.0.0.1",
		"port":                    strconv.Itoa(port),
		"unix_socket_directories": h.run(),
		"logging_collector":       "off",
		"timezone":                "UTC",
	}
	if len(h.run()) > maxSocketDir {
		set["unix_socket_directories"] = ""
	}
	if h.scratch {
		set["fsync"], set["synchronous_commit"], set["full_page_writes"] = "off", "off", "off"
	}
	maps.Copy(set, o.Settings)
	var args []string
	for _, name := range slices.Sorted(maps.Keys(set)) {
		args = append(args, "-c", name+"="+set[name])
	}
	return args, nil
}

// endOrphan stops a Postgres that still runs in this home although its owner is gone: where the
// kernel does not do it (darwin), or has not done it yet.
func (h *home) endOrphan() error {
	pm := readPostmaster(h.data())
	if pm.pid <= 0 || !isPostmaster(pm.pid, h.data()) {
		return nil
	}
	if err := syscall.Kill(pm.pid, syscall.SIGINT); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop the Postgres that was left running (pid %d): %w", pm.pid, err)
	}
	for deadline := time.Now().Add(10 * time.Second); isPostmaster(pm.pid, h.data()); {
		if time.Now().After(deadline) {
			return fmt.Errorf("the Postgres that was left running (pid %d) does not end", pm.pid)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil
}

func freePort() (int, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}
