package pgdev

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

const product = "crm-connectors"

// CacheDir is where this account keeps fetched programs from one run to the next; it is made when
// missing. For most accounts that is below the user's cache folder. For root it is a folder that
// the account of Postgres can walk into, which /root is not. Without a usable home folder it is
// below the temporary folder.
func CacheDir() (string, error) {
	places := []string{filepath.Join(os.TempDir(), product+"-"+strconv.Itoa(os.Geteuid()))}
	if os.Geteuid() == 0 {
		places = append([]string{"/var/lib/" + product}, places...)
	} else if base, err := os.UserCacheDir(); err == nil {
		places = append([]string{filepath.Join(base, product)}, places...)
	}
	var errs error
	for _, dir := range places {
		err := makeOurs(dir)
		if err == nil {
			return dir, nil
		}
		errs = errors.Join(errs, err)
	}
	return "", fmt.Errorf("no folder for the cache: %w", errs)
}

// makeOurs makes dir, or accepts it when it belongs to this account: below a temporary folder somebody
// else may have been there first.
func makeOurs(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() || ownerOf(info) != uint32(os.Geteuid()) {
		return fmt.Errorf("%s belongs to another account", dir)
	}
	probe, err := os.CreateTemp(dir, ".probe-")
	if err != nil {
		return err
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}
