package pgdev

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestOnlyAbandonedScratchFoldersAreSweptAway(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	old := time.Now().Add(-2 * sweepAfter)
	mk := func(name string, at time.Time) string {
		dir := filepath.Join(parent, name)
		if err := os.MkdirAll(filepath.Join(dir, "data"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "owner.lock"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(dir, at, at); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	abandoned, young, inUse, foreign := mk(scratchPrefix+"a", old), mk(scratchPrefix+"b", time.Now()), mk(scratchPrefix+"c", old), mk("else", old)
	lock, held, err := lockFile(filepath.Join(inUse, "owner.lock"))
	if err != nil || !held {
		t.Fatalf("lockFile: held %v, %v", held, err)
	}
	defer func() { _ = lock.Close() }()

	sweepScratch(parent)

	if _, err := os.Stat(abandoned); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the abandoned folder is still there: %v", err)
	}
	for _, dir := range []string{young, inUse, foreign} {
		if _, err := os.Stat(dir); err != nil {
			t.Errorf("%s was removed: %v", dir, err)
		}
	}
}

func TestAClosedFolderIsRefusedByName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	closed := filepath.Join(dir, "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	stranger := &account{name: "stranger", uid: 4_000_000_000}
	if err := stranger.canEnter(filepath.Join(closed, "below")); err == nil || !strings.Contains(err.Error(), closed) {
		t.Errorf("canEnter = %v, want an error that names %s", err, closed)
	}
	if err := (*account)(nil).canEnter(closed); err != nil {
		t.Errorf("canEnter for our own account = %v, want nil", err)
	}
}

func TestLinksBetweenLibrariesStayInsideThePackage(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		list    string
		wantErr bool
	}{
		"inside":         {list: `[{"source":"native/lib/libx.so.1.2","target":"native/lib/libx.so.1"}]`},
		"target outside": {list: `[{"source":"native/lib/libx.so.1.2","target":"../../libx.so.1"}]`, wantErr: true},
		"source outside": {list: `[{"source":"/etc/passwd","target":"native/lib/libx.so.1"}]`, wantErr: true},
		"not a list":     {list: `{}`, wantErr: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pkg := t.TempDir()
			lib := filepath.Join(pkg, "native", "lib")
			if err := os.MkdirAll(lib, 0o755); err != nil {
				t.Fatal(err)
			}
			for path, text := range map[string]string{filepath.Join(lib, "libx.so.1.2"): "elf", filepath.Join(pkg, "native", "pg-symlinks.json"): tc.list} {
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			err := makeLinks(pkg)
			if (err != nil) != tc.wantErr {
				t.Fatalf("makeLinks = %v, want an error: %v", err, tc.wantErr)
			}
			if tc.wantErr {
				return
			}
			if got, err := os.ReadFile(filepath.Join(lib, "libx.so.1")); err != nil || string(got) != "elf" {
				t.Errorf("through the link: %q, %v", got, err)
			}
		})
	}
}

func TestProgramsOfAStrictUmaskAreOpenedToOthers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, mode := range map[string]fs.FileMode{"program": 0o700, "library": 0o600} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := openToAll(dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{"program": 0o755, "library": 0o644} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s: mode %o, want %o", name, got, want)
		}
	}
}

func TestTheCacheBelongsToThisAccountAndCanBeWritten(t *testing.T) {
	t.Parallel()
	dir, err := CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	a := mustAccount(t)
	if err := a.canEnter(dir); err != nil {
		t.Errorf("the account of Postgres cannot use the cache: %v", err)
	}
	info, err := os.Stat(dir)
	if err != nil || ownerOf(info) != uint32(os.Geteuid()) {
		t.Errorf("stat %s: %v; want it to be ours", dir, err)
	}
}

func TestNpmHasThePlatformsThatPeopleDevelopOn(t *testing.T) {
	t.Parallel()
	for _, p := range []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64"} {
		goos, goarch, _ := strings.Cut(p, "/")
		if npmPlatform(goos, goarch) == "" {
			t.Errorf("no npm package for %s", p)
		}
	}
	if got := npmPlatform("plan9", runtime.GOARCH); got != "" {
		t.Errorf("plan9: got %q, want none", got)
	}
}
