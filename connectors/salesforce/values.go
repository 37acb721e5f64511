package salesforce

import (
	"context"
	"encoding/json"
	"net/http"

	"crm-connectors/connectors"
)

// closedStatus is the org's first task status that means done. Orgs rename and remove them. Where there is none, or the list is closed to
// us, it is "" with a note: the org's default must serve.
func (st *step) closedStatus(ctx context.Context) (string, *connectors.Error) {
	q := query{object: "TaskStatus", fields: []string{"ApiName"}, where: []condition{isTrue("IsClosed")}, order: "SortOrder ASC", limit: 1}
	name, err := st.c.statuses.orFetch(ctx, st.org(), func(ctx context.Context) (string, *connectors.Error) {
		return st.firstValue(ctx, q, "ApiName")
	})
	if err != nil && err.Class != connectors.ClassRejected {
		return "", err
	}
	if name == "" {
		st.note("status_not_closed", "The org shows no task status that counts as closed, so the summary stands among the open tasks.")
	}
	return name, nil
}

// openLeadStatuses are the lead statuses that do not mean converted; none where the list is closed to us.
func (st *step) openLeadStatuses(ctx context.Context) ([]string, *connectors.Error) {
	q := query{object: "LeadStatus", fields: []string{"ApiName"}, where: []condition{isFalse("IsConverted")}, order: "SortOrder ASC"}
	names, err := st.values(ctx, q, "ApiName")
	if err != nil && err.Class != connectors.ClassRejected {
		return nil, err
	}
	return names, nil
}

// owner is the active user with that address. Nobody, or a user list that is closed to us, is a note
// and not a failure: the task then belongs to the connected user.
func (st *step) owner(ctx context.Context, email string) (string, *connectors.Error) {
	email = emailKey(email)
	if email == "" {
		return "", nil
	}
	q := query{object: "User", fields: []string{"Id"}, where: []condition{equals("Email", email), isTrue("IsActive")}, order: "Id ASC", limit: 1}
	id, err := st.c.owners.orFetch(ctx, st.ownerKey(email), func(ctx context.Context) (string, *connectors.Error) {
		return st.firstValue(ctx, q, "Id")
	})
	if err != nil && err.Class != connectors.ClassRejected {
		return "", err
	}
	if id == "" {
		st.note("owner_not_found", "No active Salesforce user has the owner's email address; the task belongs to the connected user.")
	}
	return id, nil
}

// forgetOwner keeps later tasks from being offered to a user who has left.
func (st *step) forgetOwner() {
	if t := st.write.Task; t != nil && t.OwnerEmail != "" {
		st.c.owners.put(st.ownerKey(t.OwnerEmail), "")
	}
}

// org is the account in a cache key.
func (s *session) org() string { return s.instance + "|" + s.account.ID }

// firstValue is a text field of the first record of a query, "" if there is none.
func (st *step) firstValue(ctx context.Context, q query, field string) (string, *connectors.Error) {
	all, err := st.values(ctx, q, field)
	if err != nil || len(all) == 0 {
		return "", err
	}
	return all[0], nil
}

// values is a text field of the records of a query.
func (st *step) values(ctx context.Context, q query, field string) ([]string, *connectors.Error) {
	reply, err := st.call(ctx, connectors.Read, http.MethodGet, q.below(), "/query", nil)
	if err != nil {
		return nil, err
	}
	var page struct {
		Records []map[string]any `json:"records"`
	}
	if err := json.Unmarshal(reply.Body, &page); err != nil {
		return nil, unreadable(connectors.Read, reply.Status, err)
	}
	var out []string
	for _, r := range page.Records {
		value, _ := r[field].(string)
		out = append(out, value)
	}
	return out, nil
}
