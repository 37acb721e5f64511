package supabase_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"crm-connectors/store"
	"crm-connectors/store/storetest"

	"github.com/google/uuid"
)

// diagnosis is what doctor says: for each check its verdicts and words.
type diagnosis struct {
	t    *testing.T
	said string
	code int
	all  []struct{ Check, Verdict, Says, Mend string }
}

// examined runs doctor with the variables of a service that runs, and others over them.
func (s *service) examined(change map[string]string) diagnosis {
	s.t.Helper()
	program, err := built()
	if err != nil {
		s.t.Fatal(err)
	}
	env := map[string]string{}
	for _, line := range s.process.Env {
		name, value, _ := strings.Cut(line, "=")
		env[name] = value
	}
	maps.Copy(env, change)
	cmd := exec.CommandContext(s.t.Context(), program, "doctor", "--json")
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.Output()
	d := diagnosis{t: s.t, said: string(out), code: cmd.ProcessState.ExitCode()}
	var answer struct {
		Findings []struct{ Check, Verdict, Says, Mend string }
	}
	if json.Unmarshal(out, &answer) != nil || len(answer.Findings) == 0 {
		s.t.Fatalf("doctor says %q, %v", out, err)
	}
	d.all = answer.Findings
	for _, secret := range []string{env["HUBSPOT_CLIENT_SECRET"], env["SALESFORCE_CLIENT_SECRET"], secretKey, jwtSecret, string(s.keyset)} {
		if secret != "" && strings.Contains(d.said, secret) {
			s.t.Error("doctor shows a secret")
		}
	}
	return d
}

// finds wants a finding with these words in what it says or how it is mended, and the exit code that goes with it.
func (d diagnosis) finds(check, verdict string, words ...string) {
	d.t.Helper()
	if (d.code == 1) != strings.Contains(d.said, `"verdict":"fail"`) {
		d.t.Errorf("exit code %d: %s", d.code, d.said)
	}
	for _, f := range d.all {
		if f.Check != check || f.Verdict != verdict || (verdict == "ok") != (f.Mend == "") {
			continue
		}
		for _, word := range words {
			if !strings.Contains(f.Says+" "+f.Mend, word) {
				d.t.Errorf("%s says %q, mend %q; without %q", check, f.Says, f.Mend, word)
			}
		}
		return
	}
	d.t.Errorf("no finding %s of %s: %s", verdict, check, d.said)
}

func TestADoctorFindsNothingAgainstAServiceThatWorks(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	d := s.examined(nil)
	for _, check := range []string{"environment", "database", "roles", "migrations", "keys", "clock", "jobs", "pooler", "crm", "app", "redirect"} {
		d.finds(check, "ok")
	}
	if d.code != 0 {
		t.Errorf("exit code %d: %s", d.code, d.said)
	}
}

