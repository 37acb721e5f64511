package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"

	"crm-connectors/api"
)

func statusCommand() command {
	c := command{name: "status", group: groupOperate, summary: "Show whether every connected CRM is being written, and what is not and why", usage: `Usage: crm-connectors status [--json]

Asks the running service at CRM_CONNECTORS_URL, with the service key in CRM_CONNECTORS_KEY or in the file CRM_CONNECTORS_KEY_FILE. It shows
connections by how they are, what is not written with cause and next action, the last hour, and accounts that are near their CRM's limit
or rest: of all workspaces, as the console's overview does. Writes are counted up to 20,000 a status; more is shown as 20000+.

Example
  crm-connectors status`}
	c.run = func(ctx context.Context, e env) error {
		fs := newFlags(c)
		asJSON := fs.Bool("json", false, "print the API's answer")
		if err := parseFlags(fs, c, e); err != nil {
			return err
		}
		r, err := openRemote(e)
		if err != nil {
			return err
		}
		raw, err := r.call(ctx, http.MethodGet, "/overview", nil, nil)
		return show(e.stdout, raw, err, *asJSON, writeOverview)
	}
	return c
}

func writeOverview(w io.Writer, o api.Overview) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "CONNECTIONS\tTOTAL\tBY CRM")
	for _, c := range o.Connections {
		var of []string
		for _, crm := range slices.Sorted(maps.Keys(c.ByCrm)) {
			of = append(of, fmt.Sprintf("%s %d", printable(crm), c.ByCrm[crm]))
		}
		if len(of) == 0 {
			of = []string{"-"}
		}
		_, _ = fmt.Fprintf(table, "%s\t%d\t%s\n", c.Health, c.Total, strings.Join(of, ", "))
	}
	_ = table.Flush()
	var hour api.SettledMinute
	for _, m := range o.Minutes {
		hour.Succeeded, hour.Failed, hour.NeedsReview = hour.Succeeded+m.Succeeded, hour.Failed+m.Failed, hour.NeedsReview+m.NeedsReview
	}
	_, _ = fmt.Fprintf(w, "\nlast hour   %d written, %d failed, %d for review\n", hour.Succeeded, hour.Failed, hour.NeedsReview)
	oldest := "nothing waits"
	if o.Oldest != nil {
		oldest = "since " + o.Oldest.UTC().Format(timeShown)
	}
	_, _ = fmt.Fprintf(w, "waits       %s; %s in doubt, %s need review\n", oldest, counted(o.InDoubt.Count, o.InDoubt.More), counted(o.NeedsReview.Count, o.NeedsReview.More))
	writeWaiting(w, o.Waiting)
	writeAllowances(w, o.Allowances)
}

func writeWaiting(w io.Writer, waiting []api.WaitingReason) {
	if len(waiting) == 0 {
		return
	}
	_, _ = fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "NOT WRITTEN\tWRITES\tOLDEST\tCODE\tWHAT TO DO")
	for _, r := range waiting {
		code, action := "-", "nothing: its turn has not come yet"
		if r.Code != "" {
			code, action = printable(r.Code), printable(r.Action)
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", r.Status, counted(r.Count, r.More), r.Oldest.UTC().Format(timeShown), code, action)
	}
	_ = table.Flush()
}

func writeAllowances(w io.Writer, allowances []api.Allowance) {
	if len(allowances) == 0 {
		return
	}
	_, _ = fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "ACCOUNT\tCRM\tCALLS OF TODAY\tRESTS UNTIL\tCONNECTION")
	for _, a := range allowances {
		used, rests := "-", "-"
		if a.Used != nil && a.Max != nil {
			used = fmt.Sprintf("%d of %d", *a.Used, *a.Max)
		}
		if a.PausedUntil != nil {
			rests = a.PausedUntil.UTC().Format(timeShown)
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", printable(a.AccountId), a.Crm, used, rests, a.ConnectionId)
	}
	_ = table.Flush()
}

// counted is a number that may be the least of what there is.
func counted(n int, more bool) string {
	if more {
		return fmt.Sprintf("%d+", n)
	}
	return fmt.Sprint(n)
}
