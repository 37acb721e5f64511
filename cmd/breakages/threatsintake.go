package main

// threatsToIntake: what stands against callers who ask for what is not theirs or for too much, taken away.
func threatsToIntake() []breakage {
	return []breakage{
		{item: "T15", folder: "handlers", broken: "a person may name any workspace", edits: in("api/access.go", "} else if !yes {", "} else if !yes && false {")},
		{item: "T15", folder: "handlers", broken: "a record's workspace is not held against the caller", edits: in("handlers/installs.go", "\tif !yes {\n\t\treturn missing", "\tif !yes && false {\n\t\treturn missing")},
		{item: "T15", folder: "handlers", broken: "a connection is found by its id alone", edits: in("handlers/settings.go", "h.store.ConnectionOf(ctx, workspaceID, id)", "h.store.ConnectionByID(ctx, id)")},
		{item: "T15", folder: "store", broken: "statements run as who signed in", edits: in("store/scope.go", "set_config('role', $1, true)", "length($1)::text")},
		{item: "T15", folder: "store", broken: "the role of a workspace is the fleet's",
			edits: in("store/scope.go", "workspaceRole = \"crm_connectors_workspace\"", "workspaceRole = \"crm_connectors_fleet\"")},
		{item: "T15", folder: "store", broken: "the owner of the tables is not bound",
			edits: in("migrations/20261126200001_workspaces_kept_apart.sql", "force row level security", "enable row level security")},
		{item: "T15", folder: "store", broken: "an unset workspace is none instead of an error",
			edits: in("migrations/20261126200001_workspaces_kept_apart.sql", "nullif(current_setting('crm_connectors.workspaces'), '*')", "nullif(nullif(current_setting('crm_connectors.workspaces', true), '*'), '')")},
		{item: "T16", folder: "handlers", broken: "a setting outlives its transaction",
			edits: in("store/scope.go", "set_config('crm_connectors.workspaces', $2, true)`", "set_config('crm_connectors.workspaces', $2, true), set_config('statement_timeout', '30000', false)`")},
		{item: "T16", folder: "handlers", broken: "a role outlives its transaction", edits: in("store/scope.go", "set_config('role', $1, true)", "set_config('role', $1, false)")},
		{item: "T16", folder: "handlers", broken: "a lock outlives its transaction",
			edits: in("store/scope.go", "set_config('crm_connectors.workspaces', $2, true)`", "set_config('crm_connectors.workspaces', $2, true), pg_advisory_lock_shared(1)`")},
		{item: "T21", folder: "api", broken: "headers may take for ever", edits: in("api/server.go", "ReadHeaderTimeout: 5 * time.Second", "ReadHeaderTimeout: time.Hour")},
		{item: "T21", folder: "api", broken: "a body may take for ever", edits: in("api/server.go", "\tReadTimeout:       30 * time.Second", "\tReadTimeout:       time.Hour")},
		{item: "T21", folder: "api", broken: "a body of any length is read", edits: in("api/body.go", "http.MaxBytesReader(w, r.Body, limit)", "http.MaxBytesReader(w, r.Body, 1<<40)")},
		{item: "T21", folder: "api", broken: "a body that nobody asked for is waited for", edits: in("api/body.go", "if r.ContentLength < 0 || r.ContentLength > strayBody {", "if r.ContentLength < 0 && r.ContentLength > strayBody {")},
		{item: "T21", folder: "api", broken: "the connection of a body that was refused is kept", edits: in("api/respond.go", "if e.Code == CodeRequestTooLarge || errors", "if errors")},
		{item: "T21", folder: "api", broken: "JSON may be nested without end", edits: in("api/body.go", "depth > mostDepth {", "depth > mostDepth*mostDepth*mostDepth {")},
		{item: "T21", folder: "api", broken: "an address may hold every connection", edits: in("api/connections.go", "l.perAddress > 0 && l.open", "l.perAddress < 0 && l.open")},
		{item: "T21", folder: "api", broken: "there may be any number of connections", edits: in("api/connections.go", "l.most > 0 && l.all", "l.most < 0 && l.all")},
		{item: "T21", folder: "api", broken: "a key may call as often as it likes", edits: in("api/access.go", "err = m.caller(caller)", "err = nil")},
		{item: "T21", folder: "api", broken: "a workspace may be called about as often as anybody likes", edits: in("api/rates.go", "if id := named(request); id != nil {", "if id := named(request); id != nil && false {")},
		{item: "T21", folder: "api", broken: "whoever tries keys is not slowed", edits: in("api/access.go", "cmp.Or(m.address(r), err)", "cmp.Or(nil, err)")},
		{item: "T21", folder: "api", broken: "bodies have room without end", edits: in("api/held.go", "> b.in.most {", "> 1<<60 {")},
		{item: "T21", folder: "api", broken: "bodies of strangers and callers share one room", edits: in("api/held.go", "x.body.in = callers", "_ = callers")},
		{item: "T21", folder: "handlers", broken: "an outcome's workspace is not counted",
			edits: in("handlers/sync.go", "err := api.CountWorkspace(ctx, outcome.WorkspaceID); err != nil {", "err := api.CountWorkspace(context.Background(), outcome.WorkspaceID); err != nil {")},
		{item: "T21", folder: "handlers", broken: "the workspaces of a batch are not counted",
			edits: in("handlers/batch.go", "api.CountWorkspace(ctx, outcome.WorkspaceID)", "api.CountWorkspace(context.Background(), outcome.WorkspaceID)")},
	}
}