func TestADoctorNamesWhatIsBrokenAndHowItIsMended(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	s.connectAs(uuid.New(), "hubspot", "apikey", secretKey) // so that something is sealed
	other, err := store.GenerateKeyset()
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := listen(t, http.NotFoundHandler())
	empty := storetest.NewDatabase(t, storetest.Migrate)
	if _, err := pool(t, empty).Exec(t.Context(), `drop table crm_connectors_migrations`); err != nil {
		t.Fatal(err)
	}
	readOnly := storetest.NewDatabase(t, storetest.Migrate)
	if _, err := pool(t, readOnly).Exec(t.Context(), `do $$ begin execute format('alter database %I set default_transaction_read_only = on', current_database()); end $$`); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change                map[string]string
		check, verdict, words string
	}{
		"a variable is missing":         {map[string]string{"APP_BASE_URL": ""}, "environment", "fail", "APP_BASE_URL"},
		"the database is away":          {map[string]string{"DATABASE_URL": "postgres://crm@127.0.0.1:1/crm"}, "database", "fail", "Check host, port"},
		"the database is read only":     {map[string]string{"DATABASE_URL": readOnly}, "database", "fail", "read only"},
		"nothing was migrated":          {map[string]string{"DATABASE_URL": empty}, "migrations", "fail", "crm-connectors migrate"},
		"the keyset is another":         {map[string]string{"TOKEN_KEYSET": string(other)}, "keys", "fail", "no key of this keyset"},
		"HubSpot is not reached":        {map[string]string{"HUBSPOT_API_BASE_URL": "http://127.0.0.1:1", "CRM_TRUSTED_HOSTS": "127.0.0.1:1"}, "crm", "fail", "firewall"},
		"the client secret is old":      {map[string]string{"HUBSPOT_CLIENT_SECRET": "rotated-away"}, "app", "fail", "HUBSPOT_CLIENT_SECRET"},
		"Salesforce's secret is old":    {map[string]string{"SALESFORCE_CLIENT_SECRET": "rotated-away"}, "app", "fail", "SALESFORCE_CLIENT_SECRET"},
		"somebody else answers":         {map[string]string{"PUBLIC_URL": elsewhere}, "redirect", "fail", "something else answers"},
		"nobody answers":                {map[string]string{"PUBLIC_URL": "http://127.0.0.1:1"}, "redirect", "warn", "where nothing answers"},
		"the address is not https":      {map[string]string{"PUBLIC_URL": "http://crm.example.com"}, "environment", "fail", "not https"},
		"it asks where it could listen": {map[string]string{"RIVER_POLL_ONLY": "true"}, "pooler", "warn", "RIVER_POLL_ONLY"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one := *s
			one.t = t
			one.examined(c.change).finds(c.check, c.verdict, c.words)
		})
	}
}

func TestADoctorTellsHowAPoolerSharesConnections(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	direct := ""
	for _, line := range s.process.Env {
		if url, ok := strings.CutPrefix(line, "DATABASE_URL="); ok {
			direct = url
		}
	}
	transaction, statement := pooler(t, direct, "transaction"), pooler(t, direct, "statement")
	s.examined(map[string]string{"DATABASE_URL": transaction}).finds("pooler", "fail", "RIVER_POLL_ONLY=true")
	s.examined(map[string]string{"DATABASE_URL": transaction, "RIVER_POLL_ONLY": "true"}).finds("pooler", "ok", "transaction pooler")
	s.examined(map[string]string{"DATABASE_URL": statement, "RIVER_POLL_ONLY": "true"}).finds("pooler", "fail", "pool_mode")
	s.examined(map[string]string{"DATABASE_URL": pooler(t, direct, "session")}).finds("pooler", "ok", "notifications arrive")
}

func TestADoctorFindsAFullDisk(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("a disk of its own needs root")
	}
	s := start(t, options{})
	disk := t.TempDir()
	var data string
	if err := s.db.QueryRow(t.Context(), `show data_directory`).Scan(&data); err != nil {
		t.Fatal(err)
	}
	folder, err := os.Stat(data)
	if err != nil {
		t.Skipf("Postgres runs on another machine: %v", err)
	}
	user := folder.Sys().(*syscall.Stat_t)
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=64k,mode=0700,uid=%d,gid=%d", user.Uid, user.Gid), "tmpfs", disk).CombinedOutput(); err != nil {
		t.Skipf("a disk cannot be made here: %v %s", err, out)
	}
	t.Cleanup(func() { _ = exec.CommandContext(context.WithoutCancel(t.Context()), "umount", "-l", disk).Run() })
	for dir := filepath.Dir(disk); len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
		_ = os.Chmod(dir, 0o755)
	}
	if _, err := s.db.Exec(t.Context(), `create tablespace full_disk location '`+disk+`'`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.db.Exec(t.Context(), `do $$ begin execute format('alter database %I set temp_tablespaces = full_disk', current_database()); end $$`); err != nil {
		t.Fatal(err)
	}
	s.examined(nil).finds("database", "fail", "its disk is full", "Nothing is lost")
}
