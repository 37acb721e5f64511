package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestADoctorSeesThatTheClocksDiffer(t *testing.T) {
	t.Parallel()
	b := openKeysBench(t)
	for ahead, want := range map[time.Duration]string{0: checkOK, 10 * time.Second: checkWarn, -5 * time.Minute: checkFail} {
		findings, err := examine(t.Context(), func(name string) string { return b.vars[name] }, func() time.Time { return time.Now().Add(ahead) })
		if err != nil {
			t.Fatal(err)
		}
		seen := ""
		for _, f := range findings {
			if f.Check == "clock" {
				seen = f.Verdict
				if want != checkOK && !strings.Contains(f.Mend, "NTP") {
					t.Errorf("%s ahead: mend %q", ahead, f.Mend)
				}
			}
		}
		if seen != want {
			t.Errorf("%s ahead is %q, want %q", ahead, seen, want)
		}
	}
}

func TestADoctorSaysWhatIsToBeDoneWhereNothingIsSetUpYet(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	code := run(t.Context(), env{args: []string{"doctor"}, getenv: func(string) string { return "" }, stdout: &out, stderr: &errs})
	if code != exitFailed || !strings.Contains(errs.String(), "checks fail") {
		t.Errorf("exit code %d: %s", code, &errs)
	}
	for _, words := range []string{"fail  environment  DATABASE_URL", "TOKEN_KEYSET", "→ Set it, for example DATABASE_URL=postgres://"} {
		if !strings.Contains(out.String(), words) {
			t.Errorf("it does not say %q:\n%s", words, &out)
		}
	}
}
