package main

// clients: the assertions a to g of the published clients, the browser, and workspaces that share a pool.
func clients() []breakage {
	return []breakage{
		{item: "a", broken: "a publishable key beside a person's token hides the person",
			edits: in("api/auth.go", "if !isAPIKey(bearer) {", `if !isAPIKey(bearer) && apikey == "" {`)},
		{item: "b", broken: "the code of a failure is in the body alone",
			edits: in("api/respond.go", `h.Set("sb-error-code", string(e.Code))`, "")},
		{item: "c", broken: "the service_role key counts as nobody", edits: serviceRoleIsNobody()},
		{item: "d", broken: "the header Idempotency-Key does not stand for a missing event", edits: idempotencyKeyNotRead()},
		{item: "e", broken: "a wrong method is a path that does not exist",
			edits: in("api/route.go", "if len(allowed) == 0 {", "if len(allowed) >= 0 {")},
		{item: "f", broken: "a success of the service's own is text/plain",
			edits: in("api/respond.go", `"application/json")`, "\"application/json\")\n\tif status < http.StatusBadRequest {\n\t\tw.Header().Set(\"Content-Type\", \"text/plain\")\n\t}")},
		{item: "g", broken: "the header x-region, which the SDK sends, is not allowed", edits: regionNotAllowed()},
		{item: browser, broken: "a preflight has to prove itself", edits: preflightNeedsKey()},
		{item: browser, broken: "the configured origin is not echoed",
			edits: in("api/middleware.go", `h.Set("Access-Control-Allow-Origin", o)`, "_ = o")},
		{item: browser, broken: "the policy of the callback's page stops its form",
			edits: in("handlers/confirm.go", "form-action 'self' ", "form-action 'none' ")},
		{item: tenants, broken: "the log is listed without the filter for its workspace", edits: logOfEverybody()},
	}
}

func logOfEverybody() []edit {
	return in("store/writes.go", "from crm_write_log w where w.workspace_id = @workspace`", "from crm_write_log w where (w.workspace_id = @workspace or true)`")
}
