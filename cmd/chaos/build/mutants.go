package build

import "crm-connectors/cmd/overlay"

// Mutant is a bug that is planted to see whether the harness catches it. It lives in an overlay of one build alone.
type Mutant struct {
	Name, What string
	Edits      []overlay.Edit
}

// Mutants are all that there are. Each undoes one thing that the promise rests on.
func Mutants() []Mutant {
	return append(mutantsOfTheLog(), append(mutantsOfTheDelivery(), mutantsOfTheConnector()...)...)
}

func mutantsOfTheLog() []Mutant {
	return []Mutant{
		{"no fence", "a worker that lost its turn still changes the row", []overlay.Edit{
			{In: "store/settle.go", Old: "where w.id = v.id and w.attempt = v.attempt and w.status in ('sending', 'reconciling')", New: "where w.id = v.id"}}},
		{"send before commit", "the claim is committed after the call has begun", []overlay.Edit{
			{In: "store/scope.go", Old: "return pgx.BeginTxFunc(ctx, c.s.pool, pgx.TxOptions{BeginQuery: \"begin; \" + c.begin()}, f)", New: `if ctx.Value("early") == nil {
		return pgx.BeginTxFunc(ctx, c.s.pool, pgx.TxOptions{BeginQuery: "begin; " + c.begin()}, f)
	}
	ctx = context.WithoutCancel(ctx)
	tx, err := c.s.pool.BeginTx(ctx, pgx.TxOptions{BeginQuery: "begin; " + c.begin()})
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		_ = tx.Rollback(ctx)
		return err
	}
	go func() {
		_, _ = tx.Exec(ctx, "select pg_sleep(0.15)")
		_ = tx.Commit(ctx)
	}()
	return nil`},
			{In: "delivery/drain.go", Old: "claimed, err := t.engine.store.Claim(ctx,", New: `claimed, err := t.engine.store.Claim(context.WithValue(ctx, "early", true),`}}},
		{"sweeper re-queues", "what a dead worker was sending is sent again", []overlay.Edit{sweeperRequeues()}},
		{"nobody takes over", "a dead worker's rows stay as they are", []overlay.Edit{
			{In: "store/sweep.go", Old: "w.lease_until < now()", New: "w.lease_until < now() - interval '1 day'"}}},
		{"order not kept", "an update does not wait for an older one of its contact", []overlay.Edit{
			{In: "store/claim.go", Old: "and (o.seq < w.seq or o.status in ('sending', 'in_doubt', 'reconciling'))))", New: "and o.seq < 0))"},
			{In: "store/claim.go", Old: "and o.status in ('queued', 'blocked') and o.seq < safe.seq and o.id not in (select id from safe)))", New: "and o.seq < 0))"},
			{In: "delivery/settle.go", Old: "upToDate(c.Payload, c.Newer)", New: "upToDate(c.Payload, nil)"},
			{In: "delivery/known.go", Old: "if !bytes.Equal(value, written[name]) && !slices.Contains(c.Newer, name) {", New: "if !bytes.Equal(value, written[name]) {"}}},
		{"rotated token forgotten", "a new refresh token is not stored", []overlay.Edit{
			{In: "store/tokens.go", Old: "refresh_token_ciphertext = case when $4 = '' then refresh_token_ciphertext else $4 end,",
				New: "refresh_token_ciphertext = case when $4 = '' then $4 || refresh_token_ciphertext else refresh_token_ciphertext end,"}}},
	}
}

func sweeperRequeues() overlay.Edit {
	return overlay.Edit{In: "store/sweep.go", Old: "else 'in_doubt' end,", New: "else 'queued' end,"}
}

