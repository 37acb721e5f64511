package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"text/tabwriter"

	"crm-connectors/api"

	"github.com/google/uuid"
)

const timeShown = "2006-01-02 15:04:05Z"

func writesCommand() command {
	c := command{name: "writes", group: groupOperate, summary: "List and show writes, retry, resolve or cancel them", usage: `Usage: crm-connectors writes list --workspace ID [--status S] [--crm C] [--code CODE] [--thread ID] [--limit N] [--after NEXT] [--json]
       crm-connectors writes show | retry WRITE [--json]
       crm-connectors writes retry --all [--code CODE] [--connection ID] [--workspace ID] --yes [--json]
       crm-connectors writes resolve WRITE --how found --crm-object-id ID | --how retry [--json]
       crm-connectors writes cancel WRITE --yes [--json]

Asks the running service at CRM_CONNECTORS_URL, with the service key in CRM_CONNECTORS_KEY or in the file CRM_CONNECTORS_KEY_FILE.

  list      newest first; every filter that is given must match
  show      one write with its attempts, its error and what to do
  retry     tries one again that failed, or with --all what failed for one reason, at one connection or in one workspace, with what
            failed only because of it; what may have reached the CRM is never sent again so
  resolve   a person's word: found (it is in the CRM under that id) or retry (somebody looked, and it is not)
  cancel    it is not to be written; whatever depends on it fails

Examples
  crm-connectors writes list --workspace 6a0d3f2e-5b1c-4d8e-9f00-1a2b3c4d5e6f --status failed
  crm-connectors writes retry --all --code property_missing --yes
  crm-connectors writes resolve 0f6c2f5e-37c1-4a51-8f0e-8a3a55f1b7d1 --how found --crm-object-id 40377`}
	c.run = func(ctx context.Context, e env) error { return runWrites(ctx, c, e) }
	return c
}

type writesFlags struct {
	workspace, connection, crm, status, code, thread, after, how, object string
	limit                                                                int
	asJSON, yes, all                                                     bool
}

func runWrites(ctx context.Context, c command, e env) error {
	var f writesFlags
	fs := newFlags(c)
	fs.StringVar(&f.workspace, "workspace", "", "list: the workspace's `id`, required; retry --all: only of this one")
	fs.StringVar(&f.crm, "crm", "", "list: only this `CRM`, hubspot or salesforce")
	fs.StringVar(&f.status, "status", "", "list: only this `status`, such as failed or needs_review")
	fs.StringVar(&f.code, "code", "", "list, retry --all: only writes whose last error has this `code`")
	fs.StringVar(&f.thread, "thread", "", "list: only what came from this email `thread`")
	fs.StringVar(&f.after, "after", "", "list: the `place` where the page before ended")
	fs.IntVar(&f.limit, "limit", 50, "list: at most `N`, up to 200")
	fs.StringVar(&f.how, "how", "", "resolve: `found` or retry")
	fs.StringVar(&f.object, "crm-object-id", "", "resolve --how found: the record's `id` in the CRM")
	fs.BoolVar(&f.all, "all", false, "retry: all that failed and fits, in place of one write")
	fs.StringVar(&f.connection, "connection", "", "retry --all: only of the connection with this `id`")
	fs.BoolVar(&f.yes, "yes", false, "cancel, retry --all: do it; without it only counted")
	fs.BoolVar(&f.asJSON, "json", false, "print the API's answer")
	task, e := takeTask(e, "list", "show", "retry", "resolve", "cancel")
	var id uuid.UUID
	f.all = task == "retry" && slices.Contains(e.args, "--all")
	if task != "" && task != "list" && !f.all && !asksForHelp(e.args) {
		var err error
		if id, e, err = takeID(c, e, "write"); err != nil {
			return err
		}
	}
	if err := parseFlags(fs, c, e); err != nil {
		return err
	}
	if err := f.check(task); err != nil {
		return err
	}
	r, err := openRemote(e)
	if err != nil {
		return err
	}
	if f.all {
		return f.retryAll(ctx, e, r)
	}
	path := "/writes/" + id.String()
	switch task {
	case "list":
		raw, err := r.call(ctx, http.MethodGet, "/writes", f.query(), nil)
		return show(e.stdout, raw, err, f.asJSON, writeWrites)
	case "show":
		raw, err := r.call(ctx, http.MethodGet, path, nil, nil)
		return show(e.stdout, raw, err, f.asJSON, writeWriteDetail)
	case "retry":
		raw, err := r.call(ctx, http.MethodPost, path+"/retry", nil, nil)
		return show(e.stdout, raw, err, f.asJSON, writeWrite)
	case "cancel":
		f.how = "cancel"
	}
	said := api.Resolution{How: f.how}
	if f.object != "" {
		said.CrmObjectId = &f.object
	}
	raw, err := r.call(ctx, http.MethodPost, path+"/resolve", nil, said)
	return show(e.stdout, raw, err, f.asJSON, writeWrite)
}

