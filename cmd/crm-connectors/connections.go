package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"

	"crm-connectors/api"

	"github.com/google/uuid"
)

func connectionsCommand() command {
	c := command{name: "connections", group: groupOperate, summary: "List, show, test and disconnect a workspace's connections", usage: `Usage: crm-connectors connections list --workspace ID [--json]
       crm-connectors connections show | test CONNECTION --workspace ID [--json]
       crm-connectors connections disconnect CONNECTION --workspace ID --yes [--json]

Asks the running service at CRM_CONNECTORS_URL, with the service key in CRM_CONNECTORS_KEY or in the file CRM_CONNECTORS_KEY_FILE.

  list         every CRM that the workspace ever connected
  show         one of them, with its last error and what to do
  test         asks the CRM account anew; changes nothing in the CRM
  disconnect   erases the tokens; what waits is blocked until the same account is reconnected

Example
  crm-connectors connections list --workspace 6a0d3f2e-5b1c-4d8e-9f00-1a2b3c4d5e6f`}
	c.run = func(ctx context.Context, e env) error { return runConnections(ctx, c, e) }
	return c
}

func runConnections(ctx context.Context, c command, e env) error {
	fs := newFlags(c)
	workspace := fs.String("workspace", "", "the workspace's `id`; required")
	asJSON := fs.Bool("json", false, "print the API's answer")
	yes := fs.Bool("yes", false, "with disconnect: do it")
	task, e := takeTask(e, "list", "show", "test", "disconnect")
	var id uuid.UUID
	if slices.Contains([]string{"show", "test", "disconnect"}, task) && !asksForHelp(e.args) {
		var err error
		if id, e, err = takeID(c, e, "connection"); err != nil {
			return err
		}
	}
	if err := parseFlags(fs, c, e); err != nil {
		return err
	}
	if task == "" {
		return &usageError{"connections: say what to do: list, show, test or disconnect\nRun '" + program + " help connections' for more."}
	}
	owner, err := uuid.Parse(*workspace)
	if err != nil {
		return &usageError{"connections: --workspace must be the id of a workspace, such as 6a0d3f2e-5b1c-4d8e-9f00-1a2b3c4d5e6f"}
	}
	r, err := openRemote(e)
	if err != nil {
		return err
	}
	query := url.Values{"workspace_id": {owner.String()}}
	switch task {
	case "list":
		raw, err := r.call(ctx, http.MethodGet, "/connections", query, nil)
		return show(e.stdout, raw, err, *asJSON, writeConnections)
	case "test":
		raw, err := r.call(ctx, http.MethodPost, "/connections/"+id.String()+"/probe", query, nil)
		return show(e.stdout, raw, err, *asJSON, writeConnection)
	}
	one, err := r.connection(ctx, owner, id)
	if err != nil || task == "show" {
		return show(e.stdout, one.raw, err, *asJSON, writeConnection)
	}
	if !*yes {
		return &usageError{fmt.Sprintf("connections: this erases the tokens of %s %s; nothing was done. Add --yes to do it", one.Crm, printable(one.AccountId))}
	}
	raw, err := r.call(ctx, http.MethodPost, "/disconnect-crm", nil, api.DisconnectRequest{Crm: one.Crm, WorkspaceId: one.WorkspaceId})
	return show(e.stdout, raw, err, *asJSON, writeDisconnected)
}

// asksForHelp tells whether the first thing said is a wish for help.
func asksForHelp(args []string) bool {
	return len(args) > 0 && slices.Contains([]string{"-h", "-help", "--help"}, args[0])
}

// foundConnection is one connection, also as it came.
type foundConnection struct {
	api.Connection
	raw json.RawMessage
}

// connection looks one up in its workspace's list.
func (r *remote) connection(ctx context.Context, workspace, id uuid.UUID) (foundConnection, error) {
	raw, err := r.call(ctx, http.MethodGet, "/connections", url.Values{"workspace_id": {workspace.String()}}, nil)
	if err != nil {
		return foundConnection{}, err
	}
	var list struct{ Connections []json.RawMessage }
	if err := json.Unmarshal(raw, &list); err != nil {
		return foundConnection{}, unreadable(err)
	}
	for _, each := range list.Connections {
		one := foundConnection{raw: each}
		if err := json.Unmarshal(each, &one.Connection); err != nil {
			return foundConnection{}, unreadable(err)
		}
		if fmt.Sprint(one.Id) == id.String() {
			return one, nil
		}
	}
	return foundConnection{}, &callError{code: string(api.CodeConnectionNotFound), text: "the workspace has no connection " + id.String(),
		action: fmt.Sprintf("'%s connections list --workspace %s' shows those that it has.", program, workspace)}
}

// show prints an answer, as JSON or in the words of text.
func show[T any](w io.Writer, raw json.RawMessage, err error, asJSON bool, text func(io.Writer, T)) error {
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(w, raw)
	}
	var answer T
	if err := json.Unmarshal(raw, &answer); err != nil {
		return unreadable(err)
	}
	var b strings.Builder
	text(&b, answer)
	_, err = io.WriteString(w, b.String())
	return err
}

func writeConnections(w io.Writer, list api.ConnectionList) {
	if len(list.Connections) == 0 {
		_, _ = fmt.Fprintln(w, "no connections")
		return
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "ID\tCRM\tSTATUS\tACCOUNT\tLAST ERROR")
	for _, c := range list.Connections {
		code := "-"
		if c.LastError != nil {
			code = printable(c.LastError.Code)
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", c.Id, c.Crm, c.Status, printable(c.AccountId), code)
	}
	_ = table.Flush()
}

func writeConnection(w io.Writer, c api.Connection) {
	_, _ = fmt.Fprintf(w, "connection  %s\nworkspace   %s\ncrm         %s\nstatus      %s\naccount     %s\n", c.Id, c.WorkspaceId, c.Crm, c.Status, printable(c.AccountId))
	if c.PausedUntil != nil {
		_, _ = fmt.Fprintf(w, "paused      until %s\n", c.PausedUntil.UTC().Format(timeShown))
	}
	if c.LastError != nil {
		writeTrouble(w, c.LastError.Code, c.LastError.Cause, c.LastError.Action)
	}
	for _, warning := range c.Warnings {
		writeTrouble(w, warning.Code, warning.Cause, warning.Action)
	}
	if c.Capabilities != nil {
		for _, advice := range c.Capabilities.Advice {
			_, _ = fmt.Fprintf(w, "advice      %s\n", printable(advice))
		}
	}
}

func writeDisconnected(w io.Writer, d api.Disconnected) {
	text := "disconnected; the CRM has revoked the grant too"
	if !d.Revoked {
		text = "disconnected here; the CRM could not be told, so an administrator of the account should remove the app there"
	}
	_, _ = fmt.Fprintln(w, text)
}

func writeTrouble(w io.Writer, code, cause, action string) {
	_, _ = fmt.Fprintf(w, "error       %s\n  cause     %s\n  to do     %s\n", printable(code), printable(cause), printable(action))
}
