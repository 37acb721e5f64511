package pgdev

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	scratchPrefix = "crm-connectors-pg-"
	// sweepAfter spares a scratch folder whose maker has not locked it yet.
	sweepAfter = time.Minute
)

// home is a cluster's folder, and the right to run Postgres in it.
//
//	owner.lock    flock: held by the owner for as long as it runs the server
//	password      of the superuser
//	data/ run/    cluster and socket, the only two that the account of Postgres may write
//	postgres.log
type home struct {
	dir     string
	account *account
	owned   bool
	scratch bool // removed by close
	lock    *os.File
}

// openHome makes or opens dir; an empty dir gives a throw-away home.
func openHome(dir string, a *account) (*home, error) {
	h := &home{dir: dir, account: a, scratch: dir == ""}
	var err error
	if h.scratch {
		h.dir, err = makeScratch(a)
	} else if h.dir, err = filepath.Abs(dir); err == nil {
		err = os.MkdirAll(h.dir, 0o755)
	}
	if err != nil {
		return nil, fmt.Errorf("make the folder of the cluster: %w", err)
	}
	if err := a.canEnter(h.dir); err != nil {
		return nil, err
	}
	if h.lock, h.owned, err = lockFile(filepath.Join(h.dir, "owner.lock")); err != nil {
		return nil, err
	}
	return h, nil
}

func (h *home) data() string     { return filepath.Join(h.dir, "data") }
func (h *home) run() string      { return filepath.Join(h.dir, "run") }
func (h *home) password() string { return filepath.Join(h.dir, "password") }

// close gives the lock up and removes a throw-away home.
func (h *home) close() error {
	var err error
	if h.scratch && h.owned {
		err = os.RemoveAll(h.dir)
	}
	if h.lock != nil {
		err = errors.Join(err, h.lock.Close())
		h.lock = nil
	}
	return err
}

// takeOver makes this process the owner if the one before has ended.
func (h *home) takeOver() bool {
	h.owned = syscall.Flock(int(h.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
	return h.owned
}

// makeOwnedDir makes a folder that the account of Postgres may write.
func (h *home) makeOwnedDir(name string, mode fs.FileMode) error {
	dir := filepath.Join(h.dir, name)
	if err := os.MkdirAll(dir, mode); err != nil {
		return fmt.Errorf("make %s: %w", dir, err)
	}
	if err := h.account.own(dir); err != nil {
		return fmt.Errorf("give %s to %s: %w", dir, h.account.name, err)
	}
	return nil
}

// clusterMajor is the version that made the cluster, such as "15"; empty when there is none yet.
func (h *home) clusterMajor() (string, error) {
	b, err := os.ReadFile(filepath.Join(h.data(), "PG_VERSION"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the version of the cluster: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// lockFile opens path and tries to lock it. The file must stay open for as long as the lock is wanted; the
// kernel frees it with the process.
func lockFile(path string) (f *os.File, held bool, err error) {
	if f, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, false, fmt.Errorf("open lock: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil && !errors.Is(err, syscall.EWOULDBLOCK) {
		_ = f.Close()
		return nil, false, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, err == nil, nil
}

// makeScratch makes a fresh folder below the system's temporary one and removes what killed processes left.
func makeScratch(a *account) (string, error) {
	var errs error
	for _, parent := range []string{os.TempDir(), "/tmp", "/var/tmp"} {
		if err := a.canEnter(parent); err != nil {
			errs = errors.Join(errs, err)
			continue
		}
		sweepScratch(parent)
		dir, err := os.MkdirTemp(parent, scratchPrefix)
		if err != nil {
			errs = errors.Join(errs, err)
			continue
		}
		if a != nil {
			// The account only walks through; the password beside data stays closed to others.
			if err := os.Chmod(dir, 0o711); err != nil {
				return "", err
			}
		}
		return dir, nil
	}
	return "", errs
}

// sweepScratch removes the throw-away homes of this account whose owner is gone. A Postgres that might
// still run in one ends by itself once its data folder is gone.
func sweepScratch(parent string) {
	dirs, _ := filepath.Glob(filepath.Join(parent, scratchPrefix+"*")) // the pattern is well formed
	for _, dir := range dirs {
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || ownerOf(info) != uint32(os.Geteuid()) || time.Since(info.ModTime()) < sweepAfter {
			continue
		}
		lock, held, err := lockFile(filepath.Join(dir, "owner.lock"))
		if err != nil {
			continue
		}
		if held {
			_ = os.RemoveAll(dir) // what resists is tried again by the next run
		}
		_ = lock.Close()
	}
}
