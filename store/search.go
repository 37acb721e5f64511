package store

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// ErrSearchTooWide says that a search would read the whole log.
var ErrSearchTooWide = errors.New("a search for what is written needs a text, a workspace or a connection")

// Search is what an operator looks for in the logs of all workspaces. Empty fields do not narrow.
type Search struct {
	WorkspaceID  uuid.UUID
	ConnectionID uuid.UUID
	Text         string // an id of a write, outcome or record, a key, a marker, an address or a thread
	CRM          string
	Status       string
	ErrorCode    string
	Before       int64 // as in Filter
	Limit        int
}

var (
	keyShape    = regexp.MustCompile(`^[0-9a-f]{64}$`)
	markerShape = regexp.MustCompile(`^[a-z2-7]{26}$`)
)

// found are the ids of writes by what the text looks like; each part is read by an index, however large the log is. A thread has whatever id its
// sender gave it, such as a UUID or the id of a message, so that it is looked for by every text.
func found(text string) (sql string, what any) {
	const thread = ` union select id from crm_write_log where thread_id = @text`
	text = strings.TrimSpace(text)
	lower := strings.ToLower(text)
	id, err := uuid.Parse(text)
	switch {
	case err == nil: // what narrows the page narrows the workspace before it is cut to one
		return `select @what::uuid union select id from crm_write_log where sync_id = @what union
			(select w.id from crm_write_log w where w.workspace_id = @what and ` + narrowed + ` order by w.seq desc limit @limit)` + thread, id
	case keyShape.MatchString(lower):
		return `select k.id from crm_connections c join crm_write_log k on k.workspace_id = c.workspace_id and k.crm = c.crm and k.idempotency_key = @what` + thread, lower
	case markerShape.MatchString(text):
		return `select id from crm_write_log where marker = @what and marker <> ''` + thread, text
	case strings.Contains(text, "@"):
		return `with person as (select p.id from crm_connections c join crm_write_log p on p.connection_id = c.id and p.object_type = 'contact' and p.ordering_key = @what)
			select id from person union select d.id from person join crm_write_log d on d.depends_on = person.id` + thread, lower
	}
	return `select r.id from (select distinct crm, account_id from crm_connections) c cross join unnest(array['task', 'rollup', 'contact']) as o (object_type)
			join crm_write_log r on r.crm = c.crm and r.crm_account_id = c.account_id and r.object_type = o.object_type and r.crm_object_id = @what
				and r.status = 'succeeded' and r.action = 'create' union
		select p.id from crm_object_links l join crm_connections c on c.workspace_id = l.workspace_id and c.crm = l.crm
			join crm_write_log p on p.connection_id = c.id and p.object_type = 'contact' and p.ordering_key = l.email
			where l.crm_object_id = @what and l.crm_account_id = c.account_id` + thread, text
}

// Search lists writes, newest first. It is for operators alone. A page that is shorter than Limit is the last. Where neither a text nor a workspace, a
// connection or a status is given, it lists what failed or waits for a person. What is written already is found by a text, or in a workspace or a
// connection: ErrSearchTooWide means that nothing of that is given.
func (s *Store) Search(ctx context.Context, q Search) ([]Write, error) {
	args := pgx.NamedArgs{"none": uuid.Nil, "limit": q.Limit, "workspace": q.WorkspaceID, "connection": q.ConnectionID, "crm": q.CRM, "status": q.Status,
		"code": q.ErrorCode, "before": q.Before}
	anywhere := q.WorkspaceID == uuid.Nil && q.ConnectionID == uuid.Nil
	waiting := []string{Queued, Blocked, InDoubt, NeedsReview, Failed} // each has an index by connection
	from := `crm_write_log`
	switch {
	case q.Text != "":
		ids, what := found(q.Text)
		args["what"], args["text"] = what, strings.TrimSpace(q.Text)
		from = `(select w.* from (` + ids + `) as found (id) join crm_write_log w using (id))`
	case slices.Contains(waiting, q.Status):
		from = byConnection(q.Status)
	case q.Status == "" && anywhere:
		from = byConnection(NeedsReview, Failed)
	case q.Status == Sending || q.Status == Reconciling: // few at any time, and indexed
	case anywhere:
		return nil, ErrSearchTooWide
	case q.WorkspaceID == uuid.Nil:
		from = `(select * from crm_write_log where workspace_id = (select workspace_id from crm_connections where id = @connection))`
	}
	return many[Write](s.everywhere().Query(ctx, `select `+writeColumns+` from `+from+` w where `+narrowed+` order by w.seq desc limit @limit`, args))
}

// byConnection are the newest rows in these states of each connection that may have some.
func byConnection(statuses ...string) string {
	parts := make([]string, len(statuses))
	for i, status := range statuses {
		parts[i] = `(select w.* from crm_write_log w where w.connection_id = c.id and w.status = '` + status + `' and ` + narrowed + ` order by w.seq desc limit @limit)`
	}
	return `(select w.* from crm_connections c cross join lateral (` + strings.Join(parts, ` union all `) + `) w
		where (@connection = @none or c.id = @connection) and (@workspace = @none or c.workspace_id = @workspace))`
}

// narrowed holds of the rows w that are asked for.
const narrowed = `(@workspace::uuid = @none::uuid or w.workspace_id = @workspace) and (@connection::uuid = @none or w.connection_id = @connection)
	and (@crm = '' or w.crm = @crm) and (@status = '' or w.status = @status) and (@code = '' or w.error_code = @code)
	and (@before::bigint = 0 or w.seq < @before)`
