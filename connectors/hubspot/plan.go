package hubspot

import (
	"context"
	"net/http"
	"net/url"
	"path"
	"strconv"

	"crm-connectors/connectors"
)

// Plan is Deliver with real reads and without its changes: what would be changed is answered as
// HubSpot would on success, a new record with an id in braces.
func (c *Connector) Plan(ctx context.Context, account connectors.Account, writes []connectors.Write) []connectors.Plan {
	planner := connectors.NewPlanner(c.http, c.suppose)
	l := c.newList(account, planner)
	plans := make([]connectors.Plan, 0, len(writes))
	for _, w := range writes {
		r := l.carry(ctx, w)
		plans = append(plans, connectors.Plan{Ref: r.Ref, Calls: planner.Take(), Notes: r.Notes, Err: r.Err})
	}
	return plans
}

// suppose is HubSpot's answer to a call that is not made.
func (c *Connector) suppose(call connectors.Call) connectors.Reply {
	if call.Method != http.MethodPost {
		id := ""
		if u, err := url.Parse(call.URL); err == nil {
			id = path.Base(u.Path)
		}
		return connectors.JSONReply(http.StatusOK, `{"id":`+strconv.Quote(id)+`}`)
	}
	id := "{new record}"
	for typ, name := range map[string]string{contactsType: "{new contact}", tasksType: "{new task}", notesType: "{new note}"} {
		if call.Route == c.paths.objects(typ).route {
			id = name
		}
	}
	return connectors.JSONReply(http.StatusCreated, `{"id":`+strconv.Quote(id)+`}`)
}
