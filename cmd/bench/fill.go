package main

import (
	"context"

	"crm-connectors/store"
)

// fill puts n writes into the log, three an outcome, by one statement: queued, or settled with their attempts and known contacts.
func (db *database) fill(ctx context.Context, c store.Connection, n int, settled bool) error {
	status := store.Queued
	if settled {
		status = store.Succeeded
	}
	if _, err := db.pool.Exec(ctx, `
		insert into crm_write_log (id, sync_id, workspace_id, crm, connection_id, crm_account_id, object_type, object_id, action, source_event_id,
			idempotency_key, marker, payload_json, payload_hash, depends_on, ordering_key, status, attempt, next_attempt_at, crm_object_type, crm_object_id,
			outcome, settled_at, created_at)
		select md5('fill-' || o || k.kind)::uuid, md5('fill-' || o)::uuid, $1, $2, $3, $4, k.kind, case k.kind when 'contact' then 'filled-' || o || '@example.com' else k.kind || '-' || o end,
			case k.kind when 'contact' then 'upsert' else 'create' end, 'fill-' || o,
			encode(sha256(convert_to('fill-' || o || k.kind, 'UTF8')), 'hex'), substr(md5('fill-' || o || k.kind), 1, 26),
			case k.kind when 'contact' then jsonb_build_object('email', 'filled-' || o || '@example.com', 'first_name', 'Ada', 'last_name', 'Number ' || o, 'company', 'Example Works')
				when 'task' then jsonb_build_object('id', 'task-' || o, 'subject', 'Send the revised offer', 'body', $5::text, 'due_at', '2027-01-15T09:00:00Z', 'priority', 'high')
				else jsonb_build_object('id', 'rollup-' || o, 'week_start', '2027-01-11', 'summary', $6::text) end,
			encode(sha256(convert_to('p' || o || k.kind, 'UTF8')), 'hex'), case k.kind when 'contact' then null else md5('fill-' || o || 'contact')::uuid end,
			case k.kind when 'contact' then 'filled-' || o || '@example.com' end, $7, $8::int, now() - interval '1 minute',
			case when $8 = 1 then k.kind || 's' else '' end, case when $8 = 1 then 'r' || o || k.kind else '' end,
			case when $8 = 1 then 'created' else '' end, case when $8 = 1 then now() - interval '2 days' end, now() - interval '2 days'
		from generate_series(1, $9) o cross join (values (1, 'contact'), (2, 'task'), (3, 'rollup')) as k (n, kind) order by o, k.n`,
		c.WorkspaceID, c.CRM, c.ID, c.AccountID, taskBody, summary, status, map[bool]int{true: 1}[settled], n/3); err != nil {
		return err
	}
	if settled {
		if _, err := db.pool.Exec(ctx, `insert into crm_write_attempts (write_id, attempt, kind, started_at, ended_at, outcome, crm_object_id, calls_json)
			select id, 1, 'send', now() - interval '2 days', now() - interval '2 days', 'succeeded', crm_object_id,
				'[{"method": "POST", "route": "/crm/v3/objects/tasks/batch/create", "status": 201, "ms": 120}]' from crm_write_log where status = 'succeeded'`); err != nil {
			return err
		}
		if _, err := db.pool.Exec(ctx, `insert into crm_object_links (workspace_id, crm, crm_account_id, email, crm_object_type, crm_object_id, fields_json, updated_at)
			select workspace_id, crm, crm_account_id, ordering_key, 'contacts', crm_object_id, payload_json, now() - interval '2 days'
			from crm_write_log where status = 'succeeded' and object_type = 'contact' on conflict do nothing`); err != nil {
			return err
		}
	}
	_, err := db.pool.Exec(ctx, `vacuum analyze`)
	return err
}
