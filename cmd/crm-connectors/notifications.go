package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"crm-connectors/api"

	"github.com/google/uuid"
)

func notificationsCommand() command {
	c := command{name: "notifications", group: groupOperate, summary: "Say who is told of failures by webhook, and see what arrived", usage: `Usage: crm-connectors notifications endpoints [--workspace ID] [--json]
       crm-connectors notifications add URL [--events E,E] [--workspace ID] [--description TEXT] [--json]
       crm-connectors notifications test | enable | disable | secret ENDPOINT [--json]
       crm-connectors notifications delete ENDPOINT --yes [--json]
       crm-connectors notifications list [--endpoint ENDPOINT] [--workspace ID] [--event E] [--status S] [--limit N] [--after NEXT] [--json]
       crm-connectors notifications show | resend MESSAGE [--json]

Asks the running service at CRM_CONNECTORS_URL, with the service key in CRM_CONNECTORS_KEY or in the file CRM_CONNECTORS_KEY_FILE.

  endpoints   who is told of what, and since when it fails
  add         tells an https address of events, of every workspace or of one; prints the secret that signs, once
  test        sends it a message that says nothing
  enable      tells it again, after disable or after it failed for five days; what was before is not told
  disable     tells it nothing, and keeps nothing for it
  secret      gives it a new secret and prints it, once; the former one signs too for a day
  delete      forgets it, with the log of its messages
  list        the messages of the last 30 days, newest first
  show        one message, with its body and every try
  resend      sends one again, under the same id

Events: write.failed, write.needs_review, connection.error, connection.recovered

Examples
  crm-connectors notifications add https://hooks.example.com/crm --events write.needs_review,connection.error
  crm-connectors notifications list --status failed`}
	c.run = func(ctx context.Context, e env) error { return runNotifications(ctx, c, e) }
	return c
}

// The tasks, by what follows their word.
var (
	aboutEndpoint = []string{"test", "enable", "disable", "secret", "delete"}
	aboutMessage  = []string{"show", "resend"}
	aboutNone     = []string{"endpoints", "list"}
)

type notificationsFlags struct {
	workspace, events, description, endpoint, event, status, after string
	limit                                                          int
	asJSON, yes                                                    bool
}

func runNotifications(ctx context.Context, c command, e env) error {
	var f notificationsFlags
	fs := newFlags(c)
	fs.StringVar(&f.workspace, "workspace", "", "endpoints, add, list: only this workspace's `id`; without it, every workspace")
	fs.StringVar(&f.events, "events", "", "add: the `events`, with commas between them; without it, all")
	fs.StringVar(&f.description, "description", "", "add: a `text` for people")
	fs.StringVar(&f.endpoint, "endpoint", "", "list: only what the endpoint with this `id` was told")
	fs.StringVar(&f.event, "event", "", "list: only messages of this `event`")
	fs.StringVar(&f.status, "status", "", "list: only messages in this `status`: waiting, delivered or failed")
	fs.StringVar(&f.after, "after", "", "list: the `place` where the page before ended")
	fs.IntVar(&f.limit, "limit", 50, "list: at most `N`, up to 200")
	fs.BoolVar(&f.yes, "yes", false, "delete: do it")
	fs.BoolVar(&f.asJSON, "json", false, "print the API's answer")
	subject := ""
	task, e := takeTask(e, slices.Concat(aboutNone, aboutEndpoint, aboutMessage, []string{"add"})...)
	if task != "" && !slices.Contains(aboutNone, task) && !asksForHelp(e.args) {
		if len(e.args) == 0 || strings.HasPrefix(e.args[0], "-") {
			return &usageError{fmt.Sprintf("notifications: %s what? It comes first.\nRun '%s help notifications' for more.", task, program)}
		}
		subject, e.args = e.args[0], e.args[1:]
	}
	if err := parseFlags(fs, c, e); err != nil {
		return err
	}
	if err := f.check(task, subject); err != nil {
		return err
	}
	r, err := openRemote(e)
	if err != nil {
		return err
	}
	return f.do(ctx, e, r, task, subject)
}

