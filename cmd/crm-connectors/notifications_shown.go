package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"crm-connectors/api"
)

func writeEndpoints(w io.Writer, list api.NotificationEndpointList) {
	if len(list.Endpoints) == 0 {
		_, _ = fmt.Fprintln(w, "nobody is told of anything")
		return
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "ID\tOF\tSTATE\tEVENTS\tADDRESS")
	for _, e := range list.Endpoints {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", e.Id, ofWhom(e), stateOf(e), eventsOf(e), printable(e.Url))
	}
	_ = table.Flush()
}

func writeEndpoint(w io.Writer, e api.NotificationEndpoint) {
	_, _ = fmt.Fprintf(w, "endpoint    %s\naddress     %s\nof          %s\nevents      %s\nstate       %s\n", e.Id, printable(e.Url), ofWhom(e), eventsOf(e), stateOf(e))
}

func writeSecret(w io.Writer, made api.NotificationEndpointCreated) {
	writeEndpoint(w, made.Endpoint)
	_, _ = fmt.Fprintf(w, "secret      %s\n\nKeep the secret: it is not shown again. '%s notifications test %s' sends a message to try it.\n", printable(made.Secret), program, made.Endpoint.Id)
}

func writeForgotten(w io.Writer, e api.NotificationEndpoint) {
	_, _ = fmt.Fprintf(w, "%s is told nothing more and is forgotten\n", printable(e.Url))
}

func ofWhom(e api.NotificationEndpoint) string {
	if e.WorkspaceId == nil {
		return "every workspace"
	}
	return e.WorkspaceId.String()
}

func eventsOf(e api.NotificationEndpoint) string {
	names := make([]string, len(e.Events))
	for i, event := range e.Events {
		names[i] = printable(string(event))
	}
	return strings.Join(names, ",")
}

func stateOf(e api.NotificationEndpoint) string {
	switch {
	case e.DisabledBecause != nil:
		return "disabled: " + printable(*e.DisabledBecause)
	case e.FailingSince != nil:
		return "failing since " + e.FailingSince.UTC().Format(timeShown)
	}
	return "well"
}

func writeMessages(w io.Writer, list api.NotificationList) {
	if len(list.Notifications) == 0 {
		_, _ = fmt.Fprintln(w, "no messages")
		return
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "ID\tMADE\tEVENT\tSTATUS\tTRIES\tLAST ERROR")
	for _, n := range list.Notifications {
		last := "-"
		if tries := len(n.Attempts); tries > 0 && n.Attempts[tries-1].Error != nil {
			last = printable(*n.Attempts[tries-1].Error)
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%s\n", n.Id, n.CreatedAt.UTC().Format(timeShown), n.Event, n.Status, len(n.Attempts), last)
	}
	_ = table.Flush()
	if list.Next != nil {
		_, _ = fmt.Fprintf(w, "more: --after %s\n", printable(*list.Next))
	}
}

func writeMessage(w io.Writer, n api.Notification) {
	_, _ = fmt.Fprintf(w, "message     %s\nendpoint    %s\nevent       %s\nstatus      %s\n", n.Id, n.EndpointId, n.Event, n.Status)
	if n.NextAttemptAt != nil {
		_, _ = fmt.Fprintf(w, "next try    %s\n", n.NextAttemptAt.UTC().Format(timeShown))
	}
	for _, t := range n.Attempts {
		how := "it was taken"
		if t.Error != nil {
			how = printable(*t.Error)
		}
		if t.Answer != nil {
			how += ": " + printable(*t.Answer)
		}
		_, _ = fmt.Fprintf(w, "tried       %s  %s\n", t.StartedAt.UTC().Format(timeShown), how)
	}
	var body bytes.Buffer
	if json.Indent(&body, n.Body, "", "  ") == nil {
		_, _ = fmt.Fprintf(w, "body\n%s\n", &body)
	}
}
