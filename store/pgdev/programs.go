package pgdev

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// findServer returns the folder of initdb and postgres: of the version that made the cluster, if there is
// one already, else the newest. It looks in places (patterns) unless the options name a folder.
func findServer(ctx context.Context, o Options, places []string, major string, a *account) (string, error) {
	if o.BinDir != "" {
		places = []string{o.BinDir}
	}
	if bin := newestIn(ctx, places, major, a); bin != "" {
		return bin, nil
	}
	if o.BinDir != "" {
		return "", fmt.Errorf("no usable initdb and postgres%s in %s", ofVersion(major), o.BinDir)
	}
	fetchErr := errors.New("fetching one through npm is switched off")
	if !o.NoFetch {
		var bin string
		if bin, fetchErr = fetchServer(ctx, major, a, o.Progress); fetchErr == nil {
			return bin, nil
		}
	}
	if major != "" {
		return "", fmt.Errorf("the cluster was made by PostgreSQL %s, whose programs were not found; its data is left as it is (%w)", major, fetchErr)
	}
	return "", fmt.Errorf("%w (%w)", ErrNoServer, fetchErr)
}

func ofVersion(major string) string {
	if major == "" {
		return ""
	}
	return " of version " + major
}

// installedPlaces lists where packages put the server programs, which are seldom on the PATH.
func installedPlaces() []string {
	places := []string{
		"/usr/lib/postgresql/*/bin",   // Debian, Ubuntu
		"/usr/pgsql-*/bin",            // RHEL with the PGDG packages
		"/usr/libexec/postgresql*",    // Alpine
		"/opt/homebrew/opt/*sql*/bin", // macOS: Homebrew on ARM, on Intel, Postgres.app
		"/usr/local/opt/*sql*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	}
	if p, err := exec.LookPath("postgres"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil {
			places = append([]string{filepath.Dir(p)}, places...)
		}
	}
	return places
}

func newestIn(ctx context.Context, places []string, major string, a *account) string {
	best, bestMajor := "", -1
	for _, place := range places {
		dirs, _ := filepath.Glob(place) // ours are well formed; a bad one of the caller's finds nothing
		for _, dir := range dirs {
			n := serverMajor(ctx, dir)
			if n <= bestMajor || n < 0 || (major != "" && major != strconv.Itoa(n)) || a.canEnter(dir) != nil {
				continue
			}
			if abs, err := filepath.Abs(dir); err == nil {
				best, bestMajor = abs, n
			}
		}
	}
	return best
}

// serverMajor is the version of the programs in dir, or -1 when they are not there or do not run.
func serverMajor(ctx context.Context, dir string) int {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return -1
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "-V").Output() // postgres (PostgreSQL) 15.18 …
	if err != nil {
		return -1
	}
	fields := strings.Fields(string(out))
	if len(fields) < 3 {
		return -1
	}
	digits := strings.IndexFunc(fields[2], func(r rune) bool { return r < '0' || r > '9' })
	if digits < 0 {
		digits = len(fields[2])
	}
	n, err := strconv.Atoi(fields[2][:digits])
	if err != nil {
		return -1
	}
	return n
}