// check judges what was said, before anybody is asked.
func (f *notificationsFlags) check(task, subject string) error {
	wrong := func(format string, args ...any) error {
		return &usageError{"notifications: " + fmt.Sprintf(format, args...) + "\nRun '" + program + " help notifications' for more."}
	}
	id := func(s string) bool { _, err := uuid.Parse(s); return err == nil }
	switch {
	case task == "":
		return wrong("say what to do: endpoints, add, test, enable, disable, secret, delete, list, show or resend")
	case slices.Contains(aboutEndpoint, task) && !id(subject):
		return wrong("%q is not the id of an endpoint, which '%s notifications endpoints' shows", subject, program)
	case slices.Contains(aboutMessage, task) && !id(subject):
		return wrong("%q is not the id of a message, which '%s notifications list' shows", subject, program)
	case f.workspace != "" && !id(f.workspace):
		return wrong("--workspace must be the id of a workspace, such as 6a0d3f2e-5b1c-4d8e-9f00-1a2b3c4d5e6f")
	case f.endpoint != "" && !id(f.endpoint):
		return wrong("--endpoint must be the id of an endpoint, which '%s notifications endpoints' shows", program)
	case task == "delete" && !f.yes:
		return wrong("this forgets the endpoint and the log of its messages; nothing was done. Add --yes to do it")
	}
	return nil
}

func (f *notificationsFlags) do(ctx context.Context, e env, r *remote, task, subject string) error {
	endpoint, message := "/notification-endpoints/"+subject, "/notifications/"+subject
	ask := func(method, path string, query url.Values, body any) (json.RawMessage, error) {
		return r.call(ctx, method, path, query, body)
	}
	switch task {
	case "endpoints":
		raw, err := ask(http.MethodGet, "/notification-endpoints", f.query(), nil)
		return show(e.stdout, raw, err, f.asJSON, writeEndpoints)
	case "add":
		raw, err := ask(http.MethodPost, "/notification-endpoints", nil, f.request(subject))
		return show(e.stdout, raw, err, f.asJSON, writeSecret)
	case "secret":
		raw, err := ask(http.MethodPost, endpoint+"/secret", nil, nil)
		return show(e.stdout, raw, err, f.asJSON, writeSecret)
	case "enable", "disable":
		raw, err := ask(http.MethodPatch, endpoint, nil, map[string]bool{"enabled": task == "enable"})
		return show(e.stdout, raw, err, f.asJSON, writeEndpoint)
	case "delete":
		raw, err := ask(http.MethodDelete, endpoint, nil, nil)
		return show(e.stdout, raw, err, f.asJSON, writeForgotten)
	case "test":
		raw, err := ask(http.MethodPost, endpoint+"/test", nil, nil)
		return show(e.stdout, raw, err, f.asJSON, writeMessage)
	case "resend":
		raw, err := ask(http.MethodPost, message+"/resend", nil, nil)
		return show(e.stdout, raw, err, f.asJSON, writeMessage)
	case "show":
		raw, err := ask(http.MethodGet, message, nil, nil)
		return show(e.stdout, raw, err, f.asJSON, writeMessage)
	}
	raw, err := ask(http.MethodGet, "/notifications", f.query(), nil)
	return show(e.stdout, raw, err, f.asJSON, writeMessages)
}

func (f *notificationsFlags) query() url.Values {
	query := url.Values{}
	for name, value := range map[string]string{"workspace_id": f.workspace, "endpoint_id": f.endpoint, "event": f.event, "status": f.status, "after": f.after} {
		if value != "" {
			query.Set(name, value)
		}
	}
	query.Set("limit", strconv.Itoa(f.limit))
	return query
}

// request is what adds an endpoint. Its events are the service's to judge.
func (f *notificationsFlags) request(address string) api.NotificationEndpointRequest {
	body := api.NotificationEndpointRequest{Url: address, Events: []api.NotificationEvent{api.NotificationEventWriteFailed, api.NotificationEventWriteNeedsReview, api.NotificationEventConnectionError, api.NotificationEventConnectionRecovered}}
	if f.events != "" {
		body.Events = nil
		for event := range strings.SplitSeq(f.events, ",") {
			body.Events = append(body.Events, api.NotificationEvent(strings.TrimSpace(event)))
		}
	}
	if f.description != "" {
		body.Description = &f.description
	}
	if id, err := uuid.Parse(f.workspace); err == nil {
		body.WorkspaceId = &id
	}
	return body
}