// check finds what can be told before the service is asked.
func (f writesFlags) check(task string) error {
	wrong := ""
	switch task {
	case "":
		wrong = "say what to do: list, show, retry, resolve or cancel"
	case "list":
		if _, err := uuid.Parse(f.workspace); err != nil {
			wrong = "--workspace must be the id of a workspace, such as 6a0d3f2e-5b1c-4d8e-9f00-1a2b3c4d5e6f"
		}
	case "resolve":
		switch {
		case f.how != "found" && f.how != "retry":
			wrong = "--how must be found or retry"
		case (f.how == "found") != (f.object != ""):
			wrong = "--crm-object-id goes with --how found, and with nothing else"
		}
	case "retry":
		if f.all && f.code == "" && f.connection == "" && f.workspace == "" {
			wrong = "--all needs --code, --connection or --workspace: what failed everywhere for whatever reason is not retried by one word"
		}
	case "cancel":
		if !f.yes {
			wrong = "a cancelled write is never written, and what depends on it fails; nothing was done. Add --yes to do it"
		}
	}
	if wrong == "" {
		return nil
	}
	return &usageError{"writes: " + wrong + "\nRun '" + program + " help writes' for more."}
}

func (f writesFlags) query() url.Values {
	q := url.Values{"workspace_id": {f.workspace}, "limit": {strconv.Itoa(f.limit)}}
	for name, value := range map[string]string{"crm": f.crm, "status": f.status, "error_code": f.code, "thread_id": f.thread, "after": f.after} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

func writeWrites(w io.Writer, list api.WriteList) {
	if len(list.Writes) == 0 {
		_, _ = fmt.Fprintln(w, "no writes")
		return
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "ID\tCRM\tOBJECT\tSTATUS\tATTEMPT\tCREATED\tERROR")
	for _, each := range list.Writes {
		code := "-"
		if each.Error != nil {
			code = printable(each.Error.Code)
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", each.Id, each.Crm, each.ObjectType, each.Status, each.Attempt, each.CreatedAt.UTC().Format(timeShown), code)
	}
	_ = table.Flush()
	if list.Next != nil {
		_, _ = fmt.Fprintf(w, "more: --after %s\n", printable(*list.Next))
	}
}

func writeWrite(w io.Writer, one api.Write) {
	_, _ = fmt.Fprintf(w, "write       %s\nworkspace   %s\ncrm         %s\nobject      %s\nstatus      %s\nattempt     %d\n",
		one.Id, one.WorkspaceId, one.Crm, one.ObjectType, one.Status, one.Attempt)
	if one.CrmObjectId != nil {
		_, _ = fmt.Fprintf(w, "record      %s\n", printable(*one.CrmObjectId))
	}
	if one.NextAttemptAt != nil {
		_, _ = fmt.Fprintf(w, "next        %s\n", one.NextAttemptAt.UTC().Format(timeShown))
	}
	if one.Error != nil {
		writeTrouble(w, one.Error.Code, one.Error.Cause, one.Error.Action)
	}
}

func writeWriteDetail(w io.Writer, one api.WriteDetail) {
	writeWrite(w, api.Write{Id: one.Id, WorkspaceId: one.WorkspaceId, Crm: one.Crm, ObjectType: one.ObjectType, Status: one.Status, Attempt: one.Attempt,
		CrmObjectId: one.CrmObjectId, NextAttemptAt: one.NextAttemptAt, Error: one.Error})
	for _, a := range one.Attempts {
		_, _ = fmt.Fprintf(w, "%3d  %s  %s: %s\n", a.Attempt, a.StartedAt.UTC().Format(timeShown), a.Kind, printable(a.Outcome))
		for _, call := range a.Calls {
			_, _ = fmt.Fprintf(w, "     %s %s: %d in %d ms\n", printable(call.Method), printable(call.Route), call.Status, call.Ms)
		}
	}
}
