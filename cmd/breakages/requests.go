package main

// bodies: items 16 to 19, what goes in and comes out.
func bodies() []breakage {
	return []breakage{
		{item: "16", broken: "an outcome that waits is answered 200",
			edits: in("handlers/sync.go", "return api.Sync202JSONResponse{SyncQueuedJSONResponse: api.SyncQueuedJSONResponse(a.accepted())}, nil",
				"return api.Sync200JSONResponse{SyncDoneJSONResponse: api.SyncDoneJSONResponse(a.result())}, nil")},
		{item: "16", broken: "an accepted outcome has no job_id",
			edits: in("handlers/sync.go", "SyncId: a.syncID, JobId: a.syncID, Writes", "SyncId: a.syncID, Writes")},
		{item: "17", broken: "a failure is application/problem+json",
			edits: in("api/respond.go", `"application/json")`, "\"application/json\")\n\tif status >= http.StatusBadRequest {\n\t\tw.Header().Set(\"Content-Type\", \"application/problem+json\")\n\t}")},
		{item: "17", broken: "a failure has nothing in its field error",
			edits: in("api/respond.go", "Error: e.word(), ", "")},
		{item: "18", broken: "JSON under text/plain is refused",
			edits: in("api/body.go", `name != "text/plain" && `, "")},
		{item: "18", broken: "an unknown field of an envelope is refused",
			edits: in("api/validate.go", "\tif e := b.v.visit(b.schema, value); e != nil {\n\t\treturn nil, e\n\t}\n\treturn newCheckedBody",
				"\tif object, ok := value.(map[string]any); ok {\n\t\tfor name := range object {\n\t\t\tif !b.webhook && b.schema.Properties[name] == nil {\n\t\t\t\treturn nil, invalid(name, \"is not a known field\")\n\t\t\t}\n\t\t}\n\t}\n"+
					"\tif e := b.v.visit(b.schema, value); e != nil {\n\t\treturn nil, e\n\t}\n\treturn newCheckedBody")},
		{item: "18", broken: "broken JSON is a fault of ours",
			edits: in("api/errors.go", "CodeInvalidJSON:           {http.StatusBadRequest,", "CodeInvalidJSON:           {http.StatusInternalServerError,")},
		{item: "18", broken: "a body may be of any size",
			edits: []edit{{In: "api/body.go", Old: "if r.ContentLength > limit {", New: "if false {"},
				{In: "api/body.go", Old: "http.MaxBytesReader(w, r.Body, limit)", New: "http.MaxBytesReader(w, r.Body, limit<<10)"}}},
		{item: "19", broken: "the text of an error of the database is answered",
			edits: in("api/errors.go", "return &Error{Code: CodeInternal, Err: err}", "return &Error{Code: CodeInternal, Message: err.Error(), Err: err}")},
		{item: "19", broken: "an id that came in is not carried on",
			edits: in("api/exchange.go", `[]string{"sb-request-id", "x-request-id"}`, `[]string{"x-request-id"}`)},
	}
}

// callers: items 27 to 30, what a database sends.
func callers() []breakage {
	return []breakage{
		{item: "27", broken: "the envelope of a webhook is judged as an outcome",
			edits: in("api/webhook.go", "if !ok || !isWebhook(envelope) {", "if !ok || !isWebhook(envelope) || true {")},
		{item: "27", broken: "a second delivery has keys of its own", edits: keyOfTheMoment()},
		{item: "28", broken: "a call of cron with an empty body is refused",
			edits: in("api/body.go", "if !ok {\n\t\t\t\tif r.ContentLength < 0 ||", "if !ok && r.ContentLength != 0 {\n\t\t\t\tif r.ContentLength < 0 ||")},
		{item: "28", broken: "a wrong secret is passed over",
			edits: in("api/hooks.go", `return Caller{}, true, &Error{Code: CodeWebhookRefused, Message: "The webhook's secret is not the one that is configured here"}`,
				"return Caller{}, false, nil")},
		{item: "28", broken: "a webhook's secret opens everything",
			edits: in("api/access.go", "kind == CallerHook && u.hooks", "kind == CallerHook")},
		{item: "29", broken: "a signature is not compared with the body",
			edits: in("api/hooks.go", "failed = hook.VerifyIgnoringTimestamp(body, headers); failed == nil {", "failed = hook.VerifyIgnoringTimestamp(body, headers); true {")},
		{item: "29", broken: "a signature is good for ever",
			edits: in("api/hooks.go", "off.Abs() > hookSkew {", "off.Abs() > 1000*hookSkew {")},
		{item: "29", broken: "of several signatures the first alone is read",
			edits: in("api/hooks.go", `strings.ReplaceAll(headers.Get(standardwebhooks.HeaderWebhookSignature), ", ", " ")`,
				`strings.Split(headers.Get(standardwebhooks.HeaderWebhookSignature), ", ")[0]`)},
		{item: "30", broken: "the header Idempotency-Key does not stand for a missing event", edits: idempotencyKeyNotRead()},
		{item: "30", broken: "a replay is appended again", edits: keyOfTheMoment()},
		{item: "30", broken: "the parts of a key are joined as they are",
			edits: in("store/key.go", `strings.NewReplacer("%", "%25", ":", "%3A")`, "strings.NewReplacer()")},
	}
}

func keyOfTheMoment() []edit {
	return in("store/key.go", "parts := []string{workspaceID, crm, objectType, objectID, action, sourceEventID}",
		"parts := []string{workspaceID, crm, objectType, objectID, action, sourceEventID + uuid.NewString()}")
}

func idempotencyKeyNotRead() []edit {
	return in("api/validate.go", `outcome["source_event_id"] == nil {`, `outcome["source_event_id"] == nil && false {`)
}
