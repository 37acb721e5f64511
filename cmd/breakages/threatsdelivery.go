package main

// threatsToDelivery: what stands against attacks on the work between the log and the CRMs, taken away.
func threatsToDelivery() []breakage {
	return []breakage{
		{item: "T11", folder: "delivery", broken: "everybody refreshes for himself", edits: in("delivery/refresh.go", "if mine {", "if mine || err == nil {")},
		{item: "T11", folder: "store", broken: "a lease that somebody holds is given again",
			edits: in("store/tokens.go", "and (refresh_lease_until is null or refresh_lease_until < now())`, id, generation", "`, id, generation")},
		{item: "T11", folder: "store", broken: "tokens are saved over newer ones",
			edits: in("store/tokens.go", "where id = $1 and token_generation = $2 and status = 'connected'`,\n\t\tc.ID", "where id = $1 and $2::bigint is not null and status = 'connected'`,\n\t\tc.ID")},
		{item: "T20", folder: "handlers", broken: "each delivery of an outcome is an outcome of its own", edits: keyOfTheMoment()},
		{item: "T23", folder: "delivery", broken: "a connection keeps its turn while it has work",
			edits: in("delivery/drain.go", "|| e.isStopping() || !e.cfg.Now().Before(sliceEnd)", "|| e.isStopping() || sliceEnd.IsZero()")},
		{item: "T24", folder: "delivery", broken: "a connector's panic goes through", edits: in("delivery/drain.go", "if p := recover(); p != nil {", "if p := any(nil); p != nil {")},
		{item: "T24", folder: "store", broken: "a row is tried again however many workers it took down", edits: in("store/sweep.go", "const maxReclaims = 3", "const maxReclaims = 300")},
		{item: "T25", folder: "delivery", broken: "calls to a token endpoint are not spaced", edits: in("delivery/refresh.go", "tokenCallGap   = 100 * time.Millisecond", "tokenCallGap   = time.Millisecond")},
		{item: "T25", folder: "store", broken: "a dead grant is refreshed again",
			edits: in("store/tokens.go", "and status = 'connected'\n\t\t\tand (refresh_lease_until", "and (refresh_lease_until")},
		{item: "T26", folder: "api", broken: "a signed call may be of any age", edits: in("api/hooks.go", "off.Abs() > hookSkew {", "off.Abs() > hookSkew && false {")},
		{item: "T26", folder: "api", broken: "a signed call may be of the future", edits: in("api/hooks.go", "off.Abs() > hookSkew {", "off > hookSkew {")},
		{item: "T26", folder: "api", broken: "any signature passes", edits: in("api/hooks.go", "body, headers); failed == nil {", "body, headers); failed == nil || len(body) > 0 {")},
		{item: "T26", folder: "handlers", broken: "a call that is sent again writes again", edits: keyOfTheMoment()},
		{item: "T27", folder: "store", broken: "other content under a used key is taken for the first", edits: in("store/append.go", "if ok && w.PayloadHash == r.Hash {", "if ok {")},
		{item: "T28", folder: "store", broken: "a retry takes what is in doubt", edits: in("store/writes.go", "(w.Status != Failed && w.Status != Queued)", "(w.Status != Failed && w.Status != Queued && w.Status != InDoubt)")},
		{item: "T28", folder: "handlers", broken: "what waits for a person is retried without a word on it",
			edits: in("store/writes.go", "(w.Status != Failed && w.Status != Queued)", "(w.Status != Failed && w.Status != Queued && w.Status != NeedsReview)")},
		{item: "T28", folder: "handlers", broken: "a person's word is taken on what the service itself still looks for",
			edits: in("store/resolve.go", "(status == NeedsReview || status == Failed)", "(status == NeedsReview || status == Failed || status == InDoubt)")},
		{item: "T28", folder: "store", broken: "a record that a person names counts without being read",
			edits: in("store/resolve.go", "`status = 'queued', crm_object_type = @type", "`status = 'succeeded', crm_object_type = @type")},
		{item: "T28", folder: "handlers", broken: "what a person decides is not recorded", edits: in("store/resolve.go", `Action: "write.resolve"`, `Action: "write"`)},
	}
}
