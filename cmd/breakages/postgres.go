package main

import "slices"

const (
	policies = "migrations/20261125181003_who_may_read_what.sql"
	aside    = "migrations/20261122000001_conduits_tables_step_aside.sql"
	along    = "migrations/20261125181002_conduits_rows_come_along.sql"
)

// postgres: items 31 to 34, the database and the end of the process.
func postgres() []breakage {
	return []breakage{
		{item: "31", broken: "prepared statements are used behind a transaction pooler",
			edits: in("cmd/crm-connectors/service.go", "if cfg.PollOnly && pc.ConnConfig", "if false && pc.ConnConfig")},
		{item: "31", broken: "River listens behind a transaction pooler",
			edits: in("delivery/delivery.go", "FetchPollInterval: pollInterval, PollOnly: cfg.PollOnly,", "FetchPollInterval: pollInterval,")},
		{item: "32", broken: "a migration names a role that is not there",
			edits: in(policies, "if exists (select from pg_roles where rolname = 'authenticated') then", "if true then")},
		{item: "32", broken: "Conduit's tables are in the way",
			edits: in(aside, "execute format('alter table %I rename to %I', t.name, 'conduit_' || t.name);", "null;")},
		{item: "32", broken: "Conduit's connections to Salesforce are left behind",
			edits: in(along, "where c.crm in ('hubspot', 'salesforce')", "where c.crm in ('hubspot')")},
		{item: "32", broken: "two replicas migrate without a lock",
			edits: slices.Concat(in("migrations/migrations.go", "\t\tgoose.WithLocker(locker),\n", ""), in("migrations/migrations.go", "\tif err != nil {\n\t\treturn Applied{}, fmt.Errorf(\"migrations: lock", "\t_ = locker\n\tif err != nil {\n\t\treturn Applied{}, fmt.Errorf(\"migrations: lock"))},
		{item: "32", broken: "grants rest on the installation's defaults",
			edits: in(policies, "execute format('revoke all on %I from %I', t, r);", "null;")},
		{item: "32", broken: "Realtime is not told of the two tables",
			edits: in("migrations/20261125181004_realtime.sql", "execute format('alter publication supabase_realtime add table %I', t);", "null;")},
		{item: "33", broken: "a policy lets everybody who is signed in read",
			edits: in(policies, "create policy members_read on crm_write_log for select to authenticated using (workspace_id in (select crm_private.my_workspaces()));",
				"create policy members_read on crm_write_log for select to authenticated using (true);")},
		{item: "33", broken: "a policy is missing",
			edits: in(policies, "create policy members_read on crm_connections for select to authenticated using (workspace_id in (select crm_private.my_workspaces()));", "")},
		{item: "33", broken: "a column of sealed tokens is granted",
			edits: in(policies, "grant select (id, workspace_id, crm, status, last_checked_at,", "grant select (access_token_ciphertext, id, workspace_id, crm, status, last_checked_at,")},
		{item: "33", broken: "service_role may not write the log",
			edits: in(policies, "grant select, insert, update, delete on crm_connections, crm_write_log, ", "grant select, insert, update, delete on crm_connections, ")},
		{item: "34", broken: "requests in flight are cut",
			edits: in("cmd/crm-connectors/service.go", "srv.Shutdown(grace)", "srv.Close()")},
		{item: "34", broken: "drains under way are cut",
			edits: in("cmd/crm-connectors/service.go", "s.engine.Stop(grace), ", "")},
	}
}
