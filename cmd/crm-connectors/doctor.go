package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// The verdicts of a check.
const (
	checkOK   = "ok"
	checkWarn = "warn" // the service works, and something is to be known or mended soon
	checkFail = "fail" // the service does not work, or not for long
)

// checkWithin is how long one check may take: what hangs is a finding of its own, and keeps no other from being made.
const checkWithin = 15 * time.Second

// finding is what one check came to.
type finding struct {
	Check   string `json:"check"` // stable: database, migrations, keys, clock …
	Verdict string `json:"verdict"`
	Says    string `json:"says"`
	Mend    string `json:"mend,omitempty"`
}

func well(check, says string, args ...any) finding {
	return finding{Check: check, Verdict: checkOK, Says: fmt.Sprintf(says, args...)}
}

func warns(check, mend, says string, args ...any) finding {
	return finding{Check: check, Verdict: checkWarn, Says: fmt.Sprintf(says, args...), Mend: mend}
}

func fails(check, mend, says string, args ...any) finding {
	return finding{Check: check, Verdict: checkFail, Says: fmt.Sprintf(says, args...), Mend: mend}
}

func doctorCommand() command {
	c := command{name: "doctor", group: groupOperate, summary: "Look for what keeps the service from working, and say how to mend it", usage: `Usage: crm-connectors doctor [--json]

Run it where serve runs, with the same variables. It looks at the environment, the database and its pooler, migrations, keys, the job engine, clocks,
the CRMs, the apps registered with them, and the redirect addresses. It changes nothing. Each finding is ok, warn or fail, with its mend.
Exit code 0: nothing fails; 1: something does.

Example
  crm-connectors doctor`}
	c.run = func(ctx context.Context, e env) error {
		fs := newFlags(c)
		asJSON := fs.Bool("json", false, "print the findings as JSON")
		if err := parseFlags(fs, c, e); err != nil {
			return err
		}
		findings, err := examine(ctx, e.getenv, time.Now)
		if err != nil {
			return err
		}
		if *asJSON {
			err = json.NewEncoder(e.stdout).Encode(map[string]any{"findings": findings})
		} else {
			writeFindings(e.stdout, findings)
		}
		if n := failing(findings); err == nil && n > 0 {
			return fmt.Errorf("%d of %d checks fail", n, len(findings))
		}
		return err
	}
	return c
}

// examine makes all checks that the environment allows, each with its own deadline; one that fails keeps no other from being made.
func examine(ctx context.Context, getenv func(string) string, now func() time.Time) ([]finding, error) {
	raw, c, err := readVariables(getenv)
	if err != nil {
		return nil, err
	}
	cfg := c.config(raw)
	out := environmentFindings(c.verdict())
	checks := []func(context.Context) []finding{
		func(ctx context.Context) []finding { return examineDatabase(ctx, cfg, now) },
		func(ctx context.Context) []finding { return examinePooler(ctx, cfg) },
		func(ctx context.Context) []finding { return examineCRMs(ctx, cfg) },
		func(ctx context.Context) []finding { return examineRedirects(ctx, cfg) },
	}
	found := make([]chan []finding, len(checks))
	for n, check := range checks {
		found[n] = make(chan []finding, 1)
		go func() {
			ctx, cancel := context.WithTimeout(ctx, 4*checkWithin)
			defer cancel()
			found[n] <- check(ctx)
		}()
	}
	for n := range checks {
		out = append(out, <-found[n]...)
	}
	return out, nil
}

func environmentFindings(err error) []finding {
	wrong, ok := err.(*ConfigError) //nolint:errorlint // as verdict made it
	if err == nil || !ok {
		return []finding{well("environment", "every variable that is needed is there and in its form")}
	}
	var out []finding
	for _, p := range wrong.Problems {
		out = append(out, fails("environment", "Set it, for example "+p.Name+"="+p.Example+".", "%s %s", p.Name, p.Wrong))
	}
	return out
}

func failing(all []finding) (n int) {
	for _, f := range all {
		if f.Verdict == checkFail {
			n++
		}
	}
	return n
}

func writeFindings(w io.Writer, all []finding) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range all {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", f.Verdict, f.Check, printable(f.Says))
		if f.Mend != "" {
			_, _ = fmt.Fprintf(table, "\t\t→ %s\n", printable(f.Mend))
		}
	}
	_ = table.Flush()
}

// oneLine is the first line of an error, which the driver's are longer than.
func oneLine(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text
}
