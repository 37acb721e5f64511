package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"text/tabwriter"

	"crm-connectors/api"

	"github.com/google/uuid"
)

// retryAll counts what failed and fits and, if that is meant, has it retried, request after request, until nothing is left. Broken off, it may be said
// again: what was taken is not taken twice.
func (f writesFlags) retryAll(ctx context.Context, e env, r *remote) error {
	yes := true
	body := api.RetryFailed{DryRun: &yes}
	for name, field := range map[string]struct {
		given string
		into  **uuid.UUID
	}{"workspace": {f.workspace, &body.WorkspaceId}, "connection": {f.connection, &body.ConnectionId}} {
		if field.given == "" {
			continue
		}
		id, err := uuid.Parse(field.given)
		if err != nil {
			return &usageError{fmt.Sprintf("writes: --%s must be an id, such as 6a0d3f2e-5b1c-4d8e-9f00-1a2b3c4d5e6f", name)}
		}
		*field.into = &id
	}
	if f.code != "" {
		body.ErrorCode = &f.code
	}
	said, raw, err := askToRetry(ctx, r, body)
	if err != nil {
		return err
	}
	if !f.yes {
		if err := show(e.stdout, raw, nil, f.asJSON, writeFailed); err != nil {
			return err
		}
		return &usageError{fmt.Sprintf("writes: this retries %s; nothing was done. Add --yes to do it", countOf(said.Left, said.More))}
	}
	taken, shown := 0, newBar(e.stderr, int64(said.Left), "writes")
	defer shown.end()
	body.DryRun, body.Until = nil, &said.Until
	for !said.Done {
		if said, _, err = askToRetry(ctx, r, body); err != nil {
			return fmt.Errorf("after %d writes: %w", taken, err)
		}
		taken += said.Retried
		shown.read(said.Retried)
		shown.taken(said.Retried)
	}
	if f.asJSON {
		said.Retried = taken
		if raw, err = json.Marshal(said); err != nil { // the last answer, with the sum of all
			return err
		}
		return writeJSON(e.stdout, raw)
	}
	_, err = fmt.Fprintf(e.stdout, "%s due again, with what failed only because of them\n", countOf(taken, false))
	if err == nil && len(said.Connections) > 0 {
		writeFailed(e.stdout, said)
	}
	return err
}

func askToRetry(ctx context.Context, r *remote, body api.RetryFailed) (said api.RetriedWrites, raw json.RawMessage, err error) {
	if raw, err = r.call(ctx, http.MethodPost, "/writes/retry", nil, body); err != nil {
		return said, nil, err
	}
	if err := json.Unmarshal(raw, &said); err != nil {
		return said, nil, unreadable(err)
	}
	return said, raw, nil
}

func countOf(n int, more bool) string {
	switch {
	case more:
		return fmt.Sprintf("more than %d writes", n)
	case n == 1:
		return "1 write"
	}
	return fmt.Sprintf("%d writes", n)
}

func writeFailed(w io.Writer, said api.RetriedWrites) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "CONNECTION\tWORKSPACE\tCRM\tFAILED\tTHEN")
	for _, c := range said.Connections {
		then := "retried"
		if !c.Connected {
			then = "not retried: connect it again first"
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", c.ConnectionId, c.WorkspaceId, c.Crm, countOf(c.Count, c.More), then)
	}
	_ = table.Flush()
}