func mutantsOfTheDelivery() []Mutant {
	return []Mutant{
		{"lost wake-up", "what waits for its time is not woken", []overlay.Edit{
			{In: "store/claim.go", Old: "return end(ctx, tx, next)", New: "return end(ctx, tx, nil)"},
			{In: "delivery/upkeep.go", Old: "found.Woken, err = e.store.WakeDue(ctx, forgottenAfter, e.Wake); err != nil", New: "found.Woken, err = 0, nil; err != nil"}}},
		{"rest without end", "an account that did not answer once is never called again", []overlay.Edit{
			{In: "delivery/silence.go", Old: "return rest*3/4 + rand.N(rest/2)", New: "return rest*3/4 + rand.N(rest/2) + time.Hour"}}},
		{"refresh without lease", "everybody refreshes for himself", []overlay.Edit{{In: "delivery/refresh.go", Old: "if mine {", New: "if mine || err == nil {"}}},
		{"absence believed at once", "a read that finds nothing is believed where the CRM enforces nothing", []overlay.Edit{
			{In: "delivery/find.go", Old: "case f.Tier == connectors.TierEnforced:", New: `case f.Tier != "":`}}},
		{"marker changes", "every attempt has a marker of its own", []overlay.Edit{
			{In: "delivery/settle.go", Old: "Marker: c.Marker, Found:", New: "Marker: string(rune('a'+c.Attempt%20)) + c.Marker[1:], Found:"}}},
		{"no hold", "a newer update does not wait for what may still land of an older one", []overlay.Edit{
			{In: "delivery/settle.go", Old: "if r.MayLand {", New: `if r.MayLand && r.Outcome == "never" {`}}},
		{"neighbour's find", "what a look for many found for one row settles the next one", []overlay.Edit{
			{In: "delivery/find.go", Old: "seen[todo[n]] = s", New: "seen[todo[(n+1)%len(todo)]] = s"}}},
		{"failed look is absence", "a look that fails counts as one that found nothing", []overlay.Edit{
			{In: "delivery/find.go", Old: `s.Status, s.Result = store.InDoubt, "look_failed"`, New: `e.queueAgain(&s, c, "absent", notThere)`}}},
	}
}

func mutantsOfTheConnector() []Mutant {
	return []Mutant{
		{"5xx repeated", "a create that was answered 5xx is sent again", []overlay.Edit{
			{In: "connectors/hubspot/classify.go", Old: "if effect == connectors.Once {", New: `if effect == "never" {`}}},
		{"409 is terminal", "a contact that exists is refused for good", []overlay.Edit{
			{In: "connectors/hubspot/contacts.go", Old: "case reply.Status != http.StatusConflict:", New: "case true:"}}},
		{"redirects followed", "Go's client follows 3xx", []overlay.Edit{
			{In: "connectors/client.go", Old: "CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },", New: ""}}},
		{"idempotency header", "Go's client repeats a request that has one", []overlay.Edit{
			{In: "connectors/client.go", Old: `req.Header.Set("User-Agent", "crm-connectors")`, New: `req.Header.Set("Idempotency-Key", "1")`}}},
		{"held back is sent", "what is not sent to an account that does not answer counts as written", []overlay.Edit{
			{In: "connectors/client.go", Old: "return Reply{}, &TransportError{Err: refusal}", New: "return Reply{Status: http.StatusCreated, Body: []byte(`{\"id\":\"1\"}`)}, nil"}}},
		{"send deadline ignored", "a worker that slept through its lease still sends", []overlay.Edit{
			{In: "connectors/client.go", Old: "if !call.SendBy.IsZero() && !c.now().Before(call.SendBy) {", New: "if call.Method == \"\" {"},
			{In: "delivery/delivery.go", Old: "JobTimeout: timeout,", New: "JobTimeout: -1,"}}}, // which would stop it too
		{"taken marker ignored", "a create that is refused as a copy is sent without its marker", []overlay.Edit{
			{In: "connectors/hubspot/activities.go", Old: "return s.adopt(ctx, a, w, failed)", New: "delete(properties, markerProperty)"}}},
		{"batch in part", "what a batch's answer does not name counts as written", []overlay.Edit{
			{In: "connectors/hubspot/batch.go", Old: `it.settle(connectors.Ref{}, "", unsure)`,
				New: `_ = unsure
			it.settle(connectors.Ref{Type: "tasks", ID: "1" + strconv.Itoa(n)}, connectors.Created, nil)`}}},
		{"newer overtakes", "in a list a newer change of a person does not wait for an older one whose answer is lost", []overlay.Edit{
			{In: "connectors/salesforce/batch.go", Old: "if l.unsure[email] && l.stop == nil {", New: `if l.unsure[email] && email == "" {`}}},
	}
}

// Blind is no care at all: whatever did not end well is sent again.
func Blind() []overlay.Edit {
	return []overlay.Edit{sweeperRequeues(), {In: "delivery/settle.go", Old: "case connectors.ClassRetry, connectors.ClassNeedsAuth,",
		New: "case connectors.ClassRetry, connectors.ClassInDoubt, connectors.ClassNeedsAuth,"}}
}
