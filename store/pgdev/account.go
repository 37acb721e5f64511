package pgdev

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is who runs Postgres; nil means the account of this process.
type account struct {
	name     string
	uid, gid uint32
}

// accountFor is nil unless this process is root. initdb looks its own uid up, so the account must exist.
func accountFor(want string) (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	names := []string{want}
	if want == "" {
		names = []string{"postgres", "nobody"}
	}
	for _, name := range names {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return nil, fmt.Errorf("account %s: %w", name, err)
		}
		if uid == 0 {
			return nil, fmt.Errorf("account %s is root, as which Postgres refuses to run", name)
		}
		return &account{name: name, uid: uint32(uid), gid: uint32(gid)}, nil
	}
	return nil, fmt.Errorf("running as root, and none of the accounts %q exists to run Postgres", names)
}

func (a *account) credential() *syscall.Credential {
	if a == nil {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid}
}

// own gives path to the account.
func (a *account) own(path string) error {
	if a == nil {
		return nil
	}
	return os.Lchown(path, int(a.uid), int(a.gid))
}

// canEnter says whether the account can walk down to dir. It judges mode bits alone, group bits
// not at all, so it may refuse a folder that an access list would open; never the other way round.
func (a *account) canEnter(dir string) error {
	if a == nil {
		return nil
	}
	for p := dir; ; p = filepath.Dir(p) {
		info, err := os.Stat(p)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err == nil && info.Mode().Perm()&0o001 == 0 && ownerOf(info) != a.uid {
			return fmt.Errorf("the folder %s is closed to the account %s, which runs Postgres under root; choose one such as /var/lib/NAME", p, a.name)
		}
		if p == filepath.Dir(p) {
			return nil
		}
	}
}

func ownerOf(info fs.FileInfo) uint32 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Uid
	}
	return ^uint32(0)
}
